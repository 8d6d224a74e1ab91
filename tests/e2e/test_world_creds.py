# SPDX-License-Identifier: Apache-2.0
"""Credentials through the whole chain while STS or the provider misbehaves: an error says what, for which role and what
to do; what was cached goes on being served; nothing half-read is ever handed out."""
import datetime
import json
import os
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import PATIENCE, SHIM, until

NEEDS_LOGIN, ACCESS_DENIED, UNKNOWN_ROLE = 3, 4, 5


def refused(r, *words):
    """An exit status, nothing on stdout, one line on stderr that holds the words."""
    assert r.returncode != 0
    assert r.stdout == ""
    assert r.stderr.count("\n") == 1, r.stderr
    for word in words:
        assert word in r.stderr, (word, r.stderr)
    return r


def test_what_an_sdk_gets(shared_world):
    doc = shared_world.credentials()
    assert sorted(doc) == ["AccessKeyId", "AccountId", "Expiration", "SecretAccessKey", "SessionToken", "Version"]
    assert doc["Version"] == 1 and doc["AccountId"] == "123456789012"
    end = datetime.datetime.strptime(doc["Expiration"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.timezone.utc)
    left = (end - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
    assert 2700 < left <= 3600


def test_the_long_way_gives_the_same(shared_world):
    """valetkey itself in place of the shim, as an ordinary user: the broker must be able to see who that is."""
    r = shared_world.run("valetkey", "credential-process", "dev")
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)["AccessKeyId"] == shared_world.credentials()["AccessKeyId"]


def test_a_hundred_callers_one_call(make_world):
    w = make_world("--fault", "interval=1")
    assert w.stats("AssumeRoleWithWebIdentity") == 0
    w.fault("sts.delay=500")
    callers = [w.start(SHIM, "dev") for _ in range(100)]
    answers = set()
    for c in callers:
        out, err = c.communicate(timeout=30 * PATIENCE)
        assert c.returncode == 0, err
        answers.add(json.loads(out)["AccessKeyId"])
    assert len(answers) == 1
    assert w.stats("AssumeRoleWithWebIdentity") == 1


def test_a_role_that_is_not_there(world):
    r = refused(world.shim("no-such-role"), "no-such-role")
    assert r.returncode == UNKNOWN_ROLE
    assert world.stats("AssumeRoleWithWebIdentity") == 0


def test_a_role_that_refuses_her(world):
    r = refused(world.shim("admin"), "admin", "alice", "AccessDenied")
    assert r.returncode == ACCESS_DENIED
    assert "platform" not in r.stderr and "team" not in r.stderr, "STS did not say why: neither do we"
    assert world.credentials("dev"), "her own role is not touched by it"


@pytest.mark.parametrize("fault", ["sts.5xx", "sts.throttle", "sts.drop", "sts.half", "sts.huge", "sts.empty", "sts.garbage", "sts.doctype"])
def test_sts_misbehaves(world, fault):
    world.fault(fault)
    start = time.monotonic()
    refused(world.shim(), "dev")
    assert time.monotonic() - start < 5 * PATIENCE, "one SDK gives up after five seconds"
    world.clear()
    until("STS to be asked again", lambda: world.shim().returncode == 0)
    first = world.credentials()
    world.fault(fault)  # what is cached is served, whatever STS does
    assert world.credentials() == first


@pytest.mark.parametrize("fault", ["sts.5xx=1", "sts.drop=1", "sts.throttle=1"])
def test_one_stumble_of_sts_is_not_seen(world, fault):
    world.fault(fault)
    until("credentials", lambda: world.shim().returncode == 0)


@pytest.mark.parametrize("fault", ["token.refresh.5xx", "token.refresh.drop", "token.refresh.half", "token.refresh.huge",
                                   "token.refresh.empty", "token.refresh.garbage"])
def test_the_provider_misbehaves_at_a_refresh(make_world, fault):
    w = make_world("--fault", "interval=1", "--fault", "id_token_ttl=2")
    time.sleep(3)
    w.fault(fault)
    refused(w.shim())
    w.clear()
    w.fault("id_token_ttl=300")
    if fault in ("token.refresh.5xx", "token.refresh.drop"):  # the provider did nothing: the grant lives
        until("the grant to be used again", lambda: w.shim().returncode == 0, timeout_s=40)
    else:  # it may have rotated the refresh token into an answer nobody could read
        # then it is dead, and the person is told to sign in, not left with a riddle
        def settled():
            r = w.shim()
            return r if r.returncode in (0, NEEDS_LOGIN) else None

        r = until("credentials or a call to sign in", settled, timeout_s=40)
        assert r.returncode == 0 or "valetkey login" in r.stderr
        assert r.returncode == 0 or w.sign_in()[0] == 0 and w.credentials()


@pytest.mark.parametrize("fault", ["wrong_signature", "wrong_key", "wrong_issuer", "wrong_audience", "alg_none", "expired_token",
                                   "no_sub", "huge_sub", "oidc.5xx", "oidc.drop", "oidc.garbage", "oidc.half"])
def test_a_provider_that_lies_at_sign_in_lets_nobody_in(shared_world, fault):
    before = shared_world.credentials()
    shared_world.fault(fault)
    status, pam, err, _ = shared_world.sign_in()
    assert status == 1 and pam.get("authenticate") not in (0, None) and pam["open_session"] is None
    assert err.strip(), "and says so"
    shared_world.clear_all()
    assert shared_world.credentials() == before
    assert shared_world.sign_in()[0] == 0


def test_a_provider_that_lies_about_itself_is_not_believed_later(make_world):
    """Documents are cached once they were good; a bad one must not be."""
    w = make_world("--fault", "interval=1", "--fault", "discovery_issuer", "--no-sign-in")
    status, pam, err, _ = w.sign_in()
    assert status == 1 and pam["open_session"] is None and "issuer" in err
    w.clear("discovery_issuer")
    assert w.sign_in()[0] == 0
    assert w.credentials()


def test_keys_that_do_not_fit_let_nobody_in(make_world):
    w = make_world("--fault", "interval=1", "--fault", "jwks_no_kid", "--no-sign-in")
    for _ in range(2):
        status, pam, err, _ = w.sign_in()
        assert status == 1 and pam["open_session"] is None and "key" in err
    # an unknown key has the key set fetched anew, but not by each of those who would like it
    assert w.stats("jwks") <= 2


@pytest.mark.parametrize("fault", ["jwks_many", "jwks_junk", "no_refresh_rotation", "slow_down=1"])
def test_what_a_provider_may_do(shared_world, fault):
    shared_world.fault(fault)
    assert shared_world.sign_in()[0] == 0


def test_rotation_under_load_never_fails(make_world):
    w = make_world("--fault", "interval=1", "--fault", "session_ttl=6")
    keys, end = set(), time.monotonic() + 10
    while time.monotonic() < end:
        keys.add(w.credentials()["AccessKeyId"])
    assert len(keys) >= 2
    assert w.stats("AssumeRoleWithWebIdentity") < 20, "and STS is not hammered for it"


def test_status_and_roles_are_data(shared_world):
    shared_world.credentials()
    for verb in ("status", "roles"):
        r = shared_world.cli(verb, "--json")
        assert r.returncode == 0, r.stderr
        assert "dev" in json.dumps(json.loads(r.stdout))


def test_the_aws_cli(shared_world):
    r = shared_world.run("/usr/bin/aws", "--endpoint-url", shared_world.base, "sts", "get-caller-identity")
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)["Arn"].startswith("arn:aws:sts::123456789012:assumed-role/dev/alice")


def test_callers_that_hang_up_do_not_harm_the_next(world):
    world.fault("sts.delay=300")
    for _ in range(20):
        p = world.start(SHIM, "dev", stdin=subprocess.DEVNULL)
        p.kill()
        p.communicate()
    world.clear()
    assert world.credentials()
