#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A signed-in broker on a bus of its own, and bench/dbus_calls.c beside it: with one role, then with ten thousand; and what it takes
to be told of all of them."""
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))

from brokerlib import Broker  # noqa: E402
from dbuslib import NAME, ROOT, on_the_bus  # noqa: E402
from worldlib import BUILD  # noqa: E402


def calls(b, title):
    assert b.sign_in().returncode == 0
    assert b.shim().returncode == 0
    r = b.run(f"{BUILD}/bench/dbus_calls", "dev")
    assert r.returncode == 0, r.stderr
    print(f"\n{title}\n{r.stdout}", end="")


def listing(b):
    def ms(fn):
        start = time.monotonic()
        fn()
        return (time.monotonic() - start) * 1000

    def call(path, iface, method):
        return lambda: subprocess.run(["gdbus", "call", "--address", b.bus_address, "--dest", NAME, "--object-path", path, "--method",
                                       f"{iface}.{method}"], stdout=subprocess.DEVNULL, check=True)

    print("\n| all of them             |     ms |\n| ----------------------- | -----: |")
    print(f"| GetManagedObjects       | {ms(call(ROOT, 'org.freedesktop.DBus.ObjectManager', 'GetManagedObjects')):6.0f} |")
    print(f"| Introspect of /role     | {ms(call(ROOT + '/role', 'org.freedesktop.DBus.Introspectable', 'Introspect')):6.0f} |")
    print(f"| GetStatus               | {ms(call(ROOT, NAME, 'GetStatus')):6.0f} |")
    if shutil.which("busctl"):
        tree = lambda: subprocess.run(["busctl", f"--address={b.bus_address}", "tree", NAME], stdout=subprocess.DEVNULL, check=True)  # noqa: E731
        print(f"| busctl tree             | {ms(tree):6.0f} |")


one = Broker(bus=True)
try:
    calls(on_the_bus(one), "2 roles")
finally:
    one.close()
accounts = "".join(f"[account {100000000000 + i}]\nalias = a{i}\n" for i in range(555))
templates = "".join(f"[role-template t{i}]\naccounts = *\nrole_name = r{i}\n" for i in range(18))
many = Broker(bus=True, roles=("dev",), extra=f"[defaults]\nregion = eu-central-1\n{accounts}{templates}")
try:
    calls(on_the_bus(many), "9,991 roles")
    listing(many)
finally:
    many.close()
