# SPDX-License-Identifier: Apache-2.0
"""The sandbox's provider and STS, driven by what nobody here wrote: boto3 signs and parses, PyJWT verifies."""
import base64
import calendar
import concurrent.futures
import hashlib
import html
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time
import urllib.parse

import jwt
import pytest
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from sandbox_client import BUILD, Sandbox, copy_example, part, role  # noqa: E402


@pytest.fixture(scope="module")
def box():
    b = Sandbox()
    yield b
    b.stop()


@pytest.fixture
def own(tmp_path):
    """A copy of the example to change, and sandboxes on it."""
    started = []

    class Own:
        dir = copy_example(tmp_path / "cloud")

        def write(self, name, text):
            p = self.dir / name
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text(text if isinstance(text, str) else json.dumps(text, indent=1))

        def trust(self, name, *statements):
            self.write(f"roles/{name}/trust-policy.json", {"Version": "2012-10-17", "Statement": list(statements)})

        def serve(self, *args):
            started.append(Sandbox(*args, directory=self.dir))
            return started[-1]

    yield Own()
    for s in started:
        s.stop()


def federated(*actions, **more):
    return {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/${issuer}"},
            "Action": list(actions) or ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"], **more}


def refused(code, status, message, call, *args, **kw):
    """The call fails as botocore understands it."""
    with pytest.raises(ClientError) as e:
        call(*args, **kw)
    error, meta = e.value.response["Error"], e.value.response["ResponseMetadata"]
    assert (error["Code"], meta["HTTPStatusCode"]) == (code, status), error
    assert message in error["Message"], error
    assert re.fullmatch(r"[0-9a-f-]{36}", meta["RequestId"])
    return error["Message"]


# ---- the provider ---------------------------------------------------------------------------------------------------

def verify(box, token, client="valetkey"):
    """By another implementation than ours."""
    keys = jwt.PyJWKClient(box.issuer + "/jwks", cache_keys=False)
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(token, key.key, algorithms=[jwt.get_unverified_header(token)["alg"]], audience=client, issuer=box.issuer)


def test_discovery_names_what_is_there(box):
    d = box.send("GET", "/oidc/.well-known/openid-configuration").json
    assert d["issuer"] == box.issuer
    assert d["code_challenge_methods_supported"] == ["S256"]
    assert {"RS256", "ES256"} <= set(d["id_token_signing_alg_values_supported"])
    for name in ("authorization", "token", "device_authorization", "revocation", "userinfo"):
        assert d[f"{name}_endpoint"].startswith(box.issuer + "/")
    jwks = box.send("GET", d["jwks_uri"][len(box.url):]).json
    assert {k["kty"] for k in jwks["keys"]} == {"RSA", "EC"}
    assert not any(k.get("d") for k in jwks["keys"])


@pytest.mark.parametrize("client,alg", [("valetkey", "RS256"), ("valetkey-es", "ES256")])
def test_id_token_verifies_elsewhere_in_the_clients_algorithm(box, client, alg):
    tokens = box.sign_in("bob", client)
    assert part(tokens["id_token"], 0)["alg"] == alg
    claims = verify(box, tokens["id_token"], client)
    assert claims["sub"] == "bob-19c4" and claims["groups"] == ["engineering", "platform-admins"] and claims["amr"] == ["pwd"]
    assert claims["https://aws.amazon.com/tags"]["principal_tags"]["team"] == ["platform"]
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
def test_other_algorithms_verify_elsewhere_too(own, alg):
    own.write("clients/valetkey.json", {"alg": alg})
    box = own.serve()
    token = box.sign_in()["id_token"]
    assert part(token, 0)["alg"] == alg
    verify(box, token)
    if alg == "PS256":
        # It will do for a sign-in and not for STS.
        refused("InvalidIdentityToken", 400, "PS256", box.assume, token)
    else:
        box.assume(token)


def test_scopes_open_claims(box):
    claims = part(box.sign_in(scope="openid")["id_token"], 1)
    assert "email" not in claims and "groups" not in claims and "name" not in claims
    tokens = box.sign_in(scope="openid email")
    assert part(tokens["id_token"], 1)["email"] == "alice@example.com"
    assert "refresh_token" not in tokens


def test_device_flow_pending_denied_unknown(box):
    device = box.device()
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", device["user_code"])
    assert device["verification_uri_complete"] == f"{box.issuer}/device?user_code={device['user_code']}"
    r = box.poll(device)
    assert (r.status, r.json["error"]) == (400, "authorization_pending")
    assert device["user_code"] in [d["user_code"] for d in box.send("GET", "/_sandbox/devices").json]
    # As people type it.
    box.control("approve", user_code=device["user_code"].lower().replace("-", " "), user="alice", decision="deny")
    time.sleep(device["interval"])
    r = box.poll(device)
    assert (r.status, r.json["error"]) == (400, "access_denied")
    assert box.poll({"device_code": "unknown"}).json["error"] == "invalid_grant"
    assert box.poll(box.device(), "valetkey-es").json["error"] == "invalid_grant"
    r = box.send("POST", "/_sandbox/approve", {"user_code": "NOPE", "user": "alice", "decision": "allow"})
    assert r.status == 404
    r = box.send("POST", "/_sandbox/approve", {"user_code": box.device()["user_code"], "user": "mallory", "decision": "allow"})
    assert r.status == 404


def test_device_code_works_once(box):
    device = box.device()
    box.control("approve", user_code=device["user_code"], user="alice", decision="allow")
    assert box.poll(device).status == 200
    assert box.poll(device).json["error"] == "invalid_grant"


def test_device_code_expires(box):
    with box.fault("device_ttl=1"):
        device = box.device()
    assert device["expires_in"] == 1
    end = time.monotonic() + 10
    while (error := box.poll(device).json["error"]) != "expired_token":
        assert error in ("authorization_pending", "slow_down") and time.monotonic() < end
        time.sleep(0.2)


def test_polling_too_fast_is_slowed_down(box):
    with box.fault("interval=2"):
        device = box.device()
    assert device["interval"] == 2
    assert box.poll(device).json["error"] == "authorization_pending"
    assert box.poll(device).json["error"] == "slow_down"
    with box.fault("interval=0"):
        assert "interval" not in box.device()
    with box.fault("slow_down=1"):
        device = box.device()
        assert box.poll(device).json["error"] == "slow_down"


def test_unknown_client_scope_grant_and_repeated_parameters_are_refused(box):
    r = box.send("POST", "/oidc/device_authorization", {"client_id": "nobody", "scope": "openid"})
    assert (r.status, r.json["error"]) == (401, "invalid_client")
    for scope in ("profile", "openid admin"):
        r = box.send("POST", "/oidc/device_authorization", {"client_id": "valetkey", "scope": scope})
        assert (r.status, r.json["error"]) == (400, "invalid_scope")
    r = box.send("POST", "/oidc/token", {"client_id": "valetkey", "grant_type": "password"})
    assert (r.status, r.json["error"]) == (400, "unsupported_grant_type")
    for body in ("client_id=valetkey&client_id=valetkey", "client_id=%zz", "client_id=a%00b"):
        r = box.send("POST", "/oidc/token", body)
        assert (r.status, r.json["error"]) == (400, "invalid_request")
    assert box.send("POST", "/oidc/token", '{"a":1}', {"Content-Type": "application/json"}).status == 400


def test_refresh_rotates_and_reuse_ends_the_family(box):
    first = box.sign_in()
    second = box.refresh(first["refresh_token"]).json
    assert second["refresh_token"] != first["refresh_token"]
    claims = verify(box, second["id_token"])
    assert claims["sub"] == "alice-7f3a" and claims["auth_time"] == part(first["id_token"], 1)["auth_time"]
    r = box.refresh(first["refresh_token"])
    assert (r.status, r.json["error"]) == (400, "invalid_grant")
    # The good one is dead with it.
    assert box.refresh(second["refresh_token"]).json["error"] == "invalid_grant"
    # A token nobody issued ends nothing.
    third = box.sign_in()["refresh_token"]
    forged = third[:-1] + ("0" if third[-1] != "0" else "1")
    assert box.refresh(forged).json["error"] == "invalid_grant"
    assert box.refresh(third, "valetkey-es").json["error"] == "invalid_grant"
    assert box.refresh(third).status == 200


def test_refresh_faults(box):
    token = box.sign_in()["refresh_token"]
    with box.fault("no_id_token_on_refresh"):
        answer = box.refresh(token).json
        assert "id_token" not in answer and "refresh_token" in answer
    with box.fault("no_refresh_rotation=1"):
        assert "refresh_token" not in box.refresh(answer["refresh_token"]).json
    answer = box.refresh(answer["refresh_token"]).json
    with box.fault("idle_limit=1"):
        time.sleep(1.1)
        assert box.refresh(answer["refresh_token"]).json["error"] == "invalid_grant"


def test_revocation_ends_the_grant_and_may_end_all(box):
    one, two, bob = box.sign_in(), box.sign_in(), box.sign_in("bob")
    form = {"client_id": "valetkey", "token": one["refresh_token"]}
    assert box.send("POST", "/oidc/revoke", form).status == 200
    assert box.refresh(one["refresh_token"]).json["error"] == "invalid_grant"
    # RFC 7009: also of what is no token.
    assert box.send("POST", "/oidc/revoke", {"client_id": "valetkey", "token": "x"}).status == 200
    two = box.refresh(two["refresh_token"]).json
    three = box.sign_in()
    with box.fault("revoke_ends_all"):
        box.send("POST", "/oidc/revoke", {"client_id": "valetkey", "token": three["access_token"]})
    assert box.refresh(two["refresh_token"]).json["error"] == "invalid_grant"
    assert box.refresh(bob["refresh_token"]).status == 200
    r = box.send("POST", "/oidc/revoke", {"client_id": "valetkey-es", "token": bob["access_token"]})
    assert r.status == 400


def test_userinfo(box):
    tokens = box.sign_in()
    r = box.send("GET", "/oidc/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert r.status == 200 and r.json["sub"] == "alice-7f3a"
    for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Bearer {tokens['refresh_token']}"}):
        r = box.send("GET", "/oidc/userinfo", headers=header)
        assert r.status == 401 and "invalid_token" in r.headers["WWW-Authenticate"]


def test_confidential_client_proves_itself(own):
    own.write("clients/web.json", {"secret": "correct horse"})
    box = own.serve()

    def ask(form, headers=None):
        return box.send("POST", "/oidc/device_authorization", {"scope": "openid", **form}, headers)

    def basic(secret):
        return {"Authorization": "Basic " + base64.b64encode(f"web:{secret}".encode()).decode()}

    assert ask({"client_id": "web", "client_secret": "correct horse"}).status == 200
    assert ask({}, basic("correct horse")).status == 200
    for r in (ask({"client_id": "web"}), ask({"client_id": "web", "client_secret": "correct"}), ask({}, basic("wrong")),
              ask({}, {"Authorization": "Basic !"}), ask({"client_id": "valetkey", "client_secret": "x"})):
        assert (r.status, r.json["error"]) == (401, "invalid_client")


def test_key_rotation_keeps_old_tokens_good_until_they_are_forgotten(box):
    old = box.sign_in()["id_token"]
    box.control("rotate-keys")
    new = box.sign_in()["id_token"]
    assert part(old, 0)["kid"] != part(new, 0)["kid"]
    verify(box, old)
    box.assume(old)
    box.control("rotate-keys", forget="yes")
    refused("InvalidIdentityToken", 400, "Couldn't retrieve verification key from your identity provider,", box.assume, new)


# ---- the pages ------------------------------------------------------------------------------------------------------

class Person:
    """A browser without a script engine: cookies, hidden fields, one button."""

    def __init__(self, box):
        self.box, self.cookie, self.page = box, None, None

    def open(self, path):
        headers = {"Cookie": self.cookie} if self.cookie else {}
        self.page = self.box.send("GET", path, headers=headers)
        if self.page.headers["Set-Cookie"]:
            assert "HttpOnly" in self.page.headers["Set-Cookie"] and "SameSite=Strict" in self.page.headers["Set-Cookie"]
            self.cookie = self.page.headers["Set-Cookie"].split(";")[0]
        return self.page

    def press(self, decision, user="alice", **change):
        action = re.search(r'<form method="post" action="([^"]+)"', self.page.body).group(1)
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.page.body)
        form = {k: html.unescape(v) for k, v in fields} | {"user": user, "decision": decision} | change
        return self.box.send("POST", action, form, {"Cookie": self.cookie or "", "Origin": self.box.url})


def test_device_page_approves_and_trusts_nothing_from_elsewhere(box):
    device = box.device()
    person = Person(box)
    page = person.open(f"/oidc/device?user_code={device['user_code']}")
    csp = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in csp and "frame-ancestors 'none'" in csp and "unsafe" not in csp
    assert not re.search(r'(src|href)="(?!/oidc/style.css)', page.body) and "<script" not in page.body
    assert device["user_code"] in page.body and "valetkey" in page.body
    assert person.press("allow", form_token="0" * 32).status == 403
    other = Person(box)
    other.open("/oidc/device")
    other.page = page
    assert other.press("allow").status == 403
    stolen = box.send("POST", "/oidc/device", {"user_code": device["user_code"], "user": "alice", "decision": "allow"})
    assert stolen.status == 403
    assert box.poll(device).json["error"] == "authorization_pending"
    assert person.press("allow").status == 200
    time.sleep(device["interval"])
    assert box.poll(device).status == 200
    assert person.press("allow").status == 404


def test_device_page_escapes_what_is_typed(box):
    page = Person(box).open("/oidc/device?user_code=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script" not in page.body and "No sign-in waits" in page.body


VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
CALLBACK = "http://127.0.0.1:53217/callback"


def authorize_path(**change):
    q = {"client_id": "valetkey", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid offline_access", "state": "s&t",
         "nonce": "n-1", "code_challenge": CHALLENGE, "code_challenge_method": "S256"} | change
    return "/oidc/authorize?" + urllib.parse.urlencode({k: v for k, v in q.items() if v is not None})


def query_of(answer):
    assert answer.status == 303 and answer.headers["Location"].startswith(CALLBACK + "?")
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["Location"]).query))


