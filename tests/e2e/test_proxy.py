# SPDX-License-Identifier: Apache-2.0
"""valetkey proxy: what passes is signed, whole, and nobody else's."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from gatewaylib import CLI, KEY, KEYS, MEGABYTE, TOKEN, Proxy, Upstream, free_port, parse, read_all  # noqa: E402
from real.pki import Pki  # noqa: E402
from worldlib import ORDINARY, PATIENCE, ROOT, until  # noqa: E402


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


@pytest.fixture(scope="module")
def es(plain):
    """To an OpenSearch domain, say."""
    p = Proxy("--env", "--to", plain.url, "--service", "es", "--region", "eu-central-1")
    yield p
    p.close()


@pytest.fixture
def proxy():
    made = []

    def make(*argv, **kw):
        made.append(Proxy(*argv, **kw))
        return made[-1]

    yield make
    for p in made:
        p.close()


# ---- what passes

@pytest.mark.parametrize("method, target, body", [
    ("GET", "/", b""), ("GET", "/a%20b/../c//d?z=1&a=2&a=%C3%A9&flag", b""), ("POST", "/_bulk", b'{"index":{}}\n'), ("PUT", "/i/_doc/1", b"\0\xff" * 3000),
    ("DELETE", "/i", b""), ("HEAD", "/i", b""), ("PATCH", "/x", b"p"), ("OPTIONS", "/", b""), ("POST", "/empty", b""),
])
def test_requests_pass_signed(es, plain, method, target, body):
    more = {"Content_Length": "0"} if method == "POST" and not body else {}
    status, headers, answer = es.ask(target, method, body, Content_Type="application/json", X_Amz_Meta_A="1", **more)
    assert status == 200 and answer.decode() == ("" if method == "HEAD" else f"{method} {target}")
    q = plain.last
    assert (q.method, q.path, q.body) == (method, target, body) and q.verdict("es") == ""
    assert "content-type;host;x-amz-date;x-amz-meta-a;x-amz-security-token" in q.headers["Authorization"]
    assert q.has("Host") == [f"127.0.0.1:{plain.port}"] and dict(headers)["Content-Type"] == "text/plain"


def test_a_path_in_front(proxy, plain):
    p = proxy("--env", "--to", plain.url + "/prod/v1", "--service", "execute-api", "--region", "eu-central-1")
    p.ask("/items?a=1")
    assert plain.last.path == "/prod/v1/items?a=1" and plain.last.verdict("execute-api") == ""


def test_rules_of_services(proxy, plain):
    p = proxy("--env", "--to", plain.url, "--service", "aoss", "--region", "eu-central-1")
    p.ask("/i", "PUT", b"{}")
    assert plain.last.verdict("aoss") == "" and plain.last.has("x-amz-content-sha256") == [plain.last.sha256]
    p = proxy("--env", "--to", plain.url, "--service", "s3", "--region", "eu-central-1")
    p.ask("/b/a/../c%2Bd", "PUT", b"{}")
    assert plain.last.verdict("s3") == "" and plain.last.path == "/b/a/../c%2Bd" and plain.last.has("x-amz-content-sha256") == [plain.last.sha256]


def test_a_private_api(proxy, plain):
    """Through the VPC endpoint's own name: which API is meant says Host, or a header."""
    p = proxy("--env", "--to", plain.url, "--host", "abc123.execute-api.eu-central-1.amazonaws.com")
    p.ask("/prod/")
    assert plain.last.has("Host") == ["abc123.execute-api.eu-central-1.amazonaws.com"] and plain.last.verdict("execute-api") == ""
    p = proxy("--env", "--to", plain.url, "--service", "execute-api", "--region", "eu-central-1", "--header", "x-apigw-api-id: abc123")
    p.ask("/prod/", x_apigw_api_id="another")
    assert plain.last.has("x-apigw-api-id") == ["abc123"] and plain.last.verdict("execute-api") == ""


