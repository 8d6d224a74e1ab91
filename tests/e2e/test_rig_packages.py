# SPDX-License-Identifier: Apache-2.0
"""The Debian packages on a Debian that runs: installed, upgraded under a live session and a live broker, removed, purged and
installed again, in this order. Meanwhile root and a local user log in as fast as they can, and never in vain."""
import glob
import json
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import riglib  # noqa: E402
from worldlib import BUILD, until  # noqa: E402

STACKS = ("common-auth", "common-account", "common-password", "common-session", "common-session-noninteractive")
BROKER = "valetkey-broker.service"
SHIM = "/usr/bin/valetkey-credential-process"
PACKAGES = ("valetkey", "libpam-valetkey", "libnss-valetkey", "valetkey-sandbox")
NEWER = "0.1.0+newer"

# root and bob log in again and again, until there is a file, and a user of ours is looked up; what went wrong is kept.
LOGINS = r"""
cd /run/logins
while [ ! -e stop ]; do
        for user in root bob; do
                echo "pw-$user" | pamtester login $user authenticate acct_mgmt setcred >out 2>&1 || { date +%T.%N; echo "$user:"; cat out; } >>wrong
                echo >>done
        done
        [ -z "$1" ] || getent passwd "$1" >/dev/null || { date +%T.%N; echo "$1 is nobody"; } >>wrong
done
touch stopped"""

# Answers sshd's prompts as somebody with a browser at hand does.
ASKPASS = r"""#!/bin/sh
code=$(printf %s "$1" | sed -n 's/.*Enter *\([A-Z0-9-]*\).*/\1/p')
[ -z "$code" ] || curl -sS --fail --data-urlencode "user_code=$code" -d "user=$PERSON" -d decision=allow http://127.0.0.1:8123/_sandbox/approve >/dev/null
echo
"""


@pytest.fixture(name="rig", scope="module")
def _rig():
    """A Debian with nothing of ours; the packages, and newer ones, are in its /packages and /newer."""
    why = riglib.packages_unavailable()
    if why:
        pytest.skip(why)
    rig = riglib.Rig(bare=True)
    rig.run("sh", "-c", "mkdir /packages /newer /run/logins; echo root:pw-root | chpasswd", unit=False, check=True)
    for deb in packages():
        rig.put(f"/packages/{os.path.basename(deb)}", deb, "644")
    yield rig
    rig.close()


def packages():
    found = sorted(glob.glob(f"{BUILD}/deb/*.deb"))
    assert {os.path.basename(f).split("_")[0] for f in found} == set(PACKAGES)
    return found


def make_newer(rig):
    """The same packages as a later version: unpacked and packed inside, where nothing is in anybody's way."""
    rig.run("sh", "-ec", r"""
        for f in /packages/*.deb; do
                d=$(mktemp -d)
                dpkg-deb -R "$f" $d
                sed -i 's/^Version: .*/Version: """ + NEWER + r"""/; s/valetkey (= [^)]*)/valetkey (= """ + NEWER + r""")/' $d/DEBIAN/control
                dpkg-deb -b -Zgzip -z1 $d /newer >/dev/null
        done""", unit=False, check=True)


def dpkg(rig, *argv, ok=True, known=""):
    """dpkg as an admin runs it; -> what it said. While it works, root and bob log in, and the user "known" is known."""
    rig.run("sh", "-c", "rm -f /run/logins/*", unit=False, check=True)
    rig.run("systemd-run", "-q", "--collect", "--unit=logins", "--", "bash", "-c", LOGINS, "logins", known, unit=False, check=True)
    until("a login", lambda: logins(rig)[0] > 1)
    r = rig.run("sh", "-c", 'exec env DEBIAN_FRONTEND=noninteractive dpkg "$@" </dev/null 2>&1', "dpkg", *argv, timeout_s=120)
    n = logins(rig)[0]
    until("logins afterwards", lambda: logins(rig)[0] > n + 2)
    rig.run("touch", "/run/logins/stop", unit=False, check=True)
    until("the logins", lambda: rig.run("test", "-e", "/run/logins/stopped", unit=False).returncode == 0)
    n, wrong = logins(rig)
    print(f"dpkg {' '.join(argv)}: {n} logins meanwhile\n{r.stdout}")
    assert wrong == ""
    assert (r.returncode == 0) == ok, r.stdout
    assert rig.run("systemctl", "--failed", "--no-legend", unit=False).stdout == "", "where no nscd runs nobody tells it anything"
    return r.stdout


