#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""PSS and private memory of a broker that is signed in, before any role, with 1 and with 100 role sessions held."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))

from brokerlib import Broker  # noqa: E402


def memory(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
        kb = {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB", f.read(), re.M)}
    return kb["Pss"], kb["Private_Clean"] + kb["Private_Dirty"]


def main():
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


main()
