# SPDX-License-Identifier: Apache-2.0
"""The broker run anew (SIGHUP), killed, and ended: what is kept, and what is not."""
import array
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import dbus
import dbus.bus
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import BROKER, CREDENTIALS, GET_CREDENTIALS, REFRESH, T_JSON, T_ROLE, Daemon, frame, parse
from worldlib import BUILD, PATIENCE, SHIM, until

STATE_SIZE = 2 * ((32 << 20) + 56)


class Manager:
    """The service manager's part: a socket to be notified at, the descriptor store, and LISTEN_FDS at the next start."""

    def __init__(self, broker):
        self.path = f"{broker.dir}/notify"
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.broker, self.said, self.store = broker, [], {}
        self.listen = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        os.makedirs(f"{broker.runtime}/valetkey", mode=0o700, exist_ok=True)
        self.listen.bind(f"{broker.runtime}/valetkey/credentials.sock")
        self.listen.listen(128)
        broker.env["NOTIFY_SOCKET"] = self.path
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                text, anc, _, _ = self.sock.recvmsg(4096, socket.CMSG_SPACE(16))
            except OSError:
                return
            said = dict(line.split("=", 1) for line in text.decode().splitlines())
            for level, kind, data in anc:
                assert level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS
                fds = array.array("i", data)
                assert len(fds) == 1
                if self.store.get(said["FDNAME"]) is not None and os.path.sameopenfile(self.store[said["FDNAME"]], fds[0]):
                    os.close(fds[0])
                else:
                    self.store[said["FDNAME"]] = fds[0]
            if "FDSTOREREMOVE" in said and said["FDNAME"] in self.store:
                os.close(self.store.pop(said["FDNAME"]))
            self.said.append(said)

    def start(self, prefix=()):
        """As systemd starts it: the socket first, then what the store has. prefix: words before the command."""
        fds = [("valetkey-broker.socket", self.listen.fileno())] + list(self.store.items())
        high = [os.dup(fd) for _, fd in fds]  # well above those they are moved to
        moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(high))
        b, before = self.broker, sum("READY" in s for s in self.said)
        b.proc = subprocess.Popen([*prefix, "bash", "-c", f'exec {moves}; export LISTEN_PID=$$; exec "$@"', "sh", BROKER, "--config", b.config,
                                   "--claim-socket", b.claim, "--server-uid", str(os.geteuid())],
                                  env=dict(b.env, LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES=":".join(n for n, _ in fds)), pass_fds=high,
                                  stdin=subprocess.DEVNULL, stderr=open(b.log_path, "a", encoding="utf-8"))
        for fd in high:
            os.close(fd)
        until("READY=1", lambda: sum("READY" in s for s in self.said) > before or b.proc.poll() is not None)
        assert b.proc.poll() is None, b.log()

    def state(self):
        """What is in the stored file, as long as it is not zeros."""
        return os.pread(self.store["state"], STATE_SIZE, 0)

    def close(self):
        self.sock.close()
        self.listen.close()
        for fd in self.store.values():
            os.close(fd)


@pytest.fixture
def managed(make):
    b = make(start=False)
    m = Manager(b)
    m.start()
    yield b, m
    m.close()


def restart(b):
    before = b.log().count("broker.ready")
    pid = b.proc.pid
    b.proc.send_signal(signal.SIGHUP)
    until("the broker anew", lambda: b.log().count("broker.ready") > before or b.proc.poll() is not None)
    assert b.proc.poll() is None and b.proc.pid == pid, b.log()


def test_run_anew_keeps_the_grant_and_the_session(make):
    b = make()
    b.sign_in()
    first = b.shim()
    until("the sessions to be stored", lambda: b.role()["state"] == "valid")
    rotation = b.role()["next_rotation_at"]
    calls, tokens = b.stats("AssumeRoleWithWebIdentity"), b.stats("token.refresh")
    for _ in range(3):
        restart(b)
        assert b.shim().stdout == first.stdout
    assert "grants=1 role_sessions=1" in b.log()
    assert abs(b.role()["next_rotation_at"] - rotation) <= 1
    assert (b.stats("AssumeRoleWithWebIdentity"), b.stats("token.refresh")) == (calls, tokens)
    # another broker still finds that one runs, and which
    r = b.run(BROKER, "--config", b.config)
    assert r.returncode == 0 and f"process {b.proc.pid}" in r.stderr
    # it is as closed as before, has no descriptor twice, and takes its socket away in the end
    assert os.path.exists(f"{b.runtime}/valetkey/credentials.sock")
    assert b.stop() == 0
    assert not os.path.exists(f"{b.runtime}/valetkey/credentials.sock")


def test_a_session_without_its_grant_does_not_pass_to_another_person(make):
    """alice's grant ends at the provider while her session lives; the broker is run anew; then bob signs in."""
    b = make(faults=["id_token_ttl=2"])
    b.sign_in()
    first = json.loads(b.shim().stdout)
    b.control("fault", set="idle_limit=1")
    time.sleep(2.5)
    assert b.shim("admin").returncode == 3 and b.status()["identities"][0]["state"] == "needs-login"
    restart(b)
    assert "grants=0 role_sessions=1" in b.log()
    assert json.loads(b.shim().stdout) == first
    b.control("fault", clear="all")
    assert b.sign_in(user="bob").returncode == 0
    second = json.loads(b.shim().stdout)
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert b.role()["assumed_role_arn"].endswith("/bob")


