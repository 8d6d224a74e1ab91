# SPDX-License-Identifier: Apache-2.0
"""Memory that holds secrets: nobody of the same uid looks into it, no core is made of it, what is alive is only where it
does not go to swap, and what was retired is not in it any more — not even sixteen bytes in a row, however they are spelt."""
import http.client
import http.server
import json
import os
import re
import resource
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from brokerlib import REFRESH, T_ROLE, Broker, frame
from real.pki import Pki
from secretlib import Wire, may_look, search
from worldlib import BUILD, CLI, PATIENCE, ROOT, SHIM, World, until
from worldlib import http as loopback

MAY_LOOK = may_look()
plain = pytest.mark.skipif("/san-" in BUILD, reason="a sanitiser's memory is not the product's")
looks = pytest.mark.skipif(not MAY_LOOK, reason="looking at the wire and into other processes needs root's CAP_NET_RAW and CAP_SYS_PTRACE")

# What a program of the same uid may try; prints what each attempt came to ("" for success).
ATTACK = r"""
import ctypes, json, os, sys
pid, libc, out = int(sys.argv[1]), ctypes.CDLL(None, use_errno=True), {}
def call(name, *args):
    ctypes.set_errno(0)
    r = getattr(libc, name)(*args)
    out[name + str(args[0] if name in ("ptrace", "syscall") else "")] = "" if r >= 0 else os.strerror(ctypes.get_errno())
    return r
def read(name):
    try:
        with open(f"/proc/{pid}/{name}", "rb") as f:
            f.read(1)
        out[name] = ""
    except OSError as e:
        out[name] = e.strerror
for name in ("environ", "mem", "maps", "auxv", "io", "stack", "syscall", "wchan"):
    if os.path.exists(f"/proc/{pid}/{name}"):
        read(name)
try:
    os.listdir(f"/proc/{pid}/fd")
    out["fd"] = ""
except OSError as e:
    out["fd"] = e.strerror
class iovec(ctypes.Structure):
    _fields_ = [("p", ctypes.c_void_p), ("n", ctypes.c_size_t)]
room = ctypes.create_string_buffer(16)
local, remote = iovec(ctypes.addressof(room), 16), iovec(0x1000, 16)
call("process_vm_readv", pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
call("process_vm_writev", pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
pidfd = libc.syscall(434, pid, 0)
call("syscall", 438, pidfd, 2, 0)
for request in (0x4206, 16):
    if call("ptrace", request, pid, None, None) >= 0:
        os.waitpid(pid, 0x40000000) if request == 16 else None
        libc.ptrace(17, pid, None, None)
json.dump(out, sys.stdout)
"""


def attack(pid, run):
    r = run("/usr/bin/python3", "-c", ATTACK, str(pid))
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


REFUSED = {"Operation not permitted", "Permission denied"}


def assert_closed(pid, run):
    found = attack(pid, run)
    assert len(found) >= 10
    # wchan says where in the kernel it sleeps, which is nobody's secret, and reading address 0x1000 fails in anybody
    found.pop("wchan", None)
    assert set(found.values()) <= REFUSED, found


@pytest.fixture(scope="module")
def users_world():
    with World("--fault", "interval=1", mode="user") as w:
        yield w


def full_pipe():
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write, True)
    return read, write


def sleeps_in_write(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return "State:\tS" in f.read() and os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("valetkey")


def test_an_open_process_can_be_looked_into(users_world):
    """The test of the tests below: what is not closed can be read."""
    w = users_world
    p = w.start("/bin/sleep", "60")
    try:
        found = attack(p.pid, w.run)
        assert [found[k] for k in ("environ", "maps", "auxv", "fd")] == [""] * 4
    finally:
        p.kill()
        p.communicate()


@pytest.mark.parametrize("program", ["valetkeyd", "valetkey-broker"])
def test_a_daemon_is_closed_to_its_own_uid(users_world, program):
    assert_closed(users_world.pid(program), users_world.run)


@pytest.mark.parametrize("argv", [[SHIM, "dev"], [CLI, "credential-process", "dev"]], ids=["shim", "cli"])
def test_who_prints_credentials_is_closed_to_its_own_uid(users_world, argv):
    """Its standard output does not take them: there it stands, with the credentials in its memory."""
    w = users_world
    w.credentials()
    read, write = full_pipe()
    who = {"user": w.uid, "group": w.uid, "extra_groups": []} if ROOT else {}
    p = subprocess.Popen(argv, env=w.env, cwd="/", stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, **who)
    try:
        until("it to stand", lambda: sleeps_in_write(p.pid) and _in_write(p.pid))
        assert_closed(p.pid, w.run)
    finally:
        p.kill()
        p.communicate()
        os.close(read)
        os.close(write)


def _in_write(pid):
    """Whether it waits for room in a pipe; where that cannot be seen, it has had its time."""
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
            return f.read().split()[0] == "1"
    except OSError:
        return True


def test_nobody_takes_its_descriptors_or_limits(users_world):
    """A program of the same uid may signal it, but cannot give it its cores back."""
    pid = users_world.pid("valetkey-broker")
    r = users_world.run("/usr/bin/prlimit", f"--pid={pid}", "--core=unlimited")
    assert r.returncode != 0 and "not permitted" in r.stderr


@pytest.fixture
def unlimited_cores(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_CORE)
    if before[1] != resource.RLIM_INFINITY and not ROOT:
        pytest.skip("the hard limit on cores is not ours to raise")
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, OSError):
        pytest.skip("the hard limit on cores is not ours to raise")
    p = subprocess.Popen(["/bin/sleep", "60"], cwd=tmp_path)
    p.send_signal(signal.SIGABRT)
    _, status = os.waitpid(p.pid, 0)
    p.returncode = -signal.SIGABRT
    if not os.WCOREDUMP(status):
        pytest.skip("nothing leaves a core here (kernel.core_pattern)")
    yield
    resource.setrlimit(resource.RLIMIT_CORE, before)


