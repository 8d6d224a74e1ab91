# SPDX-License-Identifier: Apache-2.0
"""Starts valetkey-sandbox serve for a test and speaks to it with what nobody here wrote: raw HTTP for OpenID Connect, PyJWT to
verify, boto3 for STS. Also the fixtures of the sandbox's tests."""
import base64
import contextlib
import hashlib
import html
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import urllib.parse

import boto3
import botocore.config
import jwt
import pytest
from botocore.exceptions import ClientError

BUILD = os.environ.get("VALETKEY_BUILD", "build")
TOP = os.environ.get("VALETKEY_TOP", ".")
EXAMPLE = f"{TOP}/sandbox/example"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ACCOUNT = "123456789012"


def role(name, account=ACCOUNT):
    return f"arn:aws:iam::{account}:role/{name}"


def part(token, i):
    raw = token.split(".")[i]
    return json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Sandbox:
    """One running sandbox. Everything it wrote to stderr is in log()."""

    def __init__(self, *args, directory=None):
        cmd = [f"{BUILD}/valetkey-sandbox", "serve", *args]
        if directory:
            cmd += ["--dir", str(directory)]
        self.process = subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines, self.more = [], threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        line = self.process.stdout.readline()
        if not line.startswith("ready http://127.0.0.1:"):
            self.process.wait(10)
            self.reader.join(10)
            raise RuntimeError(f"not ready: {line!r} {self.log()}")
        self.url = line.split()[1]
        self.issuer = self.url + "/oidc"
        self.name = self.issuer.split("://")[1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def _read(self):
        for line in self.process.stderr:
            with self.more:
                self.lines.append(line)
                self.more.notify_all()

    def log(self):
        with self.more:
            return "".join(self.lines)

    def wait_log(self, text, seconds=10):
        """The first line with text in it; the log comes by another way than the answer."""
        with self.more:
            if not self.more.wait_for(lambda: any(text in line for line in self.lines), seconds):
                raise AssertionError(f"{text!r} is not in the log:\n{''.join(self.lines)}")
            return next(line for line in self.lines if text in line)

    def stop(self):
        """Ends it; its exit status has to be 0 (the sanitiser's is not)."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.reader.join(10)
        self.process.stdout.close()
        assert status == 0, f"the sandbox ended with {status}:\n{self.log()}"

    # ---- raw HTTP

    def send(self, method, path, form=None, headers=None, timeout=20):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        headers = dict(headers or {})
        body = None
        if form is not None:
            body = form if isinstance(form, (str, bytes)) else urllib.parse.urlencode(form)
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            r = connection.getresponse()
            return Answer(r.status, r.headers, r.read().decode())

    def control(self, path, **form):
        r = self.send("POST", f"/_sandbox/{path}", form)
        assert r.status == 200, r.body
        return r.json

    @contextlib.contextmanager
    def fault(self, *faults):
        for f in faults:
            self.control("fault", set=f)
        try:
            yield
        finally:
            self.control("fault", clear="all")

    def stats(self):
        return self.send("GET", "/_sandbox/stats").json

    # ---- OpenID Connect

    def device(self, client="valetkey", scope="openid profile email groups offline_access"):
        r = self.send("POST", "/oidc/device_authorization", {"client_id": client, "scope": scope})
        assert r.status == 200, r.body
        return r.json

    def poll(self, device, client="valetkey"):
        return self.send("POST", "/oidc/token", {"grant_type": DEVICE, "client_id": client, "device_code": device["device_code"]})

    def sign_in(self, user="alice", client="valetkey", **kw):
        device = self.device(client, **kw)
        self.control("approve", user_code=device["user_code"], user=user, decision="allow")
        r = self.poll(device, client)
        assert r.status == 200, r.body
        return r.json

    def refresh(self, token, client="valetkey", **more):
        return self.send("POST", "/oidc/token", {"grant_type": "refresh_token", "client_id": client, "refresh_token": token, **more})

    # ---- STS

    def sts(self, credentials=None):
        c = credentials or {}
        return boto3.client("sts", endpoint_url=self.url, region_name="eu-central-1",
                            aws_access_key_id=c.get("AccessKeyId", "none"), aws_secret_access_key=c.get("SecretAccessKey", "none"),
                            aws_session_token=c.get("SessionToken"),
                            config=botocore.config.Config(retries={"total_max_attempts": 1, "mode": "standard"}))

    def assume(self, token, name="dev", session="alice", **kw):
        return self.sts().assume_role_with_web_identity(RoleArn=role(name) if ":" not in name else name,
                                                        RoleSessionName=session, WebIdentityToken=token, **kw)


def copy_example(to):
    shutil.copytree(EXAMPLE, to)
    return to


@pytest.fixture(scope="module")
def box():
    b = Sandbox()
    yield b
    b.stop()


@pytest.fixture
def own(tmp_path):
    """A copy of the example to change, and sandboxes on it."""
    started = []

    class Own:
        dir = copy_example(tmp_path / "cloud")

        def write(self, name, text):
            p = self.dir / name
            p.parent.mkdir(parents=True, exist_ok=True)
            p.write_text(text if isinstance(text, str) else json.dumps(text, indent=1))

        def trust(self, name, *statements):
            self.write(f"roles/{name}/trust-policy.json", {"Version": "2012-10-17", "Statement": list(statements)})

        def serve(self, *args):
            started.append(Sandbox(*args, directory=self.dir))
            return started[-1]

    yield Own()
    for s in started:
        s.stop()


def federated(*actions, **more):
    return {"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/${issuer}"},
            "Action": list(actions) or ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"], **more}


def refused(code, status, message, call, *args, **kw):
    """The call fails as botocore understands it."""
    with pytest.raises(ClientError) as e:
        call(*args, **kw)
    error, meta = e.value.response["Error"], e.value.response["ResponseMetadata"]
    assert (error["Code"], meta["HTTPStatusCode"]) == (code, status), error
    assert message in error["Message"], error
    assert re.fullmatch(r"[0-9a-f-]{36}", meta["RequestId"])
    return error["Message"]


def verify(box, token, client="valetkey"):
    """By another implementation than ours."""
    keys = jwt.PyJWKClient(box.issuer + "/jwks", cache_keys=False)
    key = keys.get_signing_key_from_jwt(token)
    return jwt.decode(token, key.key, algorithms=[jwt.get_unverified_header(token)["alg"]], audience=client, issuer=box.issuer)


class Person:
    """A browser without a script engine: cookies, hidden fields, one button."""

    def __init__(self, box):
        self.box, self.cookie, self.page = box, None, None

    def open(self, path):
        headers = {"Cookie": self.cookie} if self.cookie else {}
        self.page = self.box.send("GET", path, headers=headers)
        if self.page.headers["Set-Cookie"]:
            assert "HttpOnly" in self.page.headers["Set-Cookie"] and "SameSite=Strict" in self.page.headers["Set-Cookie"]
            self.cookie = self.page.headers["Set-Cookie"].split(";")[0]
        return self.page

    def press(self, decision, user="alice", **change):
        action = re.search(r'<form method="post" action="([^"]+)"', self.page.body).group(1)
        fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.page.body)
        form = {k: html.unescape(v) for k, v in fields} | {"user": user, "decision": decision} | change
        return self.box.send("POST", action, form, {"Cookie": self.cookie or "", "Origin": self.box.url})


VERIFIER = "a-verifier-that-is-long-enough-to-be-one-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
CALLBACK = "http://127.0.0.1:53217/callback"


def authorize_path(**change):
    q = {"client_id": "valetkey", "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid offline_access", "state": "s&t",
         "nonce": "n-1", "code_challenge": CHALLENGE, "code_challenge_method": "S256"} | change
    return "/oidc/authorize?" + urllib.parse.urlencode({k: v for k, v in q.items() if v is not None})


def query_of(answer):
    assert answer.status == 303 and answer.headers["Location"].startswith(CALLBACK + "?")
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(answer.headers["Location"]).query))


def redeem(box, given, **change):
    return box.send("POST", "/oidc/token", {"grant_type": "authorization_code", "client_id": "valetkey", "code": given,
                                            "redirect_uri": CALLBACK, "code_verifier": VERIFIER} | change)


def dev_session(box, user="alice", **kw):
    return box.sts(box.assume(box.sign_in(user)["id_token"], session=user, **kw)["Credentials"])