def redeem(box, given, **change):
    return box.send("POST", "/oidc/token", {"grant_type": "authorization_code", "client_id": "valetkey", "code": given,
                                            "redirect_uri": CALLBACK, "code_verifier": VERIFIER} | change)


def test_authorization_code_with_pkce(box):
    person = Person(box)
    page = person.open(authorize_path())
    # Chromium holds the redirect after a form against form-action.
    assert "form-action 'self' http://127.0.0.1:53217;" in page.headers["Content-Security-Policy"]
    q = query_of(person.press("allow"))
    assert q["state"] == "s&t" and q["iss"] == box.issuer
    tokens = redeem(box, q["code"]).json
    assert verify(box, tokens["id_token"])["nonce"] == "n-1"
    assert "nonce" not in part(box.refresh(tokens["refresh_token"]).json["id_token"], 1)


def test_authorization_code_faults(box):
    person = Person(box)
    person.open(authorize_path())
    assert query_of(person.press("deny"))["error"] == "access_denied"
    code = query_of(person.press("allow"))["code"]
    for change in ({"code_verifier": "x" * 43}, {"code_verifier": ""}, {"redirect_uri": CALLBACK + "/x"},
                   {"client_id": "valetkey-es"}, {"code": "0" * 64}):
        assert redeem(box, code, **change).json["error"] == "invalid_grant"
    tokens = redeem(box, code).json
    assert redeem(box, code).json["error"] == "invalid_grant"
    # A code that comes twice ends what came of it.
    assert box.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"


