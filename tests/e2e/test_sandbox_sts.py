# SPDX-License-Identifier: Apache-2.0
"""The sandbox's STS as boto3 sees it: what AWS answers, what trust policies see and decide, chains, signatures."""
import calendar
import json
import os
import re
import socket
import sys
import time
import urllib.parse

import pytest
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sandbox_client import Sandbox, dev_session, federated, refused, role  # noqa: E402


# ---- web identity ----------------------------------------------------------------------------------------------------

def test_web_identity_answer_is_aws_answer(box):
    r = box.assume(box.sign_in()["id_token"])
    assert r["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/dev/alice"
    assert re.fullmatch(r"AROA[A-Z2-7]{17}:alice", r["AssumedRoleUser"]["AssumedRoleId"])
    assert r["Provider"] == f"arn:aws:iam::123456789012:oidc-provider/{box.name}"
    assert (r["Audience"], r["SubjectFromWebIdentityToken"], r["SourceIdentity"]) == ("valetkey", "alice-7f3a", "alice")
    c = r["Credentials"]
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", c["AccessKeyId"]) and len(c["SecretAccessKey"]) == 40
    assert abs(c["Expiration"].timestamp() - time.time() - 3600) < 10
    me = box.sts(c).get_caller_identity()
    assert (me["Arn"], me["Account"], me["UserId"]) == (r["AssumedRoleUser"]["Arn"], "123456789012", r["AssumedRoleUser"]["AssumedRoleId"])


def test_raw_shapes_of_success_and_error(box):
    form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role("dev"), "RoleSessionName": "a&b",
            "WebIdentityToken": "x.y.z"}
    r = box.send("POST", "/", form)
    assert r.status == 400 and r.headers["Content-Type"] == "text/xml"
    assert re.sub(r"\s+", "", r.body).startswith(
        '<ErrorResponsexmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>ValidationError</Code><Message>')
    assert "Value 'a&amp;b' at 'roleSessionName' failed" in r.body.replace("&lt;", "<")
    assert re.search(r"</Error>\s*<RequestId>[0-9a-f-]{36}</RequestId>\s*</ErrorResponse>", r.body)
    r = box.send("POST", "/", form | {"RoleSessionName": "ab", "WebIdentityToken": box.sign_in()["id_token"]})
    assert r.status == 200 and "<AssumeRoleWithWebIdentityResult>" in r.body
    assert re.search(r"<ResponseMetadata><RequestId>[0-9a-f-]{36}</RequestId></ResponseMetadata>", r.body)
    # The query form of the same API.
    r = box.send("GET", "/?" + urllib.parse.urlencode(form | {"RoleSessionName": "ab", "WebIdentityToken": box.sign_in()["id_token"]}))
    assert r.status == 200


