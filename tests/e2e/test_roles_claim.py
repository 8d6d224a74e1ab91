# SPDX-License-Identifier: Apache-2.0
"""Roles that a claim of the ID token names: they come with the sign-in, by the names templates give, go with it, and are
found again after a restart. And session names and tags that are made of claims, as a real policy engine sees them."""
import base64
import json
import os
import shutil
import signal
import sys
import tempfile
import threading

import dbus
import dbus.bus
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import (ACK, CLAIM, ERROR, GET_CREDENTIALS, GRANT, NOTHING, OK, REFRESH, T_GRANT, T_GRANT_ID, T_MESSAGE, T_OUTCOME, T_ROLE, Broker,
                       Daemon, frame, grant_bytes, parse, u32, u64)
from dbuslib import Listener
from worldlib import CLI, until

EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../sandbox/example")
ACCOUNT = "arn:aws:iam::123456789012"
ALLOW = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


@pytest.fixture(name="cloud")
def _cloud():
    d = tempfile.mkdtemp(prefix="vkc-", dir="/tmp")
    shutil.copytree(EXAMPLE, f"{d}/cloud")
    yield f"{d}/cloud"
    shutil.rmtree(d)


def claims(cloud, user="alice", **more):
    path = f"{cloud}/users/{user}.json"
    with open(path, encoding="utf-8") as f:
        doc = json.load(f)
    doc.update(more)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(doc, f)


def role(cloud, name, principal, condition):
    os.makedirs(f"{cloud}/roles/{name}")
    with open(f"{cloud}/roles/{name}/trust-policy.json", "w", encoding="utf-8") as f:
        json.dump({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"{ACCOUNT}:role/{principal}"}, "Action": ALLOW, "Condition": condition}]}, f)


def broker(cloud, conf, extra="roles_claim = aws.roles", **kw):
    b = Broker(roles=(), extra=extra, cloud=("--dir", cloud), start=False, **kw)
    with open(b.config, "a", encoding="utf-8") as f:
        f.write(f"[defaults]\nregion = eu-central-1\nsts_endpoint = {b.base}/\n[account 123456789012]\nalias = payments\n{conf}")
    return b.start()


def names(b):
    return [r["name"] for r in b.status()["roles"]]


def test_they_come_and_go_with_the_sign_in(cloud):
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/dev", f"{ACCOUNT}:saml-provider/x,{ACCOUNT}:role/team/Ops",
                                 "arn:aws:iam::210987654321:role/dev", f"{ACCOUNT}:role/dev"]})
    b = broker(cloud, f"[role fixed]\nrole_arn = {ACCOUNT}:role/dev\n")
    try:
        assert names(b) == ["fixed"]
        r = b.shim("payments/dev")
        assert r.returncode == 3 and "no role payments/dev is configured, and identity corp" in r.stderr and "valetkey login" in r.stderr
        assert b.sign_in().returncode == 0
        assert names(b) == ["fixed", "payments/dev", "payments/ops", "210987654321/dev"]
        assert b.stats("AssumeRoleWithWebIdentity") == 0  # nobody asked for one
        r = b.shim("payments/dev")
        assert r.returncode == 0 and json.loads(r.stdout)["AccountId"] == "123456789012"
        key = json.loads(r.stdout)["AccessKeyId"]
        r = b.shim("payments/nobody")
        assert r.returncode == 5 and "no role payments/nobody is configured. See: valetkey roles" in r.stderr
        # A broker run anew has them, their sessions too.
        b.proc.send_signal(signal.SIGHUP)
        until("the broker run anew", lambda: b.log().count("broker.ready") == 2)
        assert names(b) == ["fixed", "payments/dev", "payments/ops", "210987654321/dev"]
        assert b.role("payments/dev")["access_key_id"] == key
        assert b.run(CLI, "logout").returncode == 0
        assert names(b) == ["fixed"]
        assert b.shim("payments/dev").returncode == 3
        # Somebody else's token names nothing.
        assert b.sign_in("bob").returncode == 0
        assert names(b) == ["fixed"]
        assert b.shim("payments/dev").returncode == 5
    finally:
        b.close()


def test_the_configuration_goes_before_a_claim(cloud):
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/x/dev", f"{ACCOUNT}:role/admin", "\u001b[31mbad", f"{ACCOUNT}:role/a/one",
                                 f"{ACCOUNT}:role/b/One", "arn:aws-cn:iam::123456789012:role/china", f"{ACCOUNT}:role/a@b"]})
    b = broker(cloud, f"[role payments/dev]\nrole_arn = {ACCOUNT}:role/dev\n[role payments/admin]\nrole_arn = {ACCOUNT}:role/admin\n")
    try:
        assert b.sign_in().returncode == 0
        assert names(b) == ["payments/dev", "payments/admin", "payments/one"]
        assert b.role("payments/dev")["role_arn"] == f"{ACCOUNT}:role/dev"
        assert b.role("payments/one")["role_arn"] == f"{ACCOUNT}:role/a/one"
        identity = b.status()["identities"][0]
        assert identity["roles_claim"] == "aws.roles" and identity["roles_refused"]
        assert "\u001b" not in b.log() and "roles.claimed" in b.log()
        line = next(x for x in b.log().splitlines() if "roles.claimed" in x)
        assert "named=7 roles=1" in line and identity["roles_refused"] in line
    finally:
        b.close()


