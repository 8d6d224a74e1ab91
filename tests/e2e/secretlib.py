# SPDX-License-Identifier: Apache-2.0
"""What is secret, taken from the wire, and the search for it in the memory of a process."""
import base64
import datetime
import hashlib
import hmac
import json
import re
import socket
import struct
import subprocess
import threading
import urllib.parse

from worldlib import BUILD, ROOT

SEARCH = f"{BUILD}/tests/helpers/memory_search"


def may_look():
    """Whether this root may listen at loopback and read another uid's process (containers take both away)."""
    sleeper = subprocess.Popen(["/bin/sleep", "60"], user=65534, group=65534, extra_groups=[]) if ROOT else None
    try:
        if not sleeper:
            return False
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
        with open(f"/proc/{sleeper.pid}/mem", "rb"):
            return True
    except OSError:
        return False
    finally:
        if sleeper:
            sleeper.kill()
            sleeper.wait()


JSON_SECRET = re.compile(rb'"(access_token|id_token|refresh_token|device_code)"\s*:\s*"([^"]+)"')
FORM_SECRET = re.compile(rb"(refresh_token|WebIdentityToken|device_code)=")
XML_SECRET = re.compile(rb"<(SecretAccessKey|SessionToken)>([^<]+)<")


class Wire(threading.Thread):
    """Everything that goes over loopback to or from one port, put together by connection and direction."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.flows, self.done = port, {}, False
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE: nothing is lost on a busy machine
        self.socket.bind(("lo", 0))
        self.socket.settimeout(0.1)
        self.start()

    def run(self):
        while not self.done:
            try:
                packet, _ = self.socket.recvfrom(1 << 17)
            except TimeoutError:
                continue
            ip = packet[14:]
            if len(ip) < 40 or ip[9] != 6:
                continue
            tcp = ip[(ip[0] & 15) * 4:struct.unpack("!H", ip[2:4])[0]]
            source, target, seq = struct.unpack("!HHI", tcp[:8])
            if self.port in (source, target):
                data = tcp[(tcp[12] >> 4) * 4:]
                if data:
                    self.flows.setdefault((source, target), {})[seq] = data

    def stop(self):
        self.done = True
        self.join()
        self.socket.close()

    def secrets(self):
        """value -> name of every secret seen so far"""
        found = {}
        for segments in list(self.flows.values()):
            text = b"".join(data for _, data in sorted(list(segments.items())))
            for name, value in JSON_SECRET.findall(text) + XML_SECRET.findall(text):
                found[value] = name.decode()
        return found

    def bodies(self):
        """What stood around them in every request and answer that one was in."""
        found = {}
        spelt = [re.escape(x) for v in self.secrets() for x in (v, urllib.parse.quote_from_bytes(v, safe="").encode())]
        for segments in list(self.flows.values()):
            text = b"".join(data for _, data in sorted(list(segments.items())))
            for part in re.split(rb"(?=HTTP/1\.1 [0-9]{3} |(?:GET|POST|PUT) /)", text):
                body = part.partition(b"\r\n\r\n")[2]
                if JSON_SECRET.search(body) or XML_SECRET.search(body) or FORM_SECRET.search(body):
                    found.update((piece, "body") for piece in re.split(b"|".join(spelt), body) if len(piece) >= 64)
        return found


# ---- the search

def unpad(s):
    return base64.urlsafe_b64decode(s + b"=" * (-len(s) % 4))


def spellings(value):
    """The ways somebody may have written it down."""
    yield value
    yield urllib.parse.quote_from_bytes(value, safe="").encode()
    yield urllib.parse.quote_from_bytes(value, safe="").lower().encode()
    yield json.dumps(value.decode()).replace("/", "\\/").encode()[1:-1]
    for shift in range(3):  # inside of a longer text, at each place it may begin at
        yield base64.b64encode(b"\0" * shift + value)[4 if shift else 0:]


def signing_keys(secret):
    """What SigV4 derives of a secret key, for every region and day a test may meet."""
    today = datetime.datetime.now(datetime.timezone.utc)
    for day in (today, today - datetime.timedelta(days=1)):
        date = hmac.new(b"AWS4" + secret, day.strftime("%Y%m%d").encode(), hashlib.sha256).digest()
        yield date
        for region in (b"us-east-1", b"eu-central-1"):
            key = hmac.new(date, region, hashlib.sha256).digest()
            yield key
            key = hmac.new(key, b"sts", hashlib.sha256).digest()
            yield key
            yield hmac.new(key, b"aws4_request", hashlib.sha256).digest()


def patterns(secrets):
    """(name, least length, bytes) of everything that must not be found of {value: name}."""
    for value, name in secrets.items():
        if name == "body":
            yield name, 64, value
            continue
        parts = [value]
        if name == "id_token":  # the header is everybody's; of the claims, a name or an address alone is no secret
            parts = value.split(b".")[1:]
            yield "claims", 64, unpad(parts[0])
            yield "signature", 16, unpad(parts[1])
        if name == "SecretAccessKey":
            for key in signing_keys(value):
                yield "signing-key", 16, key
        for part in parts:
            for s in spellings(part):
                yield name, 16, s


def search(pid, secrets, known=()):
    """What of the secrets is in a process: lines of "NAME RUN@OFFSET MAPPING". Half a token is a secret, too; a piece that
    what is known has as well is none."""
    lines = [f"{n} {least} {p.hex()}" for n, least, p in patterns(secrets)]
    lines += [f"- 0 {p.hex()}" for _, _, p in patterns(dict(known))]
    r = subprocess.run([SEARCH, str(pid)], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    assert r.returncode in (0, 1), r.stderr
    return r.stdout.splitlines()
