#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SigV4 signatures per CPU second: ours (build/bench/sigv4), botocore's and aws-c-auth's (through python3-awscrt), the same request,
in turns, one table. Usage: bench/sigv4.py BUILD [SECONDS]. Fails when they do not sign alike: then there is nothing to compare."""
import datetime
import io
import subprocess
import sys
import time

import awscrt
import awscrt.auth as crt
import botocore
import botocore.auth
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import InputStream
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2026, 11, 22, 3, 4, 5)
CRED = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2VjEXAMPLETOKEN")
URL = "https://sts.eu-central-1.amazonaws.com/"
BODY = b"Action=GetCallerIdentity&Version=2011-06-15"
HEADERS = {"Host": "sts.eu-central-1.amazonaws.com", "Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
ROUNDS = 3


class FrozenDatetime(datetime.datetime):
    @classmethod
    def utcnow(cls):
        return NOW


def request():
    r = AWSRequest(method="POST", url=URL, data=BODY)
    for name, value in HEADERS.items():
        r.headers[name] = value
    return r


REQUEST = request()
AUTH = botocore.auth.SigV4Auth(CRED, "sts", "eu-central-1")


def sign():
    """Signs alone: request and signer are made once, as on our side. A request may be signed again and again."""
    AUTH.add_auth(REQUEST)


def header_form():
    sign()
    return REQUEST.headers["Authorization"].rpartition("Signature=")[2]


PROVIDER = crt.AwsCredentialsProvider.new_static(CRED.access_key, CRED.secret_key, CRED.token)


def crt_sign():
    """aws-c-auth wants a request and a configuration of its own for each signature."""
    request = HttpRequest("POST", "/", HttpHeaders(list(HEADERS.items())), InputStream(io.BytesIO(BODY)))
    config = crt.AwsSigningConfig(algorithm=crt.AwsSigningAlgorithm.V4, signature_type=crt.AwsSignatureType.HTTP_REQUEST_HEADERS,
                                  credentials_provider=PROVIDER, region="eu-central-1", service="sts", date=NOW.replace(tzinfo=datetime.timezone.utc))
    crt.aws_sign_request(request, config).result(20)
    return request.headers.get("Authorization").rpartition("Signature=")[2]


def rate(what, seconds):
    n = 0
    start = time.process_time()
    while True:
        for _ in range(50):
            what()
        n += 50
        took = time.process_time() - start
        if took >= seconds:
            return n / took


def main():
    build, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    botocore.auth.datetime = type("fake", (), {"datetime": FrozenDatetime})
    ours, theirs, crts = {}, [], []
    for _ in range(ROUNDS):  # in turns, so that a busy machine disturbs both
        out = subprocess.run([f"{build}/bench/sigv4", str(seconds)], stdout=subprocess.PIPE, check=True, text=True).stdout
        for line in out.splitlines():
            name, signature, value = line.split()
            ours.setdefault(name, []).append(float(value))
            if name == "header" and not signature == header_form() == crt_sign():
                sys.exit("bench/sigv4: they do not sign this request alike")
        theirs.append(rate(sign, seconds))
        crts.append(rate(crt_sign, seconds))
    best = max(theirs)
    print(f"SigV4 signatures per CPU second (best of {ROUNDS} rounds of {seconds:g} s)")
    print(f"  {'':34} {'per second':>12} {'each, µs':>10} {'to botocore':>12}")
    rows = [(f"botocore {botocore.__version__}, header form", best), (f"awscrt {awscrt.__version__}, header form", max(crts)),
            ("valetkey, header form", max(ours["header"])), ("valetkey, query form", max(ours["query"])),
            ("valetkey, verification", max(ours["verify"])), ("OpenSSL alone, header form", max(ours["bare"]))]
    for name, value in rows:
        print(f"  {name:34} {value:12,.0f} {1e6 / value:10.1f} {value / best:11.1f}x")


main()