def test_a_collision_names_both(cloud):
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/x/dev"]})
    b = broker(cloud, f"[role payments/dev]\nrole_arn = {ACCOUNT}:role/dev\n")
    try:
        assert b.sign_in().returncode == 0
        assert b.status()["identities"][0]["roles_refused"] == (
            f"{ACCOUNT}:role/x/dev makes the role payments/dev, which is configured and is {ACCOUNT}:role/dev")
    finally:
        b.close()


def test_another_person_gets_nothing_of_the_one_before(cloud):
    """Bob signs in where Alice is: what only she may have goes, and a role that both may have is his from then on."""
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/dev", f"{ACCOUNT}:role/ops"]})
    claims(cloud, "bob", aws={"roles": [f"{ACCOUNT}:role/admin", f"{ACCOUNT}:role/dev"]})
    b = broker(cloud, "")
    try:
        assert b.sign_in().returncode == 0
        hers = json.loads(b.shim("payments/dev").stdout)["AccessKeyId"]
        assert b.sign_in("bob").returncode == 0
        assert sorted(names(b)) == ["payments/admin", "payments/dev"]
        assert b.role("payments/dev")["access_key_id"] != hers
        assert json.loads(b.shim("payments/dev").stdout)["AccessKeyId"] != hers
        assert b.role("payments/dev")["assumed_role_arn"].endswith("/bob")
        assert b.shim("payments/ops").returncode == 5
    finally:
        b.close()


def test_a_yes_is_for_the_role_that_was_shown(cloud):
    """While a person is asked about Alice's c.dev, Bob signs in, and the name is another account's role."""
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/dev"]})
    claims(cloud, "bob", aws={"roles": ["arn:aws:iam::210987654321:role/dev"]})
    b = broker(cloud, "[role-template all]\naccounts = claim\nname = c.{role}\nconfirm = ask\n")
    question, answer, text, interactive, said = 40, 41, 5, 23, 24
    try:
        assert b.sign_in().returncode == 0
        s = b.connect()
        s.send(frame(GET_CREDENTIALS, (T_ROLE, b"c.dev"), (interactive, u32(1))))
        kind, fields = parse(s.recv(65536))
        assert kind == question and f"{ACCOUNT}:role/dev".encode() in fields[text]
        assert b.sign_in("bob").returncode == 0
        s.send(frame(answer, (said, u32(1))))
        kind, fields = parse(s.recv(65536))
        assert kind == question and b"210987654321:role/dev" in fields[text]
        s.send(frame(answer, (said, u32(0))))
        kind, fields = parse(s.recv(65536))
        assert kind == ERROR and int.from_bytes(fields[T_OUTCOME], "little") == 14
        assert b.stats("AssumeRoleWithWebIdentity") == 0
        s.close()
    finally:
        b.close()


def test_a_template_says_the_rest(cloud):
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/dev"]})
    b = broker(cloud, "[role-template all]\naccounts = claim\nname = c.{role}\nduration = 30m\nsession_name = {claim:email}\n")
    try:
        assert b.sign_in().returncode == 0
        assert b.shim("c.dev").returncode == 0
        assert b.role("c.dev")["assumed_role_arn"] == "arn:aws:sts::123456789012:assumed-role/dev/alice@example.com"
    finally:
        b.close()


def test_programs_on_the_bus_see_them_come_and_go(cloud):
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/dev"]})
    b = broker(cloud, "", bus=True)
    try:
        bus = dbus.bus.BusConnection(b.bus_address)
        manager = dbus.Interface(bus.get_object("org.valetkey.Broker1", "/org/valetkey/Broker1"), "org.freedesktop.DBus.ObjectManager")
        path = "/org/valetkey/Broker1/role/payments_2fdev"
        assert path not in manager.GetManagedObjects()
        listener = Listener(b)
        assert b.sign_in().returncode == 0
        told = until("that to be told", lambda: listener.named("InterfacesAdded"))
        assert told[0][3][0] == path and told[0][3][1]["org.valetkey.Role1"]["Name"] == "payments/dev"
        assert manager.GetManagedObjects()[path]["org.valetkey.Role1"]["RoleArn"] == f"{ACCOUNT}:role/dev"
        assert b.run(CLI, "logout").returncode == 0
        assert path not in manager.GetManagedObjects()
        assert until("that, too", lambda: listener.named("InterfacesRemoved"))[0][3] == (path, ["org.valetkey.Role1"])
        bus.close()
    finally:
        b.close()