def test_authorization_requests_that_are_answered_nowhere_or_with_an_error(box):
    for change in ({"client_id": "nobody"}, {"redirect_uri": "https://evil.example/cb"}, {"redirect_uri": None},
                   {"redirect_uri": "http://127.0.0.1.evil.example/"}, {"redirect_uri": CALLBACK + "#x"}):
        r = Person(box).open(authorize_path(**change))
        assert r.status == 400 and r.headers["Location"] is None
    for change, error in (({"scope": "profile"}, "invalid_scope"), ({"response_type": "token"}, "unsupported_response_type"),
                          ({"code_challenge": None}, "invalid_request"), ({"code_challenge_method": "plain"}, "invalid_request")):
        assert query_of(Person(box).open(authorize_path(**change)))["error"] == error
    assert Person(box).open(authorize_path(redirect_uri="http://[::1]:9/cb")).status == 200


# ---- STS: web identity ----------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("fault,code,message", [
    ("wrong_signature", "InvalidIdentityToken", "signature"),
    ("wrong_key", "InvalidIdentityToken", "signature"),
    ("wrong_issuer", "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://issuer.example.net"),
    ("wrong_audience", "InvalidIdentityToken", "Incorrect token audience"),
    ("alg_none", "InvalidIdentityToken", ""),
    ("expired_token", "ExpiredTokenException", "must be before the expiration date/time 1"),
    ("no_sub", "InvalidIdentityToken", "Missing a required claim: sub"),
])
def test_token_faults_are_refused_by_sts(box, fault, code, message):
    with box.fault(f"{fault}=1"):
        token = box.sign_in()["id_token"]
        assert box.send("GET", "/_sandbox/fault").json["set"] == {}
    refused(code, 400, message, box.assume, token)


