# SPDX-License-Identifier: Apache-2.0
"""Grants over their life: two providers side by side, one person after another, a provider that does not wait, a refusal."""
import json
import os
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import CLAIM, ERROR, NOTHING, T_MESSAGE, T_OUTCOME, Broker, Daemon, frame, parse, u32
from worldlib import CLI, PATIENCE, until

NEEDS_LOGIN, LOCKED = 3, 20


@pytest.fixture
def make():
    made = []

    def make_broker(*args, **kw):
        made.append(Broker(*args, **kw))
        return made[-1]

    yield make_broker
    for b in made:
        print(b.log())
        b.close()


def two(make, **kw):
    """A broker with the identities corp and lab, each with a provider and an STS of its own."""
    b, other = make(start=False, **kw), make(start=False)
    with open(b.config, "a", encoding="utf-8") as f:
        f.write(f"[identity lab]\nissuer = {other.base}/oidc\nclient_id = valetkey\n"
                f"[role lab-dev]\nidentity = lab\nrole_arn = arn:aws:iam::123456789012:role/dev\nsts_endpoint = {other.base}/\n"
                f"[role lab-audit]\nsource_role = lab-dev\nrole_arn = arn:aws:iam::123456789012:role/audit\nsts_endpoint = {other.base}/\n")
    b.start()
    return b, other


def sign_in(b, identity, cloud, user="alice"):
    p = subprocess.Popen([CLI, "login", "--json", identity], env=b.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    shown = json.loads(p.stdout.readline())
    cloud.control("approve", user_code=shown["user_code"], user=user, decision="allow")
    p.communicate(timeout=30 * PATIENCE)
    assert p.returncode == 0


def states(b):
    return {i["name"]: i["state"] for i in b.status()["identities"]}


def test_two_identities_side_by_side(make):
    b, other = two(make)
    sign_in(b, "lab", other)
    assert states(b) == {"corp": "signed-out", "lab": "signed-in"}
    assert b.shim("dev").returncode == NEEDS_LOGIN
    assert b.shim("lab-dev").returncode == 0
    assert b.shim("lab-audit").returncode == 0, "a chain is of the identity at its bottom"
    sign_in(b, "corp", b)
    assert b.shim("dev").returncode == 0
    assert b.stats("AssumeRoleWithWebIdentity") == 1 and other.stats("AssumeRoleWithWebIdentity") == 1
    assert {r["name"]: r["identity"] for r in b.status()["roles"]} == {"dev": "corp", "admin": "corp", "lab-dev": "lab", "lab-audit": "lab"}
    r = b.run(CLI, "logout", "--json", "lab")
    assert [i["name"] for i in json.loads(r.stdout)["identities"]] == ["lab"]
    assert states(b) == {"corp": "signed-in", "lab": "signed-out"}
    assert b.shim("dev").returncode == 0
    for role in ("lab-dev", "lab-audit"):
        r = b.shim(role)
        assert r.returncode == NEEDS_LOGIN and "identity lab" in r.stderr and r.stdout == ""
    assert b.run(CLI, "login", "--json").returncode != 0, "which one?"


def test_each_identity_by_its_own_logout_policy(make):
    b, other = two(make, extra="revocation = per-grant\nlogout = revoke")
    sign_in(b, "lab", other)
    sign_in(b, "corp", b)
    assert b.stop() == 0
    assert b.stats("revoke") == 1 and other.stats("revoke") == 0


def test_a_chain_over_two_identities_is_refused(make):
    b = make(start=False)
    with open(b.config, "a", encoding="utf-8") as f:
        f.write("[identity lab]\nissuer = https://lab.example\nclient_id = x\n"
                f"[role mixed]\nsource_role = dev\nidentity = lab\nrole_arn = arn:aws:iam::123456789012:role/audit\nsts_endpoint = {b.base}/\n")
    r = b.run(f"{os.path.dirname(CLI)}/valetkey-broker", "--config", b.config)
    assert r.returncode == 1
    assert "has both source_role and identity: the identity is its source role's" in r.stderr


def test_a_second_sign_in_replaces_without_revoking(make):
    b = make(extra="revocation = per-grant\nlogout = revoke")
    b.sign_in()
    first = json.loads(b.shim().stdout)
    b.sign_in()
    assert json.loads(b.shim().stdout)["AccessKeyId"] == first["AccessKeyId"], "the same person's session goes on"
    assert b.stats("revoke") == 0
    b.sign_in(user="bob")
    second = json.loads(b.shim().stdout)
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert b.role()["assumed_role_arn"].endswith("/bob")
    assert b.stats("revoke") == 0


def test_a_short_idle_limit_does_not_end_a_lazy_sign_in(make):
    """The rule's figures are in test_keeper_expiry.c; here they are twenty times as fast, against a provider that means it."""
    b = make(faults=["idle_limit=3", "refresh_expires_in=3", "id_token_ttl=2"])
    b.sign_in()
    assert b.shim("dev").returncode == 0
    end = time.monotonic() + 7
    while time.monotonic() < end:
        assert b.status()["identities"][0]["state"] == "signed-in"
        time.sleep(0.5)
    assert b.stats("token.refresh") >= 3
    r = b.shim("admin")  # asked for the first time, long after the sign-in's tokens died
    assert r.returncode == 4 and "AccessDenied" in r.stderr, "STS took the token, and says no to alice"
    assert b.stats("token.refresh.error") == 0
    assert "grant.ends_soon" not in b.log()


def test_a_refused_sign_in_says_why(make):
    """valetkeyd drops what it refuses, and says so once; callers are told for as long as nobody is in."""
    b = make(start=False)
    asked = []

    def script(c, _):
        assert parse(c.recv(65536))[0] == CLAIM
        asked.append(1)
        if len(asked) == 1:
            c.send(frame(ERROR, (T_OUTCOME, u32(LOCKED)), (T_MESSAGE, b"This account is locked by the administrator.")))
        else:
            c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))

    d = Daemon(b.claim, script)
    b.start()
    until("a claim", lambda: asked)
    for _ in range(2):
        r = b.shim()
        assert r.returncode == NEEDS_LOGIN and r.stdout == ""
        assert "was refused: This account is locked by the administrator. Run: valetkey login" in r.stderr
    b.sign_in()
    assert b.shim().returncode == 0
    b.run(CLI, "logout")
    assert "locked" not in b.shim().stderr, "that was before somebody signed in"
    d.close()
