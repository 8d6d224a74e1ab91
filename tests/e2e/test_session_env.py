# SPDX-License-Identifier: Apache-2.0
"""How a session's programs are told of the loopback port: by the PAM module, by the user manager's environment generator, and
by the broker to whoever starts services. And that Debian's own SDK comes to a role with the pointer alone."""
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest
from worldlib import BUILD, frame

GENERATOR = f"{BUILD}/60-valetkey"
POINTER = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
PORT = 7


@pytest.fixture
def folder(tmp_path):
    dmi = tmp_path / "dmi"
    dmi.mkdir()
    (dmi / "sys_vendor").write_text("QEMU\n")
    return tmp_path


@contextlib.contextmanager
def daemon(path, answer):
    """Answers each connection's packet with answer(packet); None: never."""
    asked = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.bind(str(path))
        s.listen()

        def serve():
            kept = []
            with contextlib.suppress(OSError):
                while True:
                    c, _ = s.accept()
                    asked.append(c.recv(65536))
                    reply = answer(asked[-1])
                    if reply is None:
                        kept.append(c)
                        continue
                    with c:
                        c.send(reply)
        t = threading.Thread(target=serve, daemon=True)
        t.start()
        yield asked
        s.shutdown(socket.SHUT_RDWR)
        t.join(5)


def ok(port):
    field = struct.pack("<HHI", 22, 4, port)
    return b"VKEY" + struct.pack("<HHI", 1, 64, len(field)) + field


def generate(folder, *args, **env):
    start = time.monotonic()
    r = subprocess.run([GENERATOR, *(args or (str(folder / "login.sock"), str(folder / "dmi")))], env=env, capture_output=True, text=True,
                       timeout=10, check=False, stdin=subprocess.DEVNULL)
    assert (r.returncode, r.stderr) == (0, ""), "a generator that fails is a session that complains"
    return dict(line.split("=", 1) for line in r.stdout.splitlines()), time.monotonic() - start


def test_the_generator_tells_the_port(folder):
    with daemon(folder / "login.sock", lambda _: ok(40001)) as asked:
        env, took = generate(folder)
        assert env == {POINTER: "http://127.0.0.1:40001/", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
        assert took < 0.5
        uid = struct.pack("<HHI", 8, 4, os.geteuid())
        assert asked == [b"VKEY" + struct.pack("<HHI", 1, PORT, len(uid)) + uid]
        # nothing over what is there, and nothing that systemd would read otherwise than it was meant
        assert generate(folder, **{POINTER: "http://192.0.2.1/"})[0] == {}
        assert generate(folder, NO_PROXY=".example.com")[0]["no_proxy"] == ".example.com,127.0.0.1"
        assert set(generate(folder, NO_PROXY='a"b', no_proxy="$x")[0]) == {POINTER}
        (folder / "dmi/sys_vendor").write_text("Amazon EC2\n")
        assert generate(folder)[0] == {}


@pytest.mark.parametrize("answer", [b"", b"VKEY", b"x" * 70000, ok(0), ok(65536), ok(4294967295), frame("error", outcome=b"\4\0\0\0"),
                                    frame("ok"), ok(40001)[:-1], None])
def test_a_daemon_that_makes_no_sense_is_silence(folder, answer):
    with daemon(folder / "login.sock", lambda _: answer):
        env, took = generate(folder)
        assert env == {} and took < 3


def test_no_daemon_is_silence(folder):
    assert generate(folder)[0] == {}
    (folder / "login.sock").write_text("a file")
    assert generate(folder)[0] == {}
    assert generate(folder, "relative", "dmi")[0] == {}
    assert generate(folder, "/" * 200, "dmi")[0] == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="another uid's socket needs root")
def test_somebody_elses_socket_is_not_asked(folder):
    """A folder of root's with a socket behind which nobody listens but another user."""
    os.chmod(folder, 0o755)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
                s.bind(str(folder / "login.sock"))
                os.chmod(folder / "login.sock", 0o666)
                os.setresuid(65534, 65534, 65534)
                s.listen()  # SO_PEERCRED is of who listens
                os.write(write, b"x")
                c, _ = s.accept()
                c.send(ok(40001))
                c.recv(1)
        finally:
            os._exit(0)
    try:
        assert os.read(read, 1) == b"x"
        assert generate(folder)[0] == {}
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)


FAKE_SYSTEMD = '''
import os, sys
import dbus, dbus.service
from dbus.mainloop.glib import DBusGMainLoop
from gi.repository import GLib
DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
class Manager(dbus.service.Object):
    @dbus.service.method("org.freedesktop.systemd1.Manager", in_signature="as")
    def SetEnvironment(self, names):
        print("set", *sorted(map(str, names)), flush=True)
    @dbus.service.method("org.freedesktop.systemd1.Manager", in_signature="as")
    def UnsetEnvironment(self, names):
        print("unset", *sorted(map(str, names)), flush=True)
name = dbus.service.BusName("org.freedesktop.systemd1", bus)
manager = Manager(bus, "/org/freedesktop/systemd1")
print("up", flush=True)
GLib.MainLoop().run()
'''


def test_the_broker_tells_who_starts_services(make_world):
    """A service manager hears of the port when somebody signs in, and that it is over when he signs out."""
    world = make_world("--no-sign-in", "--fault", "interval=1")
    p = world.start("/usr/bin/python3", "-c", FAKE_SYSTEMD)
    try:
        assert p.stdout.readline() == "up\n", p.stderr.read()
        code, _, err, _ = world.sign_in()
        assert code == 0, err
        world.wait_claimed()
        assert world.cli("status").returncode == 0
        words = p.stdout.readline().split()
        assert words[0] == "set" and words[1].startswith(f"{POINTER}=http://127.0.0.1:") and words[1].endswith("/")
        assert [w.split("=")[0] for w in words[2:]] == ["NO_PROXY", "no_proxy"]
        assert world.cli("logout").returncode == 0
        assert p.stdout.readline() == f"unset {POINTER}\n"
    finally:
        p.kill()
        p.communicate()


def test_debians_sdk_needs_the_pointer_alone(shared_world):
    """What PAM sets by default is enough for boto3, and a configured profile still counts over it."""
    shared_world.wait_claimed()
    status = shared_world.cli("status", "--json")
    assert status.returncode == 0
    url = json.loads(status.stdout)["endpoint"]["url"]
    show = "import botocore.session as s; c = s.Session().get_credentials(); print(c.method if c else None)"
    env = {POINTER: url + "/", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "false"}
    assert shared_world.env[POINTER] == env[POINTER], "the session's PAM environment says otherwise"
    assert not [n for n in shared_world.env if n.startswith("AWS_CONTAINER")]
    r = shared_world.run("/usr/bin/python3", "-c", show, env=env)
    assert r.stdout == "iam-role\n", r.stdout + r.stderr
    r = shared_world.run("/usr/bin/python3", "-c", show, env={**env, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    assert r.stdout == "env\n"
