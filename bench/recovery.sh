#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# How long callers wait when the broker was killed or replaced: bench/recovery.sh BUILD [recovery.py's options]
set -eu

build=$1
shift
"$(dirname "$0")/../tests/rig/rootfs" "$build"
VALETKEY_BUILD=$build exec /usr/bin/python3 "$(dirname "$0")/recovery.py" "$@"
