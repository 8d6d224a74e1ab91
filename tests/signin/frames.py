# SPDX-License-Identifier: Apache-2.0
"""The protocol of login.sock and claim.sock, written from docs/PROTOCOL.md and not from our C."""
import os
import socket
import struct

TYPES = {"authenticate": 1, "prompt": 2, "authenticated": 3, "commit": 4, "drop": 5, "close": 6, "port": 7, "verified": 8, "claim": 16, "grant": 17, "ack": 18,
         "verify": 19, "report": 20, "ok": 64, "error": 65}
TAGS = {"user": 1, "service": 2, "rhost": 3, "tty": 4, "text": 5, "expires_in": 6, "handle": 7, "uid": 8, "outcome": 9, "message": 10,
        "grant_id": 11, "grant": 12, "port": 22, "issuer": 27, "subject": 28, "prior": 29, "token": 31, "ruser": 32}
U32, U64 = ("expires_in", "uid", "outcome", "port"), ("grant_id",)
OUTCOMES = {"internal": 1, "invalid-request": 2, "needs-login": 3, "access-denied": 4, "unreachable": 7, "timeout": 9, "bad-answer": 10, "misconfigured": 11,
            "token-rejected": 12, "expired": 13, "denied-by-user": 14, "cancelled": 15, "clock-skew": 16, "busy": 17, "not-ours": 18,
            "wrong-subject": 19, "account-locked": 20, "account-expired": 21, "unknown-handle": 24, "nothing": 25, "account-made": 27}
NAMES = {v: k for k, v in TYPES.items()}


def encode(kind, **fields):
    body = b""
    for name, value in fields.items():
        if value is None:
            continue
        if name in U32:
            value = struct.pack("<I", value)
        elif name in U64:
            value = struct.pack("<Q", value)
        elif isinstance(value, str):
            value = value.encode()
        body += struct.pack("<HH", TAGS[name], len(value)) + value
    return b"VKEY" + struct.pack("<HHI", 1, TYPES[kind], len(body)) + body


def decode(packet):
    magic, version, kind, size = struct.unpack_from("<4sHHI", packet)
    assert (magic, version, size) == (b"VKEY", 1, len(packet) - 12), packet
    names = {v: k for k, v in TAGS.items()}
    fields, at = {"type": NAMES.get(kind, kind)}, 12
    while at < len(packet):
        tag, n = struct.unpack_from("<HH", packet, at)
        value, at = packet[at + 4:at + 4 + n], at + 4 + n
        name = names.get(tag, tag)
        if name in U32:
            value = struct.unpack("<I", value)[0]
        elif name in U64:
            value = struct.unpack("<Q", value)[0]
        elif name not in ("grant",) and isinstance(name, str):
            value = value.decode()
        fields[name] = value
    if "outcome" in fields:
        fields["outcome"] = {v: k for k, v in OUTCOMES.items()}.get(fields["outcome"], fields["outcome"])
    return fields


def grant_fields(blob):
    """The serial form of a grant: a frame of type 100. Tag → bytes, whatever they mean."""
    assert blob[:4] == b"VKEY" and struct.unpack_from("<H", blob, 6)[0] == 100
    fields, at = {}, 12
    while at < len(blob):
        tag, n = struct.unpack_from("<HH", blob, at)
        fields[tag] = blob[at + 4:at + 4 + n]
        at += 4 + n
    return fields


class Conn:
    def __init__(self, sock):
        self.sock = sock

    def send(self, kind, **fields):
        self.sock.send(encode(kind, **fields))

    def receive(self, seconds=20):
        """One frame; None when the daemon has closed."""
        self.sock.settimeout(seconds)
        try:
            packet = self.sock.recv(1 << 17)
        except ConnectionResetError:
            packet = b""
        return decode(packet) if packet else None

    def ask(self, kind, **fields):
        self.send(kind, **fields)
        return self.receive()

    def ask_fds(self, kind, **fields):
        """The answer, and the descriptors beside it."""
        self.send(kind, **fields)
        self.sock.settimeout(20)
        packet, fds, _, _ = socket.recv_fds(self.sock, 1 << 17, 4)
        return decode(packet), fds

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def connect(path, uid=None):
    """Connects as that uid (root only): the kernel notes who connected, so a child does it and hands the socket back."""
    if uid is None or uid == os.geteuid():
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(path)
        return Conn(s)
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            s.connect(path)
            socket.send_fds(theirs, [b"x"], [s.fileno()])
        finally:
            os._exit(0)
    theirs.close()
    _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    ours.close()
    os.waitpid(pid, 0)
    assert fds, f"uid {uid} could not connect to {path}"
    return Conn(socket.socket(fileno=fds[0]))