def test_token_faults_show_elsewhere(box):
    with box.fault("wrong_signature"), pytest.raises(jwt.InvalidSignatureError):
        verify(box, box.sign_in()["id_token"])
    with box.fault("wrong_key"), pytest.raises(jwt.InvalidSignatureError):
        verify(box, box.sign_in(client="valetkey-es")["id_token"], "valetkey-es")
    with box.fault("expired_token"), pytest.raises(jwt.ExpiredSignatureError):
        verify(box, box.sign_in()["id_token"])
    with box.fault("huge_sub"):
        assert len(part(box.sign_in()["id_token"], 1)["sub"]) == 1 << 20
    with box.fault("wrong_nonce"):
        person = Person(box)
        person.open(authorize_path())
        code = query_of(person.press("allow"))["code"]
        assert part(redeem(box, code).json["id_token"], 1)["nonce"] != "n-1"
    with box.fault("id_token_ttl=7"):
        claims = part(box.sign_in()["id_token"], 1)
        assert claims["exp"] - claims["iat"] == 7


def test_document_faults(box):
    with box.fault("discovery_issuer"):
        assert box.send("GET", "/oidc/.well-known/openid-configuration").json["issuer"] != box.issuer
    kids = {k["kid"] for k in box.send("GET", "/oidc/jwks").json["keys"]}
    with box.fault("jwks_no_kid"):
        assert not kids & {k["kid"] for k in box.send("GET", "/oidc/jwks").json["keys"]}
    with box.fault("jwks_many"):
        many = box.send("GET", "/oidc/jwks").json["keys"]
        assert len(many) == 1000 + len(kids) and kids <= {k["kid"] for k in many}
    with box.fault("jwks_junk"):
        junk = box.send("GET", "/oidc/jwks").json["keys"]
        assert "a string" in junk and kids <= {k.get("kid") for k in junk if isinstance(k, dict)}


