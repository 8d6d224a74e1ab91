#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What valetkey exec costs before a command starts, and status, against env(1) and the AWS CLI: bench/exec.sh BUILD [COUNT]
set -eu

build=$1
count=${2:-400}
here=$(cd "$(dirname "$0")" && pwd)
exec "$build/valetkey-sandbox" run --fault interval=1 -- /usr/bin/python3 "$here/exec.py" "$build" "$count"
