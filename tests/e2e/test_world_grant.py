# SPDX-License-Identifier: Apache-2.0
"""The grant on its way from valetkeyd to the broker, and its life there."""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import pytest

from worldlib import SEVERAL, ask, frame, until

NEEDS_LOGIN, NOTHING = 3, 25


def claim_sock(w):
    return f"{w.dir}/run/claim.sock"


def waiting_grant(make_world, *options):
    """A world whose user signed in while no broker ran: the grant waits at valetkeyd."""
    w = make_world("--fault", "interval=1", "--no-broker", *options)
    assert w.pids("valetkey-broker") == []
    return w


@pytest.mark.skipif(not SEVERAL, reason="asking as another uid needs root")
def test_another_uid_gets_nothing(make_world):
    w = waiting_grant(make_world)
    for uid in (65534, w.uid + 1, 0):
        kind, fields = ask(claim_sock(w), frame("claim"), uid)
        assert kind == "error", uid
        assert "grant" not in fields
        assert int.from_bytes(fields["outcome"], "little") != 0
    kind, _ = ask(claim_sock(w), frame("claim"), w.uid)
    assert kind == "grant", "and it is still there for whose it is"
    assert w.credentials()


@pytest.mark.skipif(not SEVERAL, reason="asking as another uid needs root")
def test_only_root_speaks_at_the_login_socket(make_world):
    w = waiting_grant(make_world)
    for uid in (65534, w.uid):
        if w.mode == "user" and uid == w.uid:
            continue
        # for himself alone anybody may ask, as a locker does, and gets no handle for it
        for q in (frame("authenticate", user=b"bob" if uid == w.uid else w.env["USER"].encode(), service=b"x"), frame("close", user=b"alice"),
                  frame("commit", handle=b"0" * 32, user=b"alice", service=b"x")):
            answer = ask(f"{w.dir}/run/login.sock", q, uid)
            assert answer is None or answer[0] == "error"
    assert w.credentials()


def test_a_broker_killed_between_claim_and_ack_loses_nothing(make_world):
    w = waiting_grant(make_world)
    for _ in range(3):  # each receives the grant and is gone before it says so
        kind, fields = ask(claim_sock(w), frame("claim"), w.uid)
        assert kind == "grant" and fields["grant"]
    assert w.credentials()["AccessKeyId"].startswith("ASIA")
    kind, fields = ask(claim_sock(w), frame("claim"), w.uid)
    assert kind == "error" and int.from_bytes(fields["outcome"], "little") == NOTHING, "acknowledged: forgotten"


def test_the_first_request_comes_long_after_the_sign_in(make_world):
    """The ID token of the sign-in is dead by then; the grant is not."""
    w = make_world("--fault", "interval=1", "--fault", "id_token_ttl=3")
    time.sleep(4)
    assert w.stats("AssumeRoleWithWebIdentity") == 0
    assert w.credentials()["AccessKeyId"].startswith("ASIA")
    assert w.stats("token.refresh") >= 1


def test_a_refresh_without_an_id_token_says_to_sign_in(make_world):
    w = make_world("--fault", "interval=1", "--fault", "id_token_ttl=2")
    w.fault("no_id_token_on_refresh")
    time.sleep(3)
    r = w.shim()
    assert r.returncode != 0 and r.stdout == ""
    assert "valetkey login" in r.stderr


def test_logout_ends_the_issuing(world):
    assert world.credentials()
    sts = world.stats("AssumeRoleWithWebIdentity")
    r = world.cli("logout")
    assert r.returncode == 0, r.stderr
    r = world.shim()
    assert r.returncode == NEEDS_LOGIN and r.stdout == ""
    assert "valetkey login" in r.stderr and r.stderr.count("\n") == 1
    assert world.stats("AssumeRoleWithWebIdentity") == sts
    assert world.sign_in()[0] == 0
    assert world.credentials()


def test_before_any_sign_in(make_world):
    w = make_world("--no-sign-in")
    r = w.shim()
    assert r.returncode == NEEDS_LOGIN and r.stdout == "" and "valetkey login" in r.stderr


def test_a_broker_that_dies_takes_the_session_with_it_and_nothing_else(world):
    """No broker, no systemd that keeps its state: a new sign-in is needed, and is enough."""
    assert world.credentials()
    os.kill(world.pid("valetkey-broker"), signal.SIGKILL)
    until("the broker to be gone", lambda: not world.pids("valetkey-broker"))
    r = world.shim()
    assert r.returncode == NEEDS_LOGIN, r.stderr
    world.pid("valetkey-broker")  # started anew by D-Bus
    assert world.sign_in()[0] == 0
    assert world.credentials()


def test_the_daemon_restarts_under_a_session(world):
    """What the broker holds does not depend on valetkeyd."""
    world.wait_claimed()
    os.kill(world.pid("valetkeyd"), signal.SIGTERM)
    until("valetkeyd to end", lambda: not world.pids("valetkeyd"))
    assert world.credentials()
    assert world.cli("status").returncode == 0
