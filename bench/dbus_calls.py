#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A signed-in broker on a bus of its own, and bench/dbus_calls.c beside it; with one role, then with many."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))

from brokerlib import Broker  # noqa: E402
from worldlib import BUILD  # noqa: E402


def measure(n_roles):
    b = Broker(roles=[f"r{i}" for i in range(n_roles)], bus=True)
    try:
        assert b.sign_in().returncode == 0
        role = f"r{n_roles // 2}"
        assert b.shim(role).returncode == 0
        r = b.run(f"{BUILD}/bench/dbus_calls", role)
        assert r.returncode == 0, r.stderr
        print(f"\n{n_roles} roles\n{r.stdout}", end="")
    finally:
        b.close()


for n in (int(a) for a in sys.argv[1:] or ("1",)):
    measure(n)
