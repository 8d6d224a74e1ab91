#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The shim against cat of the same bytes, and against what the AWS CLI has for it, in a throw-away world: bench/shim.sh BUILD [COUNT]
set -eu

build=$1
count=${2:-2000}
# shellcheck disable=SC2016 # for the inner shell
exec "$build/valetkey-sandbox" run --fault interval=1 -- sh -c '
        file=$(mktemp)
        trap "rm -f \"$file\"" EXIT
        "$1/valetkey-credential-process" dev >"$file"
        "$1/bench/shim" "$2" "$1/valetkey-credential-process" dev "$file" \
                /usr/bin/aws configure export-credentials --profile dev --format process' sh "$build" "$count"
