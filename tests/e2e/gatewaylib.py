# SPDX-License-Identifier: Apache-2.0
"""A service behind a signing gateway: it writes down every request as it came, and judges its signature by our own verifier. What it
answers the path says. And the gateway itself as a process, with credentials from the environment."""
import base64
import hashlib
import http.server
import socket
import ssl
import subprocess
import threading
import time

from sigv4lib import ask
from worldlib import BUILD, CLI, PATIENCE, until

KEY, SECRET, TOKEN = "ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token/with+signs=="
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN, "PATH": "/usr/bin:/bin"}
DEFAULT, SIGN_BODY, UNSIGNED, NO_LENGTH = 3, 4, 8, 32
RULES = {"s3": SIGN_BODY | UNSIGNED, "aoss": DEFAULT | SIGN_BODY | NO_LENGTH}
MEGABYTE = 1 << 20


class Request:
    def __init__(self, handler, body):
        self.method, self.path = handler.command, handler.path
        self.headers = handler.headers
        self.body_len, self.sha256 = len(body), hashlib.sha256(body).hexdigest()
        self.body = body if len(body) <= MEGABYTE // 2 else b""

    def has(self, name):
        return self.headers.get_all(name) or []

    def verdict(self, service, region="eu-central-1"):
        """'' where the signature is right, by the secret the gateway has; a body of more than half a megabyte is only looked at by its digest."""
        path, _, query = self.path.partition("?")
        job = {"op": "verify", "method": self.method, "path": path, "query": query, "headers": [list(h) for h in self.headers.items()],
               "body": base64.urlsafe_b64encode(self.body).rstrip(b"=").decode(), "key_id": KEY, "secret": SECRET, "token": TOKEN,
               "region": region, "service": service, "time": int(time.time()), "flags": RULES.get(service, DEFAULT), "expires": 0}
        answer = ask([job])[0]
        return "" if answer["result"] == 0 else answer["error"]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def read_body(self):
        body = bytearray()
        left = int(self.headers.get("Content-Length", 0))
        while left:
            block = self.rfile.read1(min(left, 65536))
            if not block:
                break
            left -= len(block)
            body += block
            self.server.upstream.received += len(block)
        return bytes(body)

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(n == "Transfer-Encoding" for n, _ in headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_any(self):
        upstream = self.server.upstream
        word, _, rest = self.path.lstrip("/").partition("/")
        if word == "early":
            upstream.requests.append(Request(self, b""))
            self.answer(413, [("Connection", "close")], b"too much")
            self.close_connection = True
            return
        upstream.requests.append(Request(self, self.read_body()))
        if word == "to":
            self.answer(int(rest[:3]), [("Location", base64.urlsafe_b64decode(rest[4:]).decode())], b"moved")
        elif word == "status":
            self.answer(int(rest), [], b"" if rest in ("204", "304") else rest.encode())
        elif word == "chunks":
            pieces = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (b"one ", b"two ", b"three"))
            self.answer(200, [("Transfer-Encoding", "chunked"), ("X-Multi", "a"), ("X-Multi", "b"), ("Connection", "X-Hop"), ("X-Hop", "1"),
                              ("Alt-Svc", 'h3=":443"')], pieces + b"0\r\n\r\n")
        elif word == "odd":  # what a careless or hostile service sends
            self.wfile.write(b"HTTP/1.1 200 Fine\r\nX-One: 1\r\n folded: 2\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nX Two: 2\r\n"
                             b"X-Four: 4\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: 5\r\n\r\n")
        elif word == "lengths":  # one that readers could take for two
            second = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            lines = {"two": b"Content-Length: 3\r\nContent-Length: %d" % (3 + len(second)), "list": b"Content-Length: 3, 3", "sign": b"Content-Length: +3",
                     "huge": b"Content-Length: 99999999999999999999"}[rest]
            self.wfile.write(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n\r\nabc" + second)
            self.close_connection = True
        elif word == "switch":
            self.wfile.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
            self.close_connection = True
        elif word == "half":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
        elif word == "nothing":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif word == "big":
            self.send_response(200)
            self.send_header("Content-Length", str(int(rest) * MEGABYTE))
            self.end_headers()
            for _ in range(int(rest)):
                self.wfile.write(b"x" * MEGABYTE)
        elif word == "wait":
            upstream.waiting.set()
            upstream.go_on.wait(20 * PATIENCE)
            self.answer(200, [], b"waited")
        elif word == "late":
            self.send_response_only(200)
            self.send_header("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 900)))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.answer(200, [("Content-Type", "text/plain")], f"{self.command} {self.path}".encode())

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = do_any

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass  # whoever went away


class Upstream:
    def __init__(self, pki=None):
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.upstream = self
        self.tls = pki is not None
        if pki:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pki.server_chain, pki.server_key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.requests, self.received = [], 0
        self.waiting, self.go_on = threading.Event(), threading.Event()
        self.port = self.server.server_address[1]
        self.url = f"http{'s' if pki else ''}://{'localhost' if pki else '127.0.0.1'}:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def last(self):
        return self.requests[-1]

    def close(self):
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Proxy:
    """valetkey proxy, ready: popen starts it (as whom, in which world)."""

    def __init__(self, *argv, popen=None, env=None):
        argv = ["proxy", *argv]
        if popen:
            self.process = popen(CLI, *argv)
        else:
            self.process = subprocess.Popen([CLI, *argv], env={**KEYS, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.process.wait()
            raise AssertionError(self.process.stderr.read())
        self.port = int(self.url.rpartition(":")[2])

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20 * PATIENCE)

    def ask(self, target="/", method="GET", body=b"", **headers):
        """(status, headers, body), by a client that keeps nothing."""
        lines = [f"{method} {target} HTTP/1.1", *(() if "Host" in headers else (f"Host: 127.0.0.1:{self.port}",)), "Connection: close",
                 *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with self.connect() as s:
            s.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return parse(read_all(s))

    def peak_kb(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as f:
            return int(next(line for line in f if line.startswith("VmHWM")).split()[1])

    def close(self):
        self.process.terminate()
        out = self.process.communicate(timeout=20 * PATIENCE)
        assert self.process.returncode == 0, (self.process.returncode, out)
        return out[1]


def read_all(s):
    out = b""
    try:
        while (block := s.recv(65536)):
            out += block
    except ConnectionResetError:
        pass
    return out


def parse(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines[1:]]
    if ("Transfer-Encoding", "chunked") in headers:
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole, body = whole + body[:int(size, 16)], body[int(size, 16) + 2:]
        body = whole
    return int(lines[0].split()[1]) if len(lines[0].split()) > 1 else 0, headers, body


__all__ = ("BUILD", "CLI", "until")
