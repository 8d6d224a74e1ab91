# SPDX-License-Identifier: Apache-2.0
"""Many hosts and no server of ours: the same person has the same ids everywhere and separate sessions, and what he costs the
provider and STS is what docs/fleet.md says."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sandbox_client import TOP  # noqa: E402
from worldlib import BUILD, CLI  # noqa: E402

ISSUER = "https://login.example.com"


def host(folder, *people):
    """A host's table, written by its own valetkeyd: {subject: uid}; the gid is the same number."""
    folder.mkdir()
    words = [f"{BUILD}/valetkeyd", "--state-dir", str(folder), "--users", str(folder / "root"), "user"]
    for name, subject in people:
        subprocess.run([*words, "add", name, "--issuer", ISSUER, "--subject", subject], check=True, capture_output=True)
    listed = json.loads(subprocess.run([*words, "list", "--json"], check=True, capture_output=True, text=True).stdout)
    return {u["subject"]: u["uid"] for u in listed}


def test_the_same_person_has_the_same_ids_on_every_host(tmp_path):
    """Whoever was there first, and whatever he is called there."""
    here = host(tmp_path / "a", ("alice", "sub-1"), ("bob", "sub-2"))
    there = host(tmp_path / "b", ("bobby", "sub-2"), ("carol", "sub-3"), ("alice", "sub-1"))
    assert here["sub-1"] == there["sub-1"] and here["sub-2"] == there["sub-2"]
    assert len(set(there.values())) == 3


def test_two_hosts_have_separate_sessions(make):
    here = make(roles=("dev",))
    there = make(roles=("dev",), beside=here)
    for b in (here, there):
        b.sign_in("alice")
    keys = [json.loads(b.shim().stdout)["AccessKeyId"] for b in (here, there)]
    assert len(set(keys)) == 2
    # who signs out on one host is not signed out on the other, and one's refresh token is not the other's
    assert here.run(CLI, "logout").returncode == 0
    assert here.shim().returncode != 0
    assert json.loads(there.shim().stdout)["AccessKeyId"] == keys[1] and there.run(CLI, "whoami", "dev").returncode == 0


def test_what_a_sign_in_costs(make):
    """The table of the page is what is counted here."""
    b = make(roles=("dev",))
    b.sign_in("alice")
    assert b.shim().returncode == 0
    for _ in range(20):
        assert b.shim().returncode == 0
    counted = json.loads(b.control("stats"))
    with open(f"{TOP}/docs/fleet.md", encoding="utf-8") as f:
        rows = dict(re.findall(r"^\| `([\w.]+)` \| (\d+) ", f.read(), re.M))
    assert rows and {k: counted.get(k, 0) for k in rows} == {k: int(v) for k, v in rows.items()}, counted
