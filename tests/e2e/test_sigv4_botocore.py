# SPDX-License-Identifier: Apache-2.0
"""SigV4 against botocore: thousands of random requests, signed by both, must come out alike; what botocore signed our
verifier accepts, and what was then changed it refuses. Every failure prints the seed and the request."""
import datetime
import os
import sys
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sigv4lib import DOUBLE, HOST, KEY, NORMALIZE, NOW, REGION, SECRET, SEED, SIGN_BODY, UNSIGNED, ask, job, random_request, randomness  # noqa: E402

COUNT = 1500  # of each form
SIGNATURE = 7  # enum sigv4_verify_result


class FrozenDatetime(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW


@pytest.fixture(autouse=True)
def frozen(monkeypatch):
    fake = type("fake", (), {"datetime": FrozenDatetime})
    monkeypatch.setattr(botocore.auth, "datetime", fake)


def botocore_signed(auth, service, kw, method, path, query, headers, body, token):
    url = f"https://{HOST}" + path + ("?" + query if query else "")
    r = AWSRequest(method=method, url=url, data=body)
    r.headers["Host"] = HOST
    for k, v in headers:
        r.headers.add_header(k, v)
    cred = Credentials(KEY, SECRET, token)
    auth(cred, service, REGION, **kw).add_auth(r)
    return r


def check(auth, service, flags, kw, keep):
    rng = randomness(auth.__name__)
    cases, jobs = [], []
    for _ in range(COUNT):
        q = random_request(rng, service == "s3")
        q = keep(rng, *q)
        signed = botocore_signed(auth, service, kw, *q)
        parts = urlsplit(signed.url)
        method, path, query, headers, body, token = q
        assert parts.path == path, "the request is not what was meant"
        body_now = signed.body if isinstance(signed.body, bytes) else (signed.body or "").encode()
        headers_now = list(signed.headers.items())
        mine = job("sign", method, path, query, [["Host", HOST]] + [list(h) for h in headers], body_now, token,
                   service, flags, kw.get("expires", 0))
        theirs = job("verify", method, path, parts.query, headers_now, body_now, token, service, flags)
        tampered = dict(theirs)
        change = rng.choice(["method", "path", "host", "secret"])
        if change == "method":
            tampered["method"] = "PATCH"
        elif change == "path":
            tampered["path"] = path + "x"
        elif change == "host":
            tampered["headers"] = [[k, "other.example.com" if k == "Host" else v] for k, v in headers_now]
        else:
            tampered["secret"] = theirs["secret"] + "x"
        cases.append((q, signed))
        jobs += [mine, theirs, tampered]
    answers = ask(jobs)
    for i, (q, signed) in enumerate(cases):
        mine, theirs, tampered = answers[3 * i:3 * i + 3]
        told = f"seed {SEED}, request {i}: {q!r}\nbotocore: {signed.url}\n{signed.headers}\nours: {mine}"
        if "Date" not in signed.headers:  # with one, botocore sends no X-Amz-Date, and we always do
            if "X-Amz-Signature=" in signed.url:
                want = signed.url.rpartition("X-Amz-Signature=")[2]
            else:
                want = signed.headers["Authorization"].rpartition("Signature=")[2]
            assert mine["result"] == 0 and mine["signature"] == want, told
        assert theirs["result"] == 0, told + f"\nverify: {theirs}"
        assert tampered["result"] == SIGNATURE, told + f"\ntampered: {tampered}"


def without(names):
    def keep(rng, method, path, query, headers, body, token):
        return method, path, query, [h for h in headers if h[0].lower() not in names], body, token
    return keep


def test_header_form():
    check(botocore.auth.SigV4Auth, "sts", NORMALIZE | DOUBLE, {}, without(()))


def test_s3_header_form():
    check(botocore.auth.S3SigV4Auth, "s3", SIGN_BODY, {}, without(()))


def presigned(rng, method, path, query, headers, body, token):
    # botocore's presigner keeps one value of each name, moves a body into the query, and does not take Date as the date
    pairs = {}
    for p in query.split("&") if query else []:
        pairs.setdefault(p.partition("=")[0], p)
    return (method, path, "&".join(pairs.values()),
            [h for h in headers if h[0].lower() not in ("date", "content-type")], b"", token)


def test_query_form():
    check(botocore.auth.SigV4QueryAuth, "sts", NORMALIZE | DOUBLE, {"expires": 900}, presigned)


def test_s3_query_form():
    check(botocore.auth.S3SigV4QueryAuth, "s3", UNSIGNED, {"expires": 604800}, presigned)
