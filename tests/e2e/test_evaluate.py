# SPDX-License-Identifier: Apache-2.0
"""valetkey evaluate as a person uses it: files, options, an answer with file and line, one line for whatever is wrong.
The engine's rules have unit tests; here it is what is said, and that hostile files get no further than a sentence."""
import base64
import json
import os
import subprocess

import pytest

CLI = os.path.join(os.environ["VALETKEY_BUILD"], "valetkey")
ROLE, SESSION = "arn:aws:iam::123456789012:role/dev", "arn:aws:sts::123456789012:assumed-role/dev/alice"


def statement(effect="Allow", action="s3:*", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


@pytest.fixture
def put(tmp_path):
    def write(name, *statements, text=None):
        path = tmp_path / name
        path.write_bytes(text if text is not None else
                         json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=1).encode())
        return str(path)
    return write


def evaluate(*argv, action="s3:GetObject", resource="arn:aws:s3:::data/x"):
    return subprocess.run([CLI, "evaluate", "--action", action, "--resource", resource, *argv], capture_output=True, text=True,
                          timeout=30, check=False, env={"PATH": "/nonexistent"}, stdin=subprocess.DEVNULL)


def answer(*argv, **kw):
    r = evaluate("--json", *argv, **kw)
    assert r.returncode in (0, 4) and not r.stderr, r.stderr
    j = json.loads(r.stdout)
    assert (j["decision"] == "allowed") == (r.returncode == 0)
    return j


def layer(j, name):
    return next(p for p in j["policies"] if p["policy"] == name)


def test_allowed_names_file_and_line(put):
    p = put("dev.json", statement("Deny", "ec2:*"), statement())
    r = evaluate("--identity-policy", p)
    assert r.returncode == 0 and r.stdout.startswith("allowed: ")
    line = next(n for n, text in enumerate(open(p, encoding="utf-8"), 1) if '"Allow"' in text) - 1
    assert f"{p}:{line}" in r.stdout


def test_the_one_deny_in_the_way(put):
    dev, bucket = put("dev.json", statement()), put("bucket.json", statement("Deny", Principal="*"))
    r = evaluate("--principal", ROLE, "--identity-policy", dev, "--resource-policy", bucket)
    assert r.returncode == 4 and "denied explicitly" in r.stdout
    assert f"Only the Deny at {bucket}:4 is in the way." in r.stdout
    j = answer("--principal", ROLE, "--identity-policy", dev, "--resource-policy", bucket)
    assert j["decision"] == "explicitDeny" and "proposal" not in j
    assert layer(j, "resource-based policy")["file"] == bucket


def test_the_one_missing_allow_is_proposed_and_would_do(put):
    dev, boundary = put("dev.json", statement()), put("boundary.json", statement(action="ec2:*"))
    j = answer("--principal", ROLE, "--identity-policy", dev, "--boundary", boundary)
    assert j["decision"] == "implicitDeny"
    better = put("better.json", statement(action="ec2:*"), j["proposal"])
    assert answer("--principal", ROLE, "--identity-policy", dev, "--boundary", better)["decision"] == "allowed"
    # Two missing: no single change helps, so none is proposed.
    assert "proposal" not in answer("--principal", ROLE, "--boundary", boundary)


def test_what_is_proposed_is_no_order_to_a_terminal(put):
    """U+009B is CSI to a terminal that knows eight-bit controls."""
    r = evaluate("--identity-policy", put("i.json", statement(action="s3:PutObject")), resource="arn:aws:s3:::b\u009b31mx")
    assert "This statement would be one" in r.stdout and "\u009b" not in r.stdout and "b\\u009B31mx" in r.stdout


def test_everything_in_the_way_is_listed(put):
    dev = put("dev.json", statement(), statement("Deny"), statement("Deny", "*"))
    bucket, one, two = put("bucket.json", statement("Deny", Principal="*")), put("one.json", statement(action="ec2:*")), put("two.json", statement("Deny"))
    argv = ["--principal", ROLE, "--identity-policy", dev, "--resource-policy", bucket, "--scp", one, "--scp", two]
    j = answer(*argv)
    assert [(o["what"], o["file"], o.get("level")) for o in j["in_the_way"]] == [
        ("missing", one, 0), ("deny", two, 1), ("missing", two, 1), ("deny", bucket, None), ("deny", dev, None), ("deny", dev, None)]
    assert "proposal" not in j
    r = evaluate(*argv)
    assert r.returncode == 4 and "Only" not in r.stdout and r.stdout.count("a Deny in the") == 4 and r.stdout.count("no Allow in the") == 2
    assert f"no Allow in the service control policy: {two} (level 2)" in r.stdout
    # A Deny that hides a missing Allow is not the only thing in the way.
    r = evaluate("--identity-policy", put("deny.json", statement("Deny")))
    assert "Only" not in r.stdout and "a Deny" in r.stdout and "no Allow" in r.stdout
    # Nor are two Denies one.
    r = evaluate("--identity-policy", dev)
    assert "Only" not in r.stdout and r.stdout.count("a Deny in the") == 2