def test_limits_are_named_as_aws_names_them(box):
    token = box.sign_in()["id_token"]
    raw = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role("dev"), "RoleSessionName": "alice",
           "WebIdentityToken": token}
    cases = [
        ({"DurationSeconds": "899"}, "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"),
        ({"DurationSeconds": "43201"}, "Member must have value less than or equal to 43200"),
        ({"DurationSeconds": "1h"}, "durationSeconds"),
        ({"RoleSessionName": "a"}, "Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"),
        ({"RoleSessionName": "x" * 65}, "Member must have length less than or equal to 64"),
        ({"RoleSessionName": "al ice"}, "Member must satisfy regular expression pattern: [\\w+=,.@-]*"),
        ({"WebIdentityToken": "abc"}, "Value at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4"),
        ({"WebIdentityToken": "x" * 20001}, "Member must have length less than or equal to 20000"),
        ({"Policy": "x" * 2049}, "Member must have length less than or equal to 2048"),
        ({"RoleArn": "arn"}, "Member must have length greater than or equal to 20"),
        ({"RoleArn": None}, "Value at 'roleArn' failed to satisfy constraint: Member must not be null"),
        ({"RoleArn": "arn:aws:s3:::a-bucket-and-no-role"}, "Request ARN is invalid"),
        ({"RoleSessionName": "a", "DurationSeconds": "1"}, "2 validation errors detected: "),
    ]
    for change, message in cases:
        r = box.send("POST", "/", {k: v for k, v in (raw | change).items() if v is not None})
        assert r.status == 400 and "<Code>ValidationError</Code>" in r.body and message in r.body, (change, r.body)
        assert token not in r.body
    refused("MalformedPolicyDocument", 400, "Missing required field Statement", box.assume, token, Policy="{}")
    r = box.assume(token, DurationSeconds=43200)
    assert abs(r["Credentials"]["Expiration"].timestamp() - time.time() - 43200) < 10
    with box.fault("duration_denied"):
        refused("AccessDenied", 403, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
                box.assume, box.sign_in("bob")["id_token"], "admin", DurationSeconds=3601)
    refused("ValidationError", 400, "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            box.assume, box.sign_in("bob")["id_token"], "admin", DurationSeconds=3601)


def test_unknown_actions(box):
    r = box.send("POST", "/", {"Version": "2011-06-15"})
    assert (r.status, "MissingAction" in r.body) == (400, True)
    r = box.send("POST", "/", {"Action": "DeleteEverything", "Version": "2011-06-15"})
    assert r.status == 400 and "<Code>InvalidAction</Code>" in r.body
    assert "Could not find operation DeleteEverything for version 2011-06-15" in r.body


def test_trust_policy_decides_and_the_log_says_which_condition(box):
    refused("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity", box.assume, box.sign_in()["id_token"], "admin")
    line = box.wait_log("aws:RequestTag/team does not hold")
    assert "payments" in line and "platform" in line and "role/admin" in line
    assert box.assume(box.sign_in("bob")["id_token"], "admin", "bob")
    refused("AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity", box.assume, box.sign_in()["id_token"], "nosuch")
    box.wait_log("there is no such role")
    # A role that trusts no provider.
    refused("AccessDenied", 403, "Not authorized", box.assume, box.sign_in()["id_token"], "audit")


def test_groups_is_no_condition_key(own):
    condition = {"ForAnyValue:StringEquals": {"${issuer}:groups": ["engineering"]}}
    own.trust("dev", federated(Condition=condition))
    box = own.serve()
    refused("AccessDenied", 403, "Not authorized", box.assume, box.sign_in()["id_token"])
    line = box.wait_log("sts.no_condition_key")
    assert f"{box.name}:groups" in line and "claim_in_token=yes" in line and "session tags" in line


def test_condition_keys_of_a_generic_provider(own):
    own.write("clients/valetkey.json", {"azp": "the-app"})
    own.write("providers/sandbox.json", {"Url": "http://${issuer}", "ClientIDList": ["the-app"]})
    own.trust("dev", federated(Condition={
        "StringEquals": {"${issuer}:aud": "the-app", "${issuer}:oaud": "valetkey", "${issuer}:sub": "alice-7f3a",
                         "sts:RoleSessionName": "alice", "sts:SourceIdentity": "alice", "aws:RequestTag/team": "payments",
                         "aws:RequestTag/cost-center": "4711"},
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost-center"], "sts:TransitiveTagKeys": ["team"]},
        "ForAnyValue:StringEquals": {"${issuer}:amr": "pwd"},
        "Null": {"sts:TransitiveTagKeys": "false", "sts:ExternalId": "true", "aws:PrincipalArn": "true"}}))
    box = own.serve()
    token = box.sign_in()["id_token"]
    r = box.assume(token)
    assert r["Audience"] == "the-app"
    refused("AccessDenied", 403, "Not authorized", box.assume, token, session="other")
    # Without azp there is no oaud.
    own.write("clients/valetkey.json", {})
    own.write("providers/sandbox.json", {"Url": "http://${issuer}", "ClientIDList": ["valetkey"]})
    own.trust("dev", federated(Condition={"StringEquals": {"${issuer}:aud": "valetkey"}, "Null": {"${issuer}:oaud": "true"}}))
    box.control("reload")
    assert box.assume(box.sign_in()["id_token"])["Audience"] == "valetkey"


def test_tags_and_source_identity_need_their_own_permissions(own):
    own.trust("dev", federated("sts:AssumeRoleWithWebIdentity"))
    box = own.serve()
    token = box.sign_in()["id_token"]
    refused("AccessDenied", 403, "Not authorized to perform sts:TagSession", box.assume, token)
    own.trust("dev", federated("sts:AssumeRoleWithWebIdentity", "sts:TagSession"))
    box.control("reload")
    refused("AccessDenied", 403, "Not authorized to perform sts:SetSourceIdentity", box.assume, token)
    own.trust("dev", federated())
    box.control("reload")
    box.assume(token)


def user(**claims):
    return {"sub": "carol-1", "preferred_username": "carol", **claims}


TAGS = "https://aws.amazon.com/tags"


@pytest.mark.parametrize("claims", [
    {TAGS: {"principal_tags": {"team": ["blue"]}, "transitive_tag_keys": ["team"]}},
    {TAGS + "/principal_tags/team": "blue", TAGS + "/transitive_tag_keys": ["team"]},
], ids=["nested", "flat"])
def test_tags_come_nested_or_flat(own, claims):
    own.write("users/carol.json", user(**claims))
    own.trust("dev", federated(Condition={"StringEquals": {"aws:RequestTag/Team": "blue", "sts:TransitiveTagKeys": "team"}}))
    box = own.serve()
    box.assume(box.sign_in("carol")["id_token"], session="carol")


@pytest.mark.parametrize("claims", [
    {TAGS: "team=blue"}, {TAGS: [{"principal_tags": {"team": ["blue"]}}]}, {TAGS: {"principal_tags": {"team": "blue"}}},
    {TAGS: {"principal_tags": {"team": ["a", "b"]}}}, {TAGS: {"principal_tags": {"team": [1]}}},
    {TAGS: {"principal_tags": {"team": ["a"], "Team": ["b"]}}}, {TAGS: {"principal_tags": {"k" * 129: ["v"]}}},
    {TAGS: {"principal_tags": {"k": ["v" * 257]}}}, {TAGS: {"principal_tags": {f"k{i}": ["v"] for i in range(51)}}},
    {TAGS: {"principal_tags": {}, "transitive_tag_keys": ["x"]}}, {TAGS + "/principal_tags/team": {"a": 1}},
    {"https://aws.amazon.com/source_identity": 7}, {"https://aws.amazon.com/source_identity": "a"},
    {"https://aws.amazon.com/source_identity": "al ice"},
])
def test_malformed_tags_are_refused(own, claims):
    own.write("users/carol.json", user(**claims))
    box = own.serve()
    refused("InvalidIdentityToken", 400, "", box.assume, box.sign_in("carol")["id_token"], session="carol")


def test_too_many_tags_are_too_large(own):
    own.write("users/carol.json", user(**{TAGS: {"principal_tags": {f"key{i:02}": ["v" * 200] for i in range(50)}}}))
    own.trust("dev", federated())
    box = own.serve()
    message = refused("PackedPolicyTooLarge", 400, "Packed size of session tags consumes", box.assume,
                      box.sign_in("carol")["id_token"], session="carol")
    assert re.search(r"consumes [1-9][0-9]{2,}% of allotted space", message)


def test_client_must_be_on_the_providers_list(own):
    own.write("providers/sandbox.json", {"Url": "http://${issuer}", "ClientIDList": ["valetkey-es"]})
    box = own.serve()
    refused("InvalidIdentityToken", 400, "Incorrect token audience", box.assume, box.sign_in()["id_token"])
    box.assume(box.sign_in(client="valetkey-es")["id_token"])


def test_unknown_provider(own):
    (own.dir / "providers/sandbox.json").unlink()
    box = own.serve()
    refused("InvalidIdentityToken", 400, f"No OpenIDConnect provider found in your account for {box.issuer}", box.assume,
            box.sign_in()["id_token"])


def test_tokens_that_are_none(box):
    good = box.sign_in()
    for token in ("junk", "a.b.c", good["access_token"], good["id_token"].rsplit(".", 1)[0], good["id_token"] + ".x"):
        refused("InvalidIdentityToken", 400, "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
                box.assume, token)
    head, body, _ = good["id_token"].split(".")
    refused("InvalidIdentityToken", 400, "signature", box.assume, f"{head}.{body}.{'A' * 342}")


# ---- chaining --------------------------------------------------------------------------------------------------------

def test_chaining_carries_identity_and_transitive_tags(box):
    dev = dev_session(box)
    r = dev.assume_role(RoleArn=role("audit"), RoleSessionName="alice")
    assert r["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/audit/alice"
    assert r["SourceIdentity"] == "alice"
    assert box.sts(r["Credentials"]).get_caller_identity()["Arn"] == r["AssumedRoleUser"]["Arn"]


def test_chaining_is_capped_at_an_hour(box):
    dev = dev_session(box, DurationSeconds=43200)
    refused("ValidationError", 400, "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            dev.assume_role, RoleArn=role("audit"), RoleSessionName="alice", DurationSeconds=3601)
    r = dev.assume_role(RoleArn=role("audit"), RoleSessionName="alice", DurationSeconds=3600)
    assert r["Credentials"]["Expiration"].timestamp() - time.time() < 3610


def test_assume_role_refusals_name_user_action_and_resource(box):
    dev = dev_session(box)
    me = "arn:aws:sts::123456789012:assumed-role/dev/alice"
    for name in ("admin", "nosuch"):
        refused("AccessDenied", 403, f"User: {me} is not authorized to perform: sts:AssumeRole on resource: {role(name)}",
                dev.assume_role, RoleArn=role(name), RoleSessionName="alice")
    refused("AccessDenied", 403, "sts:SetSourceIdentity", dev.assume_role, RoleArn=role("audit"), RoleSessionName="alice",
            SourceIdentity="mallory")
    refused("InvalidParameterValue", 400, "conflicts with a transitive tag key", dev.assume_role, RoleArn=role("audit"),
            RoleSessionName="alice", Tags=[{"Key": "Team", "Value": "x"}])
    refused("InvalidParameterValue", 400, "transitive tag keys", dev.assume_role, RoleArn=role("audit"), RoleSessionName="alice",
            TransitiveTagKeys=["x"])
    refused("AccessDenied", 403, "MultiFactorAuthentication", dev.assume_role, RoleArn=role("audit"), RoleSessionName="alice",
            SerialNumber="arn:aws:iam::123456789012:mfa/alice", TokenCode="123456")
    refused("ValidationError", 400, "tags", dev.assume_role, RoleArn=role("audit"), RoleSessionName="alice",
            Tags=[{"Key": f"k{i}", "Value": "v"} for i in range(51)])


AWS_DEV = {"AWS": "arn:aws:iam::123456789012:role/dev"}
CHAIN = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]


def test_external_id(own):
    own.trust("audit", {"Effect": "Allow", "Principal": AWS_DEV, "Action": CHAIN,
                        "Condition": {"StringEquals": {"sts:ExternalId": "shared-secret-xyz"}}})
    box = own.serve()
    dev = dev_session(box)
    call = {"RoleArn": role("audit"), "RoleSessionName": "alice"}
    refused("AccessDenied", 403, "sts:AssumeRole", dev.assume_role, **call)
    refused("AccessDenied", 403, "sts:AssumeRole", dev.assume_role, ExternalId="wrong", **call)
    dev.assume_role(ExternalId="shared-secret-xyz", **call)
    refused("ValidationError", 400, "externalId", dev.assume_role, ExternalId="not valid!", **call)


def test_chained_trust_sees_the_callers_tags_and_its_own(own):
    own.trust("audit", {"Effect": "Allow", "Principal": AWS_DEV, "Action": CHAIN, "Condition": {
        "StringEquals": {"aws:PrincipalTag/team": "payments", "aws:RequestTag/ticket": "T-1", "sts:RoleSessionName": "alice",
                         "aws:SourceIdentity": "alice", "sts:SourceIdentity": "alice", "aws:PrincipalAccount": "123456789012",
                         "aws:PrincipalArn": role("dev")},
        "StringLike": {"aws:userid": "AROA*:alice"}}})
    box = own.serve()
    dev = dev_session(box)
    refused("AccessDenied", 403, "sts:AssumeRole", dev.assume_role, RoleArn=role("audit"), RoleSessionName="alice")
    r = dev.assume_role(RoleArn=role("audit"), RoleSessionName="alice", Tags=[{"Key": "ticket", "Value": "T-1"}])
    # Of dev's tags only the transitive one went along: the next role sees team and ticket is gone with cost-center.
    own.write("roles/third/trust-policy.json", {"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": role("audit")}, "Action": CHAIN,
        "Condition": {"StringEquals": {"aws:PrincipalTag/team": "payments"}, "Null": {"aws:PrincipalTag/cost-center": "true"}}}})
    box.control("reload")
    box.sts(r["Credentials"]).assume_role(RoleArn=role("third"), RoleSessionName="alice")


