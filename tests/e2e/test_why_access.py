# SPDX-License-Identifier: Apache-2.0
"""valetkey why ROLE ACTION RESOURCE: why AWS refuses an action, worked through by its causes, in a world whose IAM answers as AWS's does; and
what is said where the role may not ask, where AWS is not there, and where a chained role's trust policy refuses."""
import json
import os
import re
import subprocess

import pytest
from worldlib import CLI

CAUSES = ["role", "permission", "deny", "resource-policy", "region", "vpc-endpoint"]
AWS = "/usr/bin/aws"
INSTANCE = "arn:aws:ec2:us-east-1:123456789012:instance/i-1"


@pytest.fixture
def put(tmp_path):
    for p in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(p, 0o755)

    def write(name, doc):
        path = tmp_path / name
        path.write_text(doc if isinstance(doc, str) else json.dumps(doc, indent=1))
        return str(path)
    return write


def why(world, *words, code=None, **kw):
    r = world.cli("why", "--json", *words, **kw)
    assert r.stderr == "" and (code is None or r.returncode == code), (r.returncode, r.stdout, r.stderr)
    assert "eyJ" not in r.stdout and "SecretAccessKey" not in r.stdout
    doc = json.loads(r.stdout)
    assert [c["cause"] for c in doc["causes"]] == CAUSES and all(c["text"] for c in doc["causes"])
    found = [c["cause"] for c in doc["causes"] if c["state"] == "found"]
    assert r.returncode == (4 if found else 0 if doc["decision"] else 11), doc
    return doc, {c["cause"]: (c["state"], c["text"]) for c in doc["causes"]}


def statement(effect="Allow", **more):
    return {"Version": "2012-10-17", "Statement": {"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*", **more}}


def test_allowed_by_a_tag_of_who_signed_in(shared_world):
    doc, causes = why(shared_world, "dev", "s3:GetObject", "arn:aws:s3:::reports/payments/q3", code=0)
    assert doc["decision"] == "allowed" and doc["caller"].endswith(":assumed-role/dev/alice") and abs(doc["clock_skew"]) < 300
    assert doc["simulation"]["statements"] == [{"policy": "ReadReports", "line": 10}]
    assert causes["role"][0] == causes["permission"][0] == causes["deny"][0] == causes["region"][0] == "ruled-out"
    # What AWS's simulator does not look at is said, and not taken for ruled out.
    assert "no role trust policy, no VPC endpoint policy" in doc["notes"][0] and causes["vpc-endpoint"][0] == "not-checkable"
    assert causes["resource-policy"][0] == "not-checkable" and "--resource-account" in causes["resource-policy"][1]


def test_each_cause_is_found(shared_world):
    _, causes = why(shared_world, "dev", "s3:PutObject", "arn:aws:s3:::reports/x", code=4)
    assert causes["permission"][0] == "found" and "no policy of the role allows s3:PutObject" in causes["permission"][1]
    _, causes = why(shared_world, "dev", "sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:jobs", code=4)
    assert "permissions boundary" in causes["permission"][1]
    doc, causes = why(shared_world, "dev", "kms:DisableKey", "arn:aws:kms:eu-central-1:123456789012:key/1", code=4)
    assert doc["decision"] == "explicitDeny" and "organisation" in causes["deny"][1] and causes["deny"][0] == "found"
    doc, causes = why(shared_world, "dev", "ec2:StopInstances", INSTANCE, code=4)
    assert causes["region"] == ("found", "the policies allow it in eu-central-1 and not in us-east-1 (aws:RequestedRegion)")
    assert why(shared_world, "dev", "ec2:StopInstances", INSTANCE.replace("us-east-1", "eu-central-1"), code=0)[0]["decision"] == "allowed"
    _, causes = why(shared_world, "dev", "s3:ListBucket", "arn:aws-cn:s3:::reports", code=4)
    assert causes["region"][0] == "found" and "aws-cn" in causes["region"][1]


