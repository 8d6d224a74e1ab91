# SPDX-License-Identifier: Apache-2.0
"""A throw-away world (valetkey-sandbox run) in the hands of a test.

The world's command is a shell that tells its environment and then waits for its input to end: closing it ends the
world. Everything a test does "in the session" runs beside it, under the session's uid and with its environment.
"""
import json
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

BUILD = os.path.abspath(os.environ.get("VALETKEY_BUILD", "build"))
SANDBOX = f"{BUILD}/valetkey-sandbox"
SHIM = f"{BUILD}/valetkey-credential-process"
CLI = f"{BUILD}/valetkey"
PATIENCE = float(os.environ.get("TEST_PATIENCE", "1"))
ORDINARY = "nobody"  # whom root's tests of "an ordinary user" run as
ROOT = os.geteuid() == 0
# A world of several uids is whole only where root may make mount namespaces (the session's account is shown in one).
SEVERAL = ROOT and subprocess.run(["/usr/bin/unshare", "--mount", "/bin/true"], stderr=subprocess.DEVNULL, check=False).returncode == 0

http = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(what, fn, timeout_s=15):
    """Polls fn until it returns something true, which is returned."""
    end = time.monotonic() + timeout_s * PATIENCE
    while True:
        got = fn()
        if got:
            return got
        assert time.monotonic() < end, f"waited {timeout_s} s for: {what}"
        time.sleep(0.02)


def processes():
    """pid -> (ppid, argv, state) of everything there is."""
    out = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                argv = [a.decode(errors="replace") for a in f.read().split(b"\0")[:-1]]
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
                rest = f.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        out[int(pid)] = (int(rest[1]), argv, rest[0])
    return out


def descendants(pid):
    everything = processes()
    found = [pid] if pid in everything else []
    for p in found:
        found += [c for c, (parent, _, _) in everything.items() if parent == p]
    return found


class Folder:
    """A short folder that any uid may pass through, owned by who will make worlds in it."""

    def __init__(self, mode):
        self.path = tempfile.mkdtemp(prefix="vkt-", dir="/tmp")
        os.chmod(self.path, 0o755)
        if mode == "user" and ROOT:
            account = pwd.getpwnam(ORDINARY)
            os.chown(self.path, account.pw_uid, account.pw_gid)

    def worlds(self):
        return [n for n in os.listdir(self.path) if n.startswith("vk-")]

    def remove(self):
        shutil.rmtree(self.path)


def as_mode(mode):
    """The words in front of a command line that make it run in that mode."""
    if mode == "user" and ROOT:
        return ["/usr/bin/setpriv", f"--reuid={ORDINARY}", f"--regid={pwd.getpwnam(ORDINARY).pw_gid}", "--clear-groups", "--"]
    return []


