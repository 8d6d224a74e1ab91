# SPDX-License-Identifier: Apache-2.0
"""Sign-ins that do not go well: who is refused, in which words, and that nothing that worked before is lost."""
import os
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import PATIENCE, until

SUCCESS, AUTH_ERR, AUTHINFO_UNAVAIL, MAXTRIES = 0, 7, 9, 11


def works(w):
    assert w.credentials()["AccessKeyId"].startswith("ASIA")


def test_a_declined_code(world):
    status, pam, err, _ = world.sign_in("--approve=deny")
    assert (status, pam["authenticate"], pam["open_session"]) == (1, AUTH_ERR, None)
    assert "declined" in err or "denied" in err
    works(world)


def test_an_expired_code(world):
    world.fault("device_ttl=2")
    status, pam, err, _ = world.sign_in("--approve=none")
    assert (status, pam["open_session"]) == (1, None)
    assert pam["authenticate"] != SUCCESS
    assert "in time" in err or "expired" in err
    world.clear()
    works(world)
    assert world.sign_in()[0] == 0


def test_two_at_once_for_one_user_are_one_flow(world):
    """One live code per user: a second one is how somebody is made to approve what he did not start."""
    first = world.sign_in_start("--approve=none", "--show", stdin=subprocess.PIPE)
    try:
        until("the first code", lambda: world.stats("device_authorization") == 2)  # the world's own was the first
        status, pam, err, _ = world.sign_in()
        assert (status, pam["authenticate"]) == (1, MAXTRIES)
        assert "already" in err
        assert world.stats("device_authorization") == 2, "the provider was not asked"
    finally:
        first.kill()
        first.communicate()
    # whoever went away has left nothing behind that would keep her out
    until("a sign-in to work again", lambda: world.sign_in()[0] == 0)
    works(world)


def test_a_client_that_goes_away_ends_its_flow(world):
    p = world.sign_in_start("--approve=none", stdin=subprocess.PIPE)
    until("the flow", lambda: world.stats("device_authorization") == 2)
    p.kill()
    p.communicate()
    seen = until("the polls to end", lambda: polls_have_ended(world))
    assert seen >= 0


def polls_have_ended(world):
    before = world.stats("token.device")
    time.sleep(2.5)  # two and a half polling intervals: silence is what is looked for
    return before if world.stats("token.device") == before else None


def test_somebody_else_signs_in(world):
    status, pam, err, _ = world.sign_in("--as", "bob")
    assert (status, pam["open_session"]) == (1, None)
    assert pam["authenticate"] != SUCCESS
    assert "bob-19c4" not in err, "whose account it is at the provider is not this person's to learn"
    works(world)


def test_a_second_sign_in_is_picked_up_at_once(make_world):
    w = make_world("--fault", "interval=1")
    works(w)
    w.cli("logout")
    assert w.shim().returncode != 0
    before = w.pid("valetkey-broker")
    assert w.sign_in()[0] == 0
    works(w)
    assert w.pid("valetkey-broker") == before


STACK = """auth [success=done user_unknown=ignore ignore=ignore default=die] {module}
auth required pam_permit.so
account [success=done user_unknown=ignore ignore=ignore default=die] {module}
account required pam_permit.so
session optional {module}
session required pam_permit.so
"""


def stack(w):
    """A machine's stack in the world: valetkey first, then what stands for pam_unix."""
    with open(f"{w.dir}/etc/pam.d/valetkey-sandbox", encoding="utf-8") as f:
        module = f.readline().split(" ", 2)[2].strip()
    path = f"{w.dir}/etc/pam.d/machine"
    with open(path, "w", encoding="utf-8") as f:
        f.write(STACK.format(module=module))
    os.chmod(path, 0o644)


def daemon_absent(w):
    os.kill(w.pid("valetkeyd"), signal.SIGTERM)
    until("valetkeyd to end", lambda: not w.pids("valetkeyd"))


def daemon_masked(w):
    daemon_absent(w)
    for name in ("login.sock", "claim.sock"):
        if os.path.exists(f"{w.dir}/run/{name}"):
            os.unlink(f"{w.dir}/run/{name}")


def daemon_crashed(w):
    os.kill(w.pid("valetkeyd"), signal.SIGKILL)  # its sockets stay, nobody behind them
    until("valetkeyd to end", lambda: not w.pids("valetkeyd"))


def daemon_hung(w):
    os.kill(w.pid("valetkeyd"), signal.SIGSTOP)


@pytest.mark.parametrize("how", [daemon_absent, daemon_masked, daemon_crashed, daemon_hung])
def test_without_the_daemon_root_and_local_users_get_in(make_world, how):
    w = make_world("--fault", "interval=1")
    stack(w)
    w.wait_claimed()
    how(w)
    for user in ("root", "daemon"):  # neither is ours: the tables say so, nobody is asked
        start = time.monotonic()
        status, pam, err, _ = w.sign_in("--service", "machine", "--pam-user", user)
        assert (status, pam["authenticate"], pam["account"]) == (0, SUCCESS, SUCCESS), err
        assert time.monotonic() - start < 5 * PATIENCE
    start = time.monotonic()
    status, pam, err, _ = w.sign_in("--service", "machine")
    assert (status, pam["authenticate"]) == (1, AUTHINFO_UNAVAIL)
    assert time.monotonic() - start < 20 * PATIENCE
    assert err.count(".") and "valetkeyd" in err or "sign-in service" in err.lower(), "a sentence says why"
    works(w)  # the session that is there goes on


def test_a_damaged_table_refuses_only_those_it_is_about(make_world):
    w = make_world("--fault", "interval=1")
    stack(w)
    table = f"{w.dir}/state/users" if w.mode == "root" else f"{w.dir}/etc/users"
    with open(table, "r+b") as f:
        f.seek(0)
        f.write(b"\xff" * 64)
    status, pam, _, _ = w.sign_in("--service", "machine", "--pam-user", "root")
    assert (status, pam["authenticate"]) == (0, SUCCESS)
    assert w.sign_in("--service", "machine", "--pam-user", "daemon")[0] == 0
    status, pam, err, _ = w.sign_in("--service", "machine")
    if w.mode == "root":  # a federated user is nowhere but in that table
        assert status == 1 and pam["authenticate"] == AUTHINFO_UNAVAIL and "administrator" in err
    else:  # a local user has other modules
        assert status == 0
