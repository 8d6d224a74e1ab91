# SPDX-License-Identifier: Apache-2.0
"""Who asks, and what they get: sandboxed apps at credentials.sock and on the bus, roles that are only for those who name them,
callers that hide, callers that fill the place."""
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import CREDENTIALS, ERROR, GET_CREDENTIALS, STATUS, T_MESSAGE, T_OUTCOME, T_ROLE, Broker, frame, parse
from worldlib import BUILD, CLI, SHIM, until

HERE = os.path.dirname(os.path.abspath(__file__))
ACCESS_DENIED, BUSY = 4, 17
APPS = """
[app tool]
flatpak = org.example.Tool
roles = dev
[app named]
flatpak = org.example.Named
roles = d*
session_name = the-named-app
[app snap]
snap = tool
roles = dev
[app batch]
unit = vk-batch-*.service
roles = dev
[defaults]
default_role = dev
[role quiet]
role_arn = arn:aws:iam::123456789012:role/dev
ambient = no
sts_endpoint = {base}/
"""


@pytest.fixture(scope="module")
def broker():
    b = Broker(roles=("dev", "admin"), bus=True, start=False)
    with open(b.config, "a", encoding="utf-8") as f:
        f.write(APPS.replace("{base}", b.base))
    b.start()
    until("the port", lambda: b.status()["endpoint"])
    r = b.sign_in()
    assert r.returncode == 0, r.stderr
    yield b
    print(b.log())
    b.close()


def flatpak(b, *argv, app="org.example.Tool", info=None, files=(), tail=()):
    """argv in a sandbox made as Flatpak makes one: a root of its own with the file that says who it is."""
    info = f"[Application]\nname={app}\nruntime=runtime/org.example.Platform/x86_64/1\n\n[Instance]\ninstance-id=1\n" if info is None else info
    path = os.path.join(b.dir, f"info-{abs(hash(info))}")
    with open(path, "w", encoding="utf-8") as f:
        f.write(info)
    binds = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin",
             "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", os.path.dirname(SHIM), os.path.dirname(SHIM),
             "--bind", b.dir, b.dir]
    own = ["--ro-bind", path, "/.flatpak-info"] if info else []
    return ["bwrap", "--unshare-pid", "--unshare-ipc", *binds, *own, *files, *tail, "--", *argv]


def test_a_flatpak_app_gets_what_its_section_grants(broker):
    r = broker.run(*flatpak(broker, SHIM, "dev"))
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)["Version"] == 1
    line = [x for x in broker.log().splitlines() if "credentials.handed_out" in x][-1]
    for part in ("role=dev", "app=org.example.Tool", "door=socket", "exe=" + SHIM, "access_key_id=" + json.loads(r.stdout)["AccessKeyId"]):
        assert part in line, line
    assert re.search(r"pid=[1-9]\d* ", line) and re.search(r"request_id=[0-9a-f-]{8}", line), line
    assert json.loads(r.stdout)["SecretAccessKey"] not in broker.log()


def test_a_flatpak_app_gets_nothing_else(broker):
    r = broker.run(*flatpak(broker, SHIM, "admin"))
    assert r.returncode == 4 and r.stdout == ""
    assert "admin" in r.stderr and "org.example.Tool" in r.stderr and "[app tool]" in r.stderr
    # the same of a role that does not exist: it is not told which roles there are
    r = broker.run(*flatpak(broker, SHIM, "nope"))
    assert r.returncode == 4 and "[app tool]" in r.stderr


def test_an_app_without_a_section_is_told_which_it_needs(broker):
    r = broker.run(*flatpak(broker, SHIM, "dev", app="org.example.Other"))
    assert r.returncode == 4 and r.stdout == "" and r.stderr.count("\n") == 1
    assert "[app NAME]" in r.stderr and "flatpak = org.example.Other" in r.stderr


@pytest.mark.parametrize("command", [["status", "--json"], ["logout"], ["roles"]])
def test_a_sandboxed_app_manages_nothing(broker, command):
    r = broker.run(*flatpak(broker, CLI, *command))
    assert r.returncode == 4, (r.stdout, r.stderr)
    assert "sandboxed" in r.stderr and broker.role()["state"] in ("valid", "empty")