def test_what_opens_by_itself_alone(put):
    dev = put("dev.json", statement(action="*"))
    role = "arn:aws:iam::123456789012:role/audit"
    j = answer("--principal", SESSION, "--identity-policy", dev, action="sts:AssumeRole", resource=role)
    assert j["decision"] == "implicitDeny" and [o["policy"] for o in j["in_the_way"]] == ["resource-based policy"]
    assert answer("--principal", SESSION, "--identity-policy", dev, action="kms:ListKeys", resource="*")["decision"] == "allowed"
    assert answer("--principal", SESSION, "--identity-policy", dev, action="kms:Decrypt",
                  resource="arn:aws:kms:eu-west-1:123456789012:key/1")["decision"] == "implicitDeny"
    assert answer("--principal", "arn:aws:iam::123456789012:root", resource="arn:aws:sqs:eu-west-1:123456789012:q")["decision"] == "allowed"


def test_across_accounts(put):
    dev = put("dev.json", statement(action="sqs:*"))
    queue = "arn:aws:sqs:eu-central-1:999988887777:q"
    j = answer("--principal", SESSION, "--identity-policy", dev, action="sqs:SendMessage", resource=queue)
    assert j["decision"] == "implicitDeny" and j["across_accounts"] and "both sides" in j["why"]
    assert j["proposal"]["Principal"] == {"AWS": ROLE}
    policy = put("queue.json", j["proposal"])
    assert answer("--principal", SESSION, "--identity-policy", dev, "--resource-policy", policy, action="sqs:SendMessage",
                  resource=queue)["decision"] == "allowed"
    # S3's ARNs have no account.
    assert answer("--principal", SESSION, "--identity-policy", put("s3.json", statement()), "--resource-account",
                  "999988887777")["across_accounts"]


def test_a_trust_policy(put):
    trust = put("trust.json", {"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": "sts:AssumeRole",
                               "Condition": {"StringEquals": {"sts:ExternalId": "x-1"}}})
    ask = ["--principal", SESSION, "--trust-policy", trust]
    kw = {"action": "sts:AssumeRole", "resource": "arn:aws:iam::123456789012:role/audit"}
    assert "sts:ExternalId" in answer(*ask, **kw)["why"]
    assert answer(*ask, "--context", "sts:ExternalId=x-1", **kw)["decision"] == "allowed"


def test_levels_of_an_organisation(put):
    dev, all_, ec2 = put("dev.json", statement()), put("all.json", statement(action="*")), put("ec2.json", statement(action="ec2:*"))
    base = ["--identity-policy", dev]
    assert answer(*base, "--scp", all_, "--scp", f"{ec2},{all_}")["decision"] == "allowed"
    j = answer(*base, "--scp", all_, "--scp", ec2)
    assert j["decision"] == "implicitDeny" and layer(j, "service control policy")["level"] == 1


def test_context_keys(put):
    dev = put("dev.json", statement(Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": "team"},
                                               "StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/d*"},
                                               "Bool": {"aws:SecureTransport": "true"},
                                               "DateGreaterThan": {"aws:CurrentTime": "2024-01-01T00:00:00Z"}}))
    argv = ["--principal", SESSION, "--identity-policy", dev, "--context", "aws:TagKeys=cost"]
    assert answer(*argv, "--context", "aws:TagKeys=team")["decision"] == "allowed"
    assert "aws:TagKeys" in answer(*argv)["why"]
    assert answer(*argv, "--context", "aws:TagKeys=team", "--context", "aws:SecureTransport=false")["decision"] == "implicitDeny"


def token(**claims):
    def part(o):
        return base64.urlsafe_b64encode(json.dumps(o).encode()).rstrip(b"=")
    return b".".join([part({"alg": "RS256"}), part({"iss": "https://idp.example.com/x", "sub": "alice-1", "aud": "valetkey", **claims}), b"c2ln"])


def web_identity(put, claims, *actions, **condition):
    role = "arn:aws:iam::123456789012:role/dev"
    trust = put("trust.json", {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/idp.example.com/x"},
                               "Action": ["sts:AssumeRoleWithWebIdentity", *actions], "Condition": {"StringEquals": condition}})
    argv = ["evaluate", "--json", "--resource", role, "--trust-policy", trust, "--web-identity-token", put("t.jwt", text=token(**claims) + b"\n")]
    r = subprocess.run([CLI, *argv], capture_output=True, text=True, timeout=30, check=False, env={"PATH": "/nonexistent"})
    assert r.returncode in (0, 4) and not r.stderr, r.stderr
    return json.loads(r.stdout)