def test_what_a_client_signed_itself_is_signed_anew(es, plain):
    """An SDK with made-up keys that is pointed here."""
    es.ask("/", Authorization="AWS4-HMAC-SHA256 Credential=x", X_Amz_Date="20150830T123600Z", X_Amz_Security_Token="made-up", x_amz_content_sha256="0" * 64)
    q = plain.last
    assert q.verdict("es") == "" and q.has("X-Amz-Security-Token") == [TOKEN] and KEY in q.headers["Authorization"] and not q.has("x-amz-content-sha256")


def test_headers_of_one_connection_stay_behind(es, plain):
    status, headers, body = es.ask("/chunks", Proxy_Authorization="Basic eDp5", TE="trailers", Upgrade="h2c", Keep_Alive="5", X_Mine="1",
                                   Proxy_Connection="keep-alive")
    assert status == 200 and body == b"one two three"
    names = [n for n, _ in headers]
    assert [v for n, v in headers if n == "X-Multi"] == ["a", "b"] and not {"Keep-Alive", "Alt-Svc", "Content-Length"} & set(names)
    q = plain.last
    assert q.has("X-Mine") == ["1"] and not any(q.has(n) for n in ("Proxy-Authorization", "TE", "Upgrade", "Keep-Alive", "Proxy-Connection", "Connection"))
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{es.port}\r\nConnection: close, X-Secret\r\nX-Secret: 1\r\n\r\n".encode()
    with es.connect() as s:
        s.sendall(request)
        assert parse(read_all(s))[0] == 200
    assert not plain.last.has("X-Secret")


def test_one_connection_for_many_requests(es, plain):
    with es.connect() as s:
        one = f"GET /%d HTTP/1.1\r\nHost: localhost:{es.port}\r\n\r\n"
        s.sendall("".join(one % i for i in range(5)).encode())
        got = b""
        while got.count(b"GET /") < 5:
            got += s.recv(65536)
    assert re.findall(rb"GET /(\d)", got) == [b"0", b"1", b"2", b"3", b"4"]


def test_an_old_client_gets_no_chunks(es):
    with es.connect() as s:
        s.sendall(f"GET /chunks HTTP/1.0\r\nHost: localhost:{es.port}\r\n\r\n".encode())
        answer = read_all(s)
    assert b"Transfer-Encoding" not in answer and answer.endswith(b"\r\n\r\none two three")