def test_no_core_is_left(unlimited_cores):
    b = Broker()
    try:
        b.sign_in()
        assert b.shim().returncode == 0
        pid = b.proc.pid
        r = subprocess.run(["/usr/bin/prlimit", f"--pid={pid}", "--core", "--raw", "--noheadings", "-o", "SOFT,HARD"],
                           capture_output=True, text=True, check=True)
        assert r.stdout.split() == ["0", "0"]
        b.proc.send_signal(signal.SIGABRT)
        _, status = os.waitpid(pid, 0)
        b.proc.returncode = -signal.SIGABRT
        assert os.WIFSIGNALED(status) and not os.WCOREDUMP(status)
    finally:
        b.close()


# ---- what is in it

@pytest.fixture
def watched():
    """watched(**options of Broker) -> a broker that is signed in, and who listens at the wire."""
    made = []

    def make(**kw):
        b = Broker(**kw)
        wire = Wire(int(b.base.rsplit(":", 1)[1]))
        made.append((b, wire))
        return b, wire

    yield make
    for b, wire in made:
        wire.stop()
        print(b.log())
        b.close()


def chained(base):
    return f"[role audit]\nsource_role = dev\nrole_arn = arn:aws:iam::123456789012:role/audit\nregion = eu-central-1\nsts_endpoint = {base}/\n"


def all_kinds(wire):
    until("all kinds of secrets on the wire", lambda: len(set(wire.secrets().values())) == 6)
    return {**wire.secrets(), **wire.bodies()}


def over_loopback(b, role):
    """The role's credentials as an SDK gets them that knows the container door."""
    with open(f"{b.runtime}/valetkey/endpoint-token", encoding="ascii") as f:
        request = urllib.request.Request(f"{b.status()['endpoint']['url'].rstrip('/')}/credentials/role/{role}", headers={"Authorization": f.read()})
    with loopback.open(request, timeout=10 * PATIENCE) as r:
        return json.load(r)


def over_dbus(b, role):
    r = b.run(f"{BUILD}/tests/helpers/bus_credentials", role)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)


def use(b, audit=True):
    """Somebody signs in, and each role is asked for at each door."""
    assert b.sign_in().returncode == 0
    for role in ("dev", "audit") if audit else ("dev",):
        r = b.shim(role)
        assert r.returncode == 0, r.stderr
        assert over_loopback(b, role)["AccessKeyId"] == over_dbus(b, role)["AccessKeyId"] == json.loads(r.stdout)["AccessKeyId"]


def add_chained(b):
    with open(b.config, "a", encoding="utf-8") as f:
        f.write(chained(b.base))
    return b.start()


def mapping_flags(pid):
    """"from-to" -> VmFlags"""
    with open(f"/proc/{pid}/smaps", encoding="ascii", errors="replace") as f:
        text = f.read()
    return dict(re.findall(r"^([0-9a-f]+-[0-9a-f]+) .*?^VmFlags: ([^\n]*)", text, re.M | re.S))


@plain
@looks
def test_what_is_alive_is_only_in_locked_memory(watched):
    b, wire = watched(roles=("dev",), bus=True, start=False)
    use(add_chained(b))
    secrets = all_kinds(wire)
    found = search(b.proc.pid, secrets)
    names = {line.split()[0] for line in found}
    assert {"SecretAccessKey", "SessionToken", "id_token", "refresh_token"} <= names <= set(secrets.values()) | {"claims", "signature"}
    flags = mapping_flags(b.proc.pid)
    for line in found:
        where = line.split()[2]
        if where.startswith("/memfd:"):
            assert where == "/memfd:valetkey-state"
            continue
        assert {"lo", "dd", "wf"} <= set(flags[where].split()), line
    assert not {"device_code", "body", "signing-key", "claims"} & names, found


