# SPDX-License-Identifier: Apache-2.0
"""SigV4 against botocore: thousands of random requests, signed by both, must come out alike; what botocore signed our
verifier accepts, and what was then changed it refuses. Every failure prints the seed and the request."""
import base64
import datetime
import json
import os
import random
import subprocess
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

TOOL = os.path.join(os.environ.get("VALETKEY_BUILD", "build"), "tests/helpers/sigv4_tool")
SEED = int(os.environ.get("SIGV4_SEED", "20150830"))
COUNT = 1500  # of each form
NORMALIZE, DOUBLE, SIGN_BODY, UNSIGNED = 1, 2, 4, 8
NOW = datetime.datetime(2026, 11, 22, 3, 4, 5)
NOW_S = int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp())
PATH = "abzAZ09-._~!$&'()*+,;=:@% \u00e9\u1234\U0001f511"
VALUE = "abzAZ09-._~!$&'()*+,;=:@%\"<>[]{}|\\^` \t\u00e9\u1234"
SIGNATURE = 7  # enum sigv4_verify_result


class FrozenDatetime(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW


@pytest.fixture(autouse=True)
def frozen(monkeypatch):
    fake = type("fake", (), {"datetime": FrozenDatetime})
    monkeypatch.setattr(botocore.auth, "datetime", fake)


def ask(jobs):
    """All questions in one go, through one process."""
    text = "".join(json.dumps(j) + "\n" for j in jobs)
    r = subprocess.run([TOOL], input=text.encode(), stdout=subprocess.PIPE, check=True, timeout=60)
    answers = [json.loads(line) for line in r.stdout.splitlines()]
    assert len(answers) == len(jobs)
    return answers


def word(rng, alphabet, least=0, most=12):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(least, most)))


def random_request(rng, s3):
    """Method, path, query, headers, body, token: everything that differs from request to request."""
    segments = [rng.choice(["", ".", "..", "...", word(rng, PATH), word(rng, PATH)]) for _ in range(rng.randint(0, 6))]
    path = "/" + "/".join(segments)
    if s3:  # botocore takes an S3 path as it stands, so it has to stand there encoded
        path = quote(path, safe="/~")
    pairs = [(word(rng, VALUE, 1), word(rng, VALUE)) for _ in range(rng.randint(0, 6))]
    pairs += [(k, word(rng, VALUE)) for k, _ in pairs if rng.random() < 0.2]
    query = "&".join(quote(k, safe="-_.~") + rng.choice(["=", "="] if v else ["=", ""]) + quote(v, safe="-_.~")
                     for k, v in pairs)
    headers = [(rng.choice(["X-Custom", "x-custom", "X-A", "x-amz-meta-x", "Content-Type", "Range", "User-Agent", "Expect",
                            "X-Amzn-Trace-Id", "Content-MD5", "_under"]), word(rng, VALUE)) for _ in range(rng.randint(0, 6))]
    if rng.random() < 0.2:
        headers.append(("Date", "Thu, 01 Jan 1970 00:00:00 GMT"))
    body = rng.randbytes(rng.choice([0, 0, 1, 63, 64, 65, 1000]))
    token = word(rng, "abcXYZ019/+=", 1, 400) if rng.random() < 0.5 else None
    return rng.choice(["GET", "POST", "PUT", "DELETE", "HEAD"]), path, query, headers, body, token


def job(op, method, path, query, headers, body, token, service, flags, expires=0, time_s=NOW_S):
    return {"op": op, "method": method, "path": path, "query": query, "headers": headers, "key_id": "AKIDEXAMPLE",
            "body": base64.urlsafe_b64encode(body).rstrip(b"=").decode(), "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "token": token, "region": "eu-central-1", "service": service, "time": time_s, "flags": flags, "expires": expires}


def botocore_signed(auth, service, kw, method, path, query, headers, body, token):
    url = "https://service.example.com" + path + ("?" + query if query else "")
    r = AWSRequest(method=method, url=url, data=body)
    r.headers["Host"] = "service.example.com"
    for k, v in headers:
        r.headers.add_header(k, v)
    cred = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    auth(cred, service, "eu-central-1", **kw).add_auth(r)
    return r


def check(auth, service, flags, kw, keep):
    rng = random.Random(f"{SEED} {auth.__name__}")
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
        mine = job("sign", method, path, query, [["Host", "service.example.com"]] + [list(h) for h in headers], body_now, token,
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
