# SPDX-License-Identifier: Apache-2.0
"""Servers that nobody here wrote, started on loopback: two OpenID providers, and radosgw as STS and S3."""