@plain
@looks
def test_after_a_sign_out_nothing_is_left(watched):
    b, wire = watched(roles=("dev",), bus=True, start=False)
    use(add_chained(b))
    secrets = all_kinds(wire)
    assert search(b.proc.pid, secrets)
    assert b.run(CLI, "logout").returncode == 0
    assert search(b.proc.pid, secrets) == []


def rotate(b, wire):
    """Replaces every token and key; -> those from before, and those of since."""
    before = all_kinds(wire)
    tokens, calls = b.stats("token.refresh"), b.stats("AssumeRole")

    time.sleep(2.1)  # as long as an ID token lives here
    for role, counter, more_than in (("dev", "token.refresh", tokens), ("audit", "AssumeRole", calls)):
        b.ask(frame(REFRESH, (T_ROLE, role.encode())))
        until(f"another session of {role}", lambda: b.stats(counter) > more_than and b.role(role)["state"] == "valid")  # pylint: disable=cell-var-from-loop
    until("the wire", lambda: sorted((set(wire.secrets()) - set(before))) and b.stats("AssumeRole") * 2 <= len(
        [n for n in wire.secrets().values() if n in ("SecretAccessKey", "SessionToken")]))
    return before, {v: n for v, n in {**wire.secrets(), **wire.bodies()}.items() if v not in before}


def assert_gone(pid, secrets, known):
    """The memory file follows within a moment (broker/store.c)."""
    end = time.monotonic() + 3 * PATIENCE
    found = search(pid, secrets, known)
    while found and time.monotonic() < end and all("memfd" in line for line in found):
        found = search(pid, secrets, known)
    assert found == []


@plain
@looks
def test_after_a_rotation_nothing_of_the_one_before_is_left(watched):
    b, wire = watched(roles=("dev",), bus=True, start=False, faults=["id_token_ttl=2"])
    use(add_chained(b))
    before, since = rotate(b, wire)
    assert search(b.proc.pid, since), "the search finds what there is"
    assert_gone(b.proc.pid, before, known=since)
    # and the program that runs in its place, which got it all from the one before
    ready = b.log().count("broker.ready")
    b.proc.send_signal(signal.SIGHUP)
    until("the broker anew", lambda: b.log().count("broker.ready") > ready)
    assert b.shim().returncode == 0
    bodies = {v: n for v, n in since.items() if n == "body"}
    assert_gone(b.proc.pid, {**before, **bodies}, known={v: n for v, n in since.items() if n != "body"})
    before, since = rotate(b, wire)
    assert_gone(b.proc.pid, before, known=since)
    assert b.run(CLI, "logout").returncode == 0
    assert search(b.proc.pid, {**before, **since}) == []


class Front(http.server.BaseHTTPRequestHandler):
    """STS behind TLS: passes everything on to the sandbox."""
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # pylint: disable=invalid-name
        up = http.client.HTTPConnection(self.server.upstream)
        up.request("POST", self.path, self.rfile.read(int(self.headers["Content-Length"])), {"Content-Type": self.headers["Content-Type"]})
        answer = up.getresponse()
        body = answer.read()
        up.close()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.getheader("Content-Type"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass


@plain
@looks
def test_tls_leaves_nothing_either(watched):
    b, wire = watched(roles=("dev",), bus=True, start=False)
    pki = Pki(f"{b.dir}/pki")
    front = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
    front.upstream = b.base.removeprefix("http://")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server_chain, pki.server_key)
    front.socket = context.wrap_socket(front.socket, server_side=True)
    threading.Thread(target=front.serve_forever, daemon=True).start()
    try:
        with open(b.config, encoding="utf-8") as f:
            text = f.read()
        with open(b.config, "w", encoding="utf-8") as f:
            f.write(text.replace(f"sts_endpoint = {b.base}/", f"sts_endpoint = https://127.0.0.1:{front.server_port}/\nca_file = {pki.ca}"))
        b.start()
        use(b, audit=False)
        secrets = all_kinds(wire)
        assert {line.split()[0] for line in search(b.proc.pid, secrets)} >= {"SecretAccessKey", "SessionToken", "id_token", "refresh_token"}
        assert [line for line in search(b.proc.pid, secrets) if "[heap]" in line] == []
        assert b.run(CLI, "logout").returncode == 0
        assert search(b.proc.pid, secrets) == []
    finally:
        front.shutdown()
        front.server_close()
