#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# getpwnam, getpwuid and initgroups by libnss_valetkey, against libc's files and systemd's JSON records.
VALETKEY_BUILD=$1 exec /usr/bin/python3 "$(dirname "$0")/nss.py"
