# SPDX-License-Identifier: Apache-2.0
"""Random requests, and our signer as a process that is asked about all of them at once: what the comparisons with botocore and
with aws-c-auth share. SIGV4_SEED in the environment makes other requests."""
import base64
import datetime
import json
import os
import random
import subprocess
from urllib.parse import quote

TOOL = os.path.join(os.environ.get("VALETKEY_BUILD", "build"), "tests/helpers/sigv4_tool")
SEED = int(os.environ.get("SIGV4_SEED", "20150830"))
NORMALIZE, DOUBLE, SIGN_BODY, UNSIGNED, TOKEN_AFTER = 1, 2, 4, 8, 16
NOW = datetime.datetime(2026, 11, 22, 3, 4, 5)
NOW_S = int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp())
KEY, SECRET, REGION, HOST = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-central-1", "service.example.com"
PATH = "abzAZ09-._~!$&'()*+,;=:@% \u00e9\u1234\U0001f511"
VALUE = "abzAZ09-._~!$&'()*+,;=:@%\"<>[]{}|\\^` \t\u00e9\u1234"


def randomness(name):
    """Its own for each test: what one draws changes no other."""
    print(f"SIGV4_SEED={SEED}")
    return random.Random(f"{SEED} {name}")


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
    return {"op": op, "method": method, "path": path, "query": query, "headers": headers, "key_id": KEY,
            "body": base64.urlsafe_b64encode(body).rstrip(b"=").decode(), "secret": SECRET,
            "token": token, "region": REGION, "service": service, "time": time_s, "flags": flags, "expires": expires}


