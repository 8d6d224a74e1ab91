#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a broker takes of memory, at rest, with 1 role session and with 100: bench/broker_memory.sh BUILD
set -eu

VALETKEY_BUILD=$1 exec /usr/bin/python3 "$(dirname "$0")/broker_memory.py"