@pytest.mark.parametrize("pieces", [[b"5\r\nhello\r\n0\r\n\r\n"], [b"5", b"\r", b"\nhel", b"lo\r\n", b"A;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r", b"\n"]])
def test_a_body_in_chunks_is_signed_whole(es, plain, pieces):
    with es.connect() as s:
        s.sendall(f"POST /c HTTP/1.1\r\nHost: localhost:{es.port}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode())
        for p in pieces:
            s.sendall(p)
        assert parse(read_all(s))[0] == 200
    assert plain.last.body in (b"hello", b"hello0123456789") and plain.last.verdict("es") == "" and not plain.last.has("Transfer-Encoding")


def test_100_continue(es, plain):
    with es.connect() as s:
        s.sendall(f"PUT /e HTTP/1.1\r\nHost: localhost:{es.port}\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n".encode())
        assert s.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(b"body")
        assert parse(read_all(s))[0] == 200
    assert plain.last.body == b"body" and not plain.last.has("Expect")


@pytest.mark.parametrize("status", [204, 304, 404, 403, 503])
def test_what_the_service_says_is_passed_back(es, status):
    got, headers, body = es.ask(f"/status/{status}")
    assert got == status and (status in (204, 304) or body == str(status).encode()), headers


def test_an_odd_answer_is_put_in_order(es):
    """Two lengths, a folded line, names with blanks, a trailer: what follows is one answer, and the connection is good for another."""
    with es.connect() as s:
        s.sendall(f"GET /odd HTTP/1.1\r\nHost: localhost:{es.port}\r\n\r\nGET /next HTTP/1.1\r\nHost: localhost:{es.port}\r\nConnection: close\r\n\r\n".encode())
        answer = read_all(s)
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"X-One: 1" in head and b"X-Four: 4" in head and not any(w in head for w in (b"folded", b"Content-Length", b"X Two", b"X-Trailer"))
    assert rest.startswith(b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n") and rest.endswith(b"GET /next")


@pytest.mark.parametrize("kind", ["two", "list", "sign", "huge"])
def test_a_length_that_readers_could_take_for_two_is_told_anew(es, kind):
    """In chunks: a client that counts otherwise than this would take the rest for the next request's answer."""
    with es.connect() as s:
        s.sendall(f"GET /lengths/{kind} HTTP/1.1\r\nHost: localhost:{es.port}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = read_all(s).partition(b"\r\n\r\n")
    assert b"Content-Length" not in head and b"Transfer-Encoding: chunked" in head and body.endswith(b"\r\n0\r\n\r\n") and b"abc" in body


def test_nobody_asked_for_another_protocol(es):
    status, _, body = es.ask("/switch")
    assert status == 502 and "protocol" in json.loads(body)["message"]


def test_a_head_has_no_body(es, plain):
    assert es.ask("/empty", "HEAD", b"", Content_Length="0")[0] == 200
    assert plain.last.verdict("es") == "" and plain.last.method == "HEAD"
    before = len(plain.requests)
    assert es.ask("/body", "HEAD", b"body")[0] == 400 and len(plain.requests) == before


def test_a_place_at_the_same_service_is_a_path(es, plain):
    """Whoever follows it comes here again, and is signed for."""
    import base64

    def led(to):
        return dict(es.ask("/to/302/" + base64.urlsafe_b64encode(to.encode()).decode())[1])["Location"]
    assert led(f"{plain.url}/next?x=1") == "/next?x=1" and led(plain.url) == "/"
    for elsewhere in ("https://elsewhere.example.com/x", "/relative", f"{plain.url}0/", f"{plain.url}.example.com/"):
        assert led(elsewhere) == elsewhere


# ---- much of it

def grown(p, before):
    """KiB; a sanitiser's own memory is left out of account."""
    return (p.peak_kb() - before) // (8 if "/san-" in CLI else 1)


def test_a_large_body_is_kept_on_disk_and_a_large_answer_waits_for_its_reader(proxy, plain, tmp_path):
    p = proxy("--env", "--to", plain.url, "--service", "es", "--region", "eu-central-1", env={"TMPDIR": str(tmp_path)})
    before = p.peak_kb()
    block = os.urandom(MEGABYTE)
    with p.connect() as s:
        s.sendall(f"PUT /up HTTP/1.1\r\nHost: localhost:{p.port}\r\nContent-Length: {48 * MEGABYTE}\r\nConnection: close\r\n\r\n".encode())
        for _ in range(48):
            s.sendall(block)
        assert not os.listdir(tmp_path), "a file with a name"
        assert parse(read_all(s))[0] == 200
    assert plain.last.body_len == 48 * MEGABYTE
    with p.connect() as s:
        s.sendall(f"GET /big/48 HTTP/1.1\r\nHost: localhost:{p.port}\r\nConnection: close\r\n\r\n".encode())
        n, got = 0, s.recv(4096)
        while got:
            n += len(got)
            got = s.recv(1 << 20)
    assert n > 48 * MEGABYTE and grown(p, before) < 24 * 1024


def test_s3_over_tls_takes_a_large_body_as_it_comes(proxy, secure, pki):
    p = proxy("--env", "--to", secure.url, "--service", "s3", "--region", "eu-central-1", "--ca-file", pki.ca)
    before, block, had = p.peak_kb(), os.urandom(MEGABYTE), secure.received
    with p.connect() as s:
        s.sendall(f"PUT /bucket/key HTTP/1.1\r\nHost: localhost:{p.port}\r\nContent-Length: {32 * MEGABYTE}\r\nConnection: close\r\n\r\n".encode())
        for _ in range(16):
            s.sendall(block)
        until("half of it to arrive before the other half was sent", lambda: secure.received - had > 12 * MEGABYTE)
        for _ in range(16):
            s.sendall(block)
        assert parse(read_all(s))[0] == 200
    q = secure.last
    assert q.body_len == 32 * MEGABYTE and q.has("x-amz-content-sha256") == ["UNSIGNED-PAYLOAD"] and q.verdict("s3") == ""
    assert grown(p, before) < 16 * 1024
    p.ask("/bucket/small", "PUT", b"small")
    assert secure.last.has("x-amz-content-sha256") == [secure.last.sha256] and secure.last.verdict("s3") == ""


def test_a_body_with_its_checksum_behind_it(proxy, secure, plain, pki):
    """As newer SDKs send to S3 over TLS: not signed, and said so. Without TLS it is refused."""
    trailer = {"x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "Content_Encoding": "aws-chunked", "x_amz_trailer": "x-amz-checksum-crc32"}
    p = proxy("--env", "--to", secure.url, "--service", "s3", "--region", "eu-central-1", "--ca-file", pki.ca)
    for body in (b"small", b"x" * MEGABYTE):
        assert p.ask("/b/k", "PUT", body, **trailer)[0] == 200
        q = secure.last
        assert q.has("x-amz-content-sha256") == ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"] and q.body_len == len(body) and "x-amz-trailer" in q.headers["Authorization"]
    p = proxy("--env", "--to", plain.url, "--service", "s3", "--region", "eu-central-1")
    assert p.ask("/b/k", "PUT", b"small", **trailer)[0] == 501


def test_an_answer_before_all_of_the_body(proxy, secure, pki):
    p = proxy("--env", "--to", secure.url, "--service", "s3", "--region", "eu-central-1", "--ca-file", pki.ca)
    with p.connect() as s:
        s.sendall(f"PUT /early HTTP/1.1\r\nHost: localhost:{p.port}\r\nContent-Length: {8 * MEGABYTE}\r\n\r\n".encode() + b"x" * 1000)
        assert s.recv(65536).startswith(b"HTTP/1.1 413 ")
    assert p.ask("/after")[0] == 200


def test_a_limit_for_what_is_kept(proxy, plain):
    p = proxy("--env", "--to", plain.url, "--service", "es", "--region", "eu-central-1", "--body-max", "1000")
    assert p.ask("/", "PUT", b"x" * 1000)[0] == 200
    status, _, body = p.ask("/", "PUT", b"x" * 1001)
    assert status == 413 and b"1000 bytes" in body
    with p.connect() as s:
        s.sendall(f"PUT / HTTP/1.1\r\nHost: localhost:{p.port}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + b"100\r\n" + b"x" * 256 + b"\r\n" + b"3E9\r\n" + b"x" * 1001)
        assert read_all(s).startswith(b"HTTP/1.1 413 ")


def test_who_goes_away_is_not_answered_on(es, plain):
    plain.waiting.clear()
    plain.go_on.clear()
    s = es.connect()
    s.sendall(f"GET /wait HTTP/1.1\r\nHost: localhost:{es.port}\r\n\r\n".encode())
    assert plain.waiting.wait(20 * PATIENCE)
    connected = lambda: len([l for l in open(f"/proc/{es.process.pid}/net/tcp", encoding="ascii") if f":{plain.port:04X} 01" in l.split(None, 3)[2] + " " + l.split()[3]])  # noqa: E731
    had = connected()
    s.close()
    until("the request to be given up", lambda: connected() < had)
    plain.go_on.set()


def test_the_clock_of_the_service_counts(proxy, plain):
    """Fifteen minutes off: the second request says the service's time."""
    p = proxy("--env", "--to", plain.url, "--service", "es", "--region", "eu-central-1")
    p.ask("/late")
    first = plain.last.headers["X-Amz-Date"]
    p.ask("/")
    assert int(plain.last.headers["X-Amz-Date"][9:13]) != int(first[9:13]) or plain.last.headers["X-Amz-Date"][:8] != first[:8]


# ---- what does not pass

@pytest.mark.parametrize("headers, says", [
    ({"Host": "evil.example.com"}, "another server"), ({"Host": "127.0.0.1:1"}, "another server"), ({"Origin": "https://evil.example.com"}, "browsers"),
    ({"Referer": "http://127.0.0.1/"}, "browsers"), ({"User_Agent": "Mozilla/5.0"}, "browsers"), ({"Cookie": "a=b"}, "browsers"),
    ({"Sec_Fetch_Site": "none"}, "browsers"), ({"X_Forwarded_For": "10.0.0.1"}, "proxies"),
])
def test_pages_are_refused(es, plain, headers, says):
    before = len(plain.requests)
    status, _, body = es.ask("/", **headers)
    assert status == 403 and says in json.loads(body)["message"] and len(plain.requests) == before


def test_pages_of_its_own_may_be_allowed(proxy, plain):
    p = proxy("--env", "--to", plain.url, "--service", "es", "--region", "eu-central-1", "--browser")
    mine = {"User_Agent": "Mozilla/5.0", "Cookie": "a=b"}
    assert p.ask("/", Origin=p.url, Referer=p.url + "/_dashboards", Sec_Fetch_Site="same-origin", **mine)[0] == 200
    assert p.ask("/", Sec_Fetch_Site="none", **mine)[0] == 200
    before = len(plain.requests)
    for foreign in ({"Origin": "https://evil.example.com"}, {"Origin": "null"}, {"Referer": "https://evil.example.com/"}, {"Referer": p.url + "0/"},
                    {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Host": "evil.example.com", "Origin": "http://evil.example.com"}):
        assert p.ask("/", **mine, **foreign)[0] == 403, foreign
    assert len(plain.requests) == before


@pytest.mark.parametrize("request_, status", [
    (b"GET / HTTP/1.1\nHost: localhost\n\n", 400), (b"GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET http://127.0.0.1/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400), (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 505),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 100000 + b"\r\n", 431), (b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n", 431),
    (b"CONNECT / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405), (b"\x16\x03\x01\x02\x00\x01", 400), (b"GET /?X-Amz-Signature=0&X-Amz-Date=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /%zz?%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400), (b"PUT / HTTP/1.1\r\nHost: localhost\r\nExpect: more\r\nContent-Length: 1\r\n\r\nx", 417),
    (b"PUT / HTTP/1.1\r\nHost: localhost\r\nx-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nContent-Length: 1\r\n\r\nx", 501),
], ids=lambda v: v[:24].decode("latin-1").split("\r")[0] if isinstance(v, bytes) else str(v))
def test_what_two_could_read_differently_is_refused(es, plain, request_, status):
    before = len(plain.requests)
    with es.connect() as s:
        try:
            s.sendall(request_)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = read_all(s)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert b'"message":"' in answer and len(plain.requests) == before
    assert es.ask("/alive")[0] == 200


@pytest.mark.parametrize("target, says", [("/nothing", "closed the connection"), ("/half", None)])
def test_half_an_answer_is_none(es, target, says):
    if says:
        status, _, body = es.ask(target)
        assert status == 502 and says in json.loads(body)["message"]
        return
    with es.connect() as s:
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost:{es.port}\r\n\r\n".encode())
        got = b""
        with pytest.raises(ConnectionResetError):
            while (block := s.recv(65536)):
                got += block
    assert b"Content-Length: 100" in got or not got


def test_a_service_that_is_not_there_or_not_trusted(proxy, secure, pki):
    p = proxy("--env", "--to", f"http://127.0.0.1:{free_port()}", "--service", "es", "--region", "eu-central-1")
    status, _, body = p.ask("/")
    assert status == 502 and "cannot connect" in json.loads(body)["message"]
    p = proxy("--env", "--to", secure.url, "--service", "es", "--region", "eu-central-1")
    before = len(secure.requests)
    status, _, body = p.ask("/")
    assert status == 502 and "not trusted" in json.loads(body)["message"] and len(secure.requests) == before


@pytest.mark.parametrize("argv, says", [
    (["--to", "http://example.com", "--service", "es"], "loopback"), (["--to", "ftp://example.com"], "https"), ([], "--to"),
    (["--to", "https://example.com"], "--service"), (["--to", "https://es.example.com", "--service", "es"], "--region"),
    (["--to", "https://x.eu-west-1.es.amazonaws.com/a/"], "slash"), (["--to", "https://x.eu-west-1.es.amazonaws.com/?a"], "query"),
    (["--to", "https://x.eu-west-1.es.amazonaws.com", "--listen", "0.0.0.0:0"], "127.0.0.1"), (["--to", "https://x.eu-west-1.es.amazonaws.com", "--listen", "[::]:0"], "127.0.0.1"),
    (["--to", "https://x.eu-west-1.es.amazonaws.com", "--listen", ":0"], "127.0.0.1"), (["--to", "https://x.eu-west-1.es.amazonaws.com", "--listen", "127.0.0.1:x"], "PORT"),
    (["--to", "https://x.eu-west-1.es.amazonaws.com", "--listen", "127.0.0.1:65536"], "PORT"), (["--to", "https://x.eu-west-1.es.amazonaws.com", "dev"], "either"),
    (["--to", "https://x.eu-west-1.es.amazonaws.com", "--header", "Host: x"], "--header"), (["--to", "https://x.eu-west-1.es.amazonaws.com", "--header", "a\r\nb: c"], "--header"),
    (["--to", "https://x.eu-west-1.es.amazonaws.com", "--body-max", "0"], "--body-max"), (["--to", "https://x.eu-west-1.es.amazonaws.com", "--host", "a b"], "--host"),
])
def test_wrong_usage_is_said(argv, says):
    r = subprocess.run([CLI, "proxy", "--env", *argv], env=KEYS, capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and not r.stdout and says in r.stderr and r.stderr.count("\n") == 1, r


def test_a_port_that_is_taken():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        r = subprocess.run([CLI, "proxy", "--env", "--to", "https://x.eu-west-1.es.amazonaws.com", "--listen", f"127.0.0.1:{s.getsockname()[1]}"], env=KEYS,
                           capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and "in use" in r.stderr


# ---- whose it is

ASK = "import sys, urllib.request as u, urllib.error as e\ntry: print(u.build_opener(u.ProxyHandler({})).open(sys.argv[1]).status)\nexcept e.HTTPError as x: print(x.code, x.read().decode())"


@pytest.mark.skipif(not ROOT, reason="other users need root")
def test_another_user_gets_nothing(es, plain):
    before = len(plain.requests)
    r = subprocess.run(["/usr/bin/setpriv", f"--reuid={ORDINARY}", "--clear-groups", "--", "/usr/bin/python3", "-c", ASK, es.url], capture_output=True, text=True,
                       timeout=30, check=True, env={})
    assert r.stdout.startswith("403 ") and "serves uid 0 only" in r.stdout and len(plain.requests) == before


@pytest.mark.skipif(not shutil.which("bwrap"), reason="no bubblewrap here")
def test_a_sandboxed_program_gets_nothing(es, plain, tmp_path):
    """A Flatpak that shares the machine's network, as most do."""
    info = tmp_path / "info"
    info.write_text("[Application]\nname=org.example.App\nruntime=runtime/org.example.Platform/x86_64/1\n\n[Instance]\ninstance-id=1\n")
    before = len(plain.requests)
    inside = ["bwrap", "--unshare-pid", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc",
              "--dev", "/dev", "--ro-bind", str(info), "/.flatpak-info", "--", "/usr/bin/python3", "-c"]
    r = subprocess.run([*inside, ASK, es.url], capture_output=True, text=True, timeout=30, check=False)
    assert "Flatpak org.example.App is in a sandbox" in r.stdout and len(plain.requests) == before, r
    # nor does it take the places of those who get something
    hold = f"import socket, sys\nheld = [socket.create_connection(('127.0.0.1', {es.port})) for _ in range(140)]\nprint(len(held), flush=True)\nsys.stdin.read()"
    with subprocess.Popen([*inside, hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout.readline() == "140\n"
        assert es.ask("/alive")[0] == 200
        p.stdin.close()


def test_a_role_ends_with_the_sign_in(make_world, plain):
    world = make_world("--fault", "interval=1")
    p = Proxy("dev", "--to", plain.url, "--service", "es", "--region", "eu-central-1", popen=world.start)
    try:
        def ask():
            return world.run("/usr/bin/python3", "-c", ASK, p.url).stdout
        assert ask() == "200\n" and "Credential=ASIA" in plain.last.headers["Authorization"] and plain.last.has("X-Amz-Security-Token")
        assert world.cli("logout").returncode == 0
        until("the end", lambda: ask().startswith("403 "), 20)
        assert "sign" in ask()
    finally:
        p.process.send_signal(signal.SIGTERM)
        _, err = p.process.communicate(timeout=20)
    assert p.process.returncode == 0, err
