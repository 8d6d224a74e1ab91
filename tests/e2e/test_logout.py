# SPDX-License-Identifier: Apache-2.0
"""What ends a sign-in: the last session, a person, the end of the broker; and what that does to the person's other hosts."""
import json
import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import Broker
from login1lib import Login1, noticed
from test_broker_restart import Manager, restart
from worldlib import CLI, PATIENCE, until

NEEDS_LOGIN = 3
REVOKE = "revocation = per-grant\nlogout = revoke"


@pytest.fixture
def make():
    made = []

    def make_broker(login1=None, env=(), **kw):
        b = Broker(start=False, **kw)
        made.append(b)
        if login1:
            b.env["DBUS_SYSTEM_BUS_ADDRESS"] = login1.address
        b.env.update(env)
        return b.start()

    yield make_broker
    for b in made:
        print(b.log())
        b.close()


@pytest.fixture
def login1():
    x = Login1()
    yield x
    x.close()


def managed_env(tmp_path):
    """A service manager that listens to nothing: enough to be kept running."""
    return {"NOTIFY_SOCKET": f"{tmp_path}/none"}


def signed_in(b):
    assert b.sign_in().returncode == 0
    assert b.shim().returncode == 0
    return b


def needs_login(b):
    r = b.shim()
    assert r.returncode == NEEDS_LOGIN and r.stdout == "", r
    return r.stderr


def still_refreshes(b, role):
    """By a role that was not asked for yet, with an ID token that is dead by now."""
    before = b.stats("token.refresh")
    r = b.shim(role)
    return r.returncode == 0 and b.stats("token.refresh") > before


def test_the_last_session_ends_and_with_it_the_sign_in(make, login1, tmp_path):
    b = signed_in(make(login1, env=managed_env(tmp_path)))
    login1.say("active", signal="SessionNew")  # another session begins
    login1.say("active")  # and ends
    assert b.shim().returncode == 0
    login1.say("closing")
    noticed(b, "session.ended lingers=no")
    assert "valetkey login" in needs_login(b)
    assert b.stats("revoke") == 0
    assert b.proc.poll() is None, "its service manager ends it"
    identity = b.status()["identities"][0]
    assert identity["state"] == "signed-out" and identity["subject"] is None
    login1.say("active", signal="SessionNew")  # the user comes back: nothing of before does
    needs_login(b)
    signed_in(b)
    login1.say(None)  # login1 has forgotten the user
    until("the second end", lambda: b.log().count("session.ended") == 2)
    needs_login(b)


def test_without_a_service_manager_it_ends_with_the_last_session(make, login1):
    b = signed_in(make(login1))
    login1.say("closing")
    assert b.proc.wait(timeout=10 * PATIENCE) == 0
    assert 'reason="the last session ended"' in b.log()


def test_who_never_had_a_session_keeps_the_sign_in(make, tmp_path):
    """su, cron, a container: login1 knows no session, and none ends."""
    x = Login1(None)
    try:
        b = signed_in(make(x, env=managed_env(tmp_path)))
        for state, lingers in (("lingering", True), ("opening", True), (None, False)):
            x.say(state, lingers)
            x.say(state, lingers, signal="SessionNew")
        assert b.shim().returncode == 0
        assert "session.ended" not in b.log()
    finally:
        x.close()


def test_keep_lasts_beyond_the_session_of_one_who_lingers(make, login1, tmp_path):
    b = signed_in(make(login1, env=managed_env(tmp_path), extra="logout = keep"))
    login1.say("lingering", lingers=True)
    noticed(b, "grant.kept identity=corp")
    assert b.shim().returncode == 0
    assert b.shim("admin").returncode == 4, "STS is still asked, and says what it thinks of alice"
    login1.say("active", signal="SessionNew")
    until("the session to be seen", lambda: b.shim().returncode == 0)


def test_keep_without_linger_is_wipe_and_says_so(make, login1, tmp_path):
    b = signed_in(make(login1, env=managed_env(tmp_path), extra="logout = keep"))
    login1.say("closing")
    noticed(b, "grant.not_kept identity=corp")
    assert "enable-linger" in b.log()
    needs_login(b)


def test_revoke_tells_the_provider(make, login1, tmp_path):
    b = signed_in(make(login1, env=managed_env(tmp_path), extra=REVOKE))
    login1.say("closing")
    noticed(b, "grant.revoked identity=corp")
    assert b.stats("revoke") == 1 and b.stats("revoke.error") == 0
    needs_login(b)


def test_an_end_while_the_broker_was_away_is_an_end(make, login1):
    b = make(login1)
    b.stop()
    m = Manager(b)
    try:
        m.start()
        signed_in(b)
        restart(b)  # what is known survives
        assert b.shim().returncode == 0
        b.proc.kill()
        b.proc.wait()
        login1.say("closing")  # nobody hears it
        m.start()
        noticed(b, "session.ended")
        needs_login(b)
    finally:
        m.close()