class World:
    def __init__(self, *options, mode=None, folder=None, wait=True):
        self.mode = mode or ("root" if SEVERAL else "user")
        self.own_folder = folder is None
        self.folder = folder or Folder(self.mode)
        self.logs = f"{self.folder.path}/logs"
        self.env = {}
        command = as_mode(self.mode) + [SANDBOX, "run", "--logs", self.logs, *options, "--",
                                        "/bin/sh", "-c", "env -0; printf '\\0'; exec cat >/dev/null"]
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "VALETKEY_SANDBOX"))}
        env.update(TMPDIR=self.folder.path, HOME=self.folder.path)
        self.proc = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if wait:
            self.wait_ready()

    def wait_ready(self):
        text = b""
        while not text.endswith(b"\0\0"):
            more = os.read(self.proc.stdout.fileno(), 65536)
            if not more:
                self.close()
                raise AssertionError(f"no world (status {self.proc.returncode}): {self.stderr}")
            text += more
        self.env = dict(e.split("=", 1) for e in text.decode(errors="surrogateescape").split("\0") if e)
        self.dir = self.env["VALETKEY_SANDBOX_WORLD"]
        self.runtime = self.env["XDG_RUNTIME_DIR"]
        self.uid = int(os.path.basename(self.runtime))
        self.base = self.env["VALETKEY_SANDBOX_STS"]
        return self

    # ---- in the session

    def _popen(self, argv, as_uid=None, **kw):
        if ROOT:
            uid = self.uid if as_uid is None else as_uid
            kw.update(user=uid, group=uid, extra_groups=[])
        env = dict(self.env, **kw.pop("env", {}))
        return subprocess.Popen(argv, env=env, cwd="/", text=True, stdin=kw.pop("stdin", subprocess.DEVNULL),
                                stdout=kw.pop("stdout", subprocess.PIPE), stderr=kw.pop("stderr", subprocess.PIPE), **kw)

    def start(self, *argv, **kw):
        return self._popen(argv, **kw)

    def run(self, *argv, timeout_s=30, **kw):
        p = self._popen(argv, **kw)
        try:
            out, err = p.communicate(timeout=timeout_s * PATIENCE)
        finally:
            if p.poll() is None:
                p.kill()
                p.wait()
        return subprocess.CompletedProcess(argv, p.returncode, out, err)

    def shim(self, role="dev", **kw):
        return self.run(SHIM, role, **kw)

    def credentials(self, role="dev", **kw):
        r = self.shim(role, **kw)
        assert r.returncode == 0, r.stderr
        assert r.stderr == ""
        return json.loads(r.stdout)

    def cli(self, *args, **kw):
        return self.run(CLI, *args, **kw)

    # ---- as whoever made the world (root, or the ordinary user himself)

    def sign_in_start(self, *options, **kw):
        return subprocess.Popen([*as_mode(self.mode), SANDBOX, "sign-in", "--world", self.dir, *options], text=True,
                                stdin=kw.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)

    def sign_in(self, *options, timeout_s=40, **kw):
        """-> (exit status, what PAM answered by phase, stderr, µs by phase)"""
        p = self.sign_in_start(*options, **kw)
        try:
            out, err = p.communicate(timeout=timeout_s * PATIENCE)
        finally:
            if p.poll() is None:
                p.kill()
                p.wait()
        doc = json.loads(out) if out else {"pam": {}, "us": {}}
        return p.returncode, doc["pam"], err, doc["us"]

    # ---- the cloud

    def control(self, path, form=None):
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with http.open(f"{self.base}/_sandbox/{path}", data, timeout=20) as r:
                return r.read().decode()
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path} {form}: {e.code} {e.read().decode(errors='replace')}") from e

    def stats(self, name=None):
        doc = json.loads(self.control("stats"))
        return doc if name is None else doc.get(name, 0)

    def fault(self, *faults):
        for f in faults:
            self.control("fault", {"set": f})

    def clear(self, name="all"):
        self.control("fault", {"clear": name})

    def clear_all(self):
        """No fault but the short polling interval every test world has."""
        self.clear()
        self.fault("interval=1")

    def wait_claimed(self):
        """The grant is the broker's: what happens to valetkeyd is no matter any more."""
        until("the broker to claim the grant", lambda: "grant.claimed" in self.log("broker"))

    # ---- its processes

    def pids(self, program):
        """The world's processes of that name. Each names a path of the world, or was started by one that does."""
        everything = processes()
        return [p for p in descendants(self.proc.pid)
                if p in everything and everything[p][1] and os.path.basename(everything[p][1][0]) == program and everything[p][2] != "Z"]

    def pid(self, program):
        found = until(f"{program} to run", lambda: self.pids(program))
        assert len(found) == 1, (program, found)
        return found[0]

    def log(self, name):
        try:
            with open(f"{self.logs}/{name}.log", encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def all_logs(self):
        return {n: self.log(n[:-4]) for n in sorted(os.listdir(self.logs))} if os.path.isdir(self.logs) else {}

    # ---- the end

    def close(self):
        """Ends the world; returns run's exit status. What it leaves behind is an assertion."""
        if self.proc.returncode is None:
            family = descendants(self.proc.pid)
            try:
                _, err = self.proc.communicate(timeout=30 * PATIENCE)
                self.stderr = err.decode(errors="replace")
            except subprocess.TimeoutExpired:
                for p in reversed(family):
                    try:
                        os.kill(p, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                self.proc.communicate()
                raise AssertionError("the world did not end") from None
            finally:
                leftover = self.leftovers() + [f"{n}: {line}" for n, text in self.all_logs().items() for line in text.splitlines()
                                               if "Sanitizer" in line or "runtime error:" in line]
                if self.own_folder:
                    self.folder.remove()
            assert not leftover, leftover
        return self.proc.returncode

    def leftovers(self):
        """Processes that name the world's folder in their command line or environment, and files."""
        found = [f"{self.folder.path}/{n}" for n in self.folder.worlds()]
        for pid, (_, argv, _) in processes().items():
            try:
                with open(f"/proc/{pid}/environ", "rb") as f:
                    env = f.read().decode(errors="replace")
            except (OSError, ProcessLookupError):
                env = ""
            if any(f"{self.folder.path}/vk-" in a for a in [*argv, env]):
                found.append(f"{pid}: {argv}")
        return found

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            for name, text in self.all_logs().items():
                print(f"---- {name}\n{text[-4000:]}")
        self.close()


# ---- the sockets, from outside (docs/PROTOCOL.md)

MSG = {"claim": 16, "grant": 17, "ack": 18, "ok": 64, "error": 65, "authenticate": 1, "commit": 4, "drop": 5, "close": 6}
TAG = {"user": 1, "service": 2, "handle": 7, "outcome": 9, "message": 10, "grant_id": 11, "grant": 12}


def frame(kind, **fields):
    body = b"".join(struct.pack("<HH", TAG[k], len(v)) + v for k, v in fields.items())
    return b"VKEY" + struct.pack("<HHI", 1, MSG[kind], len(body)) + body


def parse(packet):
    magic, version, kind, n = struct.unpack("<4sHHI", packet[:12])
    assert magic == b"VKEY" and version == 1 and n == len(packet) - 12
    fields, at = {}, 12
    while at < len(packet):
        tag, size = struct.unpack("<HH", packet[at:at + 4])
        fields[next((k for k, v in TAG.items() if v == tag), tag)] = packet[at + 4:at + 4 + size]
        at += 4 + size
    return next((k for k, v in MSG.items() if v == kind), kind), fields


def ask(path, packet, as_uid=None):
    """One question on a SOCK_SEQPACKET socket, by a process of that uid; -> (kind, fields) or None at its end."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read)
            if as_uid is not None and ROOT:
                os.setgroups([])
                os.setresgid(as_uid, as_uid, as_uid)
                os.setresuid(as_uid, as_uid, as_uid)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.settimeout(10 * PATIENCE)
                s.connect(path)
                s.send(packet)
                os.write(write, s.recv(65536))
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as f:
        answer = f.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, f"asking {path} failed"
    return parse(answer) if answer else None
