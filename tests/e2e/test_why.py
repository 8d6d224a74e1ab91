# SPDX-License-Identifier: Apache-2.0
"""valetkey why: what STS said and what that means, what the account must have, and which condition of a trust policy refuses this very
identity. No token is shown."""
import json
import os

import pytest
from worldlib import until


@pytest.fixture
def folder(tmp_path):
    for p in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(p, 0o755)
    return tmp_path


def why(world, *words, code=0):
    r = world.cli("why", "--json", *words)
    assert r.returncode == code, (r.returncode, r.stdout, r.stderr)
    assert "eyJ" not in r.stdout + r.stderr, "a token"
    return json.loads(r.stdout)


def test_a_role_that_comes(shared_world, folder):
    shared_world.wait_claimed()
    shared_world.credentials()
    doc = why(shared_world, "dev")
    bare = shared_world.env["VALETKEY_SANDBOX_ISSUER"].split("://")[1]
    assert doc["reason"] == "works" and doc["outcome"] == "ok" and doc["message"] is None
    account = doc["sent"]["role_arn"].split(":")[4]
    assert doc["provider_arn"] == f"arn:aws:iam::{account}:oidc-provider/{bare}"
    assert doc["sent"]["endpoint"] == shared_world.base and doc["sent"]["duration"] > 0 and doc["sent"]["session_name"]
    statement = doc["trust_policy"]["Statement"][0]
    assert statement["Principal"] == {"Federated": doc["provider_arn"]} and doc["client_id"] == statement["Condition"]["StringEquals"][f"{bare}:aud"]
    good = folder / "trust.json"
    good.write_text(json.dumps(doc["trust_policy"]))
    r = shared_world.cli("why", "--trust-policy", str(good), "dev")
    assert r.returncode == 0 and "allow" in r.stdout.lower(), r.stderr
    # the proposal is narrow: another subject, another audience, another provider are not let in by it
    for old, new in ((f'"{bare}:sub": "', f'"{bare}:sub": "not-'), (f'"{bare}:aud": "', f'"{bare}:aud": "not-'), (bare, "idp.example.com")):
        bad = folder / "bad.json"
        bad.write_text(good.read_text().replace(old, new))
        assert bad.read_text() != good.read_text()
        r = shared_world.cli("why", "--trust-policy", str(bad), "dev")
        assert r.returncode == 4 and r.stderr == "", (r.stdout, r.stderr)
        if "not-" in new:
            assert old.split('"')[1] in r.stdout, "the condition that refuses is named"
    text = shared_world.cli("why", "dev").stdout
    assert doc["provider_arn"] in text and "STS is sent:" in text and "eyJ" not in text


@pytest.mark.parametrize("data, word", [("{", ":"), ("", ":"), ("[]", ":"), (None, "folder")], ids=["cut", "empty", "list", "folder"])
def test_a_trust_policy_that_is_none(shared_world, folder, data, word):
    path = folder / "p"
    if data is None:
        path.mkdir()
    else:
        path.write_text(data)
    r = shared_world.cli("why", "--trust-policy", str(path), "dev")
    assert r.returncode == 2 and r.stderr.count("\n") == 1 and str(path) in r.stderr and word in r.stderr and r.stdout == ""


def test_a_role_that_does_not_come(make_world):
    w = make_world("--fault", "interval=1")
    w.wait_claimed()
    w.fault("idp_communication=99")
    r = w.cli("why", "--json", "dev")
    assert r.returncode != 0, r.stdout
    doc = until("the broker to know why", lambda: (d := json.loads(w.cli("why", "--json", "dev").stdout))["reason"] == "issuer-unreachable" and d)
    assert doc["mend"] and doc["request_id"] and "IDPCommunicationError" in doc["message"]
    assert w.cli("logout").returncode == 0
    doc = why(w, "dev", code=3)
    assert doc["reason"] == "needs-login" and doc["mend"] == "valetkey login" and doc["trust_policy"] is None and doc["provider_arn"]
    r = w.cli("why", "--trust-policy", "/dev/null", "dev")
    assert r.returncode == 3 and r.stderr.count("\n") == 1


def test_usage(shared_world):
    assert shared_world.cli("why", "dev", "x").returncode == 2
    r = shared_world.cli("why", "nobody")
    assert r.returncode == 5 and r.stderr.count("\n") == 1
