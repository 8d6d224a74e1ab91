# SPDX-License-Identifier: Apache-2.0
"""A chained role: each layer is obtained when it is needed, rotates by itself, and says which layer is in the way."""
import json
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import until


def status(w, role):
    doc = json.loads(w.cli("status", "--json").stdout)
    return next(r for r in doc["roles"] if r["name"] == role)


def test_one_question_obtains_the_whole_chain(world):
    doc = world.credentials("audit")
    assert doc["AccountId"] == "123456789012"
    assert world.stats("AssumeRoleWithWebIdentity") == 1 and world.stats("AssumeRole") == 1
    audit, dev = status(world, "audit"), status(world, "dev")
    assert audit["assumed_role_arn"] == "arn:aws:sts::123456789012:assumed-role/audit/alice"
    assert audit["source"] == "role" and audit["source_role"] == "dev" and audit["state"] == "valid"
    assert dev["state"] == "valid"  # asked for, though nobody but the chain wanted it
    world.credentials("audit")
    assert world.stats("AssumeRole") == 1  # from memory


def test_layers_rotate_apart_and_survive_the_end_of_the_one_below(make_world):
    w = make_world("--fault", "interval=1", "--fault", "session_ttl=4")
    keys = set()

    def rotated():
        keys.add(w.credentials("audit")["AccessKeyId"])
        return len(keys) >= 4

    until("four generations of chained credentials", rotated, timeout_s=40)


def test_a_refused_layer_is_named(world):
    world.fault("sts.5xx")
    r = world.shim("audit")
    assert r.returncode != 0 and "role audit" in r.stderr and "role dev" in r.stderr
    world.clear()


def test_logout_ends_every_layer(world):
    world.credentials("audit")
    world.cli("logout")
    for role in ("audit", "dev"):
        r = world.shim(role)
        assert r.returncode == 3 and "valetkey login" in r.stderr, r.stderr
        assert status(world, role)["access_key_id"] is None


def test_a_chain_keeps_its_persons_name_when_the_sign_in_ends(make_world):
    """dev's session outlives the grant; audit, asked for only then, is still alice's in CloudTrail."""
    w = make_world("--fault", "interval=1", "--fault", "id_token_ttl=2")
    w.credentials("dev")
    w.fault("idle_limit=1")
    time.sleep(2.5)
    until("the grant to end", lambda: w.shim("admin").returncode == 3)
    w.credentials("audit")
    assert status(w, "audit")["assumed_role_arn"] == "arn:aws:sts::123456789012:assumed-role/audit/alice"
