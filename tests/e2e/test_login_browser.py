# SPDX-License-Identifier: Apache-2.0
"""Signing in in a browser on this machine: what the person sees, who may come back, and who may not."""
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.parse

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sandbox_client import Person, Sandbox
from worldlib import PATIENCE, ROOT, until

STRANGER = 65534


class Flow:
    """valetkey login --browser --json, and the person in front of the browser."""

    def __init__(self, world, *options, **kw):
        self.world = world
        self.proc = world.start("valetkey", "login", "--browser", "--json", *options, **kw)
        line = self.proc.stdout.readline()
        if not line:
            out, err = self.proc.communicate(timeout=10)
            raise AssertionError((self.proc.returncode, out, err))
        self.prompt = json.loads(line)
        if self.prompt.get("event") != "sign-in":
            return
        url = urllib.parse.urlsplit(self.prompt["verification_uri"])
        self.box = Sandbox.__new__(Sandbox)
        self.box.url = world.base.rstrip("/")
        self.box.port = urllib.parse.urlsplit(world.base).port
        self.query = dict(urllib.parse.parse_qsl(url.query))
        self.path = f"{url.path}?{url.query}"
        self.port = urllib.parse.urlsplit(self.query["redirect_uri"]).port

    def decide(self, decision="allow", user="alice"):
        """-> where the browser is sent to: the callback, as a request target"""
        person = Person(self.box)
        person.open(self.path)
        answer = person.press(decision, user)
        assert answer.status == 303, answer.body
        where = urllib.parse.urlsplit(answer.headers["Location"])
        assert f"{where.scheme}://{where.netloc}{where.path}" == self.query["redirect_uri"]
        return f"{where.path}?{where.query}"

    def come_back(self, target, host=None, address="127.0.0.1", method="GET", as_uid=None, extra=""):
        """-> the whole answer of a loopback request, made by a process of the world's user or of another"""
        request = f"{method} {target} HTTP/1.1\r\nHost: {host or f'127.0.0.1:{self.port}'}\r\nUser-Agent: Mozilla/5.0\r\n{extra}\r\n"
        code = ("import socket,sys\ns=socket.create_connection((sys.argv[1],int(sys.argv[2])),10)\ns.settimeout(20)\n"
                "s.sendall(sys.stdin.buffer.read())\nb=b''\n"
                "while True:\n  try: n=s.recv(65536)\n  except ConnectionResetError: break\n  if not n: break\n  b+=n\nsys.stdout.buffer.write(b)")
        p = self.world.start("/usr/bin/python3", "-c", code, address, str(self.port), stdin=subprocess.PIPE,
                             **({} if as_uid is None else {"as_uid": as_uid}))
        out, err = p.communicate(request, timeout=30 * PATIENCE)
        assert p.returncode == 0, err
        return out

    def end(self, timeout_s=20):
        out, err = self.proc.communicate(timeout=timeout_s * PATIENCE)
        return self.proc.returncode, out, err

    def stop(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGINT)
            self.proc.communicate(timeout=10)


@pytest.fixture
def flow(world):
    assert world.cli("logout").returncode == 0
    made = []

    def start(*options, **kw):
        made.append(Flow(world, *options, **kw))
        return made[-1]

    start.world = world
    yield start
    for f in made:
        f.stop()


def works(w):
    return w.credentials()["AccessKeyId"].startswith("ASIA")


def test_a_person_signs_in(flow):
    f = flow()
    assert f.prompt["flow"] == "browser" and "user_code" not in f.prompt and f.prompt["expires_in"] > 500
    assert f.query["code_challenge_method"] == "S256" and len(f.query["state"]) == 32 and len(f.query["nonce"]) == 32
    page = f.come_back(f.decide())
    head, body = page.split("\n\n", 1)
    assert head.startswith("HTTP/1.1 200 ") and "Signed in to sandbox" in body and "signed in as alice" in body
    low = head.lower()
    assert "content-security-policy: default-src 'none'" in low and "frame-ancestors 'none'" in low and "no-store" in low
    assert "<script" not in body and "http" not in body.replace("http-equiv", "").split("<body>")[1]
    assert f.end()[0] == 0
    assert works(flow.world)
    # Nobody listens there any more.
    with pytest.raises(AssertionError):
        f.come_back("/callback")
    log = flow.world.log("broker")
    assert "flow=browser" in log and f.query["state"] not in log


def test_the_style_is_the_one_the_policy_names(flow):
    import base64
    import hashlib
    f = flow()
    page = f.come_back("/callback?state=x&code=y")
    style = page.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page


def test_a_person_declines(flow):
    f = flow()
    page = f.come_back(f.decide("deny"))
    assert "Not signed in" in page and "declined" in page
    code, out, err = f.end()
    assert code == 14 and "declined" in err and json.loads(out.splitlines()[-1])["outcome"] == "denied-by-user"
    assert flow.world.shim().returncode == 3


def test_who_does_not_know_the_state_changes_nothing(flow):
    f = flow()
    for target in ("/callback", "/callback?code=stolen", "/callback?code=x&state=0123456789abcdef0123456789abcdef", "/callback?error=access_denied",
                   f"/callback?state={f.query['state'][:-1]}&code=x", f"/callback?state={f.query['state']}&state={f.query['state']}&code=x"):
        page = f.come_back(target)
        assert page.startswith("HTTP/1.1 400 ") and "does not belong" in page, (target, page)
    good = f.decide()
    for kw in ({"host": "evil.example.com"}, {"host": f"evil.example.com:{f.port}"}, {"host": "127.0.0.1:1"}):
        assert f.come_back(good, **kw).startswith("HTTP/1.1 400 ")
    for method in ("POST", "HEAD", "OPTIONS"):
        assert f.come_back(good, method=method).startswith("HTTP/1.1 404 ")
    for target in ("/", "/callback/", "/callbackx?x", "/favicon.ico"):
        assert f.come_back(target).startswith("HTTP/1.1 404 ")
    assert f.come_back("/callback HTTP/1.1\r\nHost").startswith("HTTP/1.1 400 ")
    # And a second visit with the right one is told the same as the first.
    assert "Signed in" in f.come_back(good, host=f"localhost:{f.port}")
    assert f.end()[0] == 0