def test_a_refused_template_names_role_and_template(cloud):
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/dev"]})
    b = broker(cloud, "[role-template all]\naccounts = claim\nsession_name = {claim:department}\n")
    try:
        assert b.sign_in().returncode == 0
        r = b.shim("payments/dev")
        assert r.returncode != 0 and "role payments/dev: session_name = {claim:department}: " in r.stderr, r.stderr
        assert "has no claim department" in r.stderr and b.stats("AssumeRoleWithWebIdentity") == 0
    finally:
        b.close()


def test_tags_reach_the_policy_engine(cloud):
    """far wants what the claims become, marked transitive; top sees it as far's own, handed on, without being told."""
    role(cloud, "far", "dev", {"StringEquals": {"aws:RequestTag/who": "alice@example.com", "aws:RequestTag/mail-ok": "true",
                                                "sts:RoleSessionName": "alice-7f3a.ops"},
                               "ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["who"]}})
    role(cloud, "top", "far", {"StringEquals": {"aws:PrincipalTag/who": "alice@example.com", "aws:PrincipalTag/mail-ok": "true"}})
    conf = (f"[role dev]\nrole_arn = {ACCOUNT}:role/dev\n"
            f"[role far]\nrole_arn = {ACCOUNT}:role/far\nsource_role = dev\nsession_name = {{claim:sub}}.ops\n"
            "tags = who={claim:email} mail-ok={claim:email_verified}\ntransitive_tags = who\n"
            f"[role top]\nrole_arn = {ACCOUNT}:role/top\nsource_role = far\n"
            # alice's token hands down the tag team, which only STS can know
            f"[role again]\nrole_arn = {ACCOUNT}:role/audit\nsource_role = dev\ntags = team=mine\n")
    b = broker(cloud, conf, extra="")
    try:
        assert b.sign_in().returncode == 0
        for name in ("far", "top"):
            r = b.shim(name)
            assert r.returncode == 0, r.stderr
        r = b.shim("again")
        assert r.returncode != 0 and "role again (from dev)" in r.stderr and "transitive tag key" in r.stderr, r.stderr
    finally:
        b.close()


def test_packed_policy_size_is_shown_warned_about_once_and_said_when_it_is_too_much(cloud):
    policy = os.path.join(os.path.dirname(cloud), "policy.json")
    with open(policy, "w", encoding="utf-8") as f:
        json.dump({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject",
                                                           "Resource": "arn:aws:s3:::" + "b" * 1750}]}, f)

    def tags(n):
        return "tags = " + " ".join(f"k{i}={'v' * 250}" for i in range(n))

    audit = f"role_arn = {ACCOUNT}:role/audit\nsource_role = dev\n"
    b = broker(cloud, f"[role dev]\nrole_arn = {ACCOUNT}:role/dev\n[role near]\n{audit}session_policy = {policy}\n{tags(7)}\n"
                      f"[role over]\n{audit}session_policy = {policy}\n{tags(12)}\n", extra="")
    try:
        assert b.sign_in().returncode == 0
        assert b.shim("near").returncode == 0
        percent = b.role("near")["packed_policy_percent"]
        assert 80 <= percent <= 100 and b.role("dev")["packed_policy_percent"] in (None, 0)
        assert b.ask(frame(REFRESH, (T_ROLE, b"near")))[0] == OK
        until("a second session", lambda: b.log().count("role.assumed role=near") == 2)
        assert b.log().count("role.packed_policy") == 1 and f"percent={percent}" in b.log()
        r = b.shim("over")
        assert r.returncode != 0 and "role over: its session policy, policy_arns and tags take 11" in r.stderr, r.stderr
    finally:
        b.close()


def test_the_first_question_after_a_login_waits_for_the_sign_in_that_brings_the_role(cloud):
    """valetkeyd holds the sign-in; who asks first is not told that there is no such role."""
    claims(cloud, aws={"roles": [f"{ACCOUNT}:role/dev"]})
    b = broker(cloud, "[role-template all]\naccounts = claim\n")
    ready = threading.Event()

    def script(conn, n):
        assert parse(conn.recv(65536))[0] == CLAIM
        if not ready.is_set():
            conn.send(frame(ERROR, (T_OUTCOME, u32(NOTHING)), (T_MESSAGE, b"nothing waits")))
            return
        t = b.tokens()
        body = json.loads(base64.urlsafe_b64decode(t["id_token"].split(".")[1] + "=="))
        conn.send(frame(GRANT, (T_GRANT_ID, u64(n)), (T_GRANT, grant_bytes(b.base, t["id_token"], body["sub"], body["exp"], t["refresh_token"]))))
        assert parse(conn.recv(65536))[0] == ACK
        conn.send(frame(OK))
        ready.clear()
        conn.recv(65536)

    daemon = Daemon(b.claim, script)
    try:
        r = b.shim("payments/dev")
        assert r.returncode == 3 and "no role payments/dev is configured" in r.stderr and daemon.seen > 0, r.stderr
        ready.set()
        r = b.shim("payments/dev")
        assert r.returncode == 0, r.stderr
    finally:
        daemon.close()
        b.close()
