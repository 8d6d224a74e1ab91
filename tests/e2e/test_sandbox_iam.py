# SPDX-License-Identifier: Apache-2.0
"""The sandbox's IAM, and what refuses as EC2 does, asked by boto3: roles and policies are read and simulated as AWS does it, each call
needs the permission it needs there, and a refusal's encoded message says what decided, to who may read it."""
import functools
import json
import re

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError
from sandbox_client import role

DEV = role("dev")


def clients(box, name="dev", user="alice", **kw):
    c = box.assume(box.sign_in(user)["id_token"], name, session=user, **kw)["Credentials"]
    return client_of(box, c)


def client_of(box, c):
    @functools.cache
    def make(service, region="eu-central-1"):
        return boto3.client(service, endpoint_url=box.url, region_name=region, aws_access_key_id=c["AccessKeyId"],
                            aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"],
                            config=botocore.config.Config(retries={"total_max_attempts": 1, "mode": "standard"}))
    return make


@pytest.fixture(scope="module")
def dev(box):
    return clients(box)


def refused(code, words, call, *args, **kw):
    with pytest.raises(ClientError) as e:
        call(*args, **kw)
    assert e.value.response["Error"]["Code"] == code and words in str(e.value), e.value
    return e.value.response["Error"]["Message"]


def simulate(make, action, resource="*", source=DEV, context=None, **kw):
    entries = [{"ContextKeyName": k, "ContextKeyValues": v if isinstance(v, list) else [v], "ContextKeyType": "string"}
               for k, v in (context or {}).items()]
    r = make("iam").simulate_principal_policy(PolicySourceArn=source, ActionNames=[action], ResourceArns=[resource], ContextEntries=entries, **kw)
    assert len(r["EvaluationResults"]) == 1 and not r["IsTruncated"]
    return r["EvaluationResults"][0]


def test_roles_and_their_policies_are_read(dev, box):
    iam = dev("iam")
    r = iam.get_role(RoleName="dev")["Role"]
    assert r["Arn"] == DEV and r["Path"] == "/" and r["MaxSessionDuration"] == 43200 and r["RoleId"].startswith("AROA")
    # boto3 decodes the documents: they are percent-encoded JSON, as AWS's are.
    assert f"{box.name}:aud" in json.dumps(r["AssumeRolePolicyDocument"])
    assert r["PermissionsBoundary"]["PermissionsBoundaryArn"] == "arn:aws:iam::123456789012:policy/DeveloperBoundary"
    assert "work" in iam.list_role_policies(RoleName="dev")["PolicyNames"]
    p = iam.get_role_policy(RoleName="dev", PolicyName="work")
    assert p["PolicyDocument"]["Statement"][0]["Sid"] == "Instances"
    arn = iam.list_attached_role_policies(RoleName="dev")["AttachedPolicies"][0]["PolicyArn"]
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    assert iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]["Statement"][0]["Sid"] == "List"


def test_each_call_needs_its_permission(dev, box):
    m = refused("AccessDenied", "iam:GetRole", dev("iam").get_role, RoleName="audit")
    assert m == ("User: arn:aws:sts::123456789012:assumed-role/dev/alice is not authorized to perform: iam:GetRole on resource: role audit "
                 "because no identity-based policy allows the iam:GetRole action")
    # Whether there is such a role is told to nobody who may not ask.
    refused("AccessDenied", "role nosuch", dev("iam").get_role, RoleName="nosuch")
    refused("AccessDenied", "iam:SimulatePrincipalPolicy", dev("iam").simulate_principal_policy, PolicySourceArn=role("audit"),
            ActionNames=["s3:GetObject"])
    audit = client_of(box, dev("sts").assume_role(RoleArn=role("audit"), RoleSessionName="alice")["Credentials"])
    refused("AccessDenied", "sts:DecodeAuthorizationMessage", audit("sts").decode_authorization_message, EncodedMessage="x")


def test_what_is_not_there_and_what_is_no_request(dev):
    iam = dev("iam")
    refused("NoSuchEntity", "role policy", iam.get_role_policy, RoleName="dev", PolicyName="nosuch")
    refused("NoSuchEntity", "Policy", iam.get_policy, PolicyArn="arn:aws:iam::123456789012:policy/NoSuch")
    refused("NoSuchEntity", "version", iam.get_policy_version, PolicyArn="arn:aws:iam::123456789012:policy/ReadReports", VersionId="v2")
    refused("InvalidAction", "ListUsers", iam.list_users)
    refused("InvalidInput", "action", simulate, dev, "s3:Get*")
    refused("InvalidInput", "isn't supported for IAM roles", simulate, dev, "s3:GetObject", ResourcePolicy="{}")
    refused("InvalidInput", "line 1", simulate, dev, "s3:GetObject",
            PolicyInputList=['{"Statement":{"Effect":"Permit"}}'])
    # Signed for another service.
    c = boto3.client("iam", endpoint_url=dev("iam").meta.endpoint_url, region_name="eu-central-1", aws_access_key_id="ASIAAAAAAAAAAAAAAAAA",
                     aws_secret_access_key="x", aws_session_token="x")
    refused("InvalidClientTokenId", "", c.get_role, RoleName="dev")


