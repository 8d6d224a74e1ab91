# SPDX-License-Identifier: Apache-2.0
"""What becomes a call to STS and what does not, counted at the sandbox's STS."""
import json
import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import (CREDENTIALS, ERROR, GET_CREDENTIALS, OK, REFRESH, T_MESSAGE, T_MIN_TTL, T_OUTCOME, T_ROLE, Broker, frame, parse,
                       u32)
from worldlib import until

WEB_IDENTITY, ASSUME = "AssumeRoleWithWebIdentity", "AssumeRole"
UNREACHABLE, THROTTLED = 7, 8


@pytest.fixture
def make():
    made = []

    def make_broker(*args, user="alice", **kw):
        b = Broker(*args, **kw)
        made.append(b)
        r = b.sign_in(user)
        assert r.returncode == 0, r.stderr
        return b

    yield make_broker
    for b in made:
        print(b.log())  # pytest shows it where the test failed
        b.close()


def outcome(answer):
    kind, fields = answer
    return int.from_bytes(fields[T_OUTCOME], "little") if kind == ERROR else 0


def ask_at_once(broker, n, role=b"dev"):
    conns = [broker.connect() for _ in range(n)]
    for c in conns:
        c.send(frame(GET_CREDENTIALS, (T_ROLE, role)))
    answers = [parse(c.recv(65536)) for c in conns]
    for c in conns:
        c.close()
    return answers


@pytest.mark.parametrize("how", ["ValidationError", "AccessDenied"])
def test_a_duration_above_the_roles_maximum(make, how):
    """admin has AWS's default of an hour; STS says so in either of its two ways."""
    b = make(roles=("admin",), user="bob", role_extra="duration = 12h", faults=["duration_denied"] if how == "AccessDenied" else [])
    assert b.shim("admin").returncode == 0
    assert b.stats(WEB_IDENTITY) == 2 and b.stats(f"{WEB_IDENTITY}.error") == 1
    role = b.role("admin")
    assert role["duration"] == {"configured": 43200, "asked": 3600, "given": 3600} and role["last_error"] is None
    assert b.log().count("role.duration_refused") == 1 and "asked=43200 given=3600" in b.log()
    # Remembered: over a rotation, and by the process that comes after a SIGHUP.
    ready = b.log().count("broker.ready")
    b.proc.send_signal(signal.SIGHUP)
    until("the broker to run itself anew", lambda: b.log().count("broker.ready") > ready)
    assert b.role("admin")["duration"]["asked"] == 3600
    assert b.stats(WEB_IDENTITY) == 2
    # Who has it refreshed wants to know whether the maximum was raised.
    assert b.ask(frame(REFRESH, (T_ROLE, b"admin")))[0] == OK
    until("the refresh", lambda: b.stats(WEB_IDENTITY) == 4)
    assert b.shim("admin").returncode == 0
    assert b.log().count("role.duration_refused") == 2


def test_a_chained_role_asks_for_an_hour_at_most(make):
    b = make(roles=("dev",), extra="")
    b.stop()
    with open(b.config, "a", encoding="utf-8") as f:
        f.write(f"[role audit]\nsource_role = dev\nduration = 12h\nrole_arn = arn:aws:iam::123456789012:role/audit\n"
                f"sts_endpoint = {b.base}/\nsts_region = us-east-1\nexternal_id = valetkey-demo\n")
    b.start()
    assert b.sign_in().returncode == 0
    r = b.shim("audit")
    assert r.returncode == 0, r.stderr
    assert b.stats(f"{ASSUME}.error") == 0
    assert b.role("audit")["duration"] == {"configured": 3600, "asked": 3600, "given": 3600}
    assert "role.duration_capped" in b.log()


def test_a_thousand_callers_after_a_failure_are_no_thousand_calls(make):
    b = make(faults=["sts.5xx"])
    before = ask_at_once(b, 1000)
    assert {outcome(a) for a in before} == {UNREACHABLE}
    assert all(b"role dev" in fields[T_MESSAGE] for _, fields in before)
    calls = b.stats(WEB_IDENTITY)
    assert calls <= 3, "one flight, which STS's 503 makes three attempts"
    b.control("fault", clear="all")
    until("the failure to be forgotten", lambda: b.get()[0] == CREDENTIALS)
    assert b.stats(WEB_IDENTITY) - calls <= 4


def test_while_life_is_left_it_is_served_and_then_an_error_is(make):
    b = make(faults=["session_ttl=4"])
    first = json.loads(b.shim().stdout)
    b.control("fault", set="sts.drop")
    end = time.monotonic() + 3  # more than a second of its four is left
    while time.monotonic() < end:
        r = b.shim()
        assert r.returncode == 0 and json.loads(r.stdout)["AccessKeyId"], r.stderr
    until("the expiry", lambda: b.role()["state"] == "expired")
    for _ in range(20):
        r = b.shim()
        assert r.returncode == UNREACHABLE and r.stdout == "" and "role dev" in r.stderr, r
    b.control("fault", clear="sts.drop")
    until("new ones", lambda: b.shim().returncode == 0)
    assert json.loads(b.shim().stdout)["AccessKeyId"] != first["AccessKeyId"]


def test_refreshes_in_a_loop_are_no_loop_at_sts(make):
    b = make()
    assert b.get()[0] == CREDENTIALS
    assert b.ask(frame(REFRESH, (T_ROLE, b"dev")))[0] == OK
    # Those that come while one is under way are that one; five may follow each other, then it is one each ten seconds.
    refused = []
    until("a refusal", lambda: refused.append(b.ask(frame(REFRESH, (T_ROLE, b"dev")))) or outcome(refused[-1]) == THROTTLED)
    assert b"role dev" in refused[-1][1][T_MESSAGE]
    everything = [b.ask(frame(REFRESH)) for _ in range(20)]
    assert any(outcome(a) == THROTTLED for a in everything)
    # Nor by asking for more life than there can be for more than a moment.
    for _ in range(200):
        kind, fields = b.get("dev", (T_MIN_TTL, u32(3478)))
        assert kind == CREDENTIALS or outcome((kind, fields)) == THROTTLED
    assert b.stats(WEB_IDENTITY) <= 8
    assert b.get()[0] == CREDENTIALS
