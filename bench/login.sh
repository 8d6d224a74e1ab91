#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# How long a login over sshd takes with valetkey and without: bench/login.sh BUILD [login.py's options]
set -eu

build=$1
shift
"$(dirname "$0")/../tests/rig/rootfs" "$build"
VALETKEY_BUILD=$build exec /usr/bin/python3 "$(dirname "$0")/login.py" "$@"