def test_status_is_not_for_a_sandboxed_app_by_hand_either(broker):
    r = broker.run(*flatpak(broker, "/usr/bin/python3", "-c", CLIENT, broker.runtime, STATUS_FRAME))
    assert r.stdout.split()[0] == str(ERROR) and "sandboxed" in r.stdout, (r.stdout, r.stderr)


# A client that is not ours: connects, sends the frame it is given (hex), prints the type and the text of the answer.
CLIENT = """
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1] + "/valetkey/credentials.sock")
s.send(bytes.fromhex(sys.argv[2]))
a = s.recv(65536)
print(struct.unpack("<H", a[6:8])[0], a.decode("ascii", "replace"))
"""
STATUS_FRAME = frame(STATUS).hex()
GET_FRAME = frame(GET_CREDENTIALS, (T_ROLE, b"dev")).hex()

# ---- an app's own session


def test_an_app_with_a_name_has_a_session_of_its_own(broker):
    everybodys = json.loads(broker.shim().stdout)["AccessKeyId"]
    before = broker.stats("AssumeRoleWithWebIdentity")
    own = [json.loads(broker.run(*flatpak(broker, SHIM, "dev", app="org.example.Named")).stdout)["AccessKeyId"] for _ in range(2)]
    assert own[0] == own[1] != everybodys
    assert broker.stats("AssumeRoleWithWebIdentity") == before + 1
    assert json.loads(broker.shim().stdout)["AccessKeyId"] == everybodys
    line = next(x for x in broker.log().splitlines() if "role.assumed" in x and own[0] in x)
    assert "/the-named-app" in line and "app=named" in line


def test_an_app_without_wishes_shares_everybodys_session(broker):
    everybodys = json.loads(broker.shim().stdout)["AccessKeyId"]
    assert json.loads(broker.run(*flatpak(broker, SHIM, "dev")).stdout)["AccessKeyId"] == everybodys


def test_an_apps_session_ends_with_the_sign_in():
    b = Broker(roles=("dev",), extra=APPS.split("[app snap]", maxsplit=1)[0])
    try:
        assert b.sign_in().returncode == 0
        named = flatpak(b, SHIM, "dev", app="org.example.Named")
        first = b.run(*named)
        assert first.returncode == 0
        assert b.run(CLI, "logout").returncode == 0
        r = b.run(*named)
        assert r.returncode == 3 and r.stdout == ""
        assert b.sign_in().returncode == 0
        again = b.run(*named)
        assert json.loads(again.stdout)["AccessKeyId"] != json.loads(first.stdout)["AccessKeyId"]
    finally:
        b.close()


# ---- sandboxes that are not what they should be


@pytest.mark.parametrize("info", ["rubbish", "[Application]\n", "[Application]\nname=../x\n", "[Application]\nname=a.b\n[Runtime]\nname=c.d\n",
                                  "[Application]\nname=a.b\n" + "x=y\n" * 20000])
def test_a_flatpak_that_does_not_say_who_it_is_gets_nothing(broker, info):
    r = broker.run(*flatpak(broker, SHIM, "dev", info=info))
    assert r.returncode == 4 and r.stdout == "" and "does not say clearly" in r.stderr


@pytest.mark.parametrize("made", ["--dir", "symlink"])
def test_an_info_that_is_no_file_is_no_way_out(broker, made):
    how = ["--dir", "/.flatpak-info"] if made == "--dir" else ["--symlink", "/dev/null", "/.flatpak-info"]
    r = broker.run(*flatpak(broker, SHIM, "dev", info="", files=how))
    assert r.returncode == 4 and r.stdout == "" and "does not say clearly" in r.stderr


def test_an_info_that_is_a_pipe_stops_nobody(broker):
    fifo = os.path.join(broker.dir, "fifo")
    os.mkfifo(fifo)
    r = broker.run(*flatpak(broker, SHIM, "dev", info="", files=["--ro-bind", fifo, "/.flatpak-info"]))
    assert r.returncode == 4 and "does not say clearly" in r.stderr
    assert broker.shim().returncode == 0


