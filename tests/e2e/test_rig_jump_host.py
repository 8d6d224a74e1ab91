# SPDX-License-Identifier: Apache-2.0
"""A jump host's journal and its lingering users: who signed in and who got which credentials, in fields that join with what AWS
recorded (docs/jump-host.md); and a job that goes on after its user has logged out."""
import json
import os
import re
import select
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import PATIENCE, until  # noqa: E402

SUBJECTS = {"alice": "alice-7f3a", "bob": "bob-19c4"}  # sandbox/example/users
STACK = "auth required pam_valetkey.so\naccount required pam_valetkey.so\nsession required pam_valetkey.so\n"


@pytest.fixture(name="host", scope="module")
def _host(rig):
    rig.start_cloud()
    conf = rig.run("cat", "/etc/valetkey/valetkey.conf", unit=False, check=True).stdout
    rig.write("/etc/valetkey/valetkey.conf", conf.replace("client_id = valetkey\n", "client_id = valetkey\nlogout = keep\n")
              + "\n[service jump]\nrequire_prior = none\n")
    rig.write("/etc/pam.d/jump", STACK)
    for name, subject in SUBJECTS.items():
        rig.run("valetkeyd", "user", "add", name, "--local", "--issuer", f"{rig.CLOUD}/oidc", "--subject", subject, unit=False, check=True)
        rig.open_session(name)
    return rig


