#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a fleet asks of the provider and of STS in a day, for some configurations. Usage: bench/fleet.sh BUILD
set -eu
fleet=$1/bench/fleet
"$fleet"
"$fleet" --roles 3
"$fleet" --session 43200
"$fleet" --session 900
"$fleet" --id-token 3600 --refresh 86400
"$fleet" --hosts 10000