def test_account_principal_leaves_it_to_the_callers_policies(own):
    own.trust("audit", {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": CHAIN})
    box = own.serve()
    call = {"RoleArn": role("audit"), "RoleSessionName": "alice"}
    dev_session(box).assume_role(**call)
    (own.dir / "roles/dev/policies/chain-to-audit.json").unlink()
    box.control("reload")
    refused("AccessDenied", 403, "sts:AssumeRole", dev_session(box).assume_role, **call)
    box.wait_log("the resource's policy leaves it to the account")
    # The role itself being named is enough within one account …
    own.trust("audit", {"Effect": "Allow", "Principal": AWS_DEV, "Action": CHAIN})
    box.control("reload")
    dev_session(box).assume_role(**call)
    # … unless the caller's own policies deny.
    own.write("roles/dev/policies/no.json", {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}})
    box.control("reload")
    refused("AccessDenied", 403, "sts:AssumeRole", dev_session(box).assume_role, **call)


def test_session_policy_limits_the_session(own):
    box = own.serve()
    nothing = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}})
    call = {"RoleArn": role("audit"), "RoleSessionName": "alice"}
    refused("AccessDenied", 403, "sts:AssumeRole", dev_session(box, Policy=nothing).assume_role, **call)
    refused("AccessDenied", 403, "sts:AssumeRole",
            dev_session(box, PolicyArns=[{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]).assume_role, **call)
    own.trust("audit", {"Effect": "Allow", "Principal": {"AWS": "arn:aws:sts::123456789012:assumed-role/dev/alice"}, "Action": CHAIN})
    box.control("reload")
    dev_session(box, Policy=nothing).assume_role(**call)
    refused("AccessDenied", 403, "sts:AssumeRole", dev_session(box, "bob").assume_role, RoleArn=role("audit"), RoleSessionName="bob")


def test_across_accounts_both_sides_must_allow(own):
    there = role("partner", "999988887777")
    own.write("roles/partner/role.json", {"Arn": there})
    own.trust("partner", {"Effect": "Allow", "Principal": AWS_DEV, "Action": CHAIN})
    box = own.serve()
    call = {"RoleArn": there, "RoleSessionName": "alice"}
    refused("AccessDenied", 403, "sts:AssumeRole", dev_session(box).assume_role, **call)
    box.wait_log("across accounts both sides must allow")
    own.write("roles/dev/policies/partner.json", {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": CHAIN, "Resource": there}})
    box.control("reload")
    r = dev_session(box).assume_role(**call)
    assert box.sts(r["Credentials"]).get_caller_identity()["Account"] == "999988887777"


# ---- signatures ------------------------------------------------------------------------------------------------------

def test_signatures_that_do_not_hold(box):
    c = box.assume(box.sign_in()["id_token"])["Credentials"]
    refused("SignatureDoesNotMatch", 403, "The request signature we calculated", box.sts(c | {"SecretAccessKey": "x" * 40}).get_caller_identity)
    refused("InvalidClientTokenId", 403, "The security token included in the request is invalid.",
            box.sts(c | {"AccessKeyId": "ASIAAAAAAAAAAAAAAAAA"}).get_caller_identity)
    refused("InvalidClientTokenId", 403, "", box.sts(c | {"SessionToken": None}).get_caller_identity)
    refused("InvalidClientTokenId", 403, "", box.sts(c | {"SessionToken": c["SessionToken"][:-4] + "AAAA"}).get_caller_identity)
    r = box.send("POST", "/", {"Action": "GetCallerIdentity", "Version": "2011-06-15"})
    assert r.status == 403 and "<Code>MissingAuthenticationToken</Code>" in r.body
    r = box.send("POST", "/", {"Action": "GetCallerIdentity", "Version": "2011-06-15"}, {"Authorization": "AWS4-HMAC-SHA256 x"})
    assert r.status == 400 and "<Code>IncompleteSignature</Code>" in r.body
    with box.fault("sts.clock_skew=900"):
        refused("SignatureDoesNotMatch", 403, "Signature expired: ", box.sts(c).get_caller_identity)
    with box.fault("sts.clock_skew=-900"):
        refused("SignatureDoesNotMatch", 403, "Signature not yet current: ", box.sts(c).get_caller_identity)


def test_presigned_get_caller_identity(box):
    c = box.assume(box.sign_in()["id_token"])["Credentials"]
    url = box.sts(c).generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    r = box.send("GET", url[len(box.url):])
    assert r.status == 200 and "assumed-role/dev/alice" in r.body
    r = box.send("GET", url[len(box.url):].replace("X-Amz-Expires=60", "X-Amz-Expires=61"))
    assert r.status == 403 and "SignatureDoesNotMatch" in r.body


def test_sessions_really_expire(box):
    with box.fault("session_ttl=1"):
        r = box.assume(box.sign_in()["id_token"])
        c = r["Credentials"]
        assert c["Expiration"].timestamp() - time.time() < 3
        end = time.monotonic() + 10
        while True:
            try:
                box.sts(c).get_caller_identity()
            except ClientError as e:
                assert e.response["Error"]["Code"] == "ExpiredToken" and e.response["ResponseMetadata"]["HTTPStatusCode"] == 403
                break
            assert time.monotonic() < end
            time.sleep(0.2)


def test_shorter_durations_where_the_directory_allows_them(own):
    own.write("settings.json", {"account": "123456789012", "min_duration": 3})
    box = own.serve()
    # Not through boto3: it knows AWS's limit by itself.
    form = {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role("dev"), "RoleSessionName": "alice",
            "WebIdentityToken": box.sign_in()["id_token"]}
    r = box.send("POST", "/", form | {"DurationSeconds": "2"})
    assert r.status == 400 and "greater than or equal to 3" in r.body
    r = box.send("POST", "/", form | {"DurationSeconds": "3"})
    expiration = re.search("<Expiration>(.*)</Expiration>", r.body).group(1)
    assert calendar.timegm(time.strptime(expiration, "%Y-%m-%dT%H:%M:%SZ")) - time.time() < 5


# ---- foreign providers -----------------------------------------------------------------------------------------------

def test_foreign_provider_is_asked_for_its_keys(own):
    """Two sandboxes: one is the provider, the other the STS that has it registered."""
    idp = Sandbox()
    try:
        own.write("providers/foreign.json", {"Url": idp.issuer, "ClientIDList": ["valetkey"]})
        own.trust("dev", {"Effect": "Allow", "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{idp.name}"},
                          "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
                          "Condition": {"StringEquals": {f"{idp.name}:sub": "alice-7f3a"}}})
        box = own.serve()
        token = idp.sign_in()["id_token"]
        with idp.fault("jwks.5xx=1"):
            refused("IDPCommunicationError", 400, "", box.assume, token)
        with idp.fault("discovery.garbage=1"):
            refused("InvalidIdentityToken", 400, "Couldn't retrieve verification key", box.assume, token)
        with idp.fault("discovery_issuer=1"):
            refused("InvalidIdentityToken", 400, "Couldn't retrieve verification key", box.assume, token)
        with idp.fault("jwks_no_kid=2"):
            refused("InvalidIdentityToken", 400, "Couldn't retrieve verification key", box.assume, token)
        r = box.assume(token)
        assert r["Provider"] == f"arn:aws:iam::123456789012:oidc-provider/{idp.name}"
        before = idp.stats()["jwks"]
        box.assume(token)
        assert idp.stats()["jwks"] == before
        # A key it has not seen: fetched anew.
        idp.control("rotate-keys")
        box.assume(idp.sign_in()["id_token"])
        assert idp.stats()["jwks"] == before + 1
        with idp.fault("wrong_key=1"):
            bad = idp.sign_in()["id_token"]
        refused("InvalidIdentityToken", 400, "signature", box.assume, bad)
        # One whose answer never comes is given up when the caller goes, and ends with the sandbox.
        box.control("reload")
        with idp.fault("discovery.delay=60000"):
            s = socket.create_connection(("127.0.0.1", box.port))
            body = urllib.parse.urlencode({"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role("dev"),
                                           "RoleSessionName": "alice", "WebIdentityToken": token})
            s.sendall((f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{box.port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
                       f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
            end = time.monotonic() + 10
            while idp.stats().get("discovery", 0) < 7 and time.monotonic() < end:
                time.sleep(0.05)
        s.close()
    finally:
        idp.stop()
