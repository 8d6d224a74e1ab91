# SPDX-License-Identifier: Apache-2.0
"""The verbs a person uses when signed in, all in one world: who am I, where do my credentials go, how do I get there."""
import json
import os
import re

import pytest
from worldlib import CLI, World, frame, parse, until  # noqa: F401


@pytest.fixture(scope="module")
def world():
    """Signed in, with its grant claimed and role dev fetched."""
    with World("--fault", "interval=1") as w:
        w.wait_claimed()
        w.credentials()
        yield w


def ok(world, *args, **kw):
    r = world.cli(*args, **kw)
    assert (r.returncode, r.stderr) == (0, ""), r
    return r.stdout


def one_line(r, code, *words):
    assert r.returncode == code and r.stderr.count("\n") == 1 and r.stderr.startswith("valetkey: "), r
    for w in words:
        assert w in r.stderr
    assert "Traceback" not in r.stderr


# ---- whoami

def test_whoami_is_what_sts_says(world):
    doc = json.loads(ok(world, "whoami", "--json", "dev"))
    assert doc["role"] == "dev" and doc["arn"].startswith("arn:aws:sts::123456789012:assumed-role/dev/") and doc["account"] == "123456789012"
    assert doc["user_id"].startswith("AROA") and len(doc["request_id"]) == 36
    before = world.stats("GetCallerIdentity")
    text = ok(world, "whoami", "dev")
    assert doc["arn"] in text and world.stats("GetCallerIdentity") == before + 1, "nobody was asked"


def test_whoami_says_what_sts_refuses(world):
    """A clock that is fifteen minutes off is put right by STS's own word; what STS refuses is told with its request id."""
    world.fault("sts.clock_skew=900")
    try:
        assert ":assumed-role/dev/" in ok(world, "whoami", "dev")
    finally:
        world.clear_all()
    world.fault("GetCallerIdentity.5xx")
    try:
        r = world.cli("whoami", "dev")
        assert r.returncode == 7, r
    finally:
        world.clear_all()


def test_whoami_identity_tells_claims_and_no_token(world):
    doc = json.loads(ok(world, "whoami", "--identity", "--json"))
    assert doc["iss"] == world.env["VALETKEY_SANDBOX_ISSUER"] and doc["sub"] == doc["claims"]["sub"] and doc["source_identity"] == "alice"
    assert {"key": "team", "value": "payments", "transitive": True} in doc["tags"] and doc["tags_refused"] is None
    assert 100 < doc["token_bytes"] < doc["token_bytes_max"] == 20000
    text = ok(world, "whoami", "--identity")
    assert "team = payments (transitive)" in text and f"{doc['token_bytes']} of 20000" in text
    assert "eyJ" not in text + json.dumps(doc), "that is the beginning of a token"
    one_line(world.cli("whoami", "--identity", "nobody"), 6, "nobody")


def test_whoami_when_signed_out(make_world):
    """Claims go with the grant."""
    w = make_world("--fault", "interval=1")
    w.wait_claimed()
    assert w.cli("logout").returncode == 0
    one_line(w.cli("whoami", "--identity"), 3, "valetkey login")
    one_line(w.cli("whoami", "dev"), 3)


# ---- which role

@pytest.mark.parametrize("word, code, said", [("de", 0, ""), ("a", 5, "admin, audit"), ("", 5, "no role"), ("zz", 5, "valetkey roles"),
                                              ("dev\x1b[2J", 5, "no role"), ("d" * 5000, 5, "no role")])
def test_roles_by_their_beginning(world, word, code, said):
    r = world.cli("whoami", word)
    if code:
        one_line(r, code, said)
        assert "\x1b" not in r.stderr
    else:
        assert "assumed-role/dev/" in r.stdout


def test_the_role_around_us(world):
    assert "assumed-role/dev/" in ok(world, "whoami", env={"VALETKEY_ROLE": "dev"})
    one_line(world.cli("whoami", env={"VALETKEY_ROLE": "gone"}), 5, "gone")
