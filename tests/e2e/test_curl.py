# SPDX-License-Identifier: Apache-2.0
"""valetkey curl: curl's own options make the request, and whatever they make is signed; what curl could be talked into sending elsewhere
is not."""
import base64
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from gatewaylib import CLI, KEYS, MEGABYTE, SECRET, TOKEN, Upstream, free_port  # noqa: E402
from real.pki import Pki  # noqa: E402
from worldlib import PATIENCE, until  # noqa: E402

pytestmark = pytest.mark.skipif(not shutil.which("curl", path="/usr/bin"), reason="no curl here")
ES = ("--service", "es", "--region", "eu-central-1")


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return Pki(str(tmp_path_factory.mktemp("pki")))


@pytest.fixture(scope="module")
def plain():
    u = Upstream()
    yield u
    u.close()


@pytest.fixture(scope="module")
def secure(pki):
    u = Upstream(pki)
    yield u
    u.close()


@pytest.fixture
def session(tmp_path):
    """A runtime directory, and the environment of somebody who lives in it."""
    runtime = tmp_path / "run"
    (runtime / "valetkey").mkdir(parents=True)
    env = {**KEYS, "XDG_RUNTIME_DIR": str(runtime), "HOME": str(tmp_path)}
    yield env
    assert not os.listdir(runtime / "valetkey"), "something was left behind"


def start(env, *argv, scope=ES, **kw):
    return subprocess.Popen([CLI, "curl", "--env", *scope, "--", *argv], env=env, stdin=kw.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **kw)


def run(env, *argv, stdin=b"", **kw):
    p = start(env, *argv, stdin=subprocess.PIPE, **kw)
    out, err = p.communicate(stdin, timeout=60 * PATIENCE)
    return subprocess.CompletedProcess(argv, p.returncode, out, err.decode())


def ok(env, *argv, **kw):
    r = run(env, "-sS", *argv, **kw)
    assert (r.returncode, r.stderr) == (0, ""), r
    return r.stdout


# ---- what curl makes of its options is what is signed

