# SPDX-License-Identifier: Apache-2.0
"""The Debian packages on a Debian: installed, upgraded under a live session, removed, purged and installed again. At every
stage root and local users can log in."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

STACKS = ("common-auth", "common-account", "common-session", "common-session-noninteractive")


def stack(rig, name):
    """The modules of a stack, in their order."""
    text = rig.run("cat", f"/etc/pam.d/{name}", unit=False, check=True).stdout
    return [w for line in text.splitlines() if not line.startswith("#") for w in line.split() if w.endswith(".so")]


def logs_in(rig, user="alice"):
    r = rig.ssh(user, "id", "-un")
    return r.returncode == 0 and r.stdout == f"{user}\n"


def test_the_login_stack(packaged_rig):
    rig = packaged_rig
    assert [stack(rig, s) for s in STACKS] == [
        ["pam_valetkey.so", "pam_unix.so", "pam_deny.so", "pam_permit.so"],
        ["pam_valetkey.so", "pam_localuser.so", "pam_unix.so", "pam_deny.so", "pam_permit.so"],
        ["pam_permit.so", "pam_deny.so", "pam_permit.so", "pam_unix.so", "pam_systemd.so", "pam_valetkey.so"],
        ["pam_permit.so", "pam_deny.so", "pam_permit.so", "pam_unix.so"]]
    assert logs_in(rig)
