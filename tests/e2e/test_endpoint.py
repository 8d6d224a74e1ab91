# SPDX-License-Identifier: Apache-2.0
"""The loopback port: what it answers, byte for byte, and whom it does not."""
import base64
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import Broker  # noqa: E402
from endpointlib import Endpoint, as_uid, read_answer  # noqa: E402
from worldlib import CLI, PATIENCE, ROOT, until  # noqa: E402

needs_root = pytest.mark.skipif(not ROOT, reason="two uids take root")
STRANGER = 65534
DEFAULTS = "[defaults]\ndefault_role = dev\nregion = eu-central-1\n"


def start(*args, config=DEFAULTS, sign_in=True, **kw):
    b = Broker(*args, start=False, **kw)
    with open(b.config, "a", encoding="utf-8") as f:
        f.write(config)
    b.start()
    if sign_in:
        r = b.sign_in()
        assert r.returncode == 0, r.stderr
    until("the port", lambda: b.status()["endpoint"])
    b.endpoint = Endpoint(b.status()["endpoint"])
    return b


@pytest.fixture
def make():
    made = []

    def make_broker(*args, **kw):
        made.append(start(*args, **kw))
        return made[-1]

    yield make_broker
    for b in made:
        print(b.log())
        b.close()


@pytest.fixture(scope="module")
def one():
    b = start()
    assert b.endpoint.container().status == 200  # so that what is sent as bytes is answered from memory
    yield b
    print(b.log())
    b.close()


@pytest.fixture
def ep(one):
    return one.endpoint


def is_error(a, status, code=None):
    doc = a.json()
    assert a.status == status, (a.status, a.body)
    assert a.headers["content-type"] == "application/json" and set(doc) == {"code", "message", "Code", "Message"}
    assert doc["code"] == doc["Code"] and doc["message"] == doc["Message"] and doc["message"]
    assert code is None or doc["code"] == code
    return doc["message"]


# ---- the container endpoint