def test_logind_started_anew_is_no_logout(make, tmp_path):
    x = Login1()
    b = signed_in(make(x, env=managed_env(tmp_path)))
    x.proc.stdin.close()  # it goes: nothing is known, and nothing follows
    x.proc.wait()
    assert b.shim().returncode == 0
    x.bus.kill()
    x.bus.wait()
    assert b.shim().returncode == 0
    assert "session.ended" not in b.log()
    x.close()


# ---- SIGTERM


def ended_after(b):
    start = time.monotonic()
    assert b.stop(signal.SIGTERM) == 0
    return time.monotonic() - start


def test_the_end_of_the_broker_revokes(make):
    b = signed_in(make(extra=REVOKE))
    ended_after(b)
    assert b.stats("revoke") == 1
    assert "grant.revoked" in b.log()


def test_the_end_of_the_broker_waits_two_seconds_and_no_longer(make):
    b = signed_in(make(extra=REVOKE))
    b.control("fault", set="revoke.delay=20000")
    took = ended_after(b)
    assert 1.5 < took < 2 + 2 * PATIENCE, took
    assert "grant.revoke_failed identity=corp outcome=timeout wiped=yes" in b.log()


def test_keep_does_not_survive_a_stop(make):
    b = signed_in(make(extra="logout = keep"))
    assert ended_after(b) < 2 * PATIENCE
    assert b.stats("revoke") == 0
    b.start()
    needs_login(b)


def test_told_to_stop_twice_it_stops_at_once(make):
    b = signed_in(make(extra=REVOKE))
    b.control("fault", set="revoke.delay=20000")
    b.proc.send_signal(signal.SIGTERM)
    noticed(b, "broker.stopping")
    assert ended_after(b) < 1.5 * PATIENCE


# ---- what a person is told


def logout(b, *words):
    r = b.run(CLI, "logout", "--json", *words)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)["identities"]


def test_logout_says_what_came_of_it(make):
    b = signed_in(make(extra="revocation = per-grant"))
    assert logout(b) == [{"name": "corp", "signed_out": True, "revoked": True, "reason": None}]
    assert logout(b) == [{"name": "corp", "signed_out": False, "revoked": False, "reason": None}]
    signed_in(b)
    b.control("fault", set="revoke.5xx")
    (part,) = logout(b, "corp")
    assert part["signed_out"] and not part["revoked"] and part["reason"]
    signed_in(b)
    r = b.run(CLI, "logout")
    assert "corp: signed out here; not revoked at the provider: " in r.stderr
    needs_login(b)


def test_logout_where_revoking_would_end_other_hosts_says_so(make):
    b = signed_in(make())
    assert logout(b) == [{"name": "corp", "signed_out": True, "revoked": False, "reason": "revocation is not per-grant"}]
    assert b.stats("revoke") == 0


def test_logout_during_a_refresh_revokes_what_the_refresh_brings(make):
    b = signed_in(make(extra="revocation = per-grant", faults=["id_token_ttl=1"]))
    time.sleep(1.1)  # the ID token is dead: who asks has the grant refreshed
    b.control("fault", set="token.refresh.delay=1000")
    p = b.connect()
    p.send(b.request("admin"))
    until("a refresh to be under way", lambda: b.stats("token.refresh") == 1)
    assert logout(b) == [{"name": "corp", "signed_out": True, "revoked": True, "reason": None}]
    p.close()
    with open(f"{b.dir}/cloud.log", encoding="utf-8") as f:
        said = f.read()
    assert "used twice" not in said and b.stats("revoke.error") == 0, said


# ---- two hosts of one person


def hosts(make, **kw):
    a = signed_in(make(faults=["id_token_ttl=2"], roles=("dev", "dev2"), **kw))
    b = signed_in(make(beside=a, roles=("dev", "dev2"), **kw))
    time.sleep(2.1)
    return a, b


def test_a_wipe_on_one_host_leaves_the_other_signed_in(make):
    a, b = hosts(make)
    assert logout(a)[0]["signed_out"]
    needs_login(a)
    assert still_refreshes(b, "dev2")


def test_a_revocation_on_one_host_leaves_the_other_signed_in(make):
    a, b = hosts(make, extra=REVOKE)
    ended_after(a)
    assert "grant.revoked" in a.log()
    assert still_refreshes(b, "dev2")


def test_why_revoke_is_not_the_default(make):
    """Keycloak before the end of 2024, and others: a revocation ends everything the person has at that client."""
    a, b = hosts(make, extra=REVOKE)
    a.control("fault", set="revoke_ends_all")
    assert logout(a)[0]["revoked"]
    r = b.shim("dev2")
    assert r.returncode == NEEDS_LOGIN and "has ended" in r.stderr
