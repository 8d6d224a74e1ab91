# SPDX-License-Identifier: Apache-2.0
"""The loopback port under a real systemd: valetkeyd's descriptor store holds it, a user's units are told apart by their
cgroups, and no other user gets the port, whatever is stopped or killed."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import until  # noqa: E402

# bob tries every way to listen there; prints what came of it
SQUAT = r"""
import socket, sys
for address in ("127.0.0.1", "0.0.0.0"):
    for reuse in (0, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        s = socket.socket()
        try:
            reuse and s.setsockopt(socket.SOL_SOCKET, reuse, 1)
            s.bind((address, int(sys.argv[1]))); s.listen(); print("got it")
        except OSError as e:
            print(e.errno)
"""


SUBJECTS = {"alice": "alice-7f3a", "bob": "bob-19c4"}  # sandbox/example/users


@pytest.fixture(name="alice", scope="module")
def _alice(rig):
    """alice, whom root's table binds, in a session, signed in."""
    rig.start_cloud()
    conf = rig.run("cat", "/etc/valetkey/valetkey.conf", unit=False, check=True).stdout
    rig.write("/etc/valetkey/valetkey.conf", conf + "\n[defaults]\ndefault_role = dev\n"
              "[app reader]\nunit = reader.service\nroles = others/*\n")
    for name in ("alice", "bob"):
        rig.run("valetkeyd", "user", "add", name, "--local", "--issuer", f"{rig.CLOUD}/oidc", "--subject", SUBJECTS[name], check=True)
    rig.open_session("alice")
    rig.open_session("bob")
    rig.sign_in("alice")
    return rig.user("alice")


def endpoint_of(user):
    def look():
        r = user.run("/usr/bin/valetkey", "status", "--json")
        return r.returncode == 0 and json.loads(r.stdout)["endpoint"]
    return until("the port", look)


def ask(user, e, unit=None, token=None):
    """What a program in that unit gets at the container endpoint: (status, body)"""
    token = token or user.run("cat", e["token_file"], check=True).stdout
    r = user.rig.run("systemd-run", "--user", "-M", f"{user.name}@", "-q", "--pipe", "--wait", "--collect", *([f"--unit={unit}"] if unit else []), "--",
                     "bash", "-c", r"""exec 3<>/dev/tcp/127.0.0.1/$1 || exit 7
printf 'GET /credentials HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: %s\r\n\r\n' "$2" >&3; cat <&3""",
                     "bash", e["url"].rpartition(":")[2], token, unit=False)
    if r.returncode:
        return r.returncode, r.stderr
    head, _, body = r.stdout.replace("\r\n", "\n").partition("\n\n")
    return int(head.split(" ")[1]), body


def squat(rig, e):
    script = rig.run("setpriv", "--reuid=bob", "--regid=bob", "--clear-groups", "sh", "-c", "command -v python3", unit=False).stdout.strip()
    port = e["url"].rpartition(":")[2]
    if script:
        return set(rig.run("setpriv", "--reuid=bob", "--regid=bob", "--clear-groups", script, "-c", SQUAT, port, unit=False, check=True).stdout.split())
    # no python inside: the host's, as bob's uid, in the rig's network
    import subprocess
    uid = str(rig.uid("bob"))
    r = subprocess.run(["nsenter", "-t", str(rig.leader), "-n", "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3", "-c", SQUAT, port],
                       capture_output=True, text=True, check=True)
    return set(r.stdout.split())


def stored(rig):
    return int(rig.run("systemctl", "show", "-P", "NFileDescriptorStore", "valetkeyd.service", unit=False, check=True).stdout)


def test_the_port_is_kept_by_valetkeyd(rig, alice):
    e = endpoint_of(alice)
    assert e["kept"] is True
    status, body = ask(alice, e)
    assert status == 200 and "SecretAccessKey" in body
    other = endpoint_of(rig.user("bob"))
    assert other["kept"] is True and other["url"] != e["url"]
    assert stored(rig) == 2, "bound and listened on by others, and still in the store"


def test_bob_at_alices_door(rig, alice):
    e = endpoint_of(alice)
    token = alice.run("cat", e["token_file"], check=True).stdout
    status, body = ask(rig.user("bob"), e, token=token)
    assert status == 403 and f"uid {rig.uid('bob')}" in body


def test_units_are_told_apart_by_the_cgroup(alice):
    e = endpoint_of(alice)
    assert ask(alice, e, unit="writer.service")[0] == 200
    status, body = ask(alice, e, unit="reader.service")
    assert status == 404 and "[app reader]" in body, body
    for unit in ("app-flatpak-org.example.App-4711.scope", "snap.example.app-1234.scope"):
        # a scope takes a process that is there already
        r = alice.rig.run("systemd-run", "--user", "-M", "alice@", "-q", "--pipe", "--wait", "--collect", "--", "systemd-run", "--user", "--scope", "-q", f"--unit={unit}", "bash", "-c",
                          r"""exec 3<>/dev/tcp/127.0.0.1/$1
printf 'GET /credentials HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: %s\r\n\r\n' "$(cat $2)" >&3; cat <&3""", "bash", e["url"].rpartition(":")[2], e["token_file"],
                          unit=False)
        assert " 403 " in r.stdout.splitlines()[0] and "[app" in r.stdout, (r.stdout, r.stderr)


# as an SDK that was told nothing: the token, and with it the path; prints status line and body of the last answer
ASK_IMDS = r"""
ask() { exec 3<>/dev/tcp/169.254.169.254/80 || exit 7; printf '%s HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n%s\r\n\r\n' "$1" "$2" >&3; cat <&3; }
token=$(ask 'PUT /latest/api/token' 'X-aws-ec2-metadata-token-ttl-seconds: 60' | tail -n 1) && ask "GET /latest/meta-data/$1" "X-aws-ec2-metadata-token: $token"
"""


def test_programs_that_know_nothing(rig, alice):
    """The unit as it is shipped; --force, for the machine that this runs on may be a cloud's."""
    rig.write("/etc/systemd/system/valetkey-imds.service.d/test.conf", "[Service]\nExecStart=\nExecStart=/usr/libexec/valetkey/valetkey-imds --force\n")
    rig.run("systemctl", "daemon-reload", unit=False, check=True)
    r = rig.run("systemctl", "start", "valetkey-imds.service", unit=False)
    assert r.returncode == 0, rig.run("journalctl", "-q", "-u", "valetkey-imds.service", unit=False).stdout
    bob = rig.user("bob")
    r = alice.run("/bin/bash", "-c", ASK_IMDS, "bash", "iam/security-credentials/dev")
    assert " 200 " in r.stdout and '"AWS-HMAC"' in r.stdout, (r.stdout, r.stderr)
    r = bob.run("/bin/bash", "-c", ASK_IMDS, "bash", "iam/security-credentials/dev")
    assert " 403 " in r.stdout and "valetkey login" in r.stdout, "his own broker, where nobody is signed in"
    for argv in (["bash", "-c", ASK_IMDS, "bash", "x"], ["setpriv", "--reuid=nobody", "--clear-groups", "bash", "-c", ASK_IMDS, "bash", "x"]):
        r = rig.run(*argv)
        assert r.returncode == 7 and "refused" in r.stderr
    shown = rig.run("systemctl", "show", "-p", "MainPID", "--value", "valetkey-imds.service", unit=False, check=True).stdout.strip()
    assert "CapEff:\t0000000000000000" in rig.run("cat", f"/proc/{shown}/status", unit=False, check=True).stdout
    # valetkeyd and it do not need each other to hold the ports
    rig.run("systemctl", "restart", "valetkeyd.service", unit=False, check=True)
    assert " 200 " in alice.run("/bin/bash", "-c", ASK_IMDS, "bash", "iam/security-credentials/dev").stdout
    rig.run("systemctl", "stop", "valetkey-imds.service", unit=False, check=True)
    r = alice.run("/bin/bash", "-c", ASK_IMDS, "bash", "x")
    assert r.returncode == 7 and "unreachable" in r.stderr


def test_nobody_else_gets_the_port(rig, alice):
    e = endpoint_of(alice)
    assert squat(rig, e) == {"98"}
    rig.run("systemctl", "kill", "-s", "KILL", "valetkeyd.service", unit=False, check=True)
    assert squat(rig, e) == {"98"}
    until("valetkeyd again", lambda: rig.run("systemctl", "is-active", "valetkeyd.service", unit=False).stdout.strip() == "active")
    assert endpoint_of(alice) == e and ask(alice, e)[0] == 200 and stored(rig) == 2
    rig.run("systemctl", "restart", "valetkeyd.service", unit=False, check=True)
    assert squat(rig, e) == {"98"} and stored(rig) == 2
    log = rig.run("journalctl", "-q", "-o", "cat", "-u", "valetkeyd.service", unit=False).stdout
    assert "port.parked" not in log and "port.taken" not in log
    # after the logout: refused, and still not bob's
    rig.close_session("alice")
    until("alice's manager to end", lambda: not rig.manager_runs("alice"))
    assert squat(rig, e) == {"98"}
    assert ask(rig.user("bob"), e, token="x" * 43)[0] != 200
    r = rig.run("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{e['url'].rpartition(':')[2]}", unit=False)
    assert r.returncode != 0 and "refused" in r.stderr
    rig.open_session("alice")
    assert endpoint_of(alice)["url"] == e["url"], "in spite of connections of the broker before that are not quite over"
