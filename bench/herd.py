#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A thousand shims started at once on an empty cache: how long until the last has its answer, and how often STS was asked. Beside them
as many of /bin/true, for starting processes takes most of it; and the same with an STS that takes a second, for which all wait."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))

from brokerlib import Broker  # noqa: E402
from worldlib import SHIM  # noqa: E402


def herd(argv, env, count):
    """-> (ms until the last was started, ms until the last ended)"""
    actions = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
    begin = time.monotonic()
    pids = [os.posix_spawn(argv[0], argv, env, file_actions=actions) for _ in range(count)]
    started = time.monotonic()
    failed = sum(os.waitpid(p, 0)[1] != 0 for p in pids)
    assert not failed, f"{failed} of {count} failed"
    return (started - begin) * 1000, (time.monotonic() - begin) * 1000


def main():
    count, rounds = int(sys.argv[1]), int(sys.argv[2])
    print(f"{'':34} {'last started, ms':>17} {'last answered, ms':>18} {'STS calls':>10}")
    best = {}
    for _ in range(rounds):
        for name, delay in (("true", None), ("shim", 0), ("shim, STS takes 1,000 ms", 1000)):
            b = Broker()
            try:
                assert b.sign_in().returncode == 0
                if delay:
                    b.control("fault", set=f"sts.delay={delay}")
                argv = [SHIM, "dev"] if delay is not None else ["/bin/true"]
                took = herd(argv, b.env, count)
                best.setdefault(name, []).append((*took, b.stats("AssumeRoleWithWebIdentity")))
            finally:
                b.close()
    for name, runs in best.items():
        runs.sort(key=lambda r: r[1])
        started, ended, _ = runs[len(runs) // 2]
        print(f"{name:34} {started:17.0f} {ended:18.0f} {max(r[2] for r in runs):10}")


if not os.path.exists(SHIM):
    sys.exit(f"no {SHIM}")
subprocess.run([SHIM, "--help"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # it is in memory then
main()
