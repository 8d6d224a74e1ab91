# SPDX-License-Identifier: Apache-2.0
"""aws-c-auth, the C library below many SDKs, through its Python binding: what its default chain finds signs requests that are
sent by hand. Every error is fatal. SDK_PROCESS in the environment: its process provider in place of the default chain, which
does not know credential_process.

crt.py s3 ENDPOINT BUCKET SECONDS, crt.py identity ENDPOINT: as boto.py"""
import http.client
import json
import os
import re
import sys
import time

from awscrt import auth, io
from awscrt.http import HttpHeaders, HttpRequest

LIMIT_S = 20


def provider():
    if "SDK_PROCESS" in os.environ:
        return auth.AwsCredentialsProvider.new_process()
    group = io.EventLoopGroup(1)
    return auth.AwsCredentialsProvider.new_default_chain(io.ClientBootstrap(group, io.DefaultHostResolver(group)))


def send(credentials, service, endpoint, method, path, body=b"", **headers):
    host = endpoint.split("//")[1].rstrip("/")
    request = HttpRequest(method, path, HttpHeaders([("host", host), ("content-length", str(len(body))), *headers.items()]), io.InputStream(__import__("io").BytesIO(body)))
    config = auth.AwsSigningConfig(algorithm=auth.AwsSigningAlgorithm.V4, signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS, credentials_provider=credentials,
                                   region="us-east-1", service=service, signed_body_header_type=auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256,
                                   use_double_uri_encode=False)
    auth.aws_sign_request(request, config).result(LIMIT_S)
    c = http.client.HTTPConnection(host, timeout=LIMIT_S)
    c.request(method, path, body, dict(request.headers))
    r = c.getresponse()
    text = r.read()
    c.close()
    if r.status != 200:
        sys.exit(f"{method} {path}: {r.status} {text.decode(errors='replace')}")
    return text


def s3(credentials, endpoint, bucket, seconds):
    keys, rounds, end = [], 0, time.monotonic() + float(seconds)
    while True:
        body = f"round {rounds}".encode()
        send(credentials, "s3", endpoint, "PUT", f"/{bucket}/crt/{os.getpid()}", body)
        assert send(credentials, "s3", endpoint, "GET", f"/{bucket}/crt/{os.getpid()}") == body
        rounds += 1
        key = credentials.get_credentials().result(LIMIT_S).access_key_id
        if key not in keys:
            keys.append(key)
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    print(json.dumps({"rounds": rounds, "keys": keys}))


def main():
    what, endpoint, *rest = sys.argv[1:]
    credentials = provider()
    if what == "s3":
        s3(credentials, endpoint, *rest)
    else:
        answer = send(credentials, "sts", endpoint, "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", **{"content-type": "application/x-www-form-urlencoded"})
        print(re.search(r"<Arn>(.*)</Arn>", answer.decode()).group(1))


main()