def test_container_credentials(one, ep):
    a = ep.container()
    assert a.status == 200 and a.headers["content-type"] == "application/json" and len(a.body) <= 10000
    assert a.headers["cache-control"] == "no-store" and not a.rest
    doc = a.json()
    assert list(doc) == ["AccessKeyId", "SecretAccessKey", "Token", "Expiration", "AccountId", "RoleArn"]
    assert all(isinstance(v, str) and v for v in doc.values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", doc["Expiration"])
    shim = json.loads(one.shim().stdout)
    assert (doc["AccessKeyId"], doc["SecretAccessKey"], doc["Token"]) == (
        shim["AccessKeyId"], shim["SecretAccessKey"], shim["SessionToken"])
    told = time.mktime(time.strptime(doc["Expiration"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert told == one.role()["expires_at"], "the true expiry at this door"
    assert doc["RoleArn"] == "arn:aws:iam::123456789012:role/dev"
    for path in ("/credentials/", "/credentials/role/dev", "/credentials/role-arn/arn:aws:iam::123456789012:role/dev",
                 "/credentials/role-arn/arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fdev", "//credentials"):
        assert ep.container(path).body == a.body, path


def test_the_token_is_a_file_of_the_user_without_a_newline(ep):
    st = os.stat(ep.token_file)
    assert st.st_mode & 0o7777 == 0o600 and st.st_uid == os.geteuid()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", ep.token)


def test_the_token_is_compared_as_it_is(ep):
    for bad in ("", "x", ep.token[:-1], ep.token + "x", "Bearer " + ep.token, ep.token.swapcase()):
        is_error(ep.ask("/credentials", Authorization=bad), 401)
    is_error(ep.ask("/credentials"), 401)
    # the secret of one service opens no other
    is_error(ep.imds("meta-data/iam/info", token=ep.token), 401)
    is_error(ep.ask("/credentials", Authorization=ep.session()), 401)
    twice = ep.request("/credentials", Authorization=ep.token).replace(b"\r\n\r\n", b"\r\nauthorization: x\r\n\r\n")
    is_error(ep.send(twice), 401)


def test_roles_that_there_are_not(ep):
    assert "nope" in is_error(ep.container("/credentials/role/nope"), 404, "UnknownRole")
    is_error(ep.container("/credentials/role-arn/arn:aws:iam::123456789012:role/nope"), 404, "UnknownRole")
    for path in ("/credentials/role/", "/credentials/role", "/credentials/x", "/", "/credentialsx", "/credentials?role=dev"):
        is_error(ep.container(path), 404, "NotFound")
    for path in ("/credentials/role/%00dev", "/credentials/role/de%", "/credentials/role/%zz", "/credentials/role/%0d%0aX:y"):
        is_error(ep.container(path), 400)


def test_no_success_without_credentials(make):
    b = make(sign_in=False)
    assert "valetkey login" in is_error(b.endpoint.container(), 403, "NeedsLogin")
    is_error(b.endpoint.imds("meta-data/iam/security-credentials/dev"), 403, "NeedsLogin")


def test_sts_refuses(one, ep):
    assert "AccessDenied" in is_error(ep.container("/credentials/role/admin"), 403, "AccessDenied")


def test_slow_is_said_in_time_and_fetched_on(make):
    b = make()
    b.control("fault", set="delay=2000")
    begin = time.monotonic()
    a = b.endpoint.ask("/credentials", Authorization=b.endpoint.token)
    took = time.monotonic() - begin
    is_error(a, 503, "Timeout")
    assert a.headers["retry-after"] == "1" and 0.7 < took < 0.8 + 0.2 * PATIENCE
    until("the flight to land", lambda: b.role()["state"] == "valid")
    assert b.endpoint.container().status == 200
    assert b.stats("AssumeRoleWithWebIdentity") == 1


def test_many_that_wait_are_one_call(make):
    b = make()
    b.control("fault", set="delay=200")
    ask = b.endpoint.request("/credentials", Authorization=b.endpoint.token)
    conns = [b.endpoint.connect() for _ in range(200)]
    for c in conns:
        c.sendall(ask)
    answers = [read_answer(c) for c in conns]
    answers = [b.endpoint.container() if a.status == 503 else a for a in answers]
    assert {a.status for a in answers} == {200} and len({a.body for a in answers}) == 1
    assert b.stats("AssumeRoleWithWebIdentity") == 1
    for c in conns:
        c.close()


# ---- IMDS


def test_imds_credentials(one, ep):
    a = ep.ask("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=21600)
    assert a.status == 200 and a.headers["x-aws-ec2-metadata-token-ttl-seconds"] == "21600"
    assert a.headers["content-type"] == "text/plain"
    token = a.body.decode()
    assert re.fullmatch(r"[A-Za-z0-9_-]{54}", token)
    for path in ("meta-data/iam/security-credentials", "meta-data/iam/security-credentials/"):
        assert ep.imds(path, token).body == b"dev"
    doc = ep.imds("meta-data/iam/security-credentials/dev", token).json()
    assert list(doc) == ["Code", "LastUpdated", "Type", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"]
    assert doc["Code"] == "Success" and doc["Type"] == "AWS-HMAC" and doc["AccessKeyId"] == one.role()["access_key_id"]
    updated, ends = (time.mktime(time.strptime(doc[k], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone for k in ("LastUpdated", "Expiration"))
    assert ends == one.role()["expires_at"] and updated <= time.time() and ends - updated <= 3601
    # naive joins of an address that ends with a slash
    assert ep.ask("//latest/meta-data/instance-id", X_aws_ec2_metadata_token=token).body == b"valetkey"
    assert ep.imds("meta-data/placement/region", token).body == b"eu-central-1"
    assert ep.imds("meta-data/placement/availability-zone/", token).body == b"eu-central-1a"
    assert ep.imds("meta-data/iam/info", token).json() == {"Code": "Success"}
    about = ep.imds("dynamic/instance-identity/document", token).json()
    assert about["region"] == "eu-central-1" and about["accountId"] == "123456789012" and "no EC2 instance" in about["comment"]
    is_error(ep.imds("meta-data/iam/security-credentials/nope", token), 404)
    is_error(ep.imds("meta-data/nope", token), 404)
    is_error(ep.imds("", token), 404)


def test_imds_tokens(ep):
    for bad in ("0", "21601", "-1", "+5", "1.5", "x", "", "99999999999", "0x10", "1 2"):
        is_error(ep.ask("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=bad), 400)
    is_error(ep.ask("/latest/api/token", "PUT"), 400)
    good = ep.session()
    for bad in (good[:-1], good + "A", good[:-1] + ("A" if good[-1] != "A" else "E"), "A" * 54, "", good.swapcase()):
        is_error(ep.imds("meta-data/iam/info", bad), 401) if bad else is_error(
            ep.ask("/latest/meta-data/iam/info", X_aws_ec2_metadata_token=""), 401)
    is_error(ep.ask("/latest/meta-data/iam/info"), 401)  # no version 1
    is_error(ep.ask("/latest/nothing"), 401)  # nor does it hear what there is
    one_second = ep.session(ttl=1)
    assert ep.imds("meta-data/iam/info", one_second).status == 200
    until("the token to end", lambda: ep.imds("meta-data/iam/info", one_second).status == 401, 5)


def test_imds_answers_live_for_one_hop(ep):
    with ep.connect() as s:
        s.setsockopt(socket.IPPROTO_IP, 21, 2)  # IP_MINTTL: packets that could come from elsewhere only
        s.settimeout(0.5)
        s.sendall(ep.request("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=60))
        with pytest.raises(TimeoutError):
            s.recv(1)


def test_methods(ep):
    for method, path in (("GET", "/latest/api/token"), ("POST", "/credentials"), ("PUT", "/credentials"), ("HEAD", "/credentials"),
                         ("DELETE", "/latest/meta-data/instance-id"), ("PUT", "/latest/meta-data/instance-id"), ("OPTIONS", "/nope")):
        with ep.connect() as s:
            s.sendall(ep.request(path, method, Authorization=ep.token, Connection="close"))
            assert b" 405 " in s.recv(65536).split(b"\r\n")[0], (method, path)


def test_an_answer_to_head_is_the_last(ep):
    """Its length is that of a body which a client does not read: whatever came behind would be taken for it."""
    with ep.connect() as s:
        s.sendall(ep.request("/credentials", "HEAD", Authorization=ep.token) + ep.request("/credentials", Authorization=ep.token))
        a = read_answer(s)
        assert a.status == 405 and a.headers["connection"] == "close" and not a.rest and s.recv(1) == b""


def test_without_a_default_role(make):
    b = make(config="")
    token = b.endpoint.session()
    for path in ("meta-data/iam/security-credentials/", "meta-data/placement/region", "meta-data/placement/availability-zone", "meta-data/iam/info"):
        assert "default_role" in is_error(b.endpoint.imds(path, token), 404)
    assert b.endpoint.imds("meta-data/iam/security-credentials/dev", token).json()["Code"] == "Success"
    assert "default_role" in is_error(b.endpoint.container(), 404)


def test_a_service_that_is_off(make):
    b = make(config=DEFAULTS + "[endpoint]\nimds = no\n")
    is_error(b.endpoint.ask("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=60), 403)
    assert b.endpoint.container().status == 200
    b = make(config=DEFAULTS + "[endpoint]\ncontainer = no\n")
    is_error(b.endpoint.container(), 403)
    assert b.endpoint.imds("meta-data/iam/info").status == 200


# ---- who is refused


def test_names_that_are_not_ours(ep):
    for host in ("127.0.0.1", "localhost", f"127.0.0.1:{ep.port}", f"LocalHost:{ep.port}"):
        assert ep.container(host=host).status == 200
    for host in ("evil.example", f"evil.example:{ep.port}", "127.0.0.1:1", "127.0.0.1.evil.example", f"169.254.169.254:{ep.port}", "127.0.0.2",
                 f"x@127.0.0.1:{ep.port}", f"127.0.0.1:{ep.port}/", "[::1]"):
        is_error(ep.container(host=host), 403)
        is_error(ep.ask("/latest/api/token", "PUT", host=host, X_aws_ec2_metadata_token_ttl_seconds=60), 403)
    is_error(ep.container(host=""), 400)
    is_error(ep.send(ep.request("/credentials", Authorization=ep.token).replace(b"\r\n\r\n", b"\r\nHost: localhost\r\n\r\n")), 400)


def test_the_addresses_of_the_services_it_is_taken_for(ep):
    """Redirected programs name them; each is of one service."""
    ttl = {"X_aws_ec2_metadata_token_ttl_seconds": 60}
    for host in ("169.254.169.254", "169.254.169.254:80"):
        assert ep.ask("/latest/api/token", "PUT", host=host, **ttl).status == 200
        is_error(ep.container(host=host), 403)
        is_error(ep.ask("/latest/meta-data/iam/info", host=host), 401)
    for host in ("169.254.170.2", "169.254.170.2:80"):
        assert ep.container(host=host).status == 200
        is_error(ep.ask("/credentials", host=host), 401)
        is_error(ep.ask("/latest/api/token", "PUT", host=host, **ttl), 403)


def test_browsers_and_proxies(ep):
    for name, value in (("Origin", "http://evil.example"), ("Origin", "null"), ("Referer", "http://127.0.0.1/"), ("X-Forwarded-For", "10.0.0.1"),
                        ("X-FORWARDED-FOR", ""), ("Forwarded", "for=1.2.3.4"), ("Via", "1.1 x"), ("User-Agent", "Mozilla/5.0 (X11)"),
                        ("user-agent", "mozilla/5.0"), ("Sec-Fetch-Site", "cross-site"), ("Cookie", "a=b")):
        is_error(ep.container(**{name: value}), 403)
        is_error(ep.ask("/latest/api/token", "PUT", **{name: value, "X-aws-ec2-metadata-token-ttl-seconds": "60"}), 403)
    assert ep.container(User_Agent="aws-cli/2.9.19 Python/3.11.2").status == 200


@needs_root
def test_another_uid_gets_nothing_with_the_token_either(one, ep):
    token, session = ep.token, ep.session()

    def everything():
        out = []
        for raw in (ep.request("/credentials", Authorization=token), ep.request("/credentials"),
                    ep.request("/latest/meta-data/iam/security-credentials/dev", X_aws_ec2_metadata_token=session),
                    ep.request("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=60), ep.request("/nope"), b"nonsense\r\n\r\n"):
            a = ep.send(raw)
            out.append((a.status, a.body.decode()))
        return out

    for status, body in as_uid(STRANGER, everything):
        assert status in (403, 400)
        assert status == 400 or f"uid {STRANGER}" in json.loads(body)["message"]
        assert "SecretAccessKey" not in body and "Code\":\"Success" not in body
    assert f"caller.refused uid={STRANGER}" in one.log()


@needs_root
def test_strangers_take_no_place_from_others(ep):
    done = threading.Event()

    def crowd():
        return len([socket.create_connection(("127.0.0.1", ep.port)) for _ in range(300)])

    def stranger():
        as_uid(STRANGER, crowd)
        done.set()

    t = threading.Thread(target=stranger)
    t.start()
    while not done.is_set():
        assert ep.container().status == 200
    t.join()
    assert ep.container().status == 200


@needs_root
@pytest.mark.parametrize("allowed", [False, True])
def test_root_callers(allowed):
    """A broker of an ordinary user, asked by root, as a program started with sudo asks."""
    b = Broker(start=False)
    try:
        with open(b.config, "a", encoding="utf-8") as f:
            f.write(DEFAULTS + ("[endpoint]\nallow_root_callers = yes\n" if allowed else ""))
        for path in (b.dir, b.runtime, b.config):
            os.chown(path, STRANGER, STRANGER)

        def as_user():
            b.start()
            return [b.proc.pid, b.sign_in().returncode, until("the port", lambda: b.status()["endpoint"])]

        pid, signed_in, status = as_uid(STRANGER, as_user)
        assert signed_in == 0
        e = Endpoint(status)
        a = e.container()
        if allowed:
            assert a.status == 200 and e.imds("meta-data/iam/info").status == 200
        else:
            assert "allow_root_callers" in is_error(a, 403) and "uid 0" in is_error(a, 403)
        assert as_uid(1, lambda: e.ask("/credentials").status) == 403  # nobody else comes along
        os.kill(pid, signal.SIGTERM)
        until("the broker to end", lambda: not os.path.exists(status["token_file"]))
    finally:
        b.close()


def test_a_socket_made_by_an_ipv6_program(ep):
    with socket.socket(socket.AF_INET6) as s:  # as Java does
        s.settimeout(10)
        s.connect(("::ffff:127.0.0.1", ep.port))
        s.sendall(ep.request("/credentials", Authorization=ep.token))
        assert read_answer(s).status == 200


def test_who_hangs_up_before_being_looked_at_gets_nothing(one, ep):
    for _ in range(50):
        with ep.connect() as s:
            s.sendall(ep.request("/credentials", Authorization=ep.token))
            s.shutdown(socket.SHUT_WR)  # no longer a whole connection: nobody can be sure whose it is
            try:
                a = read_answer(s)
            except ConnectionResetError:
                continue
            assert a is None or a.status in (200, 403)  # 200: it was looked at before
    assert ep.container().status == 200


# ---- bytes


def test_keep_alive_and_pipelining(ep):
    ask = ep.request("/credentials", Authorization=ep.token)
    with ep.connect() as s:
        first = None
        for _ in range(3):
            s.sendall(ask)
            a = read_answer(s)
            first = first or a.body
            assert a.status == 200 and a.body == first and "connection" not in a.headers
        s.sendall(ask * 20 + ep.request("/nope", Authorization=ep.token) + ask)
        statuses, rest = [], b""
        for _ in range(22):
            a = read_answer(s, rest)
            rest = a.rest
            statuses.append(a.status)
        assert statuses == [200] * 20 + [404, 200] and not rest
    for kw in ({"Connection": "close"}, {"version": "HTTP/1.0"}, {"Connection": "keep-alive, Close"}):
        with ep.connect() as s:
            s.sendall(ep.request("/credentials", Authorization=ep.token, **kw))
            a = read_answer(s)
            assert a.status == 200 and a.headers["connection"] == "close" and s.recv(1) == b""


def test_a_request_in_pieces(ep):
    raw = ep.request("/credentials", Authorization=ep.token)
    with ep.connect() as s:
        for i in range(0, len(raw), 7):
            s.sendall(raw[i:i + 7])
        assert read_answer(s).status == 200
    with ep.connect() as s:
        s.sendall(raw + raw[:20])
        assert read_answer(s).status == 200
        s.sendall(raw[20:])
        assert read_answer(s).status == 200


def test_a_body_is_read_and_thrown_away(ep):
    put = ep.request("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=60, Content_Length=10)
    with ep.connect() as s:
        s.sendall(put + b"GET /x HTT" + ep.request("/credentials", Authorization=ep.token))
        a = read_answer(s)
        assert a.status == 200
        assert read_answer(s, a.rest).status == 200
    is_error(ep.ask("/credentials", Authorization=ep.token, Content_Length=1025), 413)
    is_error(ep.ask("/credentials", Authorization=ep.token, Content_Length="1" * 30), 413)


@pytest.mark.parametrize("raw,status", [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400), (b"GET\r\n\r\n", 400), (b"GET / HTTP/1.1 \r\n\r\n", 400),
    (b"GET  / HTTP/1.1\r\n\r\n", 400), (b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", 400), (b"GET / HTTP/2.0\r\n\r\n", 505),
    (b"GET / HTTP/1.2\r\n\r\n", 505), (b"GET / HTTP/11\r\n\r\n", 400), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nA: b\nHost: c\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nA: \0\r\n\r\n", 400), (b"GET / HTTP/1.1\r\n: x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nContent-Length:\r\n\r\n", 400), (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 431),
    (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 65 + b"\r\n", 431), (b"GET / HTTP/1.1\r\nX: " + b"y" * 9000, 431),
])
def test_what_is_no_request(ep, raw, status):
    a = ep.send(raw)
    is_error(a, status)
    assert a.headers["connection"] == "close"


def test_half_a_request_has_its_time(make):
    b = make()
    slow = [b.endpoint.connect() for _ in range(5)]
    begin = time.monotonic()
    status = None
    slow[0].settimeout(0.2)
    while status is None and time.monotonic() - begin < 10 * PATIENCE:
        for s in slow:
            s.sendall(b"G" if s is not slow[0] else b"X")  # something comes all the time
        try:
            status = read_answer(slow[0]).status
        except TimeoutError:
            pass
        assert b.endpoint.container().status == 200
    assert status == 408 and 4.5 < time.monotonic() - begin
    for s in slow:
        s.close()


def test_who_does_not_read_stops_nobody(ep):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", ep.port))
        s.setblocking(False)
        ask = ep.request("/credentials", Authorization=ep.token) * 50
        sent = 0
        while sent < 8 << 20:  # until it stops taking more
            try:
                sent += s.send(ask)
            except BlockingIOError:
                break
        assert sent < 8 << 20
        for _ in range(20):
            assert ep.container().status == 200


def test_idle_connections_make_room(ep):
    conns = [ep.connect() for _ in range(600)]
    try:
        for c in conns[-5:]:
            c.sendall(ep.request("/credentials", Authorization=ep.token))
            assert read_answer(c).status == 200
        for c in conns[:88]:
            assert c.recv(1) == b""
    finally:
        for c in conns:
            c.close()
    assert ep.container().status == 200


# ---- its life


def test_the_end_of_a_broker_is_the_end_of_its_port(make):
    b = make()
    token_file = b.endpoint.token_file
    b.stop()
    assert not os.path.exists(token_file)
    with pytest.raises(ConnectionRefusedError):
        b.endpoint.connect()


def test_run_anew_loses_no_request(make):
    b = make()
    assert b.endpoint.container().status == 200
    ask = b.endpoint.request("/credentials", Authorization=b.endpoint.token, Connection="close")
    token, session = b.endpoint.token, b.endpoint.session()
    stop, failed, done = threading.Event(), [], [0]

    def caller():
        while not stop.is_set():
            try:
                if b.endpoint.send(ask).status != 200:
                    failed.append("status")
            except (OSError, AttributeError) as e:
                failed.append(repr(e))
            done[0] += 1

    threads = [threading.Thread(target=caller) for _ in range(8)]
    for t in threads:
        t.start()
    for _ in range(3):
        before = b.log().count("broker.ready")
        b.proc.send_signal(signal.SIGHUP)
        until("the broker anew", lambda: b.log().count("broker.ready") > before)
    stop.set()
    for t in threads:
        t.join()
    assert not failed and done[0] > 20, failed
    assert b.endpoint.token == token and b.endpoint.imds("meta-data/iam/info", session).status == 200
    assert b.status()["endpoint"]["url"] == b.endpoint.url


def test_without_valetkeyd_the_port_is_said_to_be_anybodys(one):
    assert one.status()["endpoint"]["kept"] is False
    assert "kept_by=nobody" in one.log()
    shown = one.run(CLI, "status").stdout
    assert one.endpoint.url in shown and "valetkeyd does not keep" in shown


# ---- the ID token in a file


def test_the_id_token_file(make):
    b = make(sign_in=False, extra="id_token_file = yes", faults=("id_token_ttl=12", "interval=1"))
    path = f"{b.runtime}/valetkey/id-token"
    assert not os.path.exists(path)
    assert b.sign_in().returncode == 0

    def expiry():
        with open(path, encoding="ascii") as f:
            text = f.read()
        part = text.split(".")[1]  # no newline, nothing half-written
        assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", text) and not text.endswith("\n")
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["exp"]

    first = until("the file", lambda: os.path.exists(path) and expiry())
    assert os.stat(path).st_mode & 0o7777 == 0o600

    def renewed():
        now = expiry()
        assert now > time.time(), "what is there has not expired"
        return now > first

    until("the next token", renewed)
    b.proc.send_signal(signal.SIGHUP)
    until("the broker anew", lambda: b.log().count("broker.ready") > 1)
    until("the file again", lambda: os.path.exists(path) and expiry() > time.time())
    b.run(CLI, "logout")
    assert not os.path.exists(path)
    b.sign_in()
    assert os.path.exists(path)
    b.stop()
    assert not os.path.exists(path)


def test_no_id_token_file_unless_asked_for(one):
    assert not os.path.exists(f"{one.runtime}/valetkey/id-token")


def test_no_secret_in_the_log(one, ep):
    doc = ep.container().json()
    for secret in (ep.token, ep.session(), doc["SecretAccessKey"], doc["Token"]):
        assert secret not in one.log()


def test_curl(one, ep):
    r = subprocess.run(["curl", "-sS", "-i", "--max-time", "5", "-H", f"Authorization: {ep.token}", f"{ep.url}/credentials"],
                       capture_output=True, timeout=20, check=False, env=one.env)
    assert r.returncode == 0, r.stderr
    a = ep.container()
    want = ("HTTP/1.1 200 OK\r\nDate: DATE\r\nServer: valetkey\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(a.body)}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n").encode() + a.body
    assert re.sub(rb"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", b"Date: DATE", r.stdout) == want
