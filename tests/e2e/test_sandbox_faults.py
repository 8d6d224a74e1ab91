# SPDX-License-Identifier: Apache-2.0
"""What the sandbox does wrong on purpose, what it refuses, and that neither clients nor a broken directory harm it."""
import calendar
import concurrent.futures
import glob
import json
import os
import re
import socket
import struct
import subprocess
import sys
import time

import jwt
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sandbox_client import BUILD, Person, TOP, authorize_path, part, query_of, redeem, refused, role, verify  # noqa: E402


# ---- faults of tokens ------------------------------------------------------------------------------------------------

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


# ---- faults of answers -----------------------------------------------------------------------------------------------

def test_every_known_fault_has_a_test_and_stands_on_the_page(box):
    known = box.send("GET", "/_sandbox/fault").json["known"]
    here = os.path.dirname(os.path.abspath(__file__))
    text = "".join(open(f, encoding="utf-8").read() for f in glob.glob(f"{here}/test_sandbox_*.py"))
    assert [name for name in known if not re.search(rf"[\"'.({{]{name}[\"'=)]", text)] == []
    page = open(f"{TOP}/docs/man/valetkey-sandbox.1.scd", encoding="utf-8").read().replace("\\", "")
    assert [name for name in known if f"*{name}*" not in page] == []
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
        # a millisecond between two bytes, and a timer may fire a hair early
        assert time.monotonic() - start >= 0.0009 * (len(body) - 1)
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


# ---- the server ------------------------------------------------------------------------------------------------------

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


# ---- directory and command line --------------------------------------------------------------------------------------

def serve_fails(*args):
    r = subprocess.run([f"{BUILD}/valetkey-sandbox", "serve", *args], capture_output=True, text=True, timeout=30, check=False)
    assert r.stdout == "" and r.returncode != 0
    return r.returncode, r.stderr


def test_command_line_errors(own):
    for args, text in ((["--listen", "0.0.0.0:80"], "127.0.0.1:PORT"), (["--listen", "127.0.0.1:70000"], "127.0.0.1:PORT"),
                       (["--fault", "nonsense"], "no such fault"), (["extra"], "extra"), (["--nonsense"], "nonsense")):
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
