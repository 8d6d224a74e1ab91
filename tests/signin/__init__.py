# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests of valetkeyd and the PAM module share: frames, and a world with a provider and a daemon."""
