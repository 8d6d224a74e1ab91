#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a caller waits for a broker that was just killed, under a real systemd, and for one that runs itself anew: from the
signal to the shim's answer, whole processes, with one role session and with many."""
import argparse
import os
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import riglib  # noqa: E402
import soak  # noqa: E402

SHIM = "/usr/bin/valetkey-credential-process"
# in ms: from each signal to the answer of the shim that is started right behind it
TIMES = r"""
for i in $(seq {n}); do
        t0=$(date +%s%N); {signal} && {shim} dev >/dev/null || exit 1
        echo $((($(date +%s%N) - t0) / 1000)); sleep 0.3; done"""


def row(name, us):
    print(f"{name:58} {statistics.median(us) / 1000:12.1f} {max(us) / 1000:12.1f}")


def under_systemd(n):
    why = riglib.unavailable()
    if why:
        sys.exit(f"no figures without a rig: {why}")
    rig = riglib.Rig()
    try:
        rig.start_cloud()
        rig.open_session("alice")
        alice = rig.user("alice")
        rig.sign_in("alice")
        assert alice.run(SHIM, "dev").returncode == 0
        for name, how in (("killed", "systemctl --user kill -s KILL valetkey-broker"), ("nothing happens", "systemctl --user is-active -q valetkey-broker"),
                          ("run anew (reload)", "systemctl --user kill -s HUP valetkey-broker")):
            r = alice.shell(TIMES.format(n=n, signal=how, shim=SHIM), check=True)
            row(f"under systemd, {name}, with 1 role session", [int(x) for x in r.stdout.split()])
    finally:
        rig.close()


def with_many(roles, n):
    a = soak.arguments(["--roles", str(roles), "--life", "3600"])
    broker, names = soak.make_broker(a)
    try:
        assert broker.sign_in().returncode == 0
        log = soak.Log(broker.log_path, a.life)
        soak.fill(broker, names, log)
        took = []
        for _ in range(n):
            ready, t0 = broker.log().count("broker.ready"), time.monotonic()
            broker.proc.send_signal(signal.SIGHUP)
            while broker.log().count("broker.ready") == ready:
                time.sleep(0.002)
            assert broker.shim(names[0]).returncode == 0
            took.append((time.monotonic() - t0) * 1e6)
        log.done = True
        row(f"run anew, with {roles} role sessions", took)
    finally:
        broker.close()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--times", type=int, default=20)
    p.add_argument("--roles", type=int, default=10000)
    a = p.parse_args()
    print(f"{'':58} {'median, ms':>12} {'longest, ms':>12}")
    under_systemd(a.times)
    with_many(a.roles, 5)


main()