def test_a_user_namespace_changes_nothing(broker):
    assert broker.run(*flatpak(broker, SHIM, "dev", tail=["--unshare-user"])).returncode == 0
    assert broker.run(*flatpak(broker, SHIM, "admin", tail=["--unshare-user"])).returncode == 4
    assert broker.run(*flatpak(broker, SHIM, "dev", app="org.example.Other", tail=["--unshare-user"])).returncode == 4


def test_a_root_of_its_own_is_no_sandbox_by_itself(broker):
    """A container the user made: one trust domain with everything else he runs."""
    assert broker.run(*flatpak(broker, SHIM, "dev", info="")).returncode == 0


def test_who_has_ended_gets_nothing_through_whoever_holds_the_socket(broker):
    """A socket outlives the process that connected; what answers for it then could be anybody."""
    broker.proc.send_signal(signal.SIGSTOP)
    try:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            s.connect(f"{broker.runtime}/valetkey/credentials.sock")
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        s.send(bytes.fromhex(GET_FRAME))
    finally:
        broker.proc.send_signal(signal.SIGCONT)
    s.settimeout(15)
    kind, fields = parse(s.recv(65536))
    s.close()
    assert kind == ERROR and int.from_bytes(fields[T_OUTCOME], "little") == ACCESS_DENIED and b"ended" in fields[T_MESSAGE]


# ---- the other doors


def test_the_same_on_the_bus(broker):
    client = f"{BUILD}/tests/helpers/bus_credentials"
    assert broker.run(*flatpak(broker, client, "dev")).returncode == 0
    r = broker.run(*flatpak(broker, client, "admin"))
    assert r.returncode == 1 and "AccessDenied" in r.stderr and "[app tool]" in r.stderr
    r = broker.run(*flatpak(broker, client, "dev", app="org.example.Other"))
    assert r.returncode == 1 and "AccessDenied" in r.stderr and "[app NAME]" in r.stderr
    assert "door=dbus" in broker.log()


def cgroups():
    """A place for cgroups of version 2 that this user may make; None: there is none."""
    for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{place}/cgroup.controllers") and os.access(place, os.W_OK) and os.geteuid() == 0:
            return place
    return None


needs_cgroups = pytest.mark.skipif(not cgroups(), reason="cgroups of version 2 that can be made take root")


@pytest.fixture
def unit(request):
    path = f"{cgroups()}/{request.param}"
    os.mkdir(path)
    yield path
    until("the cgroup to be empty", lambda: not open(f"{path}/cgroup.procs", encoding="ascii").read())
    os.rmdir(path)