def test_a_token_against_a_trust_policy(put):
    aud, sub = "idp.example.com/x:aud", "idp.example.com/x:sub"
    assert web_identity(put, {}, **{aud: "valetkey", sub: "alice-1"})["decision"] == "allowed"
    assert aud in web_identity(put, {}, **{aud: "other"})["why"]
    # azp takes the place of aud
    assert web_identity(put, {"azp": "app"}, **{aud: "app", "idp.example.com/x:oaud": "valetkey"})["decision"] == "allowed"
    tags = {"https://aws.amazon.com/tags": {"principal_tags": {"team": ["blue"]}}}
    j = web_identity(put, tags, **{aud: "valetkey"})
    assert j["decision"] == "implicitDeny" and "sts:TagSession" in j["why"]
    assert j["proposal"]["Action"] == "sts:TagSession"
    assert web_identity(put, tags, "sts:TagSession", **{"aws:RequestTag/team": "blue"})["decision"] == "allowed"
    # Two actions that are missing are one change.
    both = {**tags, "https://aws.amazon.com/source_identity": "alice"}
    j = web_identity(put, both, **{aud: "valetkey"})
    assert j["proposal"]["Action"] == ["sts:TagSession", "sts:SetSourceIdentity"]
    assert web_identity(put, both, *j["proposal"]["Action"], **{aud: "valetkey"})["decision"] == "allowed"
    assert web_identity(put, {"https://aws.amazon.com/source_identity": "alice"}, **{aud: "valetkey"})["decision"] == "implicitDeny"
    # What AWS does not know it does not compare, and a person is told.
    j = web_identity(put, {"groups": "ops"}, **{"idp.example.com/x:groups": "ops"})
    assert j["decision"] == "implicitDeny" and "no condition key" in j["notes"][0]
    assert "over" in web_identity(put, {"exp": 1}, **{aud: "valetkey"})["notes"][0]


@pytest.mark.parametrize("text", [b"", b"a.b.c", b"....", token()[:40], b"x" * 30000, token(aud=7), token(sub=""), token(iss="idp")],
                         ids=["empty", "letters", "dots", "cut", "long", "aud", "sub", "iss"])
def test_a_bad_token_is_one_line(put, text):
    trust = put("trust.json", {"Effect": "Allow", "Principal": "*", "Action": "sts:*"})
    r = subprocess.run([CLI, "evaluate", "--resource", "arn:aws:iam::123456789012:role/dev", "--trust-policy", trust, "--web-identity-token",
                        put("t.jwt", text=text)], capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and not r.stdout and r.stderr.count("\n") == 1 and "t.jwt" in r.stderr, r.stderr


@pytest.mark.parametrize("text, says", [
    (b"", ""), (b"{", ""), (b"[]", "object"), (b"\x00\xff\xfe", ""), (b'{"Version":"2012-10-17"}', "Statement"),
    (b'{"Version":"2025-01-01","Statement":[]}', "Version"),
    (b'{"Version":"2012-10-17","Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}', ""),
    (b'{"Version":"2012-10-17","Statement":{"Effect":"Permit","Action":"*","Resource":"*"}}', "line 1: Effect"),
    (b'{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":7,"Resource":"*"}}', "Action"),
    (b" " * (1 << 20), "131072 bytes"), (b"[" * 10000, ""),
], ids=["empty", "cut", "list", "binary", "no-statement", "version", "twice", "effect", "type", "megabyte", "deep"])
def test_a_bad_policy_is_one_line(put, text, says):
    r = evaluate("--identity-policy", put("bad.json", text=text))
    assert r.returncode == 2 and not r.stdout
    assert r.stderr.count("\n") == 1 and "bad.json" in r.stderr and says in r.stderr, r.stderr


@pytest.mark.parametrize("argv", [
    ["--identity-policy", "/nonexistent/p.json"], ["--identity-policy", "/"], ["--context", "novalue"],
    ["--context", "nocolon=1"], ["--principal", "alice"], ["--principal", "arn:aws:sts::123456789012:assumed-role/dev"],
    ["--resource-account", "12"], ["--action", "s3:*"], ["--action", "GetObject"], ["--no-such-option"],
    [x for _ in range(9) for x in ("--scp", "/dev/null")],
], ids=lambda a: " ".join(a)[:30])
def test_wrong_usage_is_said(argv):
    r = evaluate(*argv)
    assert r.returncode == 2 and not r.stdout and 1 <= r.stderr.count("\n") <= 2, r.stderr
