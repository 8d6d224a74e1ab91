#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Signatures per second: lib/sigv4 against botocore and aws-c-auth, in one run. Usage: bench/sigv4.sh BUILD
set -eu
exec /usr/bin/python3 "$(dirname "$0")/sigv4.py" "$1"
