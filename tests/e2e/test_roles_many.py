# SPDX-License-Identifier: Apache-2.0
"""Roles by the thousand, made from templates, in a real broker: they cost little until they are asked for, and what is said of
them all is too long for a frame and arrives whole."""
import json
import os
import socket
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import JSON, STATUS, T_JSON, Broker, frame, parse
from worldlib import BUILD, CLI

ACCOUNTS = 500
# The sandbox has one account, the last; the others are for the number.
CONFIG = "".join(f"[account {i:012}]\nalias = account-{i}\n" for i in range(1, ACCOUNTS)) + "[account 123456789012]\nalias = sandbox\n"


def template(name, role, more=""):
    return f"[role-template {name}]\naccounts = *\nrole_name = {role}\nname = {{account}}/{name}\n{more}\n"


@pytest.fixture(name="many")
def _many():
    templates = template("dev", "dev") + template("audit", "audit", "source_role = sandbox/dev") + "".join(
        template(f"more-{i}", "dev") for i in range(18))
    b = Broker(roles=(), start=False)
    try:
        with open(b.config, "a", encoding="utf-8") as f:
            f.write(f"[defaults]\nregion = eu-central-1\nsts_endpoint = {b.base}/\n{CONFIG}{templates}")
        yield b.start()
        print(b.log())  # pytest shows it where the test failed
    finally:
        b.close()


def test_ten_thousand_roles_are_listed(many):
    r = many.run(CLI, "roles")
    assert r.returncode == 0, r.stderr
    lines = r.stdout.splitlines()
    assert len(lines) == 1 + 20 * ACCOUNTS
    assert lines[1].split() == ["account-1/dev", "corp", "eu-central-1", "arn:aws:iam::000000000001:role/dev"]
    with many.connect() as s:
        s.send(frame(STATUS))
        packet, fds, _, _ = socket.recv_fds(s, 65536, 4)
    assert parse(packet)[0] == JSON and T_JSON not in parse(packet)[1] and len(fds) == 1
    with os.fdopen(fds[0], encoding="utf-8") as f:
        assert json.load(f) == many.status()


def anonymous_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon:"))


@pytest.mark.skipif("/san-" in BUILD + "/", reason="a sanitiser keeps what is freed")
def test_a_list_of_all_roles_leaves_no_memory_behind(many):
    before = anonymous_kib(many.proc.pid)
    for _ in range(3):
        assert len(many.status()["roles"]) == 20 * ACCOUNTS
    assert anonymous_kib(many.proc.pid) - before < 2048  # the document has five MiB
    assert before < 2048 * 20 * ACCOUNTS // 1024  # and a role that nobody asked for costs less than two KiB


def test_made_roles_are_roles(many):
    assert many.sign_in().returncode == 0
    for name in ("sandbox/dev", "sandbox/audit", "sandbox/more-7"):
        r = many.shim(name)
        assert r.returncode == 0 and json.loads(r.stdout)["Version"] == 1, (name, r.stderr)
    r = many.shim("sandbox/nobody")
    assert r.returncode != 0 and "no role sandbox/nobody is configured" in r.stderr
    states = [r["state"] for r in many.status()["roles"]]
    assert states.count("valid") == 3 and states.count("empty") == 20 * ACCOUNTS - 3  # nobody asked for the others
    assert many.stats("AssumeRoleWithWebIdentity") == 2 and many.stats("AssumeRole") == 1