def test_simulation_names_the_statement_and_what_it_lacks(dev):
    r = simulate(dev, "s3:ListBucket", "arn:aws:s3:::reports")
    assert r["EvalDecision"] == "allowed" and r["MatchedStatements"][0]["SourcePolicyId"] == "ReadReports"
    assert r["MatchedStatements"][0]["StartPosition"] == {"Line": 4, "Column": 5}
    # A key that no one gave, one of a variable too.
    mine = "arn:aws:s3:::reports/payments/q3"
    r = simulate(dev, "s3:GetObject", mine)
    assert r["EvalDecision"] == "implicitDeny" and "aws:PrincipalTag/team" in r["MissingContextValues"]
    r = simulate(dev, "s3:GetObject", mine, context={"aws:PrincipalTag/team": "payments"})
    assert r["EvalDecision"] == "allowed" and "aws:PrincipalTag/team" not in r["MissingContextValues"]
    keys = dev("iam").get_context_keys_for_principal_policy(PolicySourceArn=DEV)["ContextKeyNames"]
    assert {"aws:RequestedRegion", "aws:PrincipalTag/team"} <= set(keys)


def test_simulation_of_boundary_and_organisation(dev):
    r = simulate(dev, "sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:q")
    assert r["EvalDecision"] == "implicitDeny" and r["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    wide = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}'
    assert simulate(dev, "sqs:SendMessage", "arn:aws:sqs:eu-central-1:123456789012:q", PermissionsBoundaryPolicyInputList=[wide])["EvalDecision"] == "allowed"
    r = simulate(dev, "kms:DisableKey", "arn:aws:kms:eu-central-1:123456789012:key/1")
    assert r["EvalDecision"] == "explicitDeny" and r["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    # A control policy with a condition is one that AWS's simulator does not look at.
    i = "arn:aws:ec2:us-east-1:123456789012:instance/i-1"
    assert simulate(dev, "kms:ListKeys", context={"aws:RequestedRegion": "us-east-1"})["EvalDecision"] == "allowed"
    r = simulate(dev, "ec2:StopInstances", i, context={"aws:RequestedRegion": "us-east-1"})
    assert r["EvalDecision"] == "implicitDeny" and r["OrganizationsDecisionDetail"]["AllowedByOrganizations"]
    extra = simulate(dev, "ec2:StopInstances", i, PolicyInputList=[wide])
    assert extra["EvalDecision"] == "allowed" and extra["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"


def message_of(error):
    return re.search(r"Encoded authorization failure message: (\S+)$", error).group(1)


def test_a_refusal_says_why_to_who_may_read_it(dev, box):
    stop = {"InstanceIds": ["i-1"], "DryRun": True}
    refused("DryRunOperation", "would have succeeded", dev("ec2").stop_instances, **stop)
    error = refused("UnauthorizedOperation", "explicit deny in a service control policy", dev("ec2", "us-east-1").stop_instances, **stop)
    decoded = json.loads(dev("sts").decode_authorization_message(EncodedMessage=message_of(error))["DecodedMessage"])
    assert decoded["allowed"] is False and decoded["explicitDeny"] is True
    assert decoded["matchedStatements"]["items"][0]["statementId"] == "StayInEurope"
    context = decoded["context"]
    assert context["action"] == "ec2:StopInstances" and context["resource"].endswith(":instance/i-1")
    assert context["principal"]["arn"].endswith(":assumed-role/dev/alice")
    assert {"key": "aws:RequestedRegion", "values": {"items": [{"value": "us-east-1"}]}} in context["conditions"]["items"]
    error = refused("UnauthorizedOperation", "no identity-based policy allows", dev("ec2").terminate_instances, **stop)
    assert json.loads(dev("sts").decode_authorization_message(EncodedMessage=message_of(error))["DecodedMessage"])["explicitDeny"] is False
    good = message_of(error)
    for bad in ("x", "AAAA", good[:-1], good[:40] + ("B" if good[40] == "A" else "A") + good[41:], "!" * 40):
        refused("InvalidAuthorizationMessageException", "not valid", dev("sts").decode_authorization_message, EncodedMessage=bad)
    assert box.stats()["DecodeAuthorizationMessage"] >= 2 and box.stats()["ec2"] >= 3


def test_managed_policies_narrow_a_session(box):
    narrow = clients(box, PolicyArns=[{"arn": "arn:aws:iam::123456789012:policy/ReadReports"}])
    m = refused("AccessDenied", "iam:GetRole", narrow("iam").get_role, RoleName="dev")
    assert m.endswith("because no session policy allows the iam:GetRole action")


def test_a_directory_with_a_policy_that_is_not_there(own):
    own.write("roles/dev/role.json", {"AttachedPolicies": ["NoSuch"]})
    with pytest.raises(RuntimeError, match="role.json: the policy NoSuch is not in the folder policies"):
        own.serve()
    own.write("roles/dev/role.json", {"AttachedPolicies": ["arn:aws:iam::aws:policy/ReadReports"]})
    own.write("service-control-policies/1-root/bad.json", "{")
    with pytest.raises(RuntimeError, match="1-root/bad.json"):
        own.serve()
