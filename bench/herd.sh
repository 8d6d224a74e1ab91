#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A thousand shims at once on an empty cache: bench/herd.sh BUILD [COUNT] [ROUNDS]
set -eu

VALETKEY_BUILD=$1 exec /usr/bin/python3 "$(dirname "$0")/herd.py" "${2:-1000}" "${3:-3}"
