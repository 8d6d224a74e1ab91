# SPDX-License-Identifier: Apache-2.0
"""The whole chain on servers that nobody here wrote: PAM sign-in at glewlwyd and oidc-provider, RS256 and ES256,
AssumeRoleWithWebIdentity at radosgw, S3 by Debian's boto3 through credential_process."""
import json
import os
import re
import sys

import pytest
from worldlib import ROOT

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
pytest_plugins = ("real.fixtures",)

from real.chain import USER_CODE  # noqa: E402

EVERY = [(kind, alg) for kind in ("glewlwyd", "oidc-provider") for alg in ("RS256", "ES256")]
DENIED, DECLINED = 4, 14  # wire/outcome.c
BY_CLAIM = ("username_claim = preferred_username", "username_claim_is_immutable = yes")


@pytest.mark.parametrize("kind,alg", EVERY)
def test_sign_in_and_s3(kind, alg, mode, providers, radosgw, chain):
    c = chain(providers.get(kind, alg), mode=mode)
    assert c.shim().returncode != 0, "nothing before the sign-in"
    text = c.must_sign_in()
    assert "192.0.2.7" in text and "real" in text, "the prompt names the remote host and the service"
    doc = c.credentials()
    assert doc["Version"] == 1 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", doc["Expiration"])
    got = c.s3(radosgw.endpoint, f"chain-{kind}-{alg}-{mode}".lower())
    assert got["rounds"] >= 1 and got["keys"] == [doc["AccessKeyId"]]
    for secret in (doc["SecretAccessKey"], doc["SessionToken"], "eyJ"):
        assert secret not in c.logs() + text


def test_the_claim_binds_the_account_once(providers, radosgw, chain):
    """The admin entered a name; the first sign-in whose claim names it binds the subject, and only that opens it."""
    provider = providers.get("oidc-provider", "RS256")
    c = chain(provider, identity=BY_CLAIM, bind=None)
    status, text = c.sign_in(lambda code: provider.approve(code, "bob"))
    assert status != 0, text
    c.must_sign_in()
    assert c.credentials()["Version"] == 1
    status, text = c.sign_in(lambda code: provider.approve(code, "bob"))
    assert status != 0 and "alice" in c.logs(), text


def test_denied_at_the_provider(providers, chain):
    provider = providers.get("oidc-provider", "RS256")
    c = chain(provider)
    status, text = c.sign_in(provider.deny)
    assert status != 0 and "declined" in text, text
    assert c.shim().returncode != 0


def test_https_of_the_provider_needs_the_private_ca(providers, chain):
    provider = providers.get("oidc-provider", "RS256")
    c = chain(provider)
    c.daemon.stop()
    c.write_config({"s3": [f"role_arn = {c.role_arn}", "sts_region = us-east-1"]}, ca=False)
    c.start_daemon()
    status, text = c.sign_in()
    assert status != 0 and not USER_CODE.search(text), text
    assert "certificate" in text + c.logs(), text + c.logs()


@pytest.mark.parametrize("trusted", [True, False])
def test_https_of_sts_with_a_private_ca(trusted, providers, radosgw, pki, chain):
    provider = providers.get("oidc-provider", "ES256")
    settings = [f"sts_endpoint = {radosgw.https_endpoint}"]
    c = chain(provider, *settings, *([f"ca_file = {provider.ca}"] if trusted and not ROOT else []))
    if trusted and ROOT:  # the session's uid cannot read the servers' folder: the copy in its own
        c.broker.stop()
        c.write_config({"s3": [f"role_arn = {c.role_arn}", *settings, f"ca_file = {c.ca}"]})
        c.start_broker()
    c.must_sign_in()
    r = c.shim()
    if trusted:
        assert r.returncode == 0, r.stderr
    else:
        assert r.returncode != 0 and r.stdout == "" and "certificate" in r.stderr, r.stderr
        assert radosgw.https_endpoint.split("//")[1].split(":")[0] in r.stderr, r.stderr


def test_a_refusal_of_radosgw_is_one_sentence(providers, radosgw, chain):
    """Its error is a bare <Error> with an empty message: the sentence names the role and the request, no more."""
    provider = providers.get("oidc-provider", "RS256")
    host = provider.issuer.split("://")[1]
    c = chain(provider, condition={f"{host}:sub": "mallory"})
    c.must_sign_in()
    r = c.shim()
    assert r.returncode == DENIED and r.stdout == "" and r.stderr.count("\n") == 1, r
    assert "s3" in r.stderr and "AccessDenied" in r.stderr and re.search(r"tx[0-9a-f]{10}", r.stderr), r.stderr


def test_the_broker_survives_its_providers(providers, radosgw, chain):
    """STS away: what is still good is served, and afterwards one sentence says who could not be reached."""
    provider = providers.get("glewlwyd", "ES256")
    c = chain(provider, "sts_endpoint = http://127.0.0.1:9")
    c.must_sign_in()
    r = c.shim()
    assert r.returncode != 0 and "127.0.0.1" in r.stderr and r.stderr.count("\n") == 1, r.stderr


@pytest.mark.parametrize("kind", ["glewlwyd", "oidc-provider"])
def test_login_from_inside_the_session(kind, providers, radosgw, chain):
    """No PAM: valetkey login, Debian's AWS CLI, status, logout, and the next call says what to do."""
    c = chain(providers.get(kind, "RS256"))
    status, lines, words = c.login()
    assert status == 0 and lines[-1]["outcome"] == "ok", (lines, words, c.logs())
    bucket = f"s3://cli-{kind}"
    made = c.aws("--endpoint-url", radosgw.endpoint, "s3", "mb", bucket)
    assert made.returncode == 0, made.stderr
    assert bucket.removeprefix("s3://") in c.aws("--endpoint-url", radosgw.endpoint, "s3", "ls").stdout
    doc = json.loads(c.cli("status", "--json").stdout)
    assert doc["identities"][0]["state"] == "signed-in" and doc["identities"][0]["issuer"] == c.provider.issuer
    assert doc["roles"][0]["state"] == "valid" and doc["roles"][0]["role_arn"] == c.role_arn
    assert c.cli("logout").returncode == 0
    r = c.aws("--endpoint-url", radosgw.endpoint, "s3", "ls")
    assert r.returncode != 0 and "valetkey login" in r.stderr, r.stderr


def test_login_declined(providers, chain):
    provider = providers.get("oidc-provider", "RS256")
    c = chain(provider)
    status, lines, words = c.login(provider.deny)
    assert status == DECLINED and "declined" in words, (status, lines, words)
