# SPDX-License-Identifier: Apache-2.0
"""A broker on its own: the real one, against the sandbox's cloud, with a valetkeyd played by the test where it claims,
and a private session bus where it is wanted. (worldlib.py has the whole of it, sign-in through PAM included.)"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading

from worldlib import BUILD, CLI, PATIENCE, SANDBOX, SHIM, http, until
import urllib.error
import urllib.parse

BROKER = f"{BUILD}/valetkey-broker"

# wire/protocol.h, in numbers: a client that is not ours
PORT, CLAIM, GRANT, ACK, VERIFY = 7, 16, 17, 18, 19
GET_CREDENTIALS, CREDENTIALS, STATUS, JSON, LOGIN, SIGN_IN, LOGOUT, REFRESH = range(32, 40)
OK, ERROR = 64, 65
T_EXPIRES_IN, T_OUTCOME, T_MESSAGE, T_GRANT_ID, T_GRANT, T_ROLE, T_MIN_TTL, T_JSON, T_IDENTITY, T_FLOW = 6, 9, 10, 11, 12, 13, 14, 15, 16, 17
T_URI, T_USER_CODE = 18, 20
NOTHING = 25


def frame(kind, *fields):
    body = b"".join(struct.pack("<HH", tag, len(v)) + v for tag, v in fields)
    return b"VKEY" + struct.pack("<HHI", 1, kind, len(body)) + body


def u32(v):
    return struct.pack("<I", v)


def u64(v):
    return struct.pack("<Q", v)


def parse(packet):
    """-> (type, {tag: bytes})"""
    magic, version, kind, length = packet[:4], *struct.unpack("<HHI", packet[4:12])
    assert magic == b"VKEY" and version == 1 and length == len(packet) - 12, packet[:16]
    fields, at = {}, 12
    while at < len(packet):
        tag, n = struct.unpack("<HH", packet[at:at + 4])
        fields[tag] = packet[at + 4:at + 4 + n]
        at += 4 + n
    return kind, fields


def grant_bytes(base, id_token, subject, exp, refresh_token=None, identity="corp"):
    """lib/grant.c's serial form."""
    fields = [(1, u32(1)), (2, identity.encode()), (3, f"{base}/oidc".encode()), (4, b"valetkey"), (5, subject.encode()),
              (7, b"alice"), (8, id_token.encode())]
    if refresh_token:
        fields.append((10, refresh_token.encode()))
    fields += [(11, u64(exp)), (12, u64(0)), (13, u64(exp - 300))]
    return frame(100, *fields)


class Daemon:
    """valetkeyd's end of claim.sock, played step by step by script(conn, number of the connection)."""

    def __init__(self, path, script):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.bind(path)
        self.sock.listen(16)
        self.script, self.seen, self.errors = script, 0, []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            try:
                c.settimeout(10)
                kind = parse(c.recv(65536, socket.MSG_PEEK))[0]
                if kind == PORT:
                    continue  # it keeps no port; a script is about grants
                if kind == VERIFY:  # whoever signs in is who he should be
                    c.recv(65536)
                    c.send(frame(OK))
                    continue
                self.seen += 1
                self.script(c, self.seen)
            except (OSError, TimeoutError):
                pass
            except Exception as e:  # pylint: disable=broad-except
                self.errors.append(e)
            finally:
                c.close()

    def close(self):
        self.sock.close()
        assert not self.errors, self.errors


