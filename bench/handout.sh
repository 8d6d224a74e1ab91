#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What one hand-out costs the broker, by door: bench/handout.sh BUILD [COUNT] [--hold]
# As root in a cgroup that looks like a session's, in a mount namespace with the unified tree, as a machine under systemd has it: else the
# broker has to look for a connection's program in /proc, which is the last two rows of bench/README.md.
set -eu

VALETKEY_BUILD=$1
export VALETKEY_BUILD
count=${2:-5000}
hold=${3:-}
program=$(dirname "$0")/handout.py
# shellcheck disable=SC2016 # for the inner shells
inside='umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir -p "$0" && echo $$ >"$0/cgroup.procs"'
# shellcheck disable=SC2016
leave='status=$?; echo $$ >/sys/fs/cgroup/cgroup.procs; rmdir "$0" "${0%/*}" "${0%/*/*}" 2>/dev/null || :; exit $status'
scope=/sys/fs/cgroup/user.slice/user-$(id -u).slice/session-bench$$.scope
if [ "$(id -u)" = 0 ] && unshare -m sh -c "$inside; $leave" "$scope" 2>/dev/null; then
        exec unshare -m sh -c "$inside"' && "$@"; '"$leave" "$scope" /usr/bin/python3 "$program" "$count" ${hold:+"$hold"}
fi
exec /usr/bin/python3 "$program" "$count" ${hold:+"$hold"}
