# SPDX-License-Identifier: Apache-2.0
"""A provider (valetkey-sandbox serve), tables and a valetkeyd, in a folder of their own.

As root the daemon gets a uid of its own and the users are federated; as an ordinary user everything is the invoker, whose
account root's table binds to the sandbox's alice.
"""
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real.process import Server, wait_until  # noqa: E402
from signin import frames  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("VALETKEY_BUILD") or os.path.join(TOP, "build")
ROOT = os.geteuid() == 0
UID_MIN = 1879048192
SUBJECTS = {"alice": "alice-7f3a", "bob": "bob-19c4"}


class World:
    def __init__(self, faults=(), identity="", signin="", more="", people=None, services="[service sshd]\nrequire_prior = none\n"):
        """identity, signin: lines of those sections; more: other sections; services: what sshd and the others may; people: name → claims, instead of the example's."""
        self.dir = tempfile.mkdtemp(prefix="valetkey-signin.")
        os.chmod(self.dir, 0o755)
        self.daemon = self.sandbox = None
        self.daemon_uid = 61999 if ROOT else os.getuid()
        # The build folder may be closed to the daemon's uid.
        self.program = shutil.copy(os.path.join(BUILD, "valetkeyd"), self.path("valetkeyd"))
        for name in ("run", "state", "etc", "sessions"):
            os.mkdir(self.path(name), 0o755)
        if ROOT:
            os.chown(self.path("run"), self.daemon_uid, self.daemon_uid)
            os.chown(self.path("state"), self.daemon_uid, self.daemon_uid)
        if people:
            shutil.copytree(os.path.join(TOP, "sandbox/example"), self.path("cloud"))
            self.set_people(people)
        self.start_sandbox(["interval=1", *faults])
        self.issuer = f"{self.base}/oidc"
        with open(self.path("etc/valetkey.conf"), "w", encoding="utf-8") as f:
            f.write(f"[identity sandbox]\ntype = oidc\nissuer = {self.issuer}\nclient_id = valetkey\n{identity}\n"
                    + (f"[signin]\n{signin}\n" if signin else "") + more + services)

    def path(self, name):
        return os.path.join(self.dir, name)

    # ---- the provider

    def start_sandbox(self, faults):
        cmd = [os.path.join(BUILD, "valetkey-sandbox"), "serve", "--listen", "127.0.0.1:0"]
        if os.path.isdir(self.path("cloud")):
            cmd += ["--dir", self.path("cloud")]
        for f in faults:
            cmd += ["--fault", f]
        self.sandbox = Server("sandbox", cmd, self.path("sandbox.log"))
        line = wait_until(lambda: self.sandbox.alive() and re.search(r"^ready (http://\S+)$", self.sandbox.log_text(), re.M), 10, "the sandbox")
        self.base = line.group(1)

    def set_people(self, people):
        """Whom the provider knows from now on, by name and claims."""
        folder = self.path("cloud/users")
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        for name, claims in people.items():
            with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as f:
                json.dump({"sub": SUBJECTS.get(name, f"{name}-1"), "preferred_username": name, **claims}, f)
        if self.sandbox:
            self.control("reload", now="yes")

    def refresh(self, refresh_token):
        """What a broker does: -> the provider's answer, as JSON, of whatever status."""
        form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": "valetkey"}).encode()
        try:
            with urllib.request.urlopen(f"{self.issuer}/token", data=form, timeout=10) as r:
                return json.loads(r.read())
        except urllib.error.HTTPError as e:
            return json.loads(e.read())

    def control(self, what, **form):
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with urllib.request.urlopen(f"{self.base}/_sandbox/{what}", data=data, timeout=10) as r:
                return json.loads(r.read())
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{what} {form}: {e.code} {e.read()!r}") from e

    def stats(self):
        return self.control("stats")

    def approve(self, prompt, user="alice", decision="allow"):
        code = re.search(r"Enter\s+(\S+)", prompt["text"]).group(1)
        self.control("approve", user_code=code, user=user, decision=decision)

    def fault(self, what):
        self.control("fault", set=what)

    # ---- the daemon

    def verb(self, *args, check=True):
        r = subprocess.run([self.program, "--state-dir", self.path("state"), "--users", self.path("etc/users"), *args],
                           capture_output=True, text=True, timeout=20, check=False)
        assert not check or r.returncode == 0, r.stderr
        return r

    def add(self, name, subject=None, uid=None):
        """A federated user as root; as an ordinary user that name must be the invoker's own."""
        args = ["user", "add", name, "--issuer", self.issuer]
        if subject:
            args += ["--subject", subject]
        if ROOT:
            args += ["--uid", str(uid)]
        else:
            args += ["--local"]
        self.verb(*args)

    def forget_removed(self):
        """As an administrator may who knows that no file is left: uids of users who were removed are free again."""
        os.unlink(self.path("state/removed"))

    def start(self, *args, expect_ready=True):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(self.path("notify"))
        os.chmod(self.path("notify"), 0o666)
        cmd = [self.program, "--config", self.path("etc/valetkey.conf"), "--run-dir", self.path("run"), "--state-dir", self.path("state"),
               "--users", self.path("etc/users"), "--sessions-dir", self.path("sessions"), *args]
        if ROOT:
            cmd = ["/usr/bin/setpriv", f"--reuid={self.daemon_uid}", f"--regid={self.daemon_uid}", "--clear-groups", *cmd]
        else:
            cmd += ["--login-uid", str(os.getuid())]
        env = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": self.path("notify")}
        self.daemon = Server("valetkeyd", cmd, self.path("daemon.log"), env=env)
        notify.settimeout(0.05)

        def ready():
            self.daemon.alive()
            try:
                return notify.recv(100) == b"READY=1"
            except TimeoutError:
                return False
        try:
            wait_until(ready, 10, "valetkeyd")
        finally:
            notify.close()
            os.unlink(self.path("notify"))
        return self

    def log(self):
        with open(self.path("daemon.log"), encoding="utf-8") as f:
            return f.read()

    def logged(self, what, seconds=10):
        return wait_until(lambda: re.search(what, self.log()), seconds, f"{what!r} in the log:\n{self.log()}")

    def login(self, uid=None):
        return frames.connect(self.path("run/login.sock"), uid)

    def claim(self, uid):
        return frames.connect(self.path("run/claim.sock"), uid)

    def end(self):
        for s in (self.daemon, self.sandbox):
            if s and s.process.poll() is None:
                s.process.kill()
                s.process.wait()
        shutil.rmtree(self.dir)


def me():
    return pwd.getpwuid(os.getuid()).pw_name
