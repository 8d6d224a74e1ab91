# SPDX-License-Identifier: Apache-2.0
"""The users' loopback ports, as valetkeyd gives and keeps them: who may ask, who gets them, and who never does."""
import array
import errno
import os
import signal
import socket
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real.process import Server, wait_until  # noqa: E402
from signin.world import ROOT, SUBJECTS, UID_MIN, World, me  # noqa: E402

needs_root = pytest.mark.skipif(not ROOT, reason="other uids are needed: run as root")
ALICE_UID, BOB_UID = (UID_MIN + 300000 + i for i in range(2)) if ROOT else (os.getuid(),) * 2
STRANGER = UID_MIN + 390000
ALICE = "alice" if ROOT else me()


class Manager:
    """The service manager's part: readiness, the descriptor store, and LISTEN_FDS at the next start."""

    def __init__(self, w):
        self.w, self.ready, self.marks, self.store, self.names = w, 0, 0, [], []
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(w.path("manager"))
        os.chmod(w.path("manager"), 0o666)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                text, anc, _, _ = self.sock.recvmsg(4096, socket.CMSG_SPACE(16))
            except OSError:
                return
            said = dict(line.split("=", 1) for line in text.decode().splitlines())
            for _, _, data in anc:
                fd = array.array("i", data)[0]
                assert said["FDSTORE"] == "1" and said["FDPOLL"] == "0"
                if any(os.path.sameopenfile(fd, f) for f in self.store):
                    os.close(fd)
                else:
                    self.store.append(fd)
                    self.names.append(said["FDNAME"])
            self.ready += "READY" in said
            self.marks += "MARK" in said

    def start(self):
        w, before = self.w, self.ready
        cmd = [w.program, "--config", w.path("etc/valetkey.conf"), "--run-dir", w.path("run"), "--state-dir", w.path("state"),
               "--users", w.path("etc/users")]
        if ROOT:
            cmd = ["/usr/bin/setpriv", f"--reuid={w.daemon_uid}", f"--regid={w.daemon_uid}", "--clear-groups", *cmd]
        else:
            cmd += ["--login-uid", str(os.getuid())]
        env = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": w.path("manager")}
        if self.store:
            high = [os.dup2(fd, 500 + i, inheritable=True) for i, fd in enumerate(self.store)]
            moves = " ".join(f"{3 + i}<&{fd} {fd}<&-" for i, fd in enumerate(high))
            cmd = ["/bin/bash", "-c", f'exec {moves}; export LISTEN_PID=$$; exec "$@"', "sh", *cmd]
            env.update(LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=":".join(self.names))
            w.daemon = Inheriting("valetkeyd", cmd, w.path("daemon.log"), env, high)
            for fd in high:
                os.close(fd)
        else:
            w.daemon = Server("valetkeyd", cmd, w.path("daemon.log"), env=env)
        wait_until(lambda: w.daemon.alive() and self.ready > before, 10, "valetkeyd")

    def kill(self, how=signal.SIGKILL):
        self.w.daemon.process.send_signal(how)
        self.w.daemon.process.wait()
        # What it said last has been read when what is said behind it has.
        before = self.marks
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b"MARK=1", self.w.path("manager"))
        wait_until(lambda: self.marks > before, 10, "what valetkeyd said")

    def forget(self):
        for fd in self.store:
            os.close(fd)
        self.store, self.names = [], []

    def close(self):
        self.sock.close()
        self.forget()


class Inheriting(Server):
    def __init__(self, name, cmd, log, env, fds):  # pylint: disable=super-init-not-called
        import subprocess
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.process = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env, pass_fds=fds)


@pytest.fixture
def managed():
    w = World()
    w.add(ALICE, SUBJECTS["alice"], ALICE_UID)
    if ROOT:
        w.add("bob", SUBJECTS["bob"], BOB_UID)
    m = Manager(w)
    m.start()
    yield w, m
    w.end()
    m.close()


def port_of(w, uid=ALICE_UID, as_uid=None):
    with w.login(as_uid) as c:
        return c.ask("port", uid=uid)


def claim_port(w, uid=ALICE_UID):
    """-> (port, the socket)"""
    with w.claim(uid) as c:
        answer, fds = c.ask_fds("port")
    assert answer["type"] == "ok" and len(fds) == 1, answer
    s = socket.socket(fileno=fds[0])
    assert s.getsockname() == ("127.0.0.1", answer["port"]) and s.type & socket.SOCK_STREAM
    return answer["port"], s


def try_to_bind(port):
    """Every way a stranger has to listen there; the errors."""
    found = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"), (socket.AF_INET6, "::ffff:127.0.0.1")):
        # (of the daemon's own uid SO_REUSEPORT would be let in)
        for reuse in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT)[:3 if ROOT else 2]:
            with socket.socket(family) as s:
                if reuse:
                    s.setsockopt(socket.SOL_SOCKET, reuse, 1)
                try:
                    s.bind((address, port))
                    s.listen()
                    found.append(f"{address} {reuse}")
                except OSError as e:
                    if e.errno != errno.EADDRINUSE:
                        found.append(f"{address} {reuse}: {e}")
    return found


def in_child(uid, fn):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if ROOT:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            found = fn()
            print(found, file=sys.stderr)
            status = 0 if not found else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def nobody_can_bind(port):
    return in_child(STRANGER, lambda: try_to_bind(port))