# ---- STS: chaining --------------------------------------------------------------------------------------------------

def dev_session(box, user="alice", **kw):
    return box.sts(box.assume(box.sign_in(user)["id_token"], session=user, **kw)["Credentials"])


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
    box.wait_log("the trust policy leaves it to the account")
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


# ---- STS: signatures ------------------------------------------------------------------------------------------------

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


# ---- foreign providers ----------------------------------------------------------------------------------------------

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


# ---- faults of answers ----------------------------------------------------------------------------------------------

def test_every_known_fault_has_a_test_in_this_file(box):
    known = box.send("GET", "/_sandbox/fault").json["known"]
    text = open(__file__, encoding="utf-8").read()
    assert [name for name in known if not re.search(rf"[\"'.({{]{name}[\"'=)]", text)] == []
    assert all(known.values())


def test_5xx_and_throttle_are_counted_and_targeted(box):
    with box.fault("sts.5xx=2"):
        token = box.sign_in()["id_token"]
        for _ in range(2):
            refused("ServiceUnavailable", 503, "", box.assume, token)
        box.assume(token)
    with box.fault("oidc.5xx"):
        assert box.send("GET", "/oidc/jwks").status == 503
        box.assume(token)
    with box.fault("AssumeRoleWithWebIdentity.throttle=1"):
        refused("Throttling", 400, "Rate exceeded", box.assume, token)
    with box.fault("jwks.throttle"):
        r = box.send("GET", "/oidc/jwks")
        assert r.status == 429 and r.headers["Retry-After"] == "1"
        assert box.send("GET", "/oidc/.well-known/openid-configuration").status == 200


