#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# D-Bus calls per second of a broker, against the bus's own GetId in the same run.
set -eu
VALETKEY_BUILD=$1 exec /usr/bin/python3 "$(dirname "$0")/dbus_calls.py"
