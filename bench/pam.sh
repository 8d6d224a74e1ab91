#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What PAM adds to a sign-in on top of the provider's own answers.
VALETKEY_BUILD=$1 exec /usr/bin/python3 "$(dirname "$0")/pam.py"
