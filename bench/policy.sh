#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Evaluations of IAM policies per second, beside what nobody gets around. Usage: bench/policy.sh BUILD [SECONDS]
set -eu
exec "$1/bench/policy" "${2-1}"
