# SPDX-License-Identifier: Apache-2.0
"""require_matching_user: who signs in inside a session is who the local user is bound to, or nobody is signed in."""
import json
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from test_login_browser import Flow
from worldlib import PATIENCE, until

NEEDS_LOGIN, WRONG_SUBJECT, NO_DAEMON = 3, 19, 22


def device(world, user):
    """valetkey login --device, decided by that person; -> (exit status, the last object)"""
    p = world.start("valetkey", "login", "--device", "--json")
    shown = json.loads(p.stdout.readline())
    world.control("approve", {"user_code": shown["user_code"], "user": user, "decision": "allow"})
    out, err = p.communicate(timeout=30 * PATIENCE)
    return p.returncode, json.loads(out.splitlines()[-1]), err


def browser(world, user):
    f = Flow(world)
    page = f.come_back(f.decide(user=user))
    code, out, err = f.end()
    return code, json.loads(out.splitlines()[-1]), err, page


@pytest.fixture
def signed_out(make_world):
    w = make_world()
    w.sign_in()
    w.wait_claimed()
    assert w.cli("logout").returncode == 0
    return w


def test_only_the_person_this_user_is_bound_to(signed_out):
    w = signed_out
    code, last, err = device(w, "bob")
    assert code == WRONG_SUBJECT and last["outcome"] == "wrong-subject" and "bound to somebody else" in err, (code, last, err)
    code, last, err, page = browser(w, "bob")
    assert code == WRONG_SUBJECT and "Not signed in" in page and "bound to somebody else" in page
    # Nothing of his is kept, or handed out.
    assert w.shim().returncode == NEEDS_LOGIN
    status = json.loads(w.cli("status", "--json").stdout)
    assert [i["state"] for i in status["identities"]] != ["signed-in"] and "bob" not in json.dumps(status)
    assert w.log("broker").count("signin.refused") == 2
    # And his being refused is in nobody's way.
    assert device(w, "alice")[0] == 0
    assert w.credentials()["AccessKeyId"].startswith("ASIA")


def test_a_valetkeyd_that_does_not_answer_lets_nobody_in(signed_out):
    w = signed_out
    daemon = w.pid("valetkeyd")
    os.kill(daemon, signal.SIGSTOP)
    try:
        code, last, err = device(w, "alice")
        assert code == NO_DAEMON and "valetkeyd" in err, (code, last, err)
    finally:
        os.kill(daemon, signal.SIGCONT)
    assert device(w, "bob")[0] == WRONG_SUBJECT
    assert w.shim().returncode == NEEDS_LOGIN
    assert "signin.cannot_match" in w.log("broker")


def configure(w, line):
    """One more line of the identity, and a broker that knows it."""
    after = "[identity sandbox]\n"
    conf = f"{w.dir}/etc/valetkey.conf"
    with open(conf, encoding="utf-8") as f:
        text = f.read()
    with open(conf, "w", encoding="utf-8") as f:
        f.write(text.replace(after, f"{after}{line}\n", 1))
    before = w.log("broker").count("broker.ready")
    os.kill(w.pid("valetkey-broker"), signal.SIGHUP)
    until("the broker to be there again", lambda: w.log("broker").count("broker.ready") > before)


def test_who_is_refused_is_signed_out_at_the_provider(signed_out):
    w = signed_out
    configure(w, "revocation = per-grant")
    before = w.stats("revoke")
    assert device(w, "bob")[0] == WRONG_SUBJECT
    assert w.stats("revoke") == before + 1


def test_it_can_be_left_out(signed_out):
    w = signed_out
    configure(w, "require_matching_user = no")
    assert device(w, "bob")[0] == 0
    assert "bob" in w.cli("status", "--json").stdout