class Broker:
    def __init__(self, roles=("dev", "admin"), bus=False, faults=(), extra="", role_extra="", start=True, cloud=(), beside=None, uid=None):
        """uid: whose it is, where root makes it for somebody else."""
        self.who = {} if uid is None else {"user": uid, "group": uid, "extra_groups": []}
        self.dir = tempfile.mkdtemp(prefix="vkb-", dir="/tmp")
        self.runtime = f"{self.dir}/r"
        os.mkdir(self.runtime, 0o700)
        self.claim = f"{self.dir}/claim.sock"
        self.log_path = f"{self.dir}/broker.log"
        self.procs = []
        if beside:  # another broker, as on another host: the same cloud
            self.cloud, self.base = beside.cloud, beside.base
        else:
            options = [x for f in faults for x in ("--fault", f)]
            self.cloud = subprocess.Popen([SANDBOX, "serve", "--listen", "127.0.0.1:0", *options, *cloud], stdout=subprocess.PIPE, text=True,
                                          stderr=open(f"{self.dir}/cloud.log", "w", encoding="utf-8"))
            self.procs.append(self.cloud)
            self.base = self.cloud.stdout.readline().split()[1]
        self.config = f"{self.dir}/valetkey.conf"
        arn = {"dev": "dev", "admin": "admin", "audit": "audit"}
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"[identity corp]\ntype = oidc\nissuer = {self.base}/oidc\nclient_id = valetkey\n{extra}\n")
            for r in roles:
                f.write(f"[role {r}]\nidentity = corp\nrole_arn = arn:aws:iam::123456789012:role/{arn.get(r, 'dev')}\n"
                        f"sts_endpoint = {self.base}/\n{role_extra}\n")
        os.chmod(self.config, 0o600)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.env.update(XDG_RUNTIME_DIR=self.runtime, DBUS_SESSION_BUS_ADDRESS=f"unix:path={self.runtime}/none",
                        DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={self.runtime}/none", HOME=self.dir)
        if uid is not None:
            for path in (self.dir, self.runtime, self.config):
                os.chown(path, uid, uid)
        if bus:
            self._start_bus()
        self.proc = None
        if start:
            self.start()

    def _start_bus(self):
        p = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address", f"--address=unix:path={self.runtime}/bus"],
                             stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL, **self.who)
        self.procs.append(p)
        # without the bus's guid, as systemd has it: another bus may come to the same place
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self.bus_address = p.stdout.readline().strip().split(",")[0]

    def start(self, *options):
        """A broker, ready to answer."""
        before = self.log().count("broker.ready")
        self.proc = subprocess.Popen([BROKER, "--config", self.config, "--claim-socket", self.claim, "--server-uid", str(os.geteuid()), *options],
                                     env=self.env, stdin=subprocess.DEVNULL, stderr=open(self.log_path, "a", encoding="utf-8"), **self.who)
        until("the broker", lambda: self.log().count("broker.ready") > before or self.proc.poll() is not None)
        assert self.proc.poll() is None, self.log()
        return self

    def stop(self, how=signal.SIGTERM):
        self.proc.send_signal(how)
        return self.proc.wait(timeout=10 * PATIENCE)

    def log(self):
        try:
            with open(self.log_path, encoding="utf-8") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    # ---- the cloud

    def control(self, path, **form):
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with http.open(f"{self.base}/_sandbox/{path}", data, timeout=20) as r:
                return r.read().decode()
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path} {form}: {e.code} {e.read().decode()}") from e

    def stats(self, name):
        return json.loads(self.control("stats")).get(name, 0)

    def tokens(self, user="alice"):
        """A fresh token set, straight from the provider by the device flow."""
        def post(path, **form):
            try:
                with http.open(f"{self.base}/oidc/{path}", urllib.parse.urlencode(form).encode(), timeout=20) as r:
                    return json.load(r)
            except urllib.error.HTTPError as e:
                return json.load(e)

        with http.open(f"{self.base}/oidc/.well-known/openid-configuration", timeout=20) as r:
            meta = json.load(r)
        paths = {k: v[len(f"{self.base}/oidc/"):] for k, v in meta.items() if isinstance(v, str) and v.startswith(f"{self.base}/oidc/")}
        d = post(paths["device_authorization_endpoint"], client_id="valetkey", scope="openid profile offline_access")
        self.control("approve", user_code=d["user_code"], user=user, decision="allow")
        return post(paths["token_endpoint"], client_id="valetkey", device_code=d["device_code"],
                    grant_type="urn:ietf:params:oauth:grant-type:device_code")

    # ---- callers

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(f"{self.runtime}/valetkey/credentials.sock")  # blocks while the queue is full; with a timeout it would fail
        s.settimeout(15 * PATIENCE)
        return s

    def ask(self, packet):
        with self.connect() as s:
            s.send(packet)
            return parse(s.recv(65536))

    @staticmethod
    def request(role="dev", *fields):
        return frame(GET_CREDENTIALS, (T_ROLE, role.encode()), *fields)

    def get(self, role="dev", *fields):
        return self.ask(self.request(role, *fields))

    def run(self, *argv, **kw):
        return subprocess.run(argv, env=dict(self.env, **kw.pop("env", {})), capture_output=True, text=True, timeout=30 * PATIENCE,
                              stdin=subprocess.DEVNULL, check=False, **self.who, **kw)

    def shim(self, role="dev"):
        return self.run(SHIM, role)

    def status(self):
        return json.loads(self.run(CLI, "status", "--json").stdout)

    def role(self, name="dev"):
        return next(r for r in self.status()["roles"] if r["name"] == name)

    def sign_in(self, user="alice", decision="allow"):
        """valetkey login, with somebody at the provider; -> the finished process."""
        p = subprocess.Popen([CLI, "login", "--json"], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, **self.who)
        shown = json.loads(p.stdout.readline())
        self.control("approve", user_code=shown["user_code"], user=user, decision=decision)
        out, err = p.communicate(timeout=30 * PATIENCE)
        return subprocess.CompletedProcess(p.args, p.returncode, out, err)

    def close(self):
        """Ends everything. A broker that still runs must end well, and none may have met a sanitiser."""
        ended_by_us = self.proc is not None and self.proc.poll() is None
        procs = ([self.proc] if self.proc else []) + self.procs
        for p in procs:
            if p.poll() is None:
                p.terminate()
        for p in procs:
            try:
                p.wait(timeout=10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        lock = f"{self.runtime}/valetkey/lock"  # one that a client spawned
        if os.path.exists(lock):
            with open(lock, encoding="utf-8") as f:
                pid = int(f.read() or 0)
            try:
                if pid and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "valetkey-broker":
                    os.kill(pid, signal.SIGTERM)
            except OSError:
                pass
        log = self.log()
        if os.path.exists(f"{self.dir}/cloud.log"):
            with open(f"{self.dir}/cloud.log", encoding="utf-8", errors="replace") as f:
                log += f.read()
        shutil.rmtree(self.dir, ignore_errors=True)
        assert "Sanitizer" not in log and "runtime error" not in log, log
        assert not ended_by_us or self.proc.returncode == 0, (self.proc.returncode, log)


