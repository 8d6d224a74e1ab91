# SPDX-License-Identifier: Apache-2.0
"""valetkey's programs between a provider and an STS that nobody here wrote: valetkeyd, the PAM module inside pamtester
under pam_wrapper, the broker, the shim. Everything is where an admin would put it, below one folder.

As root there are the three parties of a real machine: root for PAM, a uid for valetkeyd, a federated uid for the
session. As an ordinary user all three are he himself, signed in to his own local account.
"""
import json
import os
import pwd
import re
import shutil
import socket
import subprocess

from worldlib import BUILD, ORDINARY, PATIENCE, ROOT, Folder, as_mode, until

from .process import Server

PROGRAMS = ("valetkeyd", "valetkey-broker", "valetkey", "valetkey-credential-process", "pam_valetkey.so")
SAN = "/san-" in BUILD + "/"
FEDERATED_UID, DAEMON_UID = 1879048192 + os.getpid(), 61184 + os.getpid() % 4096
S3_CLIENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sdk/boto.py")
USER_CODE = re.compile(r"\b([A-Z0-9]{4}-[A-Z0-9]{4}|[A-Z0-9]{8})\b")


def _preload(*libraries):
    """LD_PRELOAD for a program that was not built with our sanitisers but loads what was."""
    if not SAN:
        return " ".join(libraries)
    asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    return " ".join([asan, *libraries])