def owner(b):
    """The process that has the broker's name on the bus; None."""
    bus = dbus.bus.BusConnection(b.bus_address)
    try:
        return int(bus.call_blocking("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s",
                                     ("org.valetkey.Broker1",)))
    except dbus.DBusException:
        return None


def test_descriptors_do_not_pile_up(make):
    b = make(bus=True)
    b.sign_in()
    b.shim()
    restart(b)
    until("its bus name", lambda: owner(b))
    before = len(os.listdir(f"/proc/{b.proc.pid}/fd"))
    for _ in range(5):
        restart(b)
    until("its bus name", lambda: owner(b) == b.proc.pid)
    assert len(os.listdir(f"/proc/{b.proc.pid}/fd")) <= before
    assert b.shim().returncode == 0


def test_callers_do_not_notice(make):
    """A hundred programs that ask without a pause, over five restarts."""
    b = make()
    b.sign_in()
    assert b.shim().returncode == 0
    stop, bad, done = threading.Event(), [], [0] * 10

    def ask(n):
        while not stop.is_set():
            procs = [subprocess.Popen([SHIM, "dev"], env=b.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                     for _ in range(10)]
            for p in procs:
                out, err = p.communicate(timeout=30 * PATIENCE)
                done[n] += 1
                if p.returncode != 0 or json.loads(out)["Version"] != 1:
                    bad.append((p.returncode, err))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(10)]
    for t in threads:
        t.start()
    for _ in range(5):
        at = sum(done)
        until("callers", lambda: sum(done) >= at + 50)  # pylint: disable=cell-var-from-loop
        restart(b)
    stop.set()
    for t in threads:
        t.join()
    assert not bad and sum(done) >= 250, (bad[:3], sum(done))
    assert b.stats("AssumeRoleWithWebIdentity") == 1


def test_who_waits_is_answered_first(make):
    b = make()
    b.sign_in()
    b.control("fault", set="delay=1500")
    inside = b.connect()
    inside.send(frame(GET_CREDENTIALS, (T_ROLE, b"dev")))
    until("the flight", lambda: b.role()["state"] == "fetching")
    restart(b)
    kind, _ = parse(inside.recv(65536))
    inside.close()
    assert kind == CREDENTIALS
    assert b.shim().returncode == 0
    assert b.stats("AssumeRoleWithWebIdentity") == 1