def run_in(b, path, *argv):
    return b.run("/bin/sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', path, *argv)


IMDS = f"""
import sys
sys.path.insert(0, {HERE!r})
from endpointlib import Endpoint
a = Endpoint({{"url": sys.argv[1], "token_file": sys.argv[2]}}).container("/credentials/role/" + sys.argv[3])
print(a.status, a.body.decode())
"""


def endpoint(b, role):
    where = b.status()["endpoint"]
    return ["/usr/bin/python3", "-c", IMDS, where["url"], where["token_file"], role]


@needs_cgroups
@pytest.mark.parametrize("unit", ["app-flatpak-org.example.Tool-4711.scope", "snap.tool.app-4e9d9a5e.scope"], indirect=True)
def test_a_sandbox_is_told_by_its_cgroup_at_every_door(broker, unit):
    assert run_in(broker, unit, SHIM, "dev").returncode == 0
    assert run_in(broker, unit, SHIM, "admin").returncode == 4
    r = run_in(broker, unit, *endpoint(broker, "dev"))
    assert r.stdout.startswith("200 "), (r.stdout, r.stderr)
    r = run_in(broker, unit, *endpoint(broker, "admin"))
    assert r.stdout.startswith("403 ") and "not granted" in r.stdout, (r.stdout, r.stderr)
    assert run_in(broker, unit, f"{BUILD}/tests/helpers/bus_credentials", "admin").returncode == 1


@needs_cgroups
@pytest.mark.parametrize("unit", ["app-flatpak-org.example.Other-1.scope", "snap.other.app.scope", "app-flatpak-.scope"], indirect=True)
def test_no_section_no_role_at_any_door(broker, unit):
    for argv in ([SHIM, "dev"], [f"{BUILD}/tests/helpers/bus_credentials", "dev"]):
        r = run_in(broker, unit, *argv)
        assert r.returncode in (1, 4) and r.stdout == "", (r.stdout, r.stderr)
    r = run_in(broker, unit, *endpoint(broker, "dev"))
    assert r.stdout.startswith("403 "), (r.stdout, r.stderr)


@needs_cgroups
@pytest.mark.parametrize("unit", ["app-flatpak-org.example.Named-1.scope"], indirect=True)
def test_two_marks_that_disagree_are_no_answer(broker, unit):
    r = run_in(broker, unit, *flatpak(broker, SHIM, "dev", app="org.example.Tool"))
    assert r.returncode == 4 and "does not say clearly" in r.stderr


@needs_cgroups
@pytest.mark.parametrize("unit", ["vk-batch-7.service"], indirect=True)
def test_a_unit_is_held_to_its_section_as_convenience(broker, unit):
    assert run_in(broker, unit, SHIM, "dev").returncode == 0
    assert "app=batch" in [x for x in broker.log().splitlines() if "credentials.handed_out" in x][-1]
    r = run_in(broker, unit, SHIM, "admin")
    assert r.returncode == 4 and "[app batch]" in r.stderr
    assert run_in(broker, unit, CLI, "status").returncode == 0  # it is no sandbox


# ---- ambient = no


def test_a_role_that_is_not_ambient_is_for_those_who_name_it(broker):
    assert broker.shim("quiet").returncode == 0
    kind, fields = broker.ask(frame(GET_CREDENTIALS))
    assert kind == CREDENTIALS and json.loads(fields[15])["AccessKeyId"] == json.loads(broker.shim("dev").stdout)["AccessKeyId"]


# ---- the log


def test_one_program_does_not_fill_the_log():
    b = Broker(roles=("dev",))
    try:
        assert b.sign_in().returncode == 0
        for _ in range(40):
            assert b.get()[0] == CREDENTIALS
        assert b.log().count("credentials.handed_out") == 10
        assert b.shim().returncode == 0  # another program has its own lines
        assert b.log().count("credentials.handed_out") == 11
    finally:
        b.close()


def test_a_programs_name_is_bytes_from_anywhere(broker):
    name = "a\n\x1b[31mvaletkey-broker: forged.line role=admin"
    folder = os.path.join(broker.dir, "bin")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, name)
    subprocess.run(["/bin/cp", SHIM, path], check=True)
    assert broker.run(path, "dev").returncode == 0
    line = next(x for x in broker.log().splitlines() if "forged.line" in x)
    assert line.startswith("valetkey-broker: credentials.handed_out role=dev") and "\x1b" not in broker.log()


# ---- quotas


def test_a_sandboxed_app_cannot_take_every_place(broker):
    many = """
import os, socket, struct, sys
path, n, busy, held = sys.argv[1] + "/valetkey/credentials.sock", 400, 0, []
for i in range(4):  # processes are no way around it
    if os.fork() == 0:
        for k in range(n // 4):
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(path)
            held.append(s)
        os.write(1, b".")
        sys.stdin.read()
        for s in held:
            s.setblocking(False)
            try:
                a = s.recv(65536)
                busy += bool(a)
            except BlockingIOError:
                pass
        os.write(1, b"%d\\n" % busy)
        os._exit(0)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""
    p = subprocess.Popen(flatpak(broker, "/usr/bin/python3", "-c", many, broker.runtime), env=broker.env, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
    try:
        dots = b""
        while len(dots) < 4:
            dots += p.stdout.read(1)
        assert broker.shim().returncode == 0  # it stood in the queue behind them
    finally:
        out, _ = p.communicate()
    assert sum(int(x) for x in out.split()) == 400 - 256, out
    assert broker.log().count("too many connections") <= 10  # nor the log
    assert broker.run(*flatpak(broker, SHIM, "dev")).returncode == 0
