# SPDX-License-Identifier: Apache-2.0
"""Time passing for real, on servers that nobody here wrote: role sessions of three seconds at radosgw, ID tokens of a few,
refresh tokens that are good once."""
import os
import sys

import pytest
from botocore.exceptions import ClientError
from worldlib import until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
pytest_plugins = ("real.fixtures",)

NEEDS_LOGIN = 3  # wire/outcome.c


@pytest.mark.parametrize("kind", ["glewlwyd", "oidc-provider"])
def test_rotation_across_the_real_expiry(kind, providers, radosgw, chain):
    """Sessions of three seconds under one boto3 client that knows nothing of them: no request fails."""
    c = chain(providers.get(kind, "RS256"), f"sts_endpoint = {radosgw.endpoint}", "duration = 3s")
    c.must_sign_in()
    got = c.s3(radosgw.endpoint, f"rotates-{kind}", seconds=10)
    assert got["rounds"] > 20 and len(got["keys"]) >= 4, got
    first = c.credentials()
    s3 = radosgw.client("s3", first["AccessKeyId"], first["SecretAccessKey"], first["SessionToken"])
    s3.list_buckets()

    def expired():
        try:
            s3.list_buckets()
        except ClientError as e:
            return e.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        return False

    until("radosgw to refuse what has expired", expired, 15)


def test_refresh_brings_a_new_id_token(providers, radosgw, chain):
    """ID tokens of six seconds, role sessions of three: the broker refreshes, each time with the token of the last."""
    provider = providers.get("oidc-provider", "RS256", ttl=(("IdToken", 6),))
    c = chain(provider, f"sts_endpoint = {radosgw.endpoint}", "duration = 3s")
    before = provider.server.log_text().count("granted refresh_token")
    c.must_sign_in()
    got = c.s3(radosgw.endpoint, "refreshes", seconds=20)
    assert got["rounds"] > 40, got
    assert provider.server.log_text().count("granted refresh_token") - before >= 3
    assert "invalid_grant" not in provider.server.log_text(), "a spent refresh token was sent again"


def test_refresh_without_an_id_token(providers, radosgw, chain):
    """glewlwyd refreshes without an ID token: the role is served while the first one lives, then asks for a sign-in."""
    provider = providers.get("glewlwyd", "RS256", token_life=8)
    c = chain(provider, f"sts_endpoint = {radosgw.endpoint}", "duration = 3s")
    c.must_sign_in()
    c.s3(radosgw.endpoint, "without-id-token", seconds=2)
    said = until("the broker to ask for a new sign-in", lambda: (lambda r: r if r.returncode else None)(c.shim()), 30)
    assert said.returncode == NEEDS_LOGIN and said.stdout == "" and said.stderr.count("\n") == 1, said
    assert "sign in" in said.stderr.lower() or "valetkey login" in said.stderr, said.stderr
    c.must_sign_in()
    assert c.credentials()["Version"] == 1