def is_refused(port):
    with socket.socket() as s:
        s.settimeout(5)
        return s.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def test_a_port_is_given_once_and_kept(managed):
    w, m = managed
    first = port_of(w)
    assert first["type"] == "ok" and first == port_of(w)
    assert not 32768 <= first["port"] <= 60999, "outside of what the kernel gives away"
    port, s = claim_port(w)
    assert port == first["port"]
    assert is_refused(port), "nobody listens: refused, not left to wait"
    assert nobody_can_bind(port)
    s.listen()
    assert nobody_can_bind(port)
    with socket.create_connection(("127.0.0.1", port)):
        pass
    # as the broker ends: shut, not only closed
    s.shutdown(socket.SHUT_RDWR)
    s.close()
    assert is_refused(port) and nobody_can_bind(port)
    # and the next one listens again
    again, s = claim_port(w)
    assert again == port
    s.listen()
    with socket.create_connection(("127.0.0.1", port)):
        pass
    s.shutdown(socket.SHUT_RDWR)
    s.close()
    assert set(m.names) == {"port"} and len(m.store) == 1


def test_the_port_stays_bound_across_the_daemons_restart(managed):
    w, m = managed
    port = port_of(w)["port"]
    m.kill()
    assert is_refused(port) and nobody_can_bind(port), "the store holds it"
    m.start()
    assert port_of(w)["port"] == port and claim_port(w)[0] == port
    assert nobody_can_bind(port) and len(m.store) == 1
    assert "port.parked" not in w.log() and "port.taken" not in w.log()


def test_without_a_store_the_file_says_whose_it_was(managed):
    w, m = managed
    port = port_of(w)["port"]
    m.kill(signal.SIGTERM)
    m.forget()  # as after a reboot
    m.start()
    assert nobody_can_bind(port), "bound again before anybody asked"
    assert port_of(w)["port"] == port


def test_a_port_that_was_taken_meanwhile(managed):
    w, m = managed
    port = port_of(w)["port"]
    m.kill()
    m.forget()
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        m.start()
        moved = port_of(w)["port"]
        assert moved != port and claim_port(w)[0] == moved
        assert "port.taken" in w.log() and f"before={port}" in w.log()
    m.kill()
    m.start()
    assert port_of(w)["port"] == moved


def test_a_file_that_makes_no_sense_is_put_aside(managed):
    w, m = managed
    port = port_of(w)["port"]
    m.kill()
    with open(w.path("state/ports"), "a", encoding="ascii") as f:
        f.write("nonsense\n")
    m.start()
    w.logged("ports.damaged")
    w.logged("port.parked")
    assert os.path.exists(w.path("state/ports.damaged"))
    assert nobody_can_bind(port), "whose it was is not known; it is nobody else's"
    other = port_of(w)["port"]
    assert other != port and nobody_can_bind(other)


def test_what_cannot_be_written_down_is_not_given(managed):
    w, _ = managed
    os.mkdir(w.path("state/ports.new"))
    answer = port_of(w)
    assert answer["type"] == "error" and "port.unsaved" in w.log()
    os.rmdir(w.path("state/ports.new"))
    assert port_of(w)["type"] == "ok"


def test_the_next_broker_listens_in_spite_of_connections_that_just_ended(managed):
    """Those that the server ended first go on for a minute, and would make listen(2) fail."""
    w, _ = managed
    port, s = claim_port(w)
    for _ in range(2):
        s.listen()
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]
        for _ in clients:
            s.accept()[0].close()
        for c in clients:
            assert c.recv(1) == b""
            c.close()
        s.shutdown(socket.SHUT_RDWR)
        s.close()
        assert is_refused(port) and nobody_can_bind(port)
        port, s = claim_port(w)
    s.close()


@needs_root
def test_who_may_ask_for_whose(managed):
    w, _ = managed
    a, b = port_of(w, ALICE_UID)["port"], port_of(w, BOB_UID)["port"]
    assert a != b
    assert port_of(w, ALICE_UID, as_uid=ALICE_UID)["port"] == a
    assert port_of(w, ALICE_UID, as_uid=BOB_UID)["outcome"] == "access-denied"
    assert port_of(w, 0, as_uid=BOB_UID)["outcome"] == "access-denied"
    assert claim_port(w, BOB_UID)[0] == b
    for uid in (0, STRANGER, 65534, 1):
        assert port_of(w, uid)["outcome"] == "not-ours"
    assert port_of(w, STRANGER, as_uid=STRANGER)["outcome"] == "not-ours"
    with w.claim(STRANGER) as c:
        answer, fds = c.ask_fds("port")
        assert answer["outcome"] == "not-ours" and not fds
    with w.login(BOB_UID) as c:  # nothing else is open to him
        assert c.ask("close", user="bob")["outcome"] == "access-denied"
    w.verb("user", "lock", "bob")
    assert port_of(w, BOB_UID)["outcome"] == "account-locked"
    with w.claim(BOB_UID) as c:
        answer, fds = c.ask_fds("port")
        assert answer["outcome"] == "account-locked" and not fds
    assert nobody_can_bind(b)


@needs_root
def test_uids_that_begin_at_one_port_get_several(managed):
    w, _ = managed
    given = {}
    for i in range(40):
        uid = UID_MIN + 310000 + i * 4535 * 256  # the same hash, nearly
        w.add(f"u{i}", f"sub-{i}", uid)
        given[uid] = port_of(w, uid)["port"]
    assert len(set(given.values())) == 40
    assert {uid: port_of(w, uid)["port"] for uid in given} == given
    with open(w.path("state/ports"), encoding="ascii") as f:
        lines = f.read().splitlines()
    assert lines[0] == "valetkey ports 1" and len(lines) == 41
