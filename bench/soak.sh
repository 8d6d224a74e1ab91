#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Ten thousand role sessions with short lives, STS failing every twentieth time: bench/soak.sh BUILD [soak.py's options]
set -eu

build=$1
shift
VALETKEY_BUILD=$build exec /usr/bin/python3 "$(dirname "$0")/soak.py" "$@"
