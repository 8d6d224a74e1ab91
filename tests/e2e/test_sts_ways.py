# SPDX-License-Identifier: Apache-2.0
"""The ways to STS: an address from the environment, a proxy, a private certificate authority."""
import base64
import os
import socket
import ssl
import sys
import threading

import pytest

TOP = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [TOP, os.path.dirname(TOP)]

from brokerlib import Broker
from real.pki import Pki
from worldlib import until

STS = "sts.proxied.test"  # no name server knows it
ROLE = "[role dev]\nidentity = corp\nrole_arn = arn:aws:iam::123456789012:role/dev\n"


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    finally:
        for s in (a, b):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def join(a, b):
    threads = [threading.Thread(target=pump, args=pair, daemon=True) for pair in ((a, b), (b, a))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


class Listener:
    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(c,), daemon=True).start()

    def _one(self, c):
        try:
            with c:
                self.handle(c)
        except OSError:
            pass

    def handle(self, c):
        raise NotImplementedError

    def close(self):
        self.sock.close()


class Tls(Listener):
    """STS behind TLS with a certificate of a private authority."""

    def __init__(self, certificate, key, base):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.to = ("127.0.0.1", int(base.rsplit(":", 1)[1]))
        super().__init__()

    def handle(self, c):
        with self.context.wrap_socket(c, server_side=True) as inside, socket.create_connection(self.to) as to:
            head = b""
            while b"\r\n\r\n" not in head:
                head += inside.recv(65536)
            # The sandbox knows itself by its own address only.
            to.sendall(head.replace(f"Host: {STS}".encode(), f"Host: 127.0.0.1:{self.to[1]}".encode()))
            join(inside, to)


class Proxy(Listener):
    """CONNECT and nothing else; every way leads to one place."""

    def __init__(self, to=None, status=200):
        self.to, self.status, self.heads = to, status, []
        super().__init__()

    def handle(self, c):
        head = b""
        while b"\r\n\r\n" not in head:
            head += c.recv(4096)
        self.heads.append(head.decode())
        c.sendall(f"HTTP/1.1 {self.status} x\r\n\r\n".encode())
        if self.status == 200:
            with socket.create_connection(("127.0.0.1", self.to)) as to:
                join(c, to)


@pytest.fixture(name="broker")
def _broker():
    b = Broker(roles=(), start=False)
    yield b
    print(b.log())
    b.close()


def configure(b, text):
    with open(b.config, "a", encoding="utf-8") as f:
        f.write(text)


def private_sts(b):
    pki = Pki(f"{b.dir}/pki", names=(STS,))
    configure(b, f"{ROLE}region = eu-central-1\nsts_endpoint = https://{STS}\nca_file = {pki.ca}\n")
    return Tls(pki.server_chain, pki.server_key, b.base)


def test_sts_through_a_proxy_with_a_password(broker):
    tls = private_sts(broker)
    proxy = Proxy(tls.port)
    broker.env.update(https_proxy=f"http://someone:pass%40word-x@127.0.0.1:{proxy.port}", http_proxy=f"http://127.0.0.1:{proxy.port}",
                      no_proxy="")
    broker.start()
    assert broker.sign_in().returncode == 0  # the provider is on the loopback interface: no proxy sees it
    assert not proxy.heads
    r = broker.shim("dev")
    assert r.returncode == 0, r.stderr
    assert len(proxy.heads) == 1 and proxy.heads[0].startswith(f"CONNECT {STS}:443 HTTP/1.1\r\n")
    assert base64.b64encode(b"someone:pass@word-x").decode() in proxy.heads[0]
    assert "word-x" not in broker.log() and "someone" not in broker.log()
    proxy.close()
    tls.close()


def test_a_proxy_that_refuses_is_named_without_its_password(broker):
    tls = private_sts(broker)
    proxy = Proxy(status=407)
    broker.env["https_proxy"] = f"http://someone:word-x@127.0.0.1:{proxy.port}"
    broker.start()
    assert broker.sign_in().returncode == 0
    r = broker.shim("dev")
    assert r.returncode == 7 and f"the proxy refused the way to {STS} with HTTP status 407" in r.stderr, r.stderr
    assert "word-x" not in broker.log() + r.stderr
    proxy.close()
    tls.close()


@pytest.mark.parametrize("url", ["gopher://someone:word-x@127.0.0.1:1", "http://someone:word-x@[::bad", "http://someone:word-x@127.0.0.1:99999"])
def test_a_proxy_that_is_none_is_not_repeated(broker, url):
    tls = private_sts(broker)
    broker.env["https_proxy"] = url
    broker.start()
    assert broker.sign_in().returncode == 0
    r = broker.shim("dev")
    assert r.returncode != 0 and "role dev: " in r.stderr
    assert "word-x" not in broker.log() + r.stderr and "someone" not in broker.log() + r.stderr
    tls.close()


def test_no_proxy_goes_around_it(broker):
    tls = private_sts(broker)
    proxy = Proxy(tls.port)
    broker.env.update(https_proxy=f"http://127.0.0.1:{proxy.port}", no_proxy=f"example.com,{STS}")
    broker.start()
    assert broker.sign_in().returncode == 0
    r = broker.shim("dev")
    assert r.returncode in (7, 9) and not proxy.heads, r.stderr  # nobody knows the name
    proxy.close()
    tls.close()


@pytest.mark.parametrize("env, where", [
    ({"AWS_ENDPOINT_URL_STS": "{base}/", "AWS_ENDPOINT_URL": "https://other.invalid"}, "sandbox"),
    ({"AWS_ENDPOINT_URL": "{base}/"}, "sandbox"),
    ({"AWS_ENDPOINT_URL_STS": "", "AWS_ENDPOINT_URL": "{base}"}, "sandbox"),
    ({"AWS_ENDPOINT_URL_STS": "{base}/", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "aws"),
])
def test_sts_from_the_environment(broker, env, where):
    configure(broker, f"{ROLE}region = eu-central-1\n")
    broker.env.update({k: v.format(base=broker.base) for k, v in env.items()}, https_proxy="http://127.0.0.1:1")  # no way to AWS from here
    broker.start()
    assert broker.sign_in().returncode == 0
    r = broker.shim("dev")
    if where == "sandbox":
        assert r.returncode == 0, r.stderr
    else:
        assert r.returncode == 7 and "sts.eu-central-1.amazonaws.com" in r.stderr
        assert broker.stats("AssumeRoleWithWebIdentity") == 0


def test_an_endpoint_in_the_environment_that_is_none_stops_the_broker(broker):
    configure(broker, f"{ROLE}region = eu-central-1\n")
    broker.env["AWS_ENDPOINT_URL_STS"] = "http://sts.example.com"
    with pytest.raises(AssertionError):
        broker.start()
    assert "AWS_ENDPOINT_URL_STS:2: sts_endpoint: " in broker.log()
    until("its end", lambda: broker.proc.poll() is not None)