def test_a_sign_in_under_way_is_not_cut_off(make):
    b = make()
    p = subprocess.Popen([f"{BUILD}/valetkey", "login", "--json"], env=b.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    shown = json.loads(p.stdout.readline())
    b.proc.send_signal(signal.SIGHUP)
    until("the signal", lambda: "broker.reload" in b.log())
    b.control("approve", user_code=shown["user_code"], user="alice", decision="allow")
    _, err = p.communicate(timeout=30 * PATIENCE)
    assert p.returncode == 0, err
    until("the broker anew", lambda: b.log().count("broker.ready") == 2)
    assert b.shim().returncode == 0


def test_a_changed_configuration(make):
    b = make(roles=("dev", "other"))
    b.sign_in()
    first = b.shim().stdout
    assert b.shim("other").returncode == 0
    with open(b.config, encoding="utf-8") as f:
        text = f.read()
    text = text.replace("[role other]", "[role other]\nduration = 30m") + text[text.index("[role dev]"):].split("[role other]")[0].replace("dev]", "new]")
    with open(b.config, "w", encoding="utf-8") as f:
        f.write(text)
    assert b.shim("new").returncode == 5
    restart(b)
    assert b.shim().stdout == first
    assert b.role("other")["state"] == "empty"  # obtained under what is no longer configured
    assert b.shim("new").returncode == 0
    assert b.shim("other").returncode == 0
    # a broken one changes nothing
    with open(b.config, "a", encoding="utf-8") as f:
        f.write("\n[nonsense\n")
    b.proc.send_signal(signal.SIGHUP)
    until("the refusal", lambda: "broker.restart_failed" in b.log())
    assert re.search(r"restart_failed.*valetkey\.conf", b.log())
    assert b.shim().stdout == first
    # and an identity that is another now: nothing of the one before is left
    with open(b.config, "w", encoding="utf-8") as f:
        f.write(text.replace("client_id = valetkey", "client_id = another"))
    restart(b)
    assert "state.dropped" in b.log()
    assert b.shim().returncode == 3


def test_killed_and_started_again(managed):
    b, m = managed
    b.sign_in()
    first = b.shim().stdout
    until("the session to be stored", lambda: b"ASIA" in m.state())
    assert os.fstat(m.store["state"]).st_size == STATE_SIZE
    stop, answers = threading.Event(), []

    def ask():
        while not stop.is_set():
            r = b.shim()
            answers.append((r.returncode, r.stdout, r.stderr))

    caller = threading.Thread(target=ask)
    caller.start()
    for _ in range(20):
        b.proc.kill()
        b.proc.wait()
        waiting = b.connect()  # the service manager's socket is open all the time
        waiting.send(frame(GET_CREDENTIALS, (T_ROLE, b"dev")))
        m.start()
        assert parse(waiting.recv(65536))[0] == CREDENTIALS
        waiting.close()
    stop.set()
    caller.join()
    assert len(answers) >= 20 and set(answers) == {(0, first, "")}
    assert b.shim().stdout == first
    assert b.stats("AssumeRoleWithWebIdentity") == 1 and b.stats("token.refresh") == 0
    assert set(m.store) == {"state", "endpoint-own"}
    restart(b)
    assert b.shim().stdout == first


def test_a_caller_asks_the_next_broker_once(make):
    """A broker that was killed over a question: its listening socket stays, and the next one answers."""
    b = make(start=False)
    os.makedirs(f"{b.runtime}/valetkey", mode=0o700)
    answers = False

    def broker(conn, n):
        if n % 2 == 0 and answers:
            conn.recv(65536)
            conn.send(frame(CREDENTIALS, (T_JSON, b"{}\n")))

    d = Daemon(f"{b.runtime}/valetkey/credentials.sock", broker)
    r = b.shim()
    assert r.returncode != 0 and "without an answer" in r.stderr and d.seen == 2
    answers = True
    r = b.shim()
    assert (r.returncode, r.stdout, r.stderr) == (0, "{}\n", "") and d.seen == 4
    d.close()


def test_what_changed_last_is_what_is_kept(managed):
    """Refresh tokens rotate, and the provider ends a family when it sees one twice: after each kill the last one is sent."""
    b, m = managed
    b.control("fault", set="id_token_ttl=2")
    b.sign_in()

    def refreshed(more_than):
        b.ask(frame(REFRESH, (T_ROLE, b"dev")))
        return b.stats("token.refresh") > more_than and b.role()["state"] == "valid"

    for n in range(4):
        until("another refresh", lambda: refreshed(n))  # pylint: disable=cell-var-from-loop
        b.proc.kill()
        b.proc.wait()
        m.start()
        assert b.status()["identities"][0]["state"] == "signed-in", b.log()
    assert "grant.ended" not in b.log()


def test_a_sign_out_leaves_nothing(managed):
    b, m = managed
    b.sign_in()
    secret = json.loads(b.shim().stdout)["SecretAccessKey"].encode()
    until("the session to be stored", lambda: secret in m.state())
    assert b.run(f"{BUILD}/valetkey", "logout").returncode == 0
    until("the store to be empty", lambda: secret not in m.state())
    assert b"eyJ" not in m.state()
    b.proc.kill()
    b.proc.wait()
    m.start()
    assert b.shim().returncode == 3


def test_the_end_is_the_end(managed):
    b, m = managed
    b.sign_in()
    b.shim()
    until("the session to be stored", lambda: b"ASIA" in m.state())
    assert b.stop() == 0
    assert m.state().strip(b"\0") == b""


@pytest.mark.parametrize("what", ["zeros", "noise", "flipped", "other"])
def test_a_spoilt_store_is_no_store(managed, what):
    b, m = managed
    b.sign_in()
    b.shim()
    until("the session to be stored", lambda: b"ASIA" in m.state())
    b.proc.kill()
    b.proc.wait()
    fd = m.store["state"]
    if what == "other":
        with open("/dev/null", "rb") as f:
            os.close(m.store.pop("state"))
            m.store["state"] = os.dup(f.fileno())
    else:
        start = m.state().index(b"ASIA")
        for at in (0, STATE_SIZE // 2) if what != "flipped" else (start,):
            os.pwrite(fd, {"zeros": bytes(56), "noise": os.urandom(56), "flipped": b"B"}[what], at)
    m.start()
    assert b.shim().returncode == 3
    b.sign_in()
    assert b.shim().returncode == 0
    until("a good one in the store", lambda: os.fstat(m.store["state"]).st_size == STATE_SIZE and b"ASIA" in m.state())


def test_a_crash_loses_neither_the_port_nor_who_waits_there(managed):
    b, m = managed
    b.sign_in()
    where = until("the port", lambda: b.status()["endpoint"])
    until("the port in the store", lambda: "endpoint-own" in m.store)
    with open(where["token_file"], encoding="ascii") as f:
        token = f.read()
    port = int(where["url"].rsplit(":", 1)[1])
    b.stop(signal.SIGKILL)
    with socket.create_connection(("127.0.0.1", port)) as s:  # waits in the queue of a socket nobody serves
        s.settimeout(10 * PATIENCE)
        s.sendall(f"GET /credentials/role/dev HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: {token}\r\n\r\n".encode())
        m.start()
        answer = s.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and b"SecretAccessKey" in answer
    assert b.status()["endpoint"] == where and set(m.store) == {"state", "endpoint-own"}
