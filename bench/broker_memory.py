#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PSS and private memory of a broker that is signed in, before any role, with 1 and with 100 role sessions held; and of a hundred
brokers of a hundred users (as root; else of one), each signed in with one role session, and a session bus for each."""
import concurrent.futures
import os
import re
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))

from brokerlib import Broker  # noqa: E402

USERS = 100
FIRST_UID = 1879060000


def memory(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
        kb = {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB", f.read(), re.M)}
    return kb["Pss"], kb["Private_Clean"] + kb["Private_Dirty"]


def one():
    b = Broker(roles=[f"r{i}" for i in range(100)], bus=True)
    try:
        assert b.sign_in().returncode == 0
        print(f"{'role sessions':>14} {'PSS, KiB':>10} {'private, KiB':>13}")
        for n in (0, 1, 100):
            for i in range(n):
                r = b.shim(f"r{i}")
                assert r.returncode == 0, r.stderr
            print(f"{n:14} {memory(b.proc.pid)[0]:10} {memory(b.proc.pid)[1]:13}")
        assert b.stats("AssumeRoleWithWebIdentity") == 100
    finally:
        b.close()


def many():
    cloud = Broker(start=False)
    brokers = []

    def enter(i):
        b = Broker(bus=True, beside=cloud, uid=FIRST_UID + i if os.geteuid() == 0 else None)
        brokers.append(b)
        r = b.sign_in()
        assert r.returncode == 0, r.stderr
        r = b.shim("dev")
        assert r.returncode == 0, r.stderr

    try:
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            list(pool.map(enter, range(USERS)))
        found = [memory(b.proc.pid) for b in brokers]
        private = sorted(p for _, p in found)
        print(f"{USERS} brokers: PSS of all {sum(p for p, _ in found) / 1024:.0f} MiB, private of one {statistics.median(private):.0f} KiB (median), {private[-1]} KiB (most)")
    finally:
        for b in brokers:
            b.close()
        cloud.close()


one()
many()
