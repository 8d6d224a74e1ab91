# SPDX-License-Identifier: Apache-2.0
"""oidc-provider (npm) as a server: installs what op/package-lock.json pins under build/ once, and starts op/op.mjs."""
import json
import os
import re

from . import npm
from .flow import device_flow, part
from .process import Server, free_port
from .web import Browser

HERE = os.path.dirname(os.path.abspath(__file__))
TAGS = "https://aws.amazon.com/tags"
PASSWORD = "correct horse battery"
USERS = {
    "alice": {"name": "Alice Liddell", "preferred_username": "alice", "email": "alice@example.org", "email_verified": True,
              "groups": ["s3-readers"], TAGS: {"principal_tags": {"department": ["eng"]}, "transitive_tag_keys": ["department"]}},
    "bob": {"name": "Bob Dobalina", "preferred_username": "bob", "email": "bob@example.org", "email_verified": True, "groups": []},
}


why_not = npm.why_not


def install(build):
    return npm.install(build, os.path.join(HERE, "op"))


class OidcProvider:
    client_id = "valetkey"
    scope = "openid offline_access profile email"

    def __init__(self, folder, build, pki, alg="RS256", tls=True, interval=1, ttl=()):
        os.makedirs(folder, exist_ok=True)
        self.alg, self.subjects = alg, {}
        self.ca = pki.ca if tls else None
        port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        self.issuer = self.url
        config = {"port": port, "issuer": self.issuer, "tls": {"key": pki.server_key, "cert": pki.server_chain} if tls else None,
                  "jwks": pki.jwks(alg), "alg": alg, "clientId": self.client_id, "interval": interval, "ttl": dict(ttl), "users": USERS,
                  "password": PASSWORD}
        with os.fdopen(os.open(f"{folder}/op.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            json.dump(config, f)
        code = install(build)
        self.server = Server("oidc-provider", ["node", "op.mjs", f"{folder}/op.json"], f"{folder}/log", cwd=code)
        self.server.wait_http(f"{self.issuer}/.well-known/openid-configuration", ca=self.ca)

    def approve(self, user_code, user="alice", _uri=None):
        """The person enters the code, confirms, and signs in: three pages with an anti-forgery field each."""
        person = Browser(self.ca, {"X-Test-User": user})

        def xsrf(page):
            return re.search(r'name="xsrf" value="([^"]*)"', page).group(1)

        page = person.expect(f"{self.url}/device")
        page = person.expect(f"{self.url}/device", form={"xsrf": xsrf(page), "user_code": user_code})
        _, page = person.send(f"{self.url}/device", form={"xsrf": xsrf(page), "user_code": user_code, "confirm": "yes"})
        return page

    def deny(self, user_code):
        return self.approve(user_code, user="deny")

    def subject(self, user="alice"):
        """Who that user is here: only the provider knows."""
        if user not in self.subjects:
            self.subjects[user] = part(device_flow(self, user)[1]["id_token"], 1)["sub"]
        return self.subjects[user]

    def stop(self):
        self.server.stop()
