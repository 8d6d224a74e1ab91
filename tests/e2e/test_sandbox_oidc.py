# SPDX-License-Identifier: Apache-2.0
"""The sandbox's OpenID provider: flows by raw HTTP, tokens verified by PyJWT, pages as a browser sees them."""
import base64
import hashlib
import os
import re
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sandbox_client import CALLBACK, Person, authorize_path, part, query_of, redeem, refused, verify  # noqa: E402


# ---- the provider ----------------------------------------------------------------------------------------------------

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


# ---- the pages -------------------------------------------------------------------------------------------------------

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


def test_how_long_a_grant_lives_is_said_where_a_switch_says_so(own):
    box = own.serve()
    assert "refresh_expires_in" not in box.sign_in()
    with box.fault("refresh_expires_in=90"):
        assert box.sign_in()["refresh_expires_in"] == 90


def test_browsers_say_where_a_form_comes_from(box):
    """With no-referrer they send "Origin: null", and the page would refuse its own form."""
    r = box.send("GET", "/oidc/device")
    assert r.status == 200 and r.headers["Referrer-Policy"] == "same-origin"
