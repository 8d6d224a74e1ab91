#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SigV4 against botocore: bench/sigv4.sh BUILD
set -eu
exec /usr/bin/python3 "$(dirname "$0")/sigv4.py" "$1"