def logins(rig):
    """-> how many there were, what went wrong"""
    r = rig.run("sh", "-c", "cd /run/logins; cat done 2>/dev/null | wc -l; cat wrong 2>/dev/null", unit=False)
    n, _, wrong = r.stdout.partition("\n")
    return int(n), wrong


def read(rig, path):
    return rig.run("cat", path, unit=False, check=True).stdout


def stacks(rig):
    return {s: read(rig, f"/etc/pam.d/{s}") for s in STACKS}


def modules(rig, name):
    """The modules of a stack, in their order."""
    lines = [line for line in read(rig, f"/etc/pam.d/{name}").splitlines() if not line.startswith("#")]
    return [w.removeprefix("pam_").removesuffix(".so") for line in lines for w in line.split() if w.endswith(".so")]


def exists(rig, path):
    return rig.run("test", "-e", path, unit=False).returncode == 0


def state(rig, package):
    return rig.run("dpkg-query", "-W", "-f", "${db:Status-Status} ${Version}", package, unit=False).stdout


def files(rig):
    """Everything that a package or its scripts could have left, but dpkg's own books."""
    r = rig.run("sh", "-c", "find /etc /usr /lib /var/lib /var/cache /run/valetkey -xdev ! -path '/var/lib/dpkg/*' ! -path '/var/cache/ldconfig/*' ! -path '/var/lib/systemd/deb-systemd*' | sort", unit=False)
    return set(r.stdout.splitlines())


def ssh(rig, name, *argv):
    """argv in a session of somebody who signs in at the provider."""
    return rig.run("env", f"PERSON={name}", "SSH_ASKPASS=/usr/local/bin/askpass", "SSH_ASKPASS_REQUIRE=force", "ssh", "-q", "-p", "2222",
                   "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", f"{name}@127.0.0.1", *argv)


def lets_in_with_password(rig, name):
    r = rig.ssh(name, "id", "-un")
    return r.returncode == 0 and r.stdout == f"{name}\n"


def pid_of_broker(alice):
    return alice.show(BROKER, "MainPID")["MainPID"]


BEFORE = {}


def test_before(rig):
    BEFORE.update(stacks=stacks(rig), files=files(rig), nsswitch=read(rig, "/etc/nsswitch.conf"))
    assert lets_in_with_password(rig, "alice")


def test_unpacked_and_not_yet_configured(rig):
    """Where an installation stopped half-way nothing is in force yet."""
    rig.open_session("alice")
    dpkg(rig, "--unpack", *rig_files(rig, "/packages"))
    assert stacks(rig) == BEFORE["stacks"]
    assert lets_in_with_password(rig, "alice")


def rig_files(rig, folder):
    return rig.run("sh", "-c", f"ls {folder}/*.deb", unit=False, check=True).stdout.split()