def sign_in_by_pam(rig, name):
    """The device flow, as any program that uses PAM meets it; approved at the provider."""
    argv = f"pamtester -I rhost=198.51.100.7 jump {name} authenticate acct_mgmt open_session 2>&1"
    p = rig.popen("sh", "-c", argv, unit=False, stdin=subprocess.PIPE)
    try:
        shown = ""
        while not (code := re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", shown)):
            assert select.select([p.stdout], [], [], 20 * PATIENCE)[0], shown
            more = os.read(p.stdout.fileno(), 4096).decode(errors="replace")
            assert more, shown
            shown += more
        rig.curl("/_sandbox/approve", user_code=code.group(), user=name, decision="allow")
        out, _ = p.communicate("\n", timeout=60 * PATIENCE)
        assert p.returncode == 0, shown + out
    finally:
        if p.poll() is None:
            p.kill()
            p.communicate()


def entries(rig, *matches):
    r = rig.run("journalctl", "-q", "-o", "json", *matches, unit=False, check=True)
    return [json.loads(line) for line in r.stdout.splitlines()]


def one(rig, *matches):
    found = until(" ".join(matches), lambda: entries(rig, *matches))
    assert len(found) == 1, found
    return found[0]


def test_host_and_cloud_join(host):
    rig = host
    uid = str(rig.uid("alice"))
    sign_in_by_pam(rig, "alice")
    # the machine's word: who signed in, from where, and whose broker has it
    done = one(rig, "_SYSTEMD_UNIT=valetkeyd.service", "VALETKEY_EVENT=signin.done", "VALETKEY_USER=alice")
    assert (done["VALETKEY_UID"], done["VALETKEY_SUB"], done["VALETKEY_ISSUER"]) == (uid, SUBJECTS["alice"], f"{rig.CLOUD}/oidc")
    assert (done["VALETKEY_SERVICE"], done["VALETKEY_RHOST"], done["SYSLOG_IDENTIFIER"], done["PRIORITY"]) == ("jump", "198.51.100.7", "valetkeyd", "5")
    assert done["MESSAGE"].startswith("signin.done user=alice ")
    one(rig, "_SYSTEMD_UNIT=valetkeyd.service", "VALETKEY_EVENT=grant.claimed", f"VALETKEY_UID={uid}")
    # the broker's: what became of it
    key = json.loads(rig.user("alice").run("/usr/bin/valetkey-credential-process", "dev", check=True).stdout)["AccessKeyId"]
    given = one(rig, "VALETKEY_EVENT=credentials.handed_out", f"VALETKEY_ACCESS_KEY_ID={key}")
    assert given["_UID"] == uid and given["_SYSTEMD_USER_UNIT"] == "valetkey-broker.service" and given["SYSLOG_IDENTIFIER"] == "valetkey-broker"
    assert given["VALETKEY_ROLE"] == "dev" and given["VALETKEY_EXE"].endswith("/valetkey-credential-process") and "VALETKEY_APP" not in given
    made = one(rig, "VALETKEY_EVENT=role.assumed", f"VALETKEY_ACCESS_KEY_ID={key}")
    assert made["VALETKEY_SESSION"] == given["VALETKEY_SESSION"] and given["VALETKEY_SESSION"].startswith("arn:aws:sts::123456789012:assumed-role/dev/")
    # and the cloud's own record of the same call
    there = one(rig, "_SYSTEMD_UNIT=cloud.service", "VALETKEY_EVENT=sts.assumed", f"VALETKEY_KEY={key}")
    assert there["VALETKEY_REQUEST"] == made["VALETKEY_REQUEST_ID"] == given["VALETKEY_REQUEST_ID"]
    assert there["VALETKEY_ARN"] == made["VALETKEY_SESSION"] and there["VALETKEY_SUB"] == SUBJECTS["alice"]


def test_a_user_cannot_speak_for_the_daemon(host):
    """He can write fields of ours into the journal; whose they are journald says."""
    rig = host
    forged = "VALETKEY_EVENT=signin.done\nVALETKEY_USER=root\nVALETKEY_SUB=forged\n_SYSTEMD_UNIT=valetkeyd.service\n_UID=0\nMESSAGE=signin.done user=root\n"
    r = rig.run("setpriv", "--reuid=bob", "--clear-groups", "logger", "--journald", unit=False, stdin=forged)
    assert r.returncode == 0, r.stderr
    entry = one(rig, "VALETKEY_SUB=forged")
    assert entry["_UID"] == str(rig.uid("bob"))
    assert entries(rig, "_SYSTEMD_UNIT=valetkeyd.service", "VALETKEY_USER=root") == []


# Each key the broker hands out, once, as long as there is no file; and whether STS takes it.
JOB = r"""cd ~; while [ ! -e stop ]; do
        key=$(valetkey-credential-process dev | sed -n 's/.*"AccessKeyId": *"\([A-Z0-9]*\)".*/\1/p')
        [ "$key" = "$last" ] || { valetkey whoami dev >/dev/null && echo "$key" >>keys || echo refused >>keys; last=$key; }
        sleep 0.2; done"""


def test_a_job_goes_on_after_the_logout_of_who_lingers(host):
    """With logout = keep. Role sessions live eight seconds here, and are replaced every four."""
    rig, alice = host, host.user("alice")
    rig.run("loginctl", "enable-linger", "alice", unit=False, check=True)
    rig.curl("/_sandbox/fault", set="session_ttl=8")
    home = rig.run("getent", "passwd", "alice", unit=False, check=True).stdout.split(":")[5]

    def keys():
        return rig.run("sh", "-c", f"cat {home}/keys 2>/dev/null", unit=False).stdout.split()

    rig.run("mkdir", "-p", home, unit=False, check=True)
    rig.run("chown", "alice:", home, unit=False, check=True)
    alice.run("/usr/bin/valetkey", "logout")
    rig.sign_in("alice")
    alice.start("job", JOB)
    until("the job", keys)
    rig.close_session("alice")
    until("the logout", lambda: entries(rig, "VALETKEY_EVENT=grant.kept", f"_UID={rig.uid('alice')}"))
    before = keys()
    until("a rotation after the logout", lambda: len(keys()) > len(before), 40)
    rig.run("touch", f"{home}/stop", unit=False, check=True)
    assert "refused" not in keys() and len(set(keys())) == len(keys()), keys()
    assert alice.show("job", "ExecMainStatus")["ExecMainStatus"] == "0"
    assert rig.run("loginctl", "list-sessions", "--no-legend", unit=False, check=True).stdout.count("alice") == 0


def test_who_does_not_linger_is_signed_out(host):
    rig = host
    rig.sign_in("bob")
    rig.close_session("bob")
    gone = one(rig, "VALETKEY_EVENT=grant.not_kept", f"_UID={rig.uid('bob')}")
    assert gone["VALETKEY_IDENTITY"] == "corp"


def test_a_collector_gets_the_fields(host):
    """systemd-journal-upload to a systemd-journal-remote, as docs/fleet.md has it; here both on one machine."""
    rig = host
    rig.run("mkdir", "-p", "/var/log/journal/remote", unit=False, check=True)
    rig.run("systemd-run", "-q", "--unit=collector", "--service-type=exec", "/lib/systemd/systemd-journal-remote", "--listen-http=127.0.0.1:19532",
            "--output=/var/log/journal/remote", unit=False, check=True)
    until("the collector", lambda: rig.run("ss", "-Hltn", "sport = :19532", unit=False).stdout)
    rig.run("systemd-run", "-q", "--unit=upload", "--service-type=exec", "/lib/systemd/systemd-journal-upload", "--url=http://127.0.0.1:19532",
            "--save-state=/run/upload", unit=False, check=True)
    done = one(rig, "--directory=/var/log/journal/remote", "_SYSTEMD_UNIT=valetkeyd.service", "VALETKEY_EVENT=signin.done", "VALETKEY_USER=alice")
    assert done["VALETKEY_SUB"] == SUBJECTS["alice"] and done["_HOSTNAME"] and done["_MACHINE_ID"]
    forged = one(rig, "--directory=/var/log/journal/remote", "VALETKEY_SUB=forged")
    assert forged["_UID"] == str(rig.uid("bob"))
