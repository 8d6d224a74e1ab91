# SPDX-License-Identifier: Apache-2.0
"""A jump host that nobody entered people on, under the real sshd with the packages' PAM and name service: the first connection makes
the account, the second works."""
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from test_rig_pam import Terminal
from worldlib import until

NAME = "alice@example.com"
CONF = """username_claim = email
username_claim_is_immutable = yes
admit = *@example.com
"""
MORE = """
[group cloud-people]
id = engineering
[service sshd]
require_prior = none
"""
SSHD = """Port 2224
Match LocalPort 2222
        AuthenticationMethods keyboard-interactive:pam
Match LocalPort 2224
        AuthenticationMethods publickey
"""
KBD, PUBKEY = 2222, 2224


@pytest.fixture(scope="module", name="rig")
def _rig(packaged_rig):
    rig = packaged_rig
    rig.start_cloud()
    conf = rig.run("cat", "/etc/valetkey/valetkey.conf", unit=False, check=True).stdout
    rig.write("/etc/valetkey/valetkey.conf", conf.replace("[identity corp]\n", f"[identity corp]\n{CONF}", 1) + MORE)
    rig.write("/etc/ssh/sshd_config.d/a-test.conf", "KbdInteractiveAuthentication yes\nPasswordAuthentication no\nUsePAM yes\nLoginGraceTime 300\n")
    rig.write("/etc/ssh/sshd_config.d/z-test.conf", SSHD)
    rig.run("bash", "-ec", """
        ssh-keygen -q -t ed25519 -N '' -f /srv/key
        DEBIAN_FRONTEND=noninteractive pam-auth-update --enable mkhomedir
        systemctl restart valetkeyd.service; systemctl reload ssh""", unit=False, check=True)
    until("sshd", lambda: rig.run("ss", "-Hltn", "sport = :2224", unit=False).stdout)
    return rig


def ssh(rig, name=NAME, command="id", port=KBD):
    """A client that has nothing else to try: OpenSSH's sshd, told that there were tries enough, names no method any more, which a
    client takes for all of them."""
    method = "publickey" if port == PUBKEY else "keyboard-interactive"
    return Terminal(rig, "ssh -tt -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -i /srv/key "
                    f"-o NumberOfPasswordPrompts=1 -o PreferredAuthentications={method} -p {port} -l {name} 127.0.0.1 {command}")


def passwd(rig, name=NAME):
    return rig.run("getent", "passwd", name, unit=False).stdout.strip()


def log(rig, unit="valetkeyd.service"):
    return rig.run("journalctl", "-q", "-o", "cat", "-u", unit, unit=False).stdout


def test_the_first_connection_makes_the_account_and_the_second_works(rig):
    assert passwd(rig) == "", "nobody has that name, not for root either"
    t = ssh(rig)
    t.approve("alice")
    assert t.end() != 0
    assert "Your account was made. Please connect again." in t.seen and "uid=" not in t.seen
    assert t.seen.count("Press Enter when") == 1, "and no other sign-in is asked for on that connection"
    entry = passwd(rig).split(":")
    uid = int(entry[2])
    assert entry[0] == NAME and 1879048192 <= uid <= 2147483646 and entry[5:] == [f"/home/{NAME}", "/bin/bash"]
    assert "Invalid user alice@example.com" in log(rig, "ssh.service"), "sshd had nobody to open a session for"
    assert rig.run("test", "-e", f"/home/{NAME}", unit=False).returncode
    t = ssh(rig, command="'id; pwd; valetkey-credential-process dev'")
    t.approve("alice")
    assert t.end() == 0, t.seen
    assert re.search(rf"uid={uid}\({re.escape(NAME)}\) gid={uid}\({re.escape(NAME)}\) groups={uid}\({re.escape(NAME)}\),\d+\(cloud-people\)", t.seen), t.seen
    assert f"/home/{NAME}" in t.seen and '"AccessKeyId"' in t.seen


def test_somebody_else_does_not_become_him(rig):
    t = ssh(rig, "carol@example.com")
    t.approve("bob")
    assert t.end() != 0 and "Your account was made" not in t.seen
    assert passwd(rig, "carol@example.com") == ""
    t = ssh(rig)  # and his account stays his
    t.approve("bob")
    assert t.end() != 0 and "uid=" not in t.seen


def keyed(rig, command="id"):
    """A login by public key alone: -> how it ended, and what it said."""
    t = ssh(rig, command=command, port=PUBKEY)
    return t.end(), t.seen


def test_who_is_locked_does_not_come_in_by_his_key(rig):
    uid = passwd(rig).split(":")[2]
    rig.run("bash", "-ec", f"install -d -m 700 -o {uid} -g {uid} /home/{NAME}/.ssh; install -m 600 -o {uid} -g {uid} /srv/key.pub /home/{NAME}/.ssh/authorized_keys",
            unit=False, check=True)
    code, seen = keyed(rig)
    assert code == 0 and f"uid={uid}" in seen, seen
    rig.run("valetkeyd", "user", "lock", NAME, unit=False, check=True)
    code, seen = keyed(rig)
    assert code != 0 and "uid=" not in seen
    rig.run("valetkeyd", "user", "unlock", NAME, unit=False, check=True)
    assert keyed(rig)[0] == 0


def test_a_home_of_somebody_elses_refuses_him(rig):
    uid = passwd(rig).split(":")[2]
    rig.run("chown", "bob:", f"/home/{NAME}", unit=False, check=True)
    try:
        t = ssh(rig)
        t.approve("alice")
        assert t.end() != 0 and "belongs to somebody else" in t.seen and "uid=" not in t.seen, t.seen
        assert keyed(rig)[0] != 0
    finally:
        rig.run("chown", f"{uid}:{uid}", f"/home/{NAME}", unit=False, check=True)
    assert keyed(rig)[0] == 0
