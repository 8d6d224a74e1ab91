# SPDX-License-Identifier: Apache-2.0
"""A client of the loopback endpoint that sends exactly the bytes it is told to, and reads what comes back by itself."""
import ctypes
import json
import os
import socket
import time

from worldlib import PATIENCE, ROOT


class Answer:
    def __init__(self, raw):
        head, _, rest = raw.partition(b"\r\n\r\n")
        lines = head.decode("ascii").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            assert name.lower() not in self.headers, line
            self.headers[name.lower()] = value
        self.size = int(self.headers["content-length"])
        self.body, self.rest = rest[:self.size], rest[self.size:]

    @property
    def whole(self):
        return len(self.body) == self.size

    def json(self):
        return json.loads(self.body)


def read_answer(s, had=b""):
    """One answer and what came behind it; None when the other side closed before."""
    raw = had
    while b"\r\n\r\n" not in raw or not Answer(raw).whole:
        more = s.recv(65536)
        if not more:
            assert not raw, raw
            return None
        raw += more
    return Answer(raw)


class Endpoint:
    def __init__(self, status):
        self.url, self.token_file = status["url"], status["token_file"]
        self.port = int(self.url.rsplit(":", 1)[1])

    @property
    def token(self):
        with open(self.token_file, encoding="ascii") as f:
            return f.read()

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.settimeout(10 * PATIENCE)
        return s

    def request(self, path, method="GET", version="HTTP/1.1", host=None, **headers):
        lines = [f"{method} {path} {version}"]
        host = host if host is not None else f"127.0.0.1:{self.port}"
        if host:
            lines.append(f"Host: {host}")
        lines += [f"{k.replace('_', '-')}: {v}" for k, v in headers.items()]
        return "\r\n".join(lines + ["", ""]).encode("latin-1")

    def send(self, raw):
        with self.connect() as s:
            s.sendall(raw)
            return read_answer(s)

    def ask(self, path, method="GET", **kw):
        return self.send(self.request(path, method, **kw))

    def patient(self, path, **kw):
        """As SDKs ask: what is not there within 800 ms, on a machine with much else to do, is asked for again."""
        for _ in range(10):
            a = self.ask(path, **kw)
            if a.status != 503:
                break
            time.sleep(int(a.headers["retry-after"]))
        return a

    def container(self, path="/credentials", **kw):
        return self.patient(path, Authorization=self.token, **kw)

    def session(self, ttl=60):
        a = self.ask("/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds=ttl)
        assert a.status == 200, a.body
        return a.body.decode()

    def imds(self, path, token=None, **kw):
        return self.patient(f"/latest/{path}", X_aws_ec2_metadata_token=token or self.session(), **kw)


def as_uid(uid, fn):
    """fn() in a process of that uid (root only); what it returns must go through JSON."""
    assert ROOT
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            # Who changes his uid hides from others of the new one; where there are no units, he would be refused for that.
            ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE
            with os.fdopen(write, "w") as f:
                json.dump(fn(), f)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as f:
        out = f.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0
    return json.loads(out)