def test_an_old_tab(flow):
    f = flow()
    old = f.decide()
    f.stop()
    g = flow()
    page = g.come_back(old)
    assert page.startswith("HTTP/1.1 400 ") and "old one" in page
    assert "Signed in" in g.come_back(g.decide())
    assert g.end()[0] == 0


@pytest.mark.skipif(not socket.has_ipv6 or not os.path.exists("/proc/net/if_inet6") or "0" * 31 + "1" not in open("/proc/net/if_inet6", encoding="ascii").read(),
                    reason="this machine has no ::1")
def test_whatever_localhost_is(flow):
    f = flow()
    assert "Signed in" in f.come_back(f.decide(), address="::1", host=f"[::1]:{f.port}")
    assert f.end()[0] == 0


@pytest.mark.skipif(not ROOT, reason="it takes root to be somebody else")
def test_another_user_of_the_machine_is_not_answered(flow):
    """The address is on a command line and in /proc: who reads it there could bring a code of his own, and have everybody's work
    done as himself."""
    f = flow()
    lines = flow.world.log("broker").count("signin.callback_refused uid=")
    good = f.decide(user="bob")
    for address in ("127.0.0.1", "::1"):
        assert f.come_back(good, address=address, as_uid=STRANGER) == ""
    assert f.proc.poll() is None
    assert f"uid={STRANGER}" in flow.world.log("broker")
    # Nor does he fill the places.
    crowd = [socket.create_connection(("127.0.0.1", f.port)) for _ in range(50)]
    assert "Signed in" in f.come_back(f.decide())
    for s in crowd:
        s.close()
    assert f.end()[0] == 0
    # Nor this person's log.
    assert flow.world.log("broker").count("signin.callback_refused uid=") - lines <= 10


def test_many_wait_and_one_opens(flow, tmp_path):
    opened = tmp_path / "opened"
    opened.touch(mode=0o666)
    opened.chmod(0o666)
    tmp_path.chmod(0o755)
    fake = tmp_path / "xdg-open"
    fake.write_text(f'#!/bin/sh\necho "$1" >>{opened}\n', encoding="utf-8")
    fake.chmod(0o755)
    w = flow.world
    path = f"{tmp_path}:{w.env['PATH']}"
    for parent in tmp_path.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    procs = [w.start("valetkey", "login", "--browser", env={"PATH": path, "DISPLAY": ":9"}) for _ in range(5)]
    first = flow()
    until("a tab", lambda: opened.read_text(encoding="utf-8"))
    assert "Signed in" in first.come_back(first.decide())
    for p in procs:
        out, err = p.communicate(timeout=20 * PATIENCE)
        assert p.returncode == 0, err
    assert opened.read_text(encoding="utf-8").count("\n") == 1
    assert urllib.parse.urlsplit(first.prompt["verification_uri"]).query in opened.read_text(encoding="utf-8")


def test_a_port_that_is_taken_is_said(flow):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        r = flow.world.cli("login", "--browser", "--callback-port", str(port))
        assert r.returncode == 11 and str(port) in r.stderr and r.stderr.count("\n") == 1
    f = flow("--callback-port", str(port))
    assert f.port == port
    assert "Signed in" in f.come_back(f.decide())
    assert f.end()[0] == 0


RELAY = """import socket, sys, threading
port = int(sys.argv[1])
listener = socket.create_server(("127.0.0.2", port))
print("ready", flush=True)
def pipe(a, b):
    while data := a.recv(65536):
        b.sendall(data)
    b.shutdown(socket.SHUT_WR)
one, _ = listener.accept()
other = socket.create_connection(("127.0.0.1", port))
t = threading.Thread(target=pipe, args=(one, other))
t.start()
pipe(other, one)
t.join()
"""


@pytest.mark.parametrize("who", ["user", pytest.param("stranger", marks=pytest.mark.skipif(not ROOT, reason="it takes root to be somebody else"))])
def test_a_forwarded_port(flow, who):
    """ssh -L PORT:127.0.0.1:PORT: the browser is on another machine, and sshd's process of this user connects for it. A forward that
    somebody else opened is somebody else's."""
    f = flow()
    relay = flow.world.start("/usr/bin/python3", "-c", RELAY, str(f.port), **({"as_uid": STRANGER} if who == "stranger" else {}))
    try:
        assert relay.stdout.readline() == "ready\n"
        page = f.come_back(f.decide(), address="127.0.0.2")
        if who == "user":
            assert "Signed in" in page and f.end()[0] == 0
        else:
            assert page == "" and f.proc.poll() is None
    finally:
        relay.kill()
        relay.communicate()


def test_if_needed(flow):
    f = flow("--if-needed")
    assert "Signed in" in f.come_back(f.decide())
    assert f.end()[0] == 0
    asked = flow.world.stats("device_authorization")
    r = flow.world.cli("login", "--if-needed", "--device")
    assert r.returncode == 0 and "already" in r.stderr and flow.world.stats("device_authorization") == asked


def test_ctrl_c_cancels(flow):
    f = flow()
    good = f.decide()
    f.stop()
    until("the port to be free", lambda: not _listens(f.port))
    assert flow.world.shim().returncode == 3
    del good


def _listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False