@pytest.mark.parametrize("options, method, path, body", [
    ([], "GET", "/p", b""), (["-X", "DELETE"], "DELETE", "/p", b""), (["-XPOST"], "POST", "/p", b""), (["-I"], "HEAD", "/p", b""),
    (["-d", "a=b", "-d", "c=d e"], "POST", "/p", b"a=b&c=d e"), (["--data-urlencode", "q=a b&c"], "POST", "/p", b"q=a+b%26c"),
    (["--data-binary", "@FILE"], "POST", "/p", b"line\r\n\0\xff\n"), (["-d", "@FILE"], "POST", "/p", None), (["-T", "FILE"], "PUT", "/p", b"line\r\n\0\xff\n"),
    (["-T", "-"], "PUT", "/p", b"from stdin"), (["--data-binary", "@-"], "POST", "/p", b"from stdin"), (["-G", "-d", "z=1", "-d", "a=2"], "GET", "/p?z=1&a=2", b""),
    (["-G", "--data-urlencode", "q=a b"], "GET", "/p?q=a%20b", b""), (["--json", '{"a":1}'], "POST", "/p", b'{"a":1}'), (["-F", "a=b", "-F", "c=@FILE"], "POST", "/p", None),
    (["-sS", "-H", "X-Amz-Meta-A:  two  words ", "-H", "Content-Type: text/plain", "-d", "x"], "POST", "/p", b"x"), (["--compressed"], "GET", "/p", b""),
    (["-H", "Authorization: Basic eDp5"], "GET", "/p", b""), (["-r", "0-9"], "GET", "/p", b""), (["-A", "me", "-e", "https://example.com/"], "GET", "/p", b""),
    (["--request-target", "/other?x"], "GET", "/other?x", b""), (["-b", "k=v"], "GET", "/p", b""), (["--url-query", "x=y z"], "GET", "/p?x=y%20z", b""),
], ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_options(session, plain, tmp_path, options, method, path, body):
    (tmp_path / "FILE").write_bytes(b"line\r\n\0\xff\n")
    before = len(plain.requests)
    out = ok(session, *options, f"{plain.url}/p", stdin=b"from stdin", cwd=str(tmp_path))
    q = plain.last
    assert len(plain.requests) == before + 1 and (q.method, q.path) == (method, path) and q.verdict("es") == "", q.verdict("es")
    assert body is None or q.body == body
    if method != "HEAD":
        assert out.decode() == f"{method} {path}"


def test_output(session, plain, tmp_path):
    text = ok(session, "-i", f"{plain.url}/chunks").decode()
    assert text.startswith("HTTP/1.1 200 OK\r\n") and text.endswith("one two three")
    ok(session, "-o", "out", "-D", "head", f"{plain.url}/x", cwd=str(tmp_path))
    assert (tmp_path / "out").read_bytes() == b"GET /x" and b"HTTP/1.1 200" in (tmp_path / "head").read_bytes()
    assert ok(session, "-w", "%{http_code} %{size_upload}", "-o", "/dev/null", "-T", "out", f"{plain.url}/status/404", cwd=str(tmp_path)) == b"404 6"
    ok(session, "-O", f"{plain.url}/name", cwd=str(tmp_path))
    assert (tmp_path / "name").read_bytes() == b"GET /name"


def test_many_urls_and_patterns(session, plain):
    before = len(plain.requests)
    ok(session, f"{plain.url}/[1-3]", f"{plain.url}/{{a,b}}", "--next", "-sS", "-d", "x", f"{plain.url}/post", "-:", "-sSI", f"{plain.url}/head")
    assert [(q.method, q.path) for q in plain.requests[before:]] == [("GET", f"/{w}") for w in "123ab"] + [("POST", "/post"), ("HEAD", "/head")]
    assert {q.verdict("es") for q in plain.requests[before:]} == {""}


def test_a_retry_is_signed_anew(session, plain):
    before = len(plain.requests)
    r = run(session, "-sS", "--retry", "1", "--retry-delay", "1", f"{plain.url}/status/503")
    dates = [q.headers["X-Amz-Date"] for q in plain.requests[before:]]
    assert r.returncode == 0 and len(dates) == 2 and dates[0] != dates[1] and all(q.verdict("es") == "" for q in plain.requests[before:])


def test_s3_over_tls(session, secure, pki, tmp_path):
    (tmp_path / "big").write_bytes(os.urandom(MEGABYTE))
    scope = ("--service", "s3", "--region", "eu-central-1")
    ok(session, "--cacert", pki.ca, "-T", "big", f"{secure.url}/b/k", scope=scope, cwd=str(tmp_path))
    assert secure.last.has("x-amz-content-sha256") == ["UNSIGNED-PAYLOAD"] and secure.last.verdict("s3") == "" and secure.last.body_len == MEGABYTE
    ok(session, "--cacert", pki.ca, "-d", "x", f"https://127.0.0.1:{secure.port}/b/k", scope=scope)
    assert secure.last.has("x-amz-content-sha256") == [secure.last.sha256] and secure.last.verdict("s3") == ""
    r = run(session, "-sS", f"{secure.url}/", scope=scope)
    assert r.returncode == 52 and "not trusted" in r.stderr


def test_the_host_tells_what_it_is_signed_for(session, plain):
    """-H Host: a private API, through the name of the VPC endpoint."""
    ok(session, "-H", "Host: abc123.execute-api.eu-central-1.amazonaws.com", f"{plain.url}/prod/", scope=())
    assert plain.last.verdict("execute-api") == "" and plain.last.has("Host") == ["abc123.execute-api.eu-central-1.amazonaws.com"]


def test_sts_of_a_world(shared_world):
    r = shared_world.cli("curl", "--service", "sts", "--region", "eu-central-1", "dev", "-sS", shared_world.base, "-d", "Action=GetCallerIdentity&Version=2011-06-15")
    assert r.returncode == 0 and ":assumed-role/dev/alice" in r.stdout, r


# ---- where it leads

def to(url, status=302):
    return f"/to/{status}/" + base64.urlsafe_b64encode(url.encode()).decode()


@pytest.fixture
def other(pki):
    u = Upstream(pki)
    u.url = f"https://127.0.0.1:{u.port}"
    yield u
    u.close()


def test_a_redirect_is_not_followed_unless_asked(session, secure, pki):
    text = ok(session, "-i", "--cacert", pki.ca, secure.url + to(f"{secure.url}/next")).decode()
    assert text.startswith("HTTP/1.1 302") and f"Location: {secure.url}/next\r\n" in text and secure.last.path.startswith("/to")


def test_a_redirect_at_the_same_host_is_signed_for(session, secure, pki):
    assert ok(session, "-L", "--cacert", pki.ca, secure.url + to(f"{secure.url}/next?a=1")) == b"GET /next?a=1"
    assert secure.last.verdict("es") == ""


@pytest.mark.parametrize("status, options", [(302, []), (307, ["-d", "body"]), (308, ["--location-trusted", "-T", "/etc/hostname"])])
def test_a_redirect_takes_no_signature_elsewhere(session, secure, other, pki, status, options):
    """And once elsewhere, nobody can have a request of his choosing signed by leading back."""
    back = secure.url + "/admin"
    ok(session, "-L", "--cacert", pki.ca, *options, secure.url + to(other.url + to(back), status))
    q = other.last
    assert len(other.requests) == 1 and not any(q.has(n) for n in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256"))
    assert TOKEN not in str(q.headers) and secure.last.path == "/admin" and not secure.last.has("Authorization")


def test_a_redirect_to_plain_http_is_not_followed(session, secure, plain, pki):
    before = len(plain.requests)
    r = run(session, "-sS", "-L", "--cacert", pki.ca, secure.url + to(f"http://localhost:{plain.port}/x"))
    assert r.returncode == 52 and "nothing is signed for it" in r.stderr and len(plain.requests) == before


def test_among_several_urls_none_is_left(session, secure, other, pki):
    r = run(session, "-sS", "-L", "--cacert", pki.ca, secure.url + to(other.url), f"{secure.url}/second")
    assert "not what was typed" in r.stderr and not other.requests and secure.last.path == "/second" and secure.last.verdict("es") == ""


# ---- secrets

def test_no_secret_is_in_curls_hands(session, plain):
    plain.waiting.clear()
    plain.go_on.clear()
    p = start({k: v for k, v in session.items() if not k.startswith("AWS_")} | {f"AWS_{k}": session[f"AWS_{k}"] for k in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")},
              "-v", f"{plain.url}/wait")
    assert plain.waiting.wait(20 * PATIENCE)
    children = [c for c in os.listdir("/proc") if c.isdigit() and parent(c) == p.pid]
    assert len(children) == 1
    with open(f"/proc/{children[0]}/cmdline", encoding="utf-8") as f:
        line = f.read()
    plain.go_on.set()
    _, err = p.communicate(timeout=30)
    assert "curl\0" in line and SECRET not in line and TOKEN not in line and "AWS4" not in line
    assert b"GET /wait" in err and TOKEN.encode() not in err and b"AWS4-HMAC" not in err and SECRET.encode() not in err


def parent(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return int(f.read().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return -1


def test_another_program_gets_nothing_at_the_socket(session, plain):
    plain.waiting.clear()
    plain.go_on.clear()
    p = start(session, "-sS", f"{plain.url}/wait")
    assert plain.waiting.wait(20 * PATIENCE)
    folder = f"{session['XDG_RUNTIME_DIR']}/valetkey"
    path = f"{folder}/{os.listdir(folder)[0]}"
    assert os.stat(path).st_mode & 0o777 == 0o700
    before = len(plain.requests)
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{path}/s")
        s.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{plain.port}\r\n\r\n".encode())
        try:
            assert s.recv(1024) == b""
        except ConnectionResetError:
            pass
    plain.go_on.set()
    _, err = p.communicate(timeout=30)
    assert len(plain.requests) == before and p.returncode == 0 and b"is another one" in err


# ---- what is not passed on

@pytest.mark.parametrize("argv, says", [
    (["-k", "https://x.eu-west-1.es.amazonaws.com/"], "-k"), (["-u", "a:b", "https://x.eu-west-1.es.amazonaws.com/"], "-u"), (["--proxy", "x", "https://h/"], "--proxy"),
    (["-K", "file", "https://h/"], "-K"), (["--aws-sigv4", "x", "https://h/"], "--aws-sigv4"), (["--unix-socket", "/x", "https://h/"], "--unix-socket"),
    (["-sxk", "https://h/"], "-x"), (["-s:S", "https://h/"], "-:"), (["--data-bin", "x", "https://h/"], "--data-bin"), (["-o"], "value"), (["--url"], "value"), ([], "which URL"),
    (["ftp://example.com/"], "https://"), (["file:///etc/passwd"], "https://"), (["http://example.com/"], "loopback"), (["https://u:p@example.com/"], "usable"),
    (["https://"], "usable"), (["https://h:80/"], "TLS"), (["-H", "@file", "https://h/"], "file"), (["-L", "https://{a,b}.example.com/"], "spelled out"),
    (["http://127.0.0.1:1/", "https://127.0.0.1:1/"], "TLS, or without"), (["http://{a,b}/"], "https://"), (["\x1b[2J://x"], "https://"),
])
def test_what_is_refused(session, argv, says):
    r = run(session, *argv)
    assert r.returncode == 2 and not r.stdout and says in r.stderr and r.stderr.count("\n") == 1 and "\x1b" not in r.stderr, r


def test_a_host_that_tells_nothing(session):
    r = run(session, "https://example.com/", scope=())
    assert r.returncode == 2 and "--service" in r.stderr
    r = run(session, "https://example.com/", scope=("--service", "es"))
    assert r.returncode == 2 and "--region" in r.stderr


# ---- ends

def test_curls_exit_code_is_ours(session, plain, tmp_path):
    assert run(session, "-f", "-sS", f"{plain.url}/status/404").returncode == 22
    assert run(session, "-sS", "-o", "/nonexistent/x", f"{plain.url}/").returncode == 23
    r = run(session, "-sS", f"http://127.0.0.1:{free_port()}/")
    assert r.returncode == 52 and "cannot connect" in r.stderr
    assert run(session, "-sS", f"{plain.url}/half").returncode in (18, 56)
    nowhere = {**session, "PATH": str(tmp_path)}
    r = run(nowhere, f"{plain.url}/")
    assert r.returncode == 127 and "cannot run curl" in r.stderr


def test_a_signal_ends_it_like_curl(session, plain):
    plain.waiting.clear()
    plain.go_on.clear()
    p = start(session, "-sS", f"{plain.url}/wait")
    assert plain.waiting.wait(20 * PATIENCE)
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=30)
    plain.go_on.set()
    assert p.returncode == -signal.SIGTERM


def test_who_is_not_signed_in_is_told_so(make_world):
    world = make_world("--fault", "interval=1")
    assert world.cli("logout").returncode == 0
    r = world.cli("curl", *ES, "dev", "-sS", "http://127.0.0.1:1/")
    assert r.returncode == 3 and "valetkey: " in r.stderr and "curl" not in r.stderr.replace("valetkey curl", ""), r
    assert until("nothing left behind", lambda: not [n for n in os.listdir(f"{world.runtime}/valetkey") if n.startswith("curl-")])


