# SPDX-License-Identifier: Apache-2.0
"""Who has left, from the broker's side and through the whole chain: what the administrator locks ends in a broker that runs, and what
the provider says of a grant reaches the account phase."""
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import BUILD, SEVERAL, until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NEEDS_LOGIN, LOCKED = 3, 20

pytestmark = pytest.mark.skipif(not SEVERAL, reason="federated users are needed: run as root")


def verb(world, *argv):
    r = subprocess.run([f"{BUILD}/valetkeyd", "--state-dir", f"{world.dir}/state", "--users", f"{world.dir}/etc/users", "user", *argv],
                       capture_output=True, text=True, timeout=20, check=False)
    assert r.returncode == 0, r.stderr
    return r.stdout


def row(world):
    return json.loads(verb(world, "show", "alice", "--json"))


@pytest.fixture(name="world", scope="module")
def _world(tmp_path_factory):
    """A grant that is refreshed every other second, and a provider whose people can be taken away."""
    from worldlib import World  # pylint: disable=import-outside-toplevel
    cloud = str(tmp_path_factory.mktemp("cloud", numbered=True))
    for d in (cloud, os.path.dirname(cloud), os.path.dirname(os.path.dirname(cloud))):
        os.chmod(d, 0o755)
    shutil.copytree(f"{TOP}/sandbox/example", cloud, dirs_exist_ok=True)
    with World("--fault", "interval=1", "--fault", "refresh_expires_in=4", "--dir", cloud) as w:
        w.cloud = cloud
        yield w


def test_a_lock_ends_what_a_running_broker_hands_out(world):
    assert world.credentials()["AccessKeyId"].startswith("ASIA")
    verb(world, "lock", "alice")
    r = until("the lock to be noticed", lambda: (lambda x: x if x.returncode == LOCKED else None)(world.shim()), 5)
    assert "this account is locked" in r.stderr
    # Its tokens and role sessions are gone, not only withheld.
    until("the wiping", lambda: "this account is locked" in world.log("broker"), 5)
    status = json.loads(world.cli("status", "--json").stdout)
    assert [i["state"] for i in status["identities"]] == ["needs-login"], status
    assert world.sign_in()[0] != 0
    verb(world, "unlock", "alice")
    until("the lock to be over", lambda: world.shim().returncode == NEEDS_LOGIN, 5)
    assert world.sign_in()[0] == 0
    assert world.credentials()["AccessKeyId"].startswith("ASIA")


def test_refreshes_are_shown_to_valetkeyd_which_counts_them(world):
    seen = world.log("valetkeyd").count("account.renewed")
    until("a refresh that is shown", lambda: world.log("valetkeyd").count("account.renewed") > seen)
    assert row(world)["last_success"] > 0 and row(world)["refused_at"] == 0


def test_a_refused_refresh_reaches_the_account_phase(world):
    """Also when valetkeyd is not there at that moment."""
    person = f"{world.cloud}/users/alice.json"
    with open(person, encoding="utf-8") as f:
        claims = f.read()
    daemon = world.pid("valetkeyd")
    os.kill(daemon, signal.SIGSTOP)
    os.unlink(person)
    world.control("reload", {"now": "yes"})
    try:
        until("the provider's no", lambda: "the user is gone" in world.log("broker"))
    finally:
        os.kill(daemon, signal.SIGCONT)
    until("the refusal in the table", lambda: row(world)["refused_at"] > 0, 20)
    assert "account.refused user=alice" in world.log("valetkeyd")
    status = json.loads(world.cli("status", "--json").stdout)
    assert [i["state"] for i in status["identities"]] == ["needs-login"]
    with open(person, "w", encoding="utf-8") as f:
        f.write(claims)
    world.control("reload", {"now": "yes"})
    assert world.sign_in()[0] == 0
    assert row(world)["refused_at"] == 0


def test_who_is_removed_gets_nothing_more(world):
    assert world.credentials()["AccessKeyId"].startswith("ASIA")
    verb(world, "remove", "alice")
    until("the removal to be noticed", lambda: world.shim().returncode != 0, 5)
    assert "this account was removed" in world.shim().stderr
