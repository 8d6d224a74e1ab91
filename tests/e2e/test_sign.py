# SPDX-License-Identifier: Apache-2.0
"""valetkey sign and verify as a tool that cannot sign would use them: a raw request in, a signed one out, equal to what botocore
signs; and a sentence for each request that nobody should sign."""
import datetime
import json
import os
import socket
import subprocess
import sys

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

CLI = os.path.join(os.environ["VALETKEY_BUILD"], "valetkey")
KEY, SECRET, TOKEN = "ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token/with+signs=="
ENV = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
TIME = "2015-08-30T12:36:00Z"


def run(verb, request, *argv, env=None):
    return subprocess.run([CLI, verb, "--env", *argv], input=request, capture_output=True, timeout=30, check=False,
                          env=ENV if env is None else env)


def sign(request, *argv):
    r = run("sign", request, "--time", TIME, *argv)
    assert r.returncode == 0, r.stderr
    return r.stdout


def raw(method="GET", target="/", host="sts.eu-central-1.amazonaws.com", body=b"", **headers):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"] + [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def headers_of(request):
    return dict(line.split(": ", 1) for line in request.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:])


class Then(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return cls(2015, 8, 30, 12, 36, 0)


@pytest.fixture
def botocore_then(monkeypatch):
    import botocore.auth
    monkeypatch.setattr(botocore.auth.datetime, "datetime", Then)
    return Credentials(KEY, SECRET, TOKEN)


def test_as_botocore_signs(botocore_then):
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    out = headers_of(sign(raw("POST", body=body, Content_Type="application/x-www-form-urlencoded")))
    q = AWSRequest("POST", "https://sts.eu-central-1.amazonaws.com/", data=body,
                   headers={"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))})
    SigV4Auth(botocore_then, "sts", "eu-central-1").add_auth(q)
    assert out["Authorization"] == q.headers["Authorization"]
    assert out["X-Amz-Date"] == "20150830T123600Z" and out["X-Amz-Security-Token"] == TOKEN
    assert f"Credential={KEY}/20150830/eu-central-1/sts/aws4_request" in out["Authorization"]


def test_s3_as_botocore_signs(botocore_then):
    target = "/a%20b/..//c%2Bd?list-type=2&prefix=%C3%A9"
    out = headers_of(sign(raw("GET", target, host="bucket.s3.eu-west-1.amazonaws.com")))
    q = AWSRequest("GET", "https://bucket.s3.eu-west-1.amazonaws.com" + target)
    S3SigV4Auth(botocore_then, "s3", "eu-west-1").add_auth(q)
    assert out["Authorization"] == q.headers["Authorization"]
    assert out["X-Amz-Content-Sha256"] == q.headers["X-Amz-Content-SHA256"]


@pytest.mark.parametrize("auth, service, host, target", [
    (S3SigV4QueryAuth, "s3", "bucket.s3.eu-west-1.amazonaws.com", "/k%20ey"),
    (SigV4QueryAuth, "execute-api", "abc.execute-api.eu-west-1.amazonaws.com", "/prod/x?a=1"),
])
def test_presigned_as_botocore_does(botocore_then, auth, service, host, target):
    url = sign(raw("GET", target, host=host), "--presign", "600", "--show", "url").decode().strip()
    q = AWSRequest("GET", f"https://{host}{target}")
    auth(botocore_then, service, "eu-west-1", expires=600).add_auth(q)
    ours, theirs = (dict(p.split("=", 1) for p in u.split("?", 1)[1].split("&")) for u in (url, q.url))
    assert ours == theirs  # in which order they stand means nothing; ours is aws-c-auth's


def test_what_is_shown():
    request = raw()
    assert sign(request, "--show", "canonical-request").startswith(b"GET\n/\n\nhost:sts.eu-central-1.amazonaws.com\n")
    assert sign(request, "--show", "string-to-sign").startswith(b"AWS4-HMAC-SHA256\n20150830T123600Z\n")
    signature = sign(request, "--show", "signature").strip()
    assert len(signature) == 64 and sign(request).split(b"\r\n\r\n")[0].endswith(b"Signature=" + signature)
    assert b"x-amz-content-sha256" in sign(request, "--sign-body", "--show", "canonical-request")
    assert sign(request, "--unsigned-payload", "--show", "canonical-request").endswith(b"UNSIGNED-PAYLOAD\n")
    assert TOKEN.encode() not in sign(request, "--unsigned-session-token", "--show", "canonical-request")
    assert b"\n/a/../b\n" in sign(raw(target="/a/../b"), "--no-normalize", "--show", "canonical-request")
    assert b"\n/b\n" in sign(raw(target="/a/../b"), "--show", "canonical-request")


@pytest.mark.parametrize("host, signed, absent", [
    ("abc.eu-west-1.aoss.amazonaws.com", ["x-amz-content-sha256"], ["content-length"]),
    ("bucket.s3.eu-west-1.amazonaws.com", ["x-amz-content-sha256", "content-length"], []),
    ("s3tables.eu-west-1.amazonaws.com", ["content-length"], ["x-amz-content-sha256"]),
    ("vpc-x.eu-west-1.es.amazonaws.com", ["content-length"], ["x-amz-content-sha256"]),
])
def test_rules_of_services(host, signed, absent):
    """OpenSearch Serverless and S3 want the digest; the first refuses a signature over Content-Length."""
    names = headers_of(sign(raw("PUT", "/a/../b", host=host, body=b"x")))["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert set(signed) <= set(names) and not set(absent) & set(names)


def test_a_presigned_url_that_outlives_its_credentials_is_told():
    ends = {**ENV, "AWS_CREDENTIAL_EXPIRATION": "2015-08-30T12:46:00Z"}
    r = run("sign", raw(), "--time", TIME, "--presign", "900", "--show", "url", env=ends)
    assert r.returncode == 0 and b"end in 600 s" in r.stderr and b"not after 900 s" in r.stderr
    assert not run("sign", raw(), "--time", TIME, "--presign", "600", "--show", "url", env=ends).stderr


def test_what_was_signed_verifies_and_what_was_changed_does_not():
    body = b"\x00binary\xff"
    signed = sign(raw("PUT", "/k", host="b.s3.eu-west-1.amazonaws.com", body=body))
    assert signed.endswith(b"\r\n\r\n" + body)
    good = run("verify", signed, "--time", TIME)
    assert good.returncode == 0 and b"the signature is good" in good.stdout
    for change, step in [((b"PUT /k", b"PUT /l"), "signature"), ((b"\xff", b"\xfe"), "signature"),
                         ((b"token/with", b"token/wit\x68x"), "session token"), ((b"X-Amz-Date: 20150830", b"X-Amz-Date: 20150829"), "")]:
        if change[0] == b"\xff":
            r = run("verify", signed.replace(*change), "--time", TIME, "--json")
        else:
            r = run("verify", signed.replace(*change, 1), "--time", TIME, "--json")
        assert r.returncode == 4, (change, r.stdout, r.stderr)
        assert step in json.loads(r.stdout)["step"]
    late = run("verify", signed, "--time", "2015-08-30T13:36:00Z", "--json")
    assert json.loads(late.stdout)["step"] == "time"
    other = run("verify", signed, "--time", TIME, "--json", env={**ENV, "AWS_SECRET_ACCESS_KEY": "other"})
    assert json.loads(other.stdout)["step"] == "signature" and json.loads(other.stdout)["mistake"] is None
    url = sign(raw("GET", "/k", host="b.s3.eu-west-1.amazonaws.com"), "--presign", "60")
    assert run("verify", url, "--time", "2015-08-30T12:36:59Z").returncode == 0
    assert json.loads(run("verify", url, "--time", "2015-08-30T12:37:01Z", "--json").stdout)["step"] == "expiry"


def test_a_role_asks_sts_who_it_is(shared_world):
    """Signed with the broker's credentials, sent over a plain socket, believed by an STS that verifies."""
    host = shared_world.env["VALETKEY_SANDBOX_STS"].split("://")[1].rstrip("/")
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    request = raw("POST", host=host, body=body, Content_Type="application/x-www-form-urlencoded", Connection="close")
    p = shared_world.start("valetkey", "sign", "--role", "dev", "--service", "sts", "--region", "eu-central-1", stdin=subprocess.PIPE)
    out, err = p.communicate(request.decode(), timeout=30)
    assert p.returncode == 0, err
    with socket.create_connection(tuple(host.rsplit(":", 1)), timeout=10) as s:
        s.sendall(out.encode())
        answer = b""
        while (block := s.recv(65536)):
            answer += block
    assert b" 200 " in answer.split(b"\r\n")[0] and b"assumed-role/dev/alice" in answer, answer


def test_the_usual_mistakes_are_found():
    once = sign(raw(target="/a%20b", host="abc.execute-api.eu-west-1.amazonaws.com"), "--service", "s3")
    once = once.replace(b"/s3/aws4", b"/execute-api/aws4")
    r = run("verify", once, "--time", TIME, "--json")
    assert r.returncode == 4  # the scope is part of what was signed: no way of encoding mends that
    unsigned = sign(raw(), "--unsigned-session-token")
    r = run("verify", unsigned, "--time", TIME, "--json")
    assert r.returncode == 4 and "token is not among" in json.loads(r.stdout)["mistake"], r.stdout
    plain = sign(raw(target="/a/../b"), "--no-normalize")
    assert "normalised" in json.loads(run("verify", plain, "--time", TIME, "--json").stdout)["mistake"]


@pytest.mark.parametrize("request_, says", [
    (b"", "empty line"), (b"\x00\xff", "empty line"), (b"GET / HTTP/1.1\nHost: h\n\n", "CR LF"),
    (b"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", "folded"),
    (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "pieces"),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100000 + b"\r\n", "more headers"),
    (b"GET / HTTP/1.1\r\n\r\n", "Host"), (raw(host="example.com"), "--service"),
    (raw(X_Amz_Date="20150830T123600Z"), "signing adds"), (raw(target="/?X-Amz-Signature=0"), "cannot be s"),
    (b"A" * (17 << 20), "bytes"),
], ids=["empty", "binary", "bare-lf", "folded", "chunked", "headers", "no-host", "unknown-host", "signed", "presigned", "huge"])
def test_nobody_should_sign_these(request_, says):
    r = run("sign", request_)
    assert r.returncode == 2 and not r.stdout and r.stderr.count(b"\n") == 1 and says in r.stderr.decode(), r.stderr


@pytest.mark.parametrize("argv, says", [
    (["--presign", "604801"], "7 days"), (["--presign", "x"], "seconds"), (["--presign", "0"], "seconds"), (["--time", "yesterday"], "--time"),
    (["--show", "url"], "--presign"), (["--show", "all"], "--show"), (["--sign-body", "--unsigned-payload"], "either"),
    (["--role", "dev"], "either"),
])
def test_wrong_usage_is_said(argv, says):
    r = run("sign", raw(), *argv)
    assert r.returncode == 2 and not r.stdout and says in r.stderr.decode(), r.stderr
    r = run("sign", raw(), env={})
    assert r.returncode == 2 and b"AWS_ACCESS_KEY_ID" in r.stderr
