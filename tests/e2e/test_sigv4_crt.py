# SPDX-License-Identifier: Apache-2.0
"""SigV4 against aws-c-auth, the C library below many SDKs (python3-awscrt): thousands of random requests in every way of signing
must come out alike, header and query form, S3's rules, without normalisation, with the body in the signature and out of it,
with the session token in it and after it."""
import datetime
import io
import os
import sys
from urllib.parse import quote, unquote

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sigv4lib import (DOUBLE, HOST, KEY, NORMALIZE, NOW, REGION, SECRET, SEED, SIGN_BODY, TOKEN_AFTER, UNSIGNED, ask,  # noqa: E402
                      job, random_request, randomness)

crt = pytest.importorskip("awscrt.auth", reason="no python3-awscrt here")
from awscrt.http import HttpHeaders, HttpRequest  # noqa: E402
from awscrt.io import InputStream  # noqa: E402

COUNT = 600  # of each way
UTC = NOW.replace(tzinfo=datetime.timezone.utc)


def crt_signed(method, path, query, headers, body, token, service, flags, expires):
    config = crt.AwsSigningConfig(
        algorithm=crt.AwsSigningAlgorithm.V4,
        signature_type=crt.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS if expires else crt.AwsSignatureType.HTTP_REQUEST_HEADERS,
        credentials_provider=crt.AwsCredentialsProvider.new_static(KEY, SECRET, token), region=REGION, service=service, date=UTC,
        use_double_uri_encode=bool(flags & DOUBLE), should_normalize_uri_path=bool(flags & NORMALIZE),
        signed_body_value=crt.AwsSignedBodyValue.UNSIGNED_PAYLOAD if flags & UNSIGNED else None,
        signed_body_header_type=crt.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256 if flags & (SIGN_BODY | UNSIGNED) and not expires
        else crt.AwsSignedBodyHeaderType.NONE,
        should_sign_header=lambda name: name.lower() != "expect",  # a proxy on the way answers it; aws-c-auth would sign it
        expiration_in_seconds=expires or None, omit_session_token=bool(flags & TOKEN_AFTER))
    request = HttpRequest(method, path + ("?" + query if query else ""), HttpHeaders([("Host", HOST), *headers]), InputStream(io.BytesIO(body)))
    crt.aws_sign_request(request, config).result(20)
    return request


def signature_of(request, expires):
    if expires:
        return request.path.split("X-Amz-Signature=")[1].split("&")[0]
    return request.headers.get("Authorization").split("Signature=")[1]


def fitting(rng, q, service, expires):
    """What the binding takes: a path as on a request line, which must not read as a URL with a host ("//", "://"). S3's path is
    used as it stands, so it has to stand there encoded."""
    method, path, query, headers, body, token = q
    path = "/" + quote(unquote(path).lstrip("/"), safe="/~" if service == "s3" else "/-._~!$&'()*+,;=@")
    return method, path, query, headers, body, token


WAYS = [
    ("header", "sts", NORMALIZE | DOUBLE, 0),
    ("header-body", "es", NORMALIZE | DOUBLE | SIGN_BODY, 0),
    ("header-unsigned-payload", "es", NORMALIZE | DOUBLE | UNSIGNED, 0),
    ("header-not-normalised", "execute-api", DOUBLE, 0),
    ("header-token-after", "iotdevicegateway", NORMALIZE | DOUBLE | TOKEN_AFTER, 0),
    ("s3", "s3", SIGN_BODY, 0),
    ("query", "sts", NORMALIZE | DOUBLE, 900),
    ("query-not-normalised", "execute-api", DOUBLE, 60),
    ("query-token-after", "iotdevicegateway", NORMALIZE | DOUBLE | TOKEN_AFTER, 604800),
    ("s3-query", "s3", UNSIGNED, 604800),
]


@pytest.mark.parametrize("name, service, flags, expires", WAYS, ids=[w[0] for w in WAYS])
def test_as_aws_c_auth_signs(name, service, flags, expires):
    rng = randomness(name)
    cases = [fitting(rng, random_request(rng, service == "s3"), service, expires) for _ in range(COUNT)]
    ours = ask([job("sign", m, p, q, [["Host", HOST]] + [list(h) for h in hs], body, token, service, flags, expires)
                for m, p, q, hs, body, token in cases])
    for case, mine in zip(cases, ours):
        theirs = signature_of(crt_signed(*case, service, flags, expires), expires)
        assert mine["result"] == 0, f"SIGV4_SEED={SEED} {case}\n{mine}"
        assert mine["signature"] == theirs, f"SIGV4_SEED={SEED} {case}\n{mine['canonical']}"


