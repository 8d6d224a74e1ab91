# SPDX-License-Identifier: Apache-2.0
"""Who asks, and what they get: sandboxed apps at credentials.sock and on the bus, roles that are only for those who name them,
callers that hide, callers that fill the place."""
import json
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import CREDENTIALS, ERROR, GET_CREDENTIALS, T_JSON, T_MESSAGE, T_ROLE, Broker, frame, parse
from worldlib import CLI, SHIM, until

APPS = """
[app tool]
flatpak = org.example.Tool
roles = dev
[app named]
flatpak = org.example.Named
roles = d*
session_name = the-named-app
"""


@pytest.fixture(scope="module")
def broker():
    b = Broker(roles=("dev", "admin"), bus=True, extra=APPS)
    r = b.sign_in()
    assert r.returncode == 0, r.stderr
    yield b
    print(b.log())
    b.close()


def flatpak(b, *argv, app="org.example.Tool", info=None, files=(), tail=()):
    """argv in a sandbox made as Flatpak makes one: a root of its own with the file that says who it is."""
    info = f"[Application]\nname={app}\nruntime=runtime/org.example.Platform/x86_64/1\n\n[Instance]\ninstance-id=1\n" if info is None else info
    path = os.path.join(b.dir, f"info-{abs(hash(info))}")
    with open(path, "w", encoding="utf-8") as f:
        f.write(info)
    binds = ["--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin",
             "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", os.path.dirname(SHIM), os.path.dirname(SHIM),
             "--bind", b.dir, b.dir]
    own = ["--ro-bind", path, "/.flatpak-info"] if info else []
    return ["bwrap", "--unshare-pid", "--unshare-ipc", *binds, *own, *files, *tail, "--", *argv]


def test_a_flatpak_app_gets_what_its_section_grants(broker):
    r = broker.run(*flatpak(broker, SHIM, "dev"))
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)["Version"] == 1
    line = [x for x in broker.log().splitlines() if "credentials.handed_out" in x][-1]
    for part in ("role=dev", "app=org.example.Tool", "door=socket", "exe=" + SHIM, "access_key_id=" + json.loads(r.stdout)["AccessKeyId"]):
        assert part in line, line
    assert re.search(r"pid=[1-9]\d* ", line) and re.search(r"request_id=[0-9a-f-]{8}", line), line
    assert json.loads(r.stdout)["SecretAccessKey"] not in broker.log()


def test_a_flatpak_app_gets_nothing_else(broker):
    r = broker.run(*flatpak(broker, SHIM, "admin"))
    assert r.returncode == 4 and r.stdout == ""
    assert "admin" in r.stderr and "org.example.Tool" in r.stderr and "[app tool]" in r.stderr
    # the same of a role that does not exist: it is not told which roles there are
    r = broker.run(*flatpak(broker, SHIM, "nope"))
    assert r.returncode == 4 and "[app tool]" in r.stderr


def test_an_app_without_a_section_is_told_which_it_needs(broker):
    r = broker.run(*flatpak(broker, SHIM, "dev", app="org.example.Other"))
    assert r.returncode == 4 and r.stdout == "" and r.stderr.count("\n") == 1
    assert "[app NAME]" in r.stderr and "flatpak = org.example.Other" in r.stderr


@pytest.mark.parametrize("command", [["status", "--json"], ["logout"], ["roles"]])
def test_a_sandboxed_app_manages_nothing(broker, command):
    r = broker.run(*flatpak(broker, CLI, *command))
    assert r.returncode == 4, (r.stdout, r.stderr)
    assert "sandboxed" in r.stderr and broker.role()["state"] in ("valid", "empty")
