#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The container endpoint against nginx with the same bytes as a static file: bench/endpoint.sh BUILD
set -eu

VALETKEY_BUILD=$1 exec /usr/bin/python3 "$(dirname "$0")/endpoint.py"