class Chain:
    def __init__(self, provider, roles, mode, identity=(), user="alice", bind=None, logs=None, defaults=()):
        """roles: name -> list of config lines; identity, defaults: more lines of those; bind: the subject that opens the
        account, or None where the claim names it."""
        self.provider, self.mode, self.user, self.defaults = provider, mode, user, defaults
        self.root = ROOT and mode == "root"
        self.folder = Folder(mode)
        self.dir = self.folder.path
        self.servers = []
        if self.root:
            self.daemon_uid, self.uid, self.account = DAEMON_UID, FEDERATED_UID, user
        else:
            me = pwd.getpwnam(ORDINARY) if ROOT else pwd.getpwuid(os.getuid())
            self.daemon_uid, self.uid, self.account = me.pw_uid, me.pw_uid, me.pw_name
        self.runtime = f"{self.dir}/u/{self.uid}"
        self._furnish(roles, identity)
        self._add_user(bind)
        self.start_daemon()
        self.start_broker()

    # ---- what an admin does

    def _mkdir(self, name, uid, mode=0o755):
        os.mkdir(f"{self.dir}/{name}", mode)
        os.chmod(f"{self.dir}/{name}", mode)
        if ROOT:
            os.chown(f"{self.dir}/{name}", uid, uid)

    def _write(self, name, text, mode=0o644):
        path = f"{self.dir}/{name}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as f:
            f.write(text)
        os.chmod(path, mode)
        if ROOT and not self.root:
            os.chown(path, self.uid, -1)
        return path

    def _furnish(self, roles, identity):
        admin = 0 if self.root else self.uid
        for name, uid, mode in (("bin", admin, 0o755), ("etc", admin, 0o755), ("pam.d", admin, 0o755), ("run", self.daemon_uid, 0o755),
                                ("state", self.daemon_uid, 0o755), ("u", admin, 0o755), (f"u/{self.uid}", self.uid, 0o700),
                                ("home", self.uid, 0o700), ("log", admin, 0o700)):
            self._mkdir(name, uid, mode)
        for p in PROGRAMS:
            shutil.copy(f"{BUILD}/{p}", f"{self.dir}/bin/{p}")
        self.ca = None
        if self.provider.ca:
            self.ca = self._write("etc/ca.pem", open(self.provider.ca, encoding="utf-8").read())
        self.write_config(roles, identity)
        arguments = (f"socket={self.dir}/run/login.sock server_uid={self.daemon_uid} table={self.dir}/state/users "
                     f"root_table={self.dir}/etc/users runtime_base={self.dir}/u")
        self._write("pam.d/real", "".join(f"{phase} required {self.dir}/bin/pam_valetkey.so {arguments}\n" for phase in ("auth", "account", "session")))
        self._write("pam.d/other", "".join(f"{phase} required pam_deny.so\n" for phase in ("auth", "account", "session")))
        self._write("etc/aws-config", f"[default]\nregion = us-east-1\ncredential_process = {self.dir}/bin/valetkey-credential-process s3\n")

    def write_config(self, roles, identity=(), ca=True):
        self.configured = roles, identity
        lines = ["[identity real]", "type = oidc", f"issuer = {self.provider.issuer}", f"client_id = {self.provider.client_id}", *identity]
        if self.ca and ca:
            lines.append(f"ca_file = {self.ca}")
        lines += ["", "# Nobody comes from afar: the tests only say so.", "[service *]", "require_prior = none"]
        if self.defaults:
            lines += ["", "[defaults]", *self.defaults]
        for name, settings in roles.items():
            lines += ["", f"[role {name}]", *settings]
        self._write("etc/valetkey.conf", "\n".join(lines) + "\n")

    def _add_user(self, bind):
        command = ["user", "add", self.account, "--issuer", self.provider.issuer]
        command += ["--subject", bind] if bind is not None else []
        command += ["--uid", str(self.uid)] if self.root else ["--local"]
        r = self.admin(*command)
        assert r.returncode == 0, r.stderr

    def admin(self, *command):
        return self._run([f"{self.dir}/bin/valetkeyd", "--state-dir", f"{self.dir}/state", "--users", f"{self.dir}/etc/users", *command], self.daemon_uid)

    # ---- its processes

    def _env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LD_")) and "proxy" not in k.lower()}
        return dict(env, HOME=f"{self.dir}/home", TMPDIR=self.dir, XDG_RUNTIME_DIR=self.runtime, AWS_CONFIG_FILE=f"{self.dir}/etc/aws-config",
                    AWS_SHARED_CREDENTIALS_FILE=f"{self.dir}/etc/none", AWS_EC2_METADATA_DISABLED="true", **more)

    @staticmethod
    def _as(uid):
        return ["/usr/bin/setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"] if ROOT and uid else []

    def _run(self, argv, uid, timeout_s=60, **env):
        return subprocess.run(self._as(uid) + argv, env=self._env(**env), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout_s * PATIENCE, check=False)

    def _notifying(self, name, argv, uid):
        """Starts a service and waits until it says READY=1."""
        path = f"{self.dir}/notify-{name}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            os.chmod(path, 0o777)
            s.settimeout(0)
            server = Server(name, self._as(uid) + argv, f"{self.dir}/log/{name}", env=self._env(NOTIFY_SOCKET=path), cwd="/")
            self.servers.append(server)

            def ready():
                server.alive()
                try:
                    return b"READY=1" in s.recv(4096)
                except BlockingIOError:
                    return False

            until(f"{name} to be ready", ready)
        os.unlink(path)
        return server

    def start_daemon(self):
        login = [] if self.root else ["--login-uid", str(self.uid)]
        self.daemon = self._notifying("valetkeyd", [f"{self.dir}/bin/valetkeyd", "--config", f"{self.dir}/etc/valetkey.conf", "--run-dir", f"{self.dir}/run",
                                                    "--state-dir", f"{self.dir}/state", "--users", f"{self.dir}/etc/users", *login], self.daemon_uid)

    def start_broker(self):
        self.broker = self._notifying("broker", [f"{self.dir}/bin/valetkey-broker", "--config", f"{self.dir}/etc/valetkey.conf", "--claim-socket",
                                                 f"{self.dir}/run/claim.sock", "--server-uid", str(self.daemon_uid), "--runtime-dir",
                                                 f"{self.runtime}/valetkey"], self.uid)

    # ---- what the person does

    def sign_in(self, approve=None, rhost="192.0.2.7"):
        """Through pamtester, a program nobody here wrote. approve(user_code) is what the person does in the browser.
        -> (exit status, everything that was shown)"""
        env = self._env(LD_PRELOAD=_preload("libpam_wrapper.so"), PAM_WRAPPER="1", PAM_WRAPPER_SERVICE_DIR=f"{self.dir}/pam.d",
                        ASAN_OPTIONS="detect_leaks=0")
        command = ["pamtester", "-I", f"rhost={rhost}", "real", self.account, "authenticate", "acct_mgmt", "setcred", "open_session"]
        p = subprocess.Popen(as_mode(self.mode) + command, env=env, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        text = b""
        os.set_blocking(p.stdout.fileno(), False)
        try:
            def shown():
                nonlocal text
                more = p.stdout.read()
                text += more or b""
                return USER_CODE.search(text.decode(errors="replace")) or more == b""

            code = until("a code to be shown, or the end", shown, 20)
            if code is not True:
                (approve or self.provider.approve)(code.group(1))
            os.set_blocking(p.stdout.fileno(), True)
            out, _ = p.communicate(b"\n", timeout=40 * PATIENCE)
        finally:
            if p.poll() is None:
                p.kill()
                p.wait()
        return p.returncode, (text + out).decode(errors="replace")

    def must_sign_in(self):
        status, text = self.sign_in()
        assert status == 0, text + self.logs()
        return text

    # ---- the session's programs

    def cli(self, *arguments):
        return self._run([f"{self.dir}/bin/valetkey", *arguments], self.uid)

    def login(self, approve=None):
        """valetkey login, from inside the session and without PAM. -> (exit status, its JSON lines, its words)"""
        p = subprocess.Popen(self._as(self.uid) + [f"{self.dir}/bin/valetkey", "login", "--device", "--json"], env=self._env(), cwd="/",
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            first = p.stdout.readline()
            if first:
                (approve or self.provider.approve)(json.loads(first)["user_code"])
            out, err = p.communicate(timeout=40 * PATIENCE)
        finally:
            if p.poll() is None:
                p.kill()
                p.wait()
        return p.returncode, [json.loads(line) for line in (first + out).splitlines()], err

    def aws(self, *arguments):
        return self._run(["/usr/bin/aws", *arguments], self.uid, AWS_PROFILE="default")

    def shim(self, role="s3"):
        return self._run([f"{self.dir}/bin/valetkey-credential-process", role], self.uid)

    def credentials(self, role="s3"):
        r = self.shim(role)
        assert (r.returncode, r.stderr) == (0, ""), r.stderr + self.logs()
        return json.loads(r.stdout)

    def s3(self, endpoint, bucket, seconds=0):
        """boto3 in the session, its source as an argument: the session's uid need not reach this folder."""
        source = open(S3_CLIENT, encoding="utf-8").read()
        r = self._run(["/usr/bin/python3", "-c", source, "s3", endpoint, bucket, str(seconds)], self.uid, timeout_s=seconds + 60, AWS_PROFILE="default")
        assert r.returncode == 0, r.stderr + self.logs()
        return json.loads(r.stdout)

    def start(self, argv, env, **kw):
        """A program of the session that finds exactly this environment beside PATH, HOME and the like."""
        base = {"PATH": os.environ["PATH"], "HOME": f"{self.dir}/home", "TMPDIR": f"{self.dir}/home", "XDG_RUNTIME_DIR": self.runtime, "LC_ALL": "C.UTF-8"}
        return subprocess.Popen(self._as(self.uid) + argv, env={**base, **env}, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)

    # ---- what is left

    def logs(self):
        return "".join(f"\n---- {n}\n" + open(f"{self.dir}/log/{n}", encoding="utf-8", errors="replace").read()[-6000:] for n in sorted(os.listdir(f"{self.dir}/log")))

    def close(self):
        ends = {s.name: s.end() for s in reversed(self.servers) if s.process.poll() is None}
        logs = self.logs()
        for s in self.servers:
            s.stop()
        self.folder.remove()
        assert not any(ends.values()), (ends, logs)
        assert "Sanitizer" not in logs and "runtime error" not in logs, logs