def test_installed(rig):
    dpkg(rig, "--configure", "-a")
    assert {state(rig, p) for p in PACKAGES} == {"installed 0.1.0"}
    assert modules(rig, "common-auth") == ["valetkey", "unix", "deny", "permit"]
    assert modules(rig, "common-account") == ["valetkey", "localuser", "unix", "deny", "permit"]
    assert modules(rig, "common-session") == ["permit", "deny", "permit", "unix", "systemd", "valetkey"]
    for name in ("common-password", "common-session-noninteractive"):
        assert read(rig, f"/etc/pam.d/{name}") == BEFORE["stacks"][name]
    assert rig.run("systemctl", "is-active", "valetkeyd.service", "valetkeyd-login.socket", "valetkeyd-claim.socket", unit=False).stdout.split() == ["active"] * 3
    for db in ("passwd", "group"):
        assert re.search(rf"^{db}:\s.*\bfiles\b.* valetkey$", read(rig, "/etc/nsswitch.conf"), re.M)
    assert rig.run("stat", "-c", "%U %a %s", "/var/lib/valetkey/users", unit=False).stdout.startswith("valetkey 644 ")
    assert lets_in_with_password(rig, "alice"), "nobody is ours yet"


def test_a_session_of_before_has_its_broker(rig):
    """alice's manager ran before the packages came; nothing is to be done, and nobody has to log out first."""
    rig.start_cloud()
    conf = read(rig, "/etc/valetkey/valetkey.conf")
    rig.write("/etc/valetkey/valetkey.conf", conf + "\n[service sshd]\nrequire_prior = none\n")
    rig.run("systemctl", "restart", "valetkeyd.service", unit=False, check=True)
    alice = rig.user("alice")
    rig.sign_in("alice")
    assert alice.run(SHIM, "dev").returncode == 0
    assert alice.show(BROKER, "ActiveState")["ActiveState"] == "active"
    findings = json.loads(alice.run("/usr/bin/valetkey", "doctor", "--json").stdout)["findings"]
    stacks_found = {f["check"]: f["state"] for f in findings if f["check"].startswith(("pam:", "unit:", "valetkeyd"))}
    assert {"pam:sshd", "pam:su-l", "pam:sudo", "valetkeyd"} <= set(stacks_found) and set(stacks_found.values()) == {"ok"}
    rig.close_session("alice")
    until("alice's manager to end", lambda: not rig.manager_runs("alice"))


def test_other_profiles_beside_ours(rig):
    """Whatever else pam-auth-update puts there, we are before it in auth and account, and after pam_systemd in sessions."""
    rig.write("/usr/share/pam-configs/other", "Name: other\nDefault: yes\nPriority: 704\nAuth-Type: Primary\nAuth:\n\t[success=end default=ignore]\tpam_debug.so\n"
              "Account-Type: Additional\nAccount:\n\tsufficient\tpam_localuser.so\n")
    rig.write("/usr/share/pam-configs/zzz", "Name: zzz\nDefault: yes\nPriority: 0\nSession-Type: Additional\nSession:\n\toptional\tpam_debug.so\n")
    rig.run("pam-auth-update", "--package", unit=False, check=True)
    rig.run("pam-auth-update", "--enable", "mkhomedir", unit=False, check=True)
    assert modules(rig, "common-auth")[:3] == ["valetkey", "debug", "unix"]
    assert modules(rig, "common-account")[:3] == ["valetkey", "localuser", "unix"]
    session = modules(rig, "common-session")
    assert set(session[-4:-1]) == {"debug", "systemd", "mkhomedir"} and session[-1] == "valetkey"
    # the jump still goes over everything that asks for a password
    assert re.search(r"^auth\s+\[success=3 .*pam_valetkey", read(rig, "/etc/pam.d/common-auth"), re.M)
    rig.run("sh", "-c", "rm /usr/share/pam-configs/other /usr/share/pam-configs/zzz; pam-auth-update --package; pam-auth-update --disable mkhomedir", unit=False, check=True)
    assert modules(rig, "common-session") == ["permit", "deny", "permit", "unix", "systemd", "valetkey"]