def test_idp_faults_of_sts(box):
    token = box.sign_in()["id_token"]
    with box.fault("idp_communication=1"):
        refused("IDPCommunicationError", 400, "", box.assume, token)
    with box.fault("verification_key=1"):
        refused("InvalidIdentityToken", 400, "Couldn't retrieve verification key from your identity provider,  please reference", box.assume, token)
    box.assume(token)


def raw_answer(box, path="/oidc/jwks"):
    """Everything until the server closes, read byte for byte."""
    with socket.create_connection(("127.0.0.1", box.port), timeout=20) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{box.port}\r\nConnection: close\r\n\r\n".encode())
        got = b""
        while True:
            try:
                chunk = s.recv(65536)
            except ConnectionResetError:
                break
            if not chunk:
                break
            got += chunk
    return got


def test_connections_that_end_early(box):
    before = box.stats()["jwks"]
    with box.fault("jwks.drop=1"):
        assert raw_answer(box) == b""
    with box.fault("jwks.half=1"):
        head, body = raw_answer(box).split(b"\r\n\r\n", 1)
        length = int(re.search(rb"Content-Length: (\d+)", head).group(1))
        assert len(body) == length // 2
    assert box.stats()["jwks"] == before + 2
    # Lost after the work was done: the refresh token is used up.
    token = box.sign_in()["refresh_token"]
    with box.fault("token.refresh.lose=1"), pytest.raises((ConnectionError, OSError)):
        box.refresh(token)
    assert box.refresh(token).json["error"] == "invalid_grant"


def test_answers_that_are_wrong(box):
    with box.fault("jwks.huge=1"):
        answer = box.send("GET", "/oidc/jwks")
        assert len(answer.body) > 8 << 20 and answer.json["keys"]
    with box.fault("jwks.empty=1"):
        assert box.send("GET", "/oidc/jwks").body == ""
    with box.fault("jwks.garbage=1"), pytest.raises(json.JSONDecodeError):
        box.send("GET", "/oidc/jwks").json
    with box.fault("doctype=1"):
        assert box.send("POST", "/", {"Action": "x"}).body.startswith("<!DOCTYPE x [<!ENTITY")
    with box.fault("sts.garbage=1"):
        assert "<ErrorResponse" not in box.send("POST", "/", {"Action": "x"}).body


