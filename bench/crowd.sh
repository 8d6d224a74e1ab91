#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A hundred people who sign in over sshd at once: bench/crowd.sh BUILD [crowd.py's options]
set -eu

build=$1
shift
"$(dirname "$0")/../tests/rig/rootfs" "$build"
VALETKEY_BUILD=$build exec /usr/bin/python3 "$(dirname "$0")/crowd.py" "$@"