def test_policies_in_files_are_judged_too(shared_world, put):
    ask = ["dev", "s3:ListBucket", "arn:aws:s3:::reports", "--resource-account", "999988887777"]
    _, causes = why(shared_world, *ask, code=0)
    assert causes["resource-policy"][0] == "not-checkable" and "999988887777" in causes["resource-policy"][1]
    other = put("bucket.json", statement(Action="s3:GetObject"))
    _, causes = why(shared_world, *ask, "--resource-policy", other, code=4)
    assert causes["resource-policy"][0] == "found" and other in causes["resource-policy"][1]
    good = put("good.json", statement())
    _, causes = why(shared_world, *ask, "--resource-policy", good, "--vpc-endpoint-policy", good, "--scp", put("scp.json", {
        "Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}), code=0)
    assert causes["resource-policy"][0] == causes["vpc-endpoint"][0] == "ruled-out"
    deny = put("deny.json", statement("Deny", Condition={"StringEquals": {"aws:SourceVpc": "vpc-1"}}))
    _, causes = why(shared_world, *ask, "--resource-policy", good, "--rcp", deny, "--context", "aws:SourceVpc=vpc-1", code=4)
    assert causes["deny"][0] == "found" and f"{deny}:3" in causes["deny"][1]


def stop(world, role, region="us-east-1"):
    """What AWS's own CLI says as that role."""
    r = world.run(AWS, "--endpoint-url", world.base, "--region", region, "--profile", role, "ec2", "stop-instances", "--dry-run", "--instance-ids", "i-1",
                  env={"AWS_PAGER": ""})
    assert r.returncode != 0
    return r.stderr


def test_a_refusal_is_read_and_decoded(shared_world):
    error = stop(shared_world, "dev")
    doc, causes = why(shared_world, "dev", "ec2:StopInstances", INSTANCE, "--message", error, code=4)
    assert doc["refusal"]["statement"] == "StayInEurope" and doc["refusal"]["policy"] == "service control policy" and doc["decision"] == "explicitDeny"
    assert causes["deny"] == ("found", "the refusal is an explicit deny in a service control policy (statement StayInEurope)")
    # the message alone, from a pipe, as one copies it
    encoded = re.search(r"failure message: (\S+)", error).group(1)
    p = shared_world.start(CLI, "why", "--json", "dev", "ec2:StopInstances", INSTANCE, "--message", "-", stdin=subprocess.PIPE)
    out, err = p.communicate(encoded + "\n", timeout=30)
    assert p.returncode == 4 and not err and json.loads(out)["refusal"]["statement"] == "StayInEurope"
    # who may not decode it still has the sentence; and it was not his
    doc, causes = why(shared_world, "audit", "ec2:StopInstances", INSTANCE, "--message", error, code=4)
    assert doc["not_decoded"] == "permission sts:DecodeAuthorizationMessage missing" and doc["refusal"]["statement"] is None
    assert causes["role"][0] == "found" and "assumed-role/dev/alice was refused, which is not role audit" in causes["role"][1]


def test_what_may_not_be_asked_is_not_ruled_out(shared_world):
    doc, causes = why(shared_world, "audit", "s3:GetObject", "arn:aws:s3:::reports/x", code=11)
    assert doc["decision"] is None and doc["simulation"] is None
    assert causes["permission"] == ("not-checkable", "permission iam:SimulatePrincipalPolicy missing; nor can the policies be read: permission iam:GetRole missing")
    assert causes["deny"] == ("not-checkable", "permission iam:SimulatePrincipalPolicy missing")
    assert causes["role"][0] == "ruled-out" and "credential_process" in causes["role"][1], "that the default profile is another role is told"


def test_without_the_simulator_the_policies_are_read(make_world, tmp_path):
    from sandbox_client import copy_example
    cloud = copy_example(tmp_path / "cloud")
    for p in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(p, 0o755)
    policy = cloud / "roles/dev/policies/ask-why.json"
    policy.write_text(policy.read_text().replace('        "iam:SimulatePrincipalPolicy",\n', ""))
    w = make_world("--dir", str(cloud))
    doc, causes = why(w, "dev", "s3:GetObject", "arn:aws:s3:::reports/payments/q3", code=0)
    assert doc["decision"] == "allowed" and doc["simulation"] is None and "ReadReports:10" in causes["permission"][1]
    assert causes["deny"][0] == "not-checkable" and "iam:SimulatePrincipalPolicy" in causes["deny"][1]
    _, causes = why(w, "dev", "s3:PutObject", "arn:aws:s3:::reports/x", code=4)
    assert causes["permission"][0] == "found" and "no identity-based policy of the role allows" in causes["permission"][1]
    _, causes = why(w, "dev", "sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:jobs", code=4)
    assert "permissions boundary" in causes["permission"][1] and "DeveloperBoundary" in causes["permission"][1]
    # AWS that throttles, fails or is gone is no permission that lacks
    w.fault("GetRole.5xx=1")
    _, causes = why(w, "dev", "s3:GetObject", "arn:aws:s3:::reports/payments/q3", code=11)
    assert causes["permission"][0] == "not-checkable" and "ServiceUnavailable" in causes["permission"][1]
    _, causes = why(w, "dev", "s3:GetObject", "arn:aws:s3:::x", code=11, env={"AWS_ENDPOINT_URL_IAM": "http://127.0.0.1:1"})
    assert "127.0.0.1:1" in causes["permission"][1] and causes["role"][0] == "ruled-out"
    w.fault("GetCallerIdentity.5xx=1")
    doc, causes = why(w, "dev", "s3:GetObject", "arn:aws:s3:::x", code=11)
    assert causes["role"][0] == "not-checkable" and doc["caller"] is None
    # a clock that is wrong is told, and everything else still asked
    w.fault("sts.clock_skew=1000")
    doc, causes = why(w, "dev", "s3:GetObject", "arn:aws:s3:::reports/payments/q3", code=4)
    assert causes["role"][0] == "found" and "behind" in causes["role"][1] and doc["clock_skew"] > 900 and causes["permission"][0] == "ruled-out"
    w.clear_all()
    # keys in the environment win over every profile
    _, causes = why(w, "dev", "s3:ListBucket", "arn:aws:s3:::reports", code=4, env={"AWS_ACCESS_KEY_ID": "AKIAX", "AWS_SECRET_ACCESS_KEY": "x"})
    assert causes["role"][0] == "found" and "AWS_ACCESS_KEY_ID" in causes["role"][1]
    assert w.cli("logout").returncode == 0
    r = w.cli("why", "dev", "s3:ListBucket", "*")
    assert r.returncode == 3 and r.stderr.count("\n") == 1 and "valetkey why dev" in r.stderr and not r.stdout


def test_a_chained_roles_trust_policy(shared_world, put):
    def trust(*actions, **condition):
        return put("trust.json", {"Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:role/dev"}, "Action": list(actions), "Condition": {"StringEquals": condition}}})

    def ask(path, code):
        r = shared_world.cli("why", "--json", "--trust-policy", path, "audit")
        assert r.returncode == code and r.stderr == "", (r.stdout, r.stderr)
        return json.loads(r.stdout)
    every = ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity")
    keys = {"aws:PrincipalTag/team": "payments", "sts:SourceIdentity": "alice", "sts:RoleSessionName": "alice"}
    assert ask(trust(*every, **keys), 0)["decision"] == "allowed"
    assert "sts:ExternalId" in ask(trust(*every, **{"sts:ExternalId": "x-1"}), 4)["why"]
    assert "aws:PrincipalTag/team" in ask(trust(*every, **keys | {"aws:PrincipalTag/team": "web"}), 4)["why"]
    doc = ask(trust("sts:AssumeRole"), 4)
    assert "sts:TagSession" in doc["why"] and doc["proposal"]["Action"] == ["sts:TagSession", "sts:SetSourceIdentity"]
    # What is proposed without a file is let in, too.
    good = json.loads(shared_world.cli("why", "--json", "audit").stdout)["trust_policy"]
    assert ask(put("good.json", good), 0)["decision"] == "allowed"
    account = put("account.json", {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": list(every)}})
    assert "role that asks" in ask(account, 0)["notes"][0]


def test_wrong_usage_and_hostile_input_are_one_line(shared_world, put):
    w = shared_world
    good = ["dev", "s3:GetObject", "arn:aws:s3:::b/k"]
    for words, code in [(["dev", "s3:GetObject"], 2), (["dev", "s3:Get*", "*"], 2), (["dev", "GetObject", "*"], 2), (["dev", "s3:GetObject", "bucket"], 2),
                        (["nosuch", "s3:GetObject", "*"], 5), ([*good, "x"], 2), ([*good, "--resource-account", "12"], 2), ([*good, "--context", "x"], 2),
                        ([*good, "--message", "no refusal"], 2), ([*good, "--message", "x" * 70000], 2), ([*good, "--scp", "/nonexistent"], 2),
                        ([*good, "--resource-policy", put("deep", "[" * 10000)], 2), ([*good, "--rcp", put("large", " " * (1 << 20))], 2),
                        ([*good, "--iam-endpoint", "http://example.com"], 2), (["dev", "s3:GetObject", "arn:" + "a" * 3000], 2),
                        ([*good, "--trust-policy", "/dev/null"], 2), (["dev", "--region", "x"], 2)]:
        r = w.cli("why", *words)
        assert r.returncode == code and r.stdout == "" and 1 <= r.stderr.count("\n") <= 3, (words, r.returncode, r.stdout, r.stderr)
    # Nothing that comes from outside reaches the terminal as an order.
    r = w.cli("why", *good, "--message", "User: \x1b[2J\x07 is not authorized to perform: \x1b]0;x:y on resource: z with an explicit deny")
    assert r.returncode == 4 and "\x1b" not in r.stdout and "\x07" not in r.stdout