def test_delay_trickle_and_clock(box):
    with box.fault("jwks.delay=300"):
        start = time.monotonic()
        assert box.send("GET", "/oidc/jwks").status == 200
        assert time.monotonic() - start >= 0.29
        assert box.send("GET", "/oidc/.well-known/openid-configuration").status == 200
    body = box.send("GET", "/oidc/style.css").body
    with box.fault("page.trickle=1"):
        start = time.monotonic()
        assert box.send("GET", "/oidc/style.css").body == body
        assert time.monotonic() - start >= 0.001 * len(body)
    with box.fault("clock_skew=86400"):
        claims = part(box.sign_in()["id_token"], 1)
        assert claims["iat"] - time.time() > 86000
        date = box.send("GET", "/oidc/jwks").headers["Date"]
        assert calendar.timegm(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.time() > 86000


def test_fault_switches_are_checked(box):
    for bad in ("nonsense", "delay", "delay=x", "delay=0", "5xx=0", "x" * 60 + ".5xx", "", "delay=1x"):
        r = box.send("POST", "/_sandbox/fault", {"set": bad})
        assert r.status == 400 and r.json["error"], bad
    assert box.send("POST", "/_sandbox/fault", {"clear": "5xx"}).status == 404
    assert box.send("POST", "/_sandbox/fault", {}).status == 400
    box.control("fault", set="delay=1")
    box.control("fault", set="delay=2")
    assert box.send("GET", "/_sandbox/fault").json["set"] == {"delay": 2}
    box.control("fault", clear="delay")
    for i in range(64):
        box.control("fault", set=f"op{i}.5xx")
    assert box.send("POST", "/_sandbox/fault", {"set": "op65.5xx"}).status == 400
    box.control("fault", clear="all")


# ---- the server -----------------------------------------------------------------------------------------------------

def test_clients_that_go_away_harm_nobody(box):
    """At every byte of a request, and while an answer is being waited for: with FIN and with RST."""
    request = (f"POST /oidc/token HTTP/1.1\r\nHost: 127.0.0.1:{box.port}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
               "Content-Length: 20\r\n\r\ngrant_type=x&client=").encode()

    def hang_up(n, reset):
        with socket.create_connection(("127.0.0.1", box.port), timeout=20) as s:
            if reset:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.sendall(request[:n])

    for n in range(len(request) + 1):
        hang_up(n, n % 2)
    with box.fault("delay=50"):
        for reset in (False, True) * 10:
            hang_up(len(request), reset)
        # Two requests at once on one connection, the first one slow.
        with socket.create_connection(("127.0.0.1", box.port), timeout=20) as s:
            s.sendall(request + request)
            s.settimeout(0.3)
            got = b""
            while got.count(b"HTTP/1.1 ") < 2:
                s.settimeout(10)
                got += s.recv(65536)
    with box.fault("trickle=20"):
        for reset in (False, True) * 5:
            hang_up(len(request), reset)
    assert box.send("GET", "/oidc/jwks").status == 200


def test_only_our_own_host_name_is_served(box):
    for host, status in ((f"127.0.0.1:{box.port}", 200), (f"localhost:{box.port}", 200), ("127.0.0.1", 200),
                         ("evil.example", 421), (f"evil.example:{box.port}", 421), ("127.0.0.1:1", 421)):
        assert box.send("GET", "/oidc/jwks", headers={"Host": host}).status == status
    # A web page cannot operate the control.
    for origin in ("https://evil.example", box.url):
        assert box.send("POST", "/_sandbox/fault", {"set": "5xx"}, {"Origin": origin}).status == 403
    assert box.send("GET", "/_sandbox/fault").json["set"] == {}


def test_paths_methods_and_sizes(box):
    assert box.send("GET", "/nothing").status == 404
    assert box.send("GET", "/oidc/token").status == 405
    assert box.send("PUT", "/oidc/token").status in (405, 501)
    assert box.send("GET", "/oidc/jwks?" + "x" * 40000).status in (400, 413, 414)
    assert box.send("POST", "/oidc/token", "&".join(f"p{i}=" for i in range(300))).status == 400
    with pytest.raises((ConnectionError, OSError, AssertionError)):
        assert box.send("POST", "/oidc/token", "x=" + "y" * (1 << 20)).status == 200


def test_many_at_once(box):
    token = box.sign_in()["id_token"]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        names = [r["AssumedRoleUser"]["Arn"] for r in pool.map(lambda i: box.assume(token, session=f"s{i}"), range(64))]
    assert len(set(names)) == 64


def test_stats_count_by_operation(own):
    box = own.serve()
    token = box.sign_in()["id_token"]
    box.sts(box.assume(token)["Credentials"]).get_caller_identity()
    refused("AccessDenied", 403, "", box.assume, token, "admin")
    assert box.stats() == {"device_authorization": 1, "token.device": 1, "AssumeRoleWithWebIdentity": 2,
                           "AssumeRoleWithWebIdentity.error": 1, "GetCallerIdentity": 1}


def test_no_secret_is_in_the_log(own):
    box = own.serve()
    secrets = []
    tokens = box.sign_in()
    for t in (tokens, box.refresh(tokens["refresh_token"]).json):
        secrets += [t["id_token"], t["access_token"], t["refresh_token"]]
    box.refresh(tokens["refresh_token"])
    c = box.assume(secrets[0])["Credentials"]
    secrets += [c["SecretAccessKey"], c["SessionToken"]]
    device = box.device()
    secrets.append(device["device_code"])
    box.poll(device)
    box.send("POST", "/", {"Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": role("dev"),
                           "RoleSessionName": "a", "WebIdentityToken": secrets[0]})
    box.sts(c | {"SecretAccessKey": "x"}).meta
    refused("SignatureDoesNotMatch", 403, "", box.sts(c | {"SecretAccessKey": "x" * 40}).get_caller_identity)
    box.wait_log("SignatureDoesNotMatch")
    log = box.log()
    for s in secrets:
        assert s not in log and s.split(".")[-1] not in log


# ---- directory and command line -------------------------------------------------------------------------------------

def serve_fails(*args):
    r = subprocess.run([f"{BUILD}/valetkey-sandbox", "serve", *args], capture_output=True, text=True, timeout=30, check=False)
    assert r.stdout == "" and r.returncode != 0
    return r.returncode, r.stderr


def test_command_line_errors(own):
    for args, text in ((["--listen", "0.0.0.0:80"], "127.0.0.1:PORT"), (["--listen", "127.0.0.1:70000"], "127.0.0.1:PORT"),
                       (["--fault", "nonsense"], "no such fault"), (["extra"], "extra"), (["--nonsense"], "Usage")):
        status, err = serve_fails(*args)
        assert status == 2 and text in err
    assert "no such file" in serve_fails("--dir", "/nonexistent")[1]
    taken = own.serve()
    status, err = serve_fails("--listen", f"127.0.0.1:{taken.port}")
    assert status == 1 and "cannot listen" in err


def test_fault_on_the_command_line(own):
    box = own.serve("--fault", "jwks.5xx=1", "--fault", "sts.clock_skew=5")
    assert box.send("GET", "/_sandbox/fault").json["set"] == {"jwks.5xx": 1, "sts.clock_skew": 5}


@pytest.mark.parametrize("name,text,message", [
    ("settings.json", {"account": "12"}, "settings.json: \"account\""),
    ("settings.json", {"account": "123456789012", "colour": 1}, "unknown member \"colour\""),
    ("settings.json", {"account": "123456789012", "min_duration": 0}, "min_duration"),
    ("users/alice.json", {}, "alice.json: needs \"sub\""),
    ("users/alice.json", "{", "alice.json"),
    ("clients/valetkey.json", {"alg": "HS256"}, "\"alg\" must be"),
    ("clients/valetkey.json", {"azp": 7}, "must be strings"),
    ("providers/sandbox.json", {"Url": "http://idp.example.com", "ClientIDList": ["x"]}, "https"),
    ("providers/sandbox.json", {"Url": "https://idp.example.com"}, "ClientIDList"),
    ("roles/dev/trust-policy.json", {"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]}, "roles/dev/trust-policy.json: line"),
    ("roles/dev/role.json", {"MaxSessionDuration": 60}, "MaxSessionDuration"),
    ("roles/dev/role.json", {"Arn": "x"}, "\"Arn\""),
    ("roles/dev/policies/x.json", {"Version": "2012-10-17", "Statement": []}, "policies/x.json"),
])
def test_a_broken_directory_is_named_and_the_old_one_stays(own, name, text, message):
    box = own.serve()
    token = box.sign_in()["id_token"]
    own.write(name, text)
    r = box.send("POST", "/_sandbox/reload", {})
    assert r.status == 400 and message in r.json["error"], r.body
    box.assume(token)
    assert message in serve_fails("--dir", str(own.dir))[1]


def test_a_role_without_trust_policy_is_an_error(own):
    (own.dir / "roles/dev/trust-policy.json").unlink()
    assert "needs a trust policy" in serve_fails("--dir", str(own.dir))[1]


def test_a_user_who_is_gone_cannot_refresh(own):
    box = own.serve()
    tokens = box.sign_in("bob")
    (own.dir / "users/bob.json").unlink()
    box.control("reload")
    assert box.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
