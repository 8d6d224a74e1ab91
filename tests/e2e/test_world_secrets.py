# SPDX-License-Identifier: Apache-2.0
"""No secret anywhere it does not belong. What the provider and STS gave out is taken from the wire (loopback, plain HTTP),
so nobody has to say what to look for; then it is looked for in every log, file, command line and environment of the
world, and in the memory of those who should have forgotten it."""
import os
import re
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from secretlib import Wire, may_look, search
from worldlib import BUILD, descendants, until

pytestmark = pytest.mark.skipif(not may_look(), reason="looking at the wire and into other processes needs root's CAP_NET_RAW and CAP_SYS_PTRACE")

# AddressSanitizer keeps freed memory for a while, and its maps are terabytes.
plain = pytest.mark.skipif("/san-" in BUILD, reason="a sanitiser's memory is not the product's")

class Watch(threading.Thread):
    """Command lines and environments of everything that ever runs below a process."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.seen, self.done = pid, set(), False
        self.start()

    def run(self):
        while not self.done:
            for pid in descendants(self.pid):
                for what in ("cmdline", "environ"):
                    try:
                        with open(f"/proc/{pid}/{what}", "rb") as f:
                            self.seen.add((what, f.read()))
                    except OSError:
                        pass
            time.sleep(0.01)

    def stop(self):
        self.done = True
        self.join()


def files_below(path):
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            if os.path.isfile(full) and not os.path.islink(full):
                with open(full, "rb") as f:
                    yield full, f.read()


@pytest.fixture
def watched(make_world):
    """A world in which alice has not signed in yet, with somebody at the wire."""
    w = make_world("--fault", "interval=1", "--no-sign-in")
    wire, watch = Wire(int(w.base.rsplit(":", 1)[1])), Watch(w.proc.pid)
    yield w, wire, watch
    watch.stop()
    wire.stop()


def a_full_run(w, wire):
    assert w.sign_in()[0] == 0
    w.credentials()
    w.shim("admin")
    w.shim("no-such-role")
    w.run("/usr/bin/aws", "--endpoint-url", w.base, "sts", "get-caller-identity")
    w.cli("status", "--json")
    w.fault("id_token_ttl=2")
    w.cli("logout")
    assert w.sign_in()[0] == 0
    time.sleep(3)  # the ID token ends: a refresh is on the wire, too
    w.credentials()
    w.sign_in("--approve=deny")
    w.sign_in("--as", "bob")
    for f in ("wrong_signature", "token.device.half", "token.device.garbage"):
        w.fault(f)
        w.sign_in()
        w.clear(f)
    secrets = until("all kinds of secrets on the wire", lambda: len(set(wire.secrets().values())) == 6 and wire.secrets())
    assert len(secrets) >= 12
    return secrets


def test_no_secret_in_a_log_a_file_a_command_line_or_an_environment(watched):
    w, wire, watch = watched
    secrets = a_full_run(w, wire)
    files = dict(files_below(w.dir)) | dict(files_below(w.logs))
    assert any(n.endswith("valetkeyd.log") for n in files) and any(n.endswith("broker.log") for n in files)
    assert len(watch.seen) > 10
    watch.stop()
    looked_at = [*files.items(), *watch.seen]
    found = [(name, where) for where, content in looked_at for value, name in secrets.items() if value in content]
    assert found == []
    # nor anything that looks like a JSON web token, whoever made it
    assert [where for where, content in looked_at if re.search(rb"eyJ[\w-]{16,}\.eyJ[\w-]{16,}\.", content)] == []


@plain
def test_the_search_finds_what_is_there(watched):
    """The test of the test: a secret in a file or in memory is seen."""
    w, wire, watch = watched
    assert w.sign_in()[0] == 0
    doc = w.credentials()
    secrets = until("the wire", lambda: {v: n for v, n in wire.secrets().items() if n == "SecretAccessKey"})
    value = next(iter(secrets))
    assert value.decode() == doc["SecretAccessKey"]
    with open(f"{w.dir}/log/planted", "wb") as f:
        f.write(b"x" + value + b"y")
    assert any(value in content for _, content in files_below(w.dir))
    assert search(w.pid("valetkey-broker"), secrets), "the broker serves it from there"


@plain
def test_who_gave_it_away_has_forgotten_it(watched):
    w, wire, _ = watched
    assert w.sign_in()[0] == 0
    w.credentials()
    tokens = until("the wire", lambda: {v: n for v, n in wire.secrets().items() if n.endswith("_token")})
    assert search(w.pid("valetkeyd"), tokens) == [], "acknowledged by the broker: gone"
    secrets = wire.secrets()
    broker = w.pid("valetkey-broker")
    assert search(broker, secrets)
    assert w.cli("logout").returncode == 0
    assert search(broker, secrets) == [], "logged out: gone"


def test_those_who_hold_secrets_are_closed(world):
    world.credentials()
    for program in ("valetkeyd", "valetkey-broker"):
        pid = world.pid(program)
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0, f"{program} is dumpable: its own uid may read its memory"
        with open(f"/proc/{pid}/limits", encoding="ascii") as f:
            assert re.search(r"Max core file size\s+0\s+0", f.read())


def test_no_handle_reaches_the_session(world):
    assert not [e for e in world.env.items() if re.fullmatch(r"[0-9a-f]{32}", e[1])]
    assert not [k for k in world.env if k.startswith("VALETKEY_") and not k.startswith("VALETKEY_SANDBOX_") and k not in os.environ]