@pytest.fixture(name="alice", scope="module")
def _alice(rig):
    """alice, bound to her subject, in a session that she signed in to; her broker holds credentials and a port."""
    rig.write("/usr/local/bin/askpass", ASKPASS, "755")
    rig.run("valetkeyd", "user", "add", "alice", "--local", "--issuer", f"{rig.CLOUD}/oidc", "--subject", "alice-7f3a", unit=False, check=True)
    rig.run("systemd-run", "-q", "--collect", "--unit=session-of-alice", "--service-type=exec", "-E", "PERSON=alice", "-E", "SSH_ASKPASS=/usr/local/bin/askpass", "-E",
            "SSH_ASKPASS_REQUIRE=force", "ssh", "-q", "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "alice@127.0.0.1", "sleep", "infinity",
            unit=False, check=True)
    until("alice's manager", lambda: rig.user("alice").systemctl("is-system-running").stdout.strip() in ("running", "degraded"))
    until("alice's grant", lambda: rig.user("alice").run(SHIM, "dev").returncode == 0)
    return rig.user("alice")


@pytest.fixture(name="carol", scope="module")
def _carol(rig):
    """carol exists only at the provider, and has a key."""
    rig.run("sh", "-ec", f"""
        valetkeyd user add carol --issuer {rig.CLOUD}/oidc --subject bob-19c4
        ssh-keygen -q -t ed25519 -N '' -f /run/carols-key
        install -d -o carol -g carol /home/carol /home/carol/.ssh
        install -o carol -g carol -m 600 /run/carols-key.pub /home/carol/.ssh/authorized_keys""", unit=False, check=True)


def lets_in_with_key(rig, name):
    r = rig.run("ssh", "-q", "-i", f"/run/{name}s-key", "-p", "2222", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                f"{name}@127.0.0.1", "id", "-un")
    return r.returncode == 0 and r.stdout == f"{name}\n"


def test_an_upgrade_under_a_live_session(rig, alice, carol):  # pylint: disable=unused-argument
    """Session, broker, credentials and port stay; the programs are the new ones."""
    make_newer(rig)
    pid, credentials, status = pid_of_broker(alice), alice.run(SHIM, "dev", check=True).stdout, alice.run("/usr/bin/valetkey", "status", "--json", check=True).stdout
    port = re.search(r'"url":\s*"(http://127.0.0.1:\d+)', status).group(1)
    sleeper = rig.run("pgrep", "-u", "alice", "sleep", unit=False, check=True).stdout
    daemon = rig.run("systemctl", "show", "-P", "MainPID", "valetkeyd.service", unit=False).stdout
    dpkg(rig, "-i", *rig_files(rig, "/newer"), known="carol")
    assert {state(rig, p) for p in PACKAGES} == {f"installed {NEWER}"}
    program = "/usr/libexec/valetkey/valetkey-broker"
    until("the broker anew", lambda: rig.run("readlink", f"/proc/{pid}/exe", unit=False).stdout.strip() == program)
    assert pid_of_broker(alice) == pid
    assert alice.run(SHIM, "dev", check=True).stdout == credentials
    assert port in alice.run("/usr/bin/valetkey", "status", "--json", check=True).stdout
    assert rig.stats("token.refresh") == 0 and rig.stats("AssumeRoleWithWebIdentity") == 2, "one for each sign-in"
    assert rig.run("pgrep", "-u", "alice", "sleep", unit=False, check=True).stdout == sleeper
    assert rig.run("systemctl", "show", "-P", "MainPID", "valetkeyd.service", unit=False).stdout != daemon
    assert rig.run("systemctl", "show", "-P", "NFileDescriptorStore", "valetkeyd.service", unit=False).stdout == "1\n"
    assert modules(rig, "common-auth") == ["valetkey", "unix", "deny", "permit"]
    assert ssh(rig, "alice", "id", "-un").stdout == "alice\n"


def test_an_admin_who_took_us_out_is_not_overruled(rig):
    rig.run("pam-auth-update", "--disable", "valetkey", unit=False, check=True)
    rig.run("env", "DEBIAN_FRONTEND=noninteractive", "/var/lib/dpkg/info/libpam-valetkey.postinst", "configure", NEWER, unit=False, check=True)
    assert "valetkey" not in modules(rig, "common-auth") and "valetkey" in modules(rig, "common-session")
    rig.run("pam-auth-update", "--enable", "valetkey", unit=False, check=True)


