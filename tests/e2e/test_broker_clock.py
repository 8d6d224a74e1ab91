# SPDX-License-Identifier: Apache-2.0
"""Clocks that jump and clocks that differ: a boot clock that is an hour on (a time namespace), and an STS hours away from us."""
import os
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import Broker
from test_broker_restart import Manager
from worldlib import until

WEB_IDENTITY = "AssumeRoleWithWebIdentity"


def time_namespaces():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--time", "--boottime", "60", "true"], stderr=subprocess.DEVNULL,
                                                check=False).returncode == 0


@pytest.fixture
def made():
    things = []
    yield things
    for x in reversed(things):
        if isinstance(x, Broker):
            print(x.log())
        x.close()


@pytest.mark.skipif(not time_namespaces(), reason="time namespaces need root")
@pytest.mark.parametrize("slept_s, served", [(2400, True), (3700, False)])
def test_a_boot_clock_that_jumped(made, slept_s, served):
    """The machine slept over a rotation, or over the end of the session: what the kernel's clock says is what counts."""
    b = Broker(start=False, faults=["id_token_ttl=86400"])
    made.append(b)
    m = Manager(b)
    made.append(m)
    m.start()
    assert b.sign_in().returncode == 0
    assert b.shim().returncode == 0
    first = b.role()["access_key_id"]
    until("the session to be stored", lambda: first.encode() in m.state())
    b.proc.send_signal(signal.SIGKILL)
    b.proc.wait()
    if not served:
        b.control("fault", set="sts.drop")  # nothing new is to be had
    m.start(["unshare", "--time", "--boottime", str(slept_s)])
    if served:
        until("the rotation that is overdue", lambda: b.role()["access_key_id"] not in (None, first), 3)
        assert b.stats(WEB_IDENTITY) == 2
    else:
        r = b.shim()
        assert r.returncode == 7 and r.stdout == "", "an error, and nothing stale"


@pytest.mark.parametrize("ahead_s", [7200, -7200])
def test_an_sts_whose_clock_is_hours_from_ours(made, ahead_s):
    """Its Date tells how long a session lives, and what time a request to it is signed with."""
    b = Broker(roles=("dev",), start=False, faults=["id_token_ttl=86400"])
    made.append(b)
    with open(b.config, "a", encoding="utf-8") as f:
        f.write("[role audit]\nsource_role = dev\nrole_arn = arn:aws:iam::123456789012:role/audit\n"
                f"sts_endpoint = {b.base}/\nsts_region = us-east-1\n")
    b.start()
    assert b.sign_in().returncode == 0
    if ahead_s < 0:
        assert b.shim("dev").returncode == 0  # to an STS that is behind the provider every ID token is from the future
    b.control("fault", set=f"sts.clock_skew={ahead_s}")
    for role in ("dev", "audit"):
        r = b.shim(role)
        assert r.returncode == 0, r.stderr
        left = b.role(role)["expires_at"] - time.time()
        assert 3590 <= left <= 3605, (role, left)
    assert b.stats("AssumeRole.error") <= 1, "the first signature taught it"
