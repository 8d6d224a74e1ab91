# SPDX-License-Identifier: Apache-2.0
"""The servers nobody here wrote, by themselves: if these fail, the chain tests say nothing about valetkey.

Device flow by hand, AssumeRoleWithWebIdentity and S3 by boto3, and the differences between the two providers that the
chain tests stand on.
"""
import json
import os
import sys
import time

import pytest
from botocore.exceptions import ClientError

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
pytest_plugins = ("real.fixtures",)

from real.flow import DEVICE, device_flow, part, refresh  # noqa: E402
from real.web import Browser  # noqa: E402

EVERY = [(kind, alg) for kind in ("glewlwyd", "oidc-provider") for alg in ("RS256", "ES256")]


@pytest.mark.parametrize("kind,alg", EVERY)
def test_device_flow_sts_and_s3(kind, alg, providers, radosgw, pki):
    provider = providers.get(kind, alg)
    metadata, tokens = device_flow(provider)
    assert part(tokens["id_token"], 0)["alg"] == alg
    claims = part(tokens["id_token"], 1)
    assert claims["iss"] == provider.issuer and claims["aud"] == provider.client_id and claims["sub"]
    arn = radosgw.trust(provider, pki.thumbprint[alg], f"{kind}-{alg}")
    c = radosgw.web_identity(arn, tokens["id_token"])
    s3 = radosgw.client("s3", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    bucket = f"by-hand-{kind}-{alg}".lower()
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
    if kind == "oidc-provider":
        status, body = refresh(provider, metadata, tokens["refresh_token"])
        again = json.loads(body)
        assert status == 200 and again["id_token"] and again["refresh_token"] != tokens["refresh_token"]
        status, body = refresh(provider, metadata, tokens["refresh_token"])
        assert status == 400 and json.loads(body)["error"] == "invalid_grant"
        status, body = refresh(provider, metadata, again["refresh_token"])
        assert status == 400, "reuse ends the family"
    else:
        status, body = refresh(provider, metadata, tokens["refresh_token"])
        assert status == 200 and "id_token" not in json.loads(body), "glewlwyd refreshes without an ID token"


def test_radosgw_refuses_a_wrong_token_with_a_bare_error(providers, radosgw, pki):
    provider = providers.get("glewlwyd", "RS256")
    arn = radosgw.trust(provider, pki.thumbprint["RS256"], "refuses")
    _, tokens = device_flow(provider)
    head, body, _ = tokens["id_token"].split(".")
    with pytest.raises(ClientError) as e:
        radosgw.web_identity(arn, f"{head}.{body}.{'A' * 342}")
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_three_second_sessions_expire(providers, radosgw, pki):
    provider = providers.get("glewlwyd", "RS256")
    arn = radosgw.trust(provider, pki.thumbprint["RS256"], "short")
    _, tokens = device_flow(provider)
    c = radosgw.web_identity(arn, tokens["id_token"], duration=3)
    s3 = radosgw.client("s3", c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    s3.list_buckets()
    end = time.monotonic() + 20
    with pytest.raises(ClientError):
        while time.monotonic() < end:
            s3.list_buckets()
            time.sleep(0.2)


def test_https_of_the_provider_needs_the_private_ca(providers):
    provider = providers.get("oidc-provider", "RS256")
    with pytest.raises(OSError):
        Browser().send(f"{provider.issuer}/.well-known/openid-configuration")


def test_a_denied_device_code(providers):
    provider = providers.get("oidc-provider", "RS256")
    client = Browser(provider.ca)
    device = json.loads(client.expect(f"{provider.issuer}/device/auth", form={"client_id": provider.client_id, "scope": "openid"}))
    provider.deny(device["user_code"])
    _, body = client.send(f"{provider.issuer}/token", form={"client_id": provider.client_id, "device_code": device["device_code"], "grant_type": DEVICE})
    assert json.loads(body)["error"] == "access_denied"