def test_a_module_that_went_astray(rig, carol):  # pylint: disable=unused-argument
    """The lines in the stack ignore it for root and local users, and for nobody else: carol's key opens nothing."""
    where = rig.run("sh", "-c", "ls /usr/lib/*/security/pam_valetkey.so", unit=False, check=True).stdout.strip()
    assert lets_in_with_key(rig, "carol")
    rig.run("mv", where, "/run/astray.so", unit=False, check=True)
    assert lets_in_with_password(rig, "bob")
    r = rig.run("sh", "-c", "echo pw-root | pamtester login root authenticate acct_mgmt setcred open_session close_session", unit=False)
    assert r.returncode == 0, r.stdout + r.stderr
    assert not lets_in_with_key(rig, "carol")
    rig.run("mv", "/run/astray.so", where, unit=False, check=True)
    assert lets_in_with_key(rig, "carol")


def test_a_line_by_hand_holds_the_removal_up(rig):
    """Without the file it would refuse everybody."""
    sshd = read(rig, "/etc/pam.d/sshd")
    rig.write("/etc/pam.d/sshd", "auth required pam_valetkey.so\n" + sshd)
    said = dpkg(rig, "-r", "libpam-valetkey", ok=False)
    assert "/etc/pam.d/sshd:1:auth required pam_valetkey.so" in said and "Take them out first" in said
    assert state(rig, "libpam-valetkey") == f"installed {NEWER}"
    assert modules(rig, "common-auth") == ["valetkey", "unix", "deny", "permit"], "as it was"
    rig.write("/etc/pam.d/sshd", sshd)


def test_removed(rig, alice):
    assert pid_of_broker(alice) != "0"
    dpkg(rig, "-r", *PACKAGES)
    assert stacks(rig) == BEFORE["stacks"] and read(rig, "/etc/nsswitch.conf") == BEFORE["nsswitch"]
    until("the broker's end", lambda: rig.run("pgrep", "valetkey-broker|valetkeyd", unit=False).stdout == "")
    assert exists(rig, "/var/lib/valetkey/users") and exists(rig, "/etc/valetkey/users"), "who is who is kept"
    assert lets_in_with_password(rig, "alice"), "a local user again"


def test_installed_again(rig):
    dpkg(rig, "-i", *rig_files(rig, "/newer"))
    assert modules(rig, "common-auth") == ["valetkey", "unix", "deny", "permit"]
    assert '"alice"' in rig.run("valetkeyd", "user", "list", "--json", unit=False, check=True).stdout


def test_purged(rig):
    rig.run("sh", "-c", "systemctl stop cloud; rm -f /etc/valetkey/valetkey.conf", unit=False)
    said = dpkg(rig, "--purge", *PACKAGES)
    assert "Their homes and files stay" in said and exists(rig, "/home/carol/.ssh")
    assert stacks(rig) == BEFORE["stacks"] and read(rig, "/etc/nsswitch.conf") == BEFORE["nsswitch"]
    left = sorted(files(rig) - BEFORE["files"] - {"/usr/local/bin/askpass"})
    assert left == []
    assert not rig.run("systemctl", "list-units", "--all", "--no-legend", "valetkey*", unit=False).stdout
    assert exists(rig, "/home/alice/.bashrc") and lets_in_with_password(rig, "alice")


def test_lintian():
    if riglib.packages_unavailable():
        pytest.skip(riglib.packages_unavailable())
    r = subprocess.run(["lintian", "--profile", "debian", "--allow-root", "--fail-on", "error,warning", *packages()], capture_output=True, text=True, check=False)
    assert r.returncode == 0 and r.stdout == "", r.stdout + r.stderr
