# SPDX-License-Identifier: Apache-2.0
"""What valetkey curl and valetkey proxy sign, believed by a server nobody here wrote: S3 of radosgw, which checks the signature, the digest
and the session token. The AWS CLI talks to the proxy with made-up keys, or none."""
import hashlib
import json
import os
import subprocess
import sys

import pytest
from worldlib import PATIENCE

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
pytest_plugins = ("real.fixtures",)

from gatewaylib import MEGABYTE, Proxy  # noqa: E402
from real.fixtures import make_chain  # noqa: E402
from real.radosgw import REGION  # noqa: E402

BUCKET = "signing"
S3 = ("--service", "s3", "--region", REGION)
SECONDS = 6
LOAD = f"""
import http.client, os, sys, time
c = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]), timeout=20)
end, n, path = time.monotonic() + {SECONDS}, 0, '/{BUCKET}/load/%d' % os.getpid()
while time.monotonic() < end:
    body = os.urandom(500)
    for method, sent in (('PUT', body), ('GET', None)):
        c.request(method, path, sent)
        r = c.getresponse()
        got = r.read()
        assert r.status == 200 and (method == 'PUT' or got == body), (method, r.status, got)
    n += 1
print(n)
"""


@pytest.fixture(scope="module")
def session(radosgw, pki, providers):
    """Signed in, with a role whose sessions live for five seconds, and a bucket."""
    c = make_chain(radosgw, pki, providers.get("oidc-provider", "RS256"), f"sts_endpoint = {radosgw.endpoint}", "duration = 5s")
    c.must_sign_in()
    with open(pki.ca, "rb") as f:
        c.gateway_ca = put(c, "rgw-ca.pem", f.read())
    r = curl(c, "-X", "PUT", f"{radosgw.endpoint}/{BUCKET}", "-w", "%{http_code}")
    assert r.stdout.endswith(b"200"), r
    yield c
    print(c.logs())
    c.close()


def put(c, name, content):
    """A file that the session's uid can read."""
    path = f"{c.dir}/etc/{name}"
    with open(path, "wb") as f:
        f.write(content)
    os.chmod(path, 0o644)
    return path


def spawn(c, *argv, **kw):
    return subprocess.Popen(c._as(c.uid) + [*argv], env=c._env(), cwd="/", stdin=kw.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **kw)


def curl(c, *argv, body=b""):
    p = spawn(c, f"{c.dir}/bin/valetkey", "curl", *S3, "s3", "-sS", *argv, stdin=subprocess.PIPE)
    out, err = p.communicate(body, timeout=60 * PATIENCE)
    return subprocess.CompletedProcess(argv, p.returncode, out, err)


@pytest.fixture(scope="module")
def proxy(session, radosgw):
    p = Proxy("s3", "--to", radosgw.https_endpoint, *S3, "--ca-file", session.gateway_ca,
              popen=lambda _, *argv: spawn(session, f"{session.dir}/bin/valetkey", *argv, text=True))
    yield p
    p.close()


@pytest.mark.parametrize("key", ["plain", "a%20b%2Bc%25%20%C3%A9%3D%26%3F%23~*'()", "dots/../and//slashes/."])
def test_curl_puts_gets_and_lists(session, radosgw, key):
    body, url = os.urandom(1000), f"{radosgw.endpoint}/{BUCKET}/{key}"
    r = curl(session, "--path-as-is", "-T", "-", url, "-w", "%{http_code}", body=body)
    assert r.stdout == b"200", r
    assert curl(session, "--path-as-is", url).stdout == body
    r = curl(session, "-G", f"{radosgw.endpoint}/{BUCKET}", "-d", "prefix=", "-d", "list-type=2", "-d", "max-keys=1000", "--data-urlencode", "start-after=0 0")
    assert b"<KeyCount>" in r.stdout, r


def test_curl_over_tls_sends_a_large_body_as_it_comes(session, radosgw):
    body = os.urandom(8 * MEGABYTE)
    r = curl(session, "--cacert", session.gateway_ca, "-T", put(session, "large", body), f"{radosgw.https_endpoint}/{BUCKET}/large", "-w", "%{http_code}")
    assert r.stdout == b"200", r
    got = curl(session, f"{radosgw.endpoint}/{BUCKET}/large")
    assert hashlib.sha256(got.stdout).digest() == hashlib.sha256(body).digest(), got.stderr
    r = curl(session, f"{radosgw.https_endpoint}/{BUCKET}/large")
    assert r.returncode == 52 and b"not trusted" in r.stderr


@pytest.mark.skipif(not os.path.exists("/usr/bin/aws"), reason="no awscli here")
def test_the_aws_cli_through_the_proxy(session, proxy):
    """A multipart upload that is not signed, a listing with made-up keys, and the copy back."""
    content = os.urandom(9 * MEGABYTE)
    source, copy = put(session, "big", content), f"{session.dir}/home/copy"

    def aws(*argv, **keys):
        r = session._run(["/usr/bin/aws", *(() if keys else ("--no-sign-request",)), "--region", REGION, "--endpoint-url", proxy.url, *argv], session.uid, **keys)
        assert r.returncode == 0, r
        return r.stdout
    aws("s3", "cp", "--no-progress", source, f"s3://{BUCKET}/cli")
    listed = aws("s3api", "list-objects-v2", "--bucket", BUCKET, "--prefix", "cli", **{f"AWS_{k}": "made-up" for k in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")})
    assert [o["Key"] for o in json.loads(listed)["Contents"]] == ["cli"]
    aws("s3", "cp", "--no-progress", f"s3://{BUCKET}/cli", copy, AWS_ACCESS_KEY_ID="made-up", AWS_SECRET_ACCESS_KEY="made-up")
    with open(copy, "rb") as f:
        assert hashlib.sha256(f.read()).digest() == hashlib.sha256(content).digest()


def test_rotations_under_load(session, proxy):
    """Four clients for longer than a session lives: no request fails."""
    first = session.credentials()["AccessKeyId"]
    clients = [spawn(session, "/usr/bin/python3", "-c", LOAD, str(proxy.port), text=True) for _ in range(4)]
    done = 0
    for c in clients:
        out, err = c.communicate(timeout=60 * PATIENCE)
        assert c.returncode == 0, err
        done += int(out)
    assert done > 20 and session.credentials()["AccessKeyId"] != first
