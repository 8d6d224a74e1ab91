# SPDX-License-Identifier: Apache-2.0
"""glewlwyd (Debian), an OpenID provider in C. What it is good for here: its issuer has a path, it answers slow_down when
polled too fast, errors without a description, token_type in lower case, and *no ID token on refresh*."""
import json
import os
import shutil
import sqlite3

from .flow import device_flow, part
from .process import Server, free_port
from .web import Browser

SCHEMA = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"
PASSWORD = "correct horse battery"
CONF = """
port={port}
bind_address="127.0.0.1"
external_url="{url}"
api_prefix="api"
log_mode="console"
log_level="INFO"
cookie_domain="127.0.0.1"
cookie_secure=0
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
login_url="login.html"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
static_files_path="{folder}/webapp/"
static_files_mime_types = (
  {{ extension = ".html", mime_type = "text/html", compress = 0 }}, {{ extension = ".css", mime_type = "text/css", compress = 0 }},
  {{ extension = ".js", mime_type = "application/javascript", compress = 0 }}, {{ extension = ".json", mime_type = "application/json", compress = 0 }},
  {{ extension = "*", mime_type = "application/octet-stream", compress = 0 }}
);
database = {{ type = "sqlite3"; path = "{folder}/glewlwyd.db"; }};
"""


def why_not():
    """Why it cannot be started here; None where it can."""
    return None if shutil.which("glewlwyd") else "no glewlwyd"


class Glewlwyd:
    client_id = "valetkey"
    scope = "openid"

    def __init__(self, folder, pki, alg="RS256", interval=1, token_life=3600, users=("alice", "bob"), callback="http://127.0.0.1/callback"):
        os.makedirs(folder, exist_ok=True)
        self.alg, self.subjects = alg, {}
        self.ca = None
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.issuer = f"{self.url}/api/oidc"
        with sqlite3.connect(f"{folder}/glewlwyd.db") as db, open(SCHEMA, encoding="utf-8") as f:
            db.executescript(f.read())
        with open(f"{folder}/glewlwyd.conf", "w", encoding="utf-8") as f:
            f.write(CONF.format(port=port, url=self.url, folder=folder))
        self._pages(f"{folder}/webapp")
        self.server = Server("glewlwyd", ["glewlwyd", f"--config-file={folder}/glewlwyd.conf"], f"{folder}/log")
        self.server.wait_http(f"{self.url}/api/")
        admin = Browser()
        admin.expect(f"{self.url}/api/auth/", json_body={"username": "admin", "password": "password"})
        admin.expect(f"{self.url}/api/mod/plugin/", json_body=self._plugin(pki, interval, token_life))
        admin.expect(f"{self.url}/api/client/", json_body={
            "client_id": self.client_id, "client_name": self.client_id, "confidential": False, "enabled": True,
            "authorization_type": ["code", "device_authorization", "refresh_token"],
            "redirect_uri": [callback], "token_endpoint_auth_method": ["none"]})
        for user in users:
            admin.expect(f"{self.url}/api/user/", json_body={
                "username": user, "name": user.capitalize(), "password": PASSWORD, "email": f"{user}@example.org",
                "scope": ["openid", "g_profile"], "enabled": True})

    def _pages(self, folder):
        """Its own pages, for people with a browser; they read where it is from a file that Debian leaves to the admin."""
        def not_there(where, names):  # what Debian's packages for the admin's pages would bring
            return [n for n in names if n == "config.json" or not os.path.exists(os.path.join(where, n))]

        shutil.copytree("/usr/share/glewlwyd/webapp", folder, ignore=not_there)
        shutil.copy("/usr/share/glewlwyd/templates/config.json", f"{folder}/config.json")

    def _plugin(self, pki, interval, token_life):
        on = ("auth-type-code-enabled", "auth-type-device-enabled", "auth-type-refresh-enabled", "auth-type-id-token-enabled",
              "refresh-token-rolling", "pkce-allowed", "pkce-required", "pkce-required-public-client", "jwks-show",
              "introspection-revocation-allowed", "introspection-revocation-allow-target-client")
        off = ("allow-non-oidc", "auth-type-client-enabled", "auth-type-token-enabled", "auth-type-none-enabled",
               "auth-type-password-enabled", "auth-type-implicit-enabled", "pkce-method-plain-allowed")
        parameters = {"iss": self.issuer, "jwt-type": {"RS256": "rsa", "ES256": "ecdsa"}[self.alg], "jwt-key-size": "256",
                      "jwks-private": json.dumps(pki.jwks(self.alg)), "default-kid": pki.jwk[self.alg]["kid"],
                      "access-token-duration": token_life, "refresh-token-duration": 86400, "code-duration": 600,
                      "refresh-token-one-use": "always", "device-authorization-expiration": 600,
                      "device-authorization-interval": interval, "subject-type": "public", "claims": [],
                      "email-claim": "mandatory", "name-claim": "mandatory"}
        parameters.update({k: True for k in on})
        parameters.update({k: False for k in off})
        return {"module": "oidc", "name": "oidc", "display_name": "oidc", "enabled": True, "parameters": parameters}

    def approve(self, user_code, user="alice", _uri=None):
        """The person signs in, grants, and enters the code."""
        person = Browser()
        person.expect(f"{self.url}/api/auth/", json_body={"username": user, "password": PASSWORD})
        person.expect(f"{self.url}/api/auth/grant/{self.client_id}", json_body={"scope": "openid"}, method="PUT")
        person.send(f"{self.issuer}/device?code={user_code}&g_continue")

    def subject(self, user="alice"):
        """Who that user is here: only the provider knows."""
        if user not in self.subjects:
            self.subjects[user] = part(device_flow(self, user)[1]["id_token"], 1)["sub"]
        return self.subjects[user]

    def stop(self):
        self.server.stop()
