# SPDX-License-Identifier: Apache-2.0
"""The device flow by hand, as RFC 8628 says: what the providers do when nobody of ours is involved."""
import base64
import json
import time

from .web import Browser

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def device_flow(provider, user="alice"):
    """The provider's metadata and its token answer for that user."""
    client = Browser(provider.ca)
    metadata = json.loads(client.expect(f"{provider.issuer}/.well-known/openid-configuration"))
    assert metadata["issuer"] == provider.issuer
    device = json.loads(client.expect(metadata["device_authorization_endpoint"], form={"client_id": provider.client_id, "scope": provider.scope}))
    form = {"client_id": provider.client_id, "device_code": device["device_code"], "grant_type": DEVICE}
    status, body = client.send(metadata["token_endpoint"], form=form)
    assert (status, json.loads(body)["error"]) == (400, "authorization_pending")
    provider.approve(device["user_code"], user)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        time.sleep(device.get("interval", 5))
        status, body = client.send(metadata["token_endpoint"], form=form)
        if status == 200:
            return metadata, json.loads(body)
        assert json.loads(body)["error"] in ("authorization_pending", "slow_down"), body
    raise AssertionError("never approved")


def part(token, i):
    """The decoded header (0) or claims (1) of a token."""
    raw = token.split(".")[i]
    return json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))


def refresh(provider, metadata, token):
    return Browser(provider.ca).send(metadata["token_endpoint"], form={
        "grant_type": "refresh_token", "client_id": provider.client_id, "refresh_token": token})
