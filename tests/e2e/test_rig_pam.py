# SPDX-License-Identifier: Apache-2.0
"""PAM as it is installed, under the real sshd, login, su, sudo and a locker: who is asked for a sign-in, who is not, what each
failure does, and that nobody who has not shown a key of the user's has anybody asked."""
import os
import re
import secrets
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import riglib
from netns import network_of
from sandbox_client import Person, Sandbox
from worldlib import PATIENCE, until

SHIM = "/usr/bin/valetkey-credential-process"
DROP_IN = f"{riglib.TOP}/packaging/examples/jump-host/sshd_config.d/valetkey.conf"
# What the drop-in asks for is told on port 2222; two other ports do without one or the other.
SSHD = """Port 2222
Port 2223
Port 2224
Match LocalPort 2223
        AuthenticationMethods keyboard-interactive:pam
Match LocalPort 2224
        AuthenticationMethods publickey
"""
POLICY = """
[service sshd]
reauth_for = 0
[service su]
reauth_for = 2m
[service sudo]
reauth_for = 2m
"""
KEYS, KBD, PUBKEY = 2222, 2223, 2224


class Terminal:
    """A program of root's in the rig, or of a user's, with a terminal of its own and a person in front of it."""

    def __init__(self, rig, command, user="root"):
        self.rig, self.raw, self.seen = rig, b"", ""
        self.unit = f"terminal-{secrets.token_hex(4)}"
        more = ["systemd-run", "-q", "--pipe", "--wait", "--collect", f"--unit={self.unit}", f"--uid={user}", "--setenv=TERM=dumb", "--"]
        self.p = rig.popen(*more, "script", "-qec", command, "/dev/null", unit=False, stdin=subprocess.PIPE)
        os.set_blocking(self.p.stdout.fileno(), False)

    def _read(self):
        try:
            while chunk := os.read(self.p.stdout.fileno(), 65536):
                self.raw += chunk
        except BlockingIOError:
            pass
        self.seen = self.raw.decode(errors="replace").replace("\r", "")

    def expect(self, pattern, timeout_s=20):
        def there():
            self._read()
            return re.search(pattern, self.seen)
        try:
            return until(pattern, there, timeout_s)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.seen}") from e

    def type(self, text):
        self.p.stdin.write(text)
        self.p.stdin.flush()

    def code(self):
        """What the person sees; -> the code."""
        return self.expect(r"Enter\s+(\S+)\n(?s:.*)Press Enter when you have signed in: ").group(1)

    def approve(self, who="alice", decision="allow"):
        self.rig.curl("/_sandbox/approve", user_code=self.code(), user=who, decision=decision)
        self.type("\n")

    def end(self, timeout_s=30):
        """-> what it ended with, once all it says was read."""
        until("the program to end", lambda: self._read() or self.p.poll() is not None, timeout_s)
        self._read()
        return self.p.returncode

    def hang_up(self):
        """The client is gone from one moment to the next."""
        self.rig.run("systemctl", "kill", "-s", "KILL", self.unit, unit=False, check=True)
        self.p.wait()


def ssh_line(port=KEYS, user="alice", key="key", command="", options=""):
    return (f"ssh -tt -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=1 -o IdentitiesOnly=yes {options} "
            f"-i /srv/{key} -p {port} {user}@127.0.0.1 {command}")


def ssh(rig, command="", **kw):
    return Terminal(rig, ssh_line(command=command, **kw))


@pytest.fixture(scope="module", name="rig")
def _rig(packaged_rig):
    """A jump host: the packages' PAM, the drop-in's sshd, two people bound to identities, each with a key."""
    rig = packaged_rig
    rig.start_cloud()
    configure(rig, POLICY)
    with open(DROP_IN, encoding="utf-8") as f:
        rig.write("/etc/ssh/sshd_config.d/a-valetkey.conf", f.read())
    rig.write("/etc/ssh/sshd_config.d/z-test.conf", SSHD)
    rig.run("bash", "-ec", """
        for k in key other; do ssh-keygen -q -t ed25519 -N '' -f /srv/$k; done
        for u in alice bob; do
                install -d -m 700 -o $u -g $u /home/$u/.ssh
                cat /srv/key.pub /srv/other.pub >/home/$u/.ssh/authorized_keys
                valetkeyd user add $u --local --issuer "$1" --subject $([ $u = alice ] && echo alice-7f3a || echo bob-19c4)
        done
        systemctl reload ssh""", "sh", f"{rig.CLOUD}/oidc", unit=False, check=True)
    until("sshd", lambda: rig.run("ss", "-Hltn", "sport = :2224", unit=False).stdout)
    return rig


def configure(rig, policy):
    conf = rig.run("cat", "/etc/valetkey/valetkey.conf", unit=False, check=True).stdout.partition("\n# policy\n")[0]
    rig.write("/etc/valetkey/valetkey.conf", f"{conf}\n# policy\n{policy}")
    rig.run("systemctl", "restart", "valetkeyd.service", unit=False, check=True)


def log(rig):
    return rig.run("journalctl", "-q", "-o", "cat", "-u", "valetkeyd.service", unit=False).stdout


def gone(rig, name="alice"):
    """logind does not know the user any more."""
    until(f"{name}'s end", lambda: rig.run("test", "-e", f"/run/systemd/users/{rig.uid(name)}", unit=False).returncode)


def asked(rig):
    return rig.stats("device_authorization")


# ---- sshd


def test_a_key_and_then_the_sign_in(rig):
    """What the person sees, what the session has, and what stands in the journal."""
    t = ssh(rig, f"'env; {SHIM} dev; echo over'")
    assert re.search(r"Sign in to rig as alice \(sshd, from 127.0.0.1\)\n", t.expect(r"(?s).*Press Enter when").group())
    t.approve()
    assert t.end() == 0, t.seen
    assert '"AccessKeyId"' in t.seen and "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:" in t.seen
    assert "VALETKEY_LOGIN" not in t.seen
    key = rig.run("ssh-keygen", "-lf", "/srv/key.pub", unit=False, check=True).stdout.split()[1]
    for event in ("signin.start", "signin.done"):
        assert re.search(rf"{event} user=alice .*service=sshd rhost=127.0.0.1 .*key={re.escape(key)}", log(rig)), log(rig)
    assert re.search(r"grant.claimed user=alice", log(rig))


def test_many_connections_are_one_sign_in(rig):
    """scp, rsync, editors; as long as the user is here, and with the same key. Nobody has configured anything for it."""
    configure(rig, "")
    gone(rig)
    session = ssh(rig, "'echo in; sleep 1000'")
    session.approve()
    session.expect("in\n")
    before = asked(rig)
    for _ in range(3):
        t = ssh(rig, "id -un")
        assert t.end() == 0 and "alice\n" in t.seen and "Press Enter" not in t.seen, t.seen
    assert asked(rig) == before and log(rig).count("signin.remembered user=alice") == 3
    another = ssh(rig, "id -un", key="other")
    another.code()
    another.hang_up()
    session.hang_up()
    gone(rig)
    t = ssh(rig, "id -un")
    t.code()
    t.hang_up()
    configure(rig, POLICY)


def test_without_a_key_nobody_is_asked(rig):
    """One sentence; the provider hears nothing, and whoever has the key is not kept out."""
    before = asked(rig)
    t = ssh(rig, "id", port=KBD)
    assert t.end() == 255 and "only behind a public key" in t.seen and "Press Enter" not in t.seen, t.seen
    assert asked(rig) == before
    assert re.search(r"signin.refused user=alice service=sshd rhost=127.0.0.1 outcome=access-denied", log(rig))


def test_keyboard_interactive_alone_where_it_is_allowed(rig):
    configure(rig, "[service sshd]\nrequire_prior = none\n")
    try:
        t = ssh(rig, "id -un", port=KBD)
        t.approve()
        assert t.end() == 0 and "alice\n" in t.seen, t.seen
        again = ssh(rig, "id -un", port=KBD)  # nothing says who asks: never remembered
        again.code()
        again.hang_up()
    finally:
        configure(rig, POLICY)


@pytest.mark.parametrize("who,decision,says", [("bob", "allow", "Somebody else than alice"), ("alice", "deny", "declined")])
def test_refusals_are_said(rig, who, decision, says):
    t = ssh(rig, "id -un", key="other")
    t.approve(who, decision)
    assert t.end() == 255 and says in t.seen and "alice\n" not in t.seen.partition("Press Enter")[2], t.seen


def test_a_code_that_runs_out_and_enter_that_comes_early(rig):
    rig.curl("/_sandbox/fault", set="device_ttl=2")
    try:
        t = ssh(rig, "id -un", key="other")
        t.code()
        t.type("\n")  # the person has not been there yet
        assert t.end() == 255 and "not completed in time" in t.seen, t.seen
    finally:
        rig.curl("/_sandbox/fault", clear="device_ttl")
    t = ssh(rig, "id -un", key="other")
    code = t.code()
    t.type("\n")
    rig.curl("/_sandbox/approve", user_code=code, user="alice", decision="allow")
    assert t.end() == 0 and "alice\n" in t.seen, t.seen


def polls_stop(rig):
    before = rig.stats("token.device")
    time.sleep(2.2)  # two polls' time
    return rig.stats("token.device") == before


def test_hanging_up_ends_the_sign_in(rig):
    cancelled = log(rig).count("signin.cancelled")
    t = ssh(rig, "id", key="other")
    t.code()
    t.hang_up()
    until("the end of it", lambda: log(rig).count("signin.cancelled") > cancelled)
    assert polls_stop(rig)


def test_the_grace_time_ends_the_sign_in(rig):
    cancelled = log(rig).count("signin.cancelled")
    rig.run("systemd-run", "-q", "--collect", "--unit=short-sshd", "--", "/usr/sbin/sshd", "-D", "-o", "Port=2225", "-o", "LoginGraceTime=2", "-o", "PidFile=none", unit=False, check=True)
    until("sshd", lambda: rig.run("ss", "-Hltn", "sport = :2225", unit=False).stdout)
    t = ssh(rig, "id", port=2225, key="other")
    t.code()
    until("the end of it", lambda: log(rig).count("signin.cancelled") > cancelled)
    t.type("\n")  # the client hears of it when its person does something
    assert t.end() == 255
    rig.run("systemctl", "stop", "short-sshd", unit=False, check=True)


def test_a_public_key_alone(rig):
    """The account decides alone; nobody is asked, nothing waits for the daemon, and the broker says what to do."""
    before = asked(rig)
    rig.run("systemctl", "stop", "valetkeyd.service", "valetkeyd-login.socket", "valetkeyd-claim.socket", unit=False, check=True)
    try:
        t = ssh(rig, f"'{SHIM} dev; echo $?'", port=PUBKEY, user="bob")
        assert t.end() == 0 and "not signed in to identity corp. Run: valetkey login" in t.seen and "\n3\n" in t.seen, t.seen
        rig.run("valetkeyd", "user", "lock", "bob", "--local", unit=False, check=True)
        t = ssh(rig, "id", port=PUBKEY, user="bob")
        assert t.end() == 255 and "uid=" not in t.seen, t.seen
    finally:
        rig.run("valetkeyd", "user", "unlock", "bob", "--local", unit=False, check=True)
        rig.run("systemctl", "start", "valetkeyd-login.socket", "valetkeyd-claim.socket", unit=False, check=True)
    assert asked(rig) == before


def test_a_public_key_alone_has_an_end(rig):
    """Somebody who exists at the provider and in our table only: a key is as good as the last sign-in is young."""
    configure(rig, f"{POLICY}\n[signin]\nmax_offline_age = 1h\n")
    rig.run("bash", "-ec", """
        valetkeyd user add carol --issuer "$1" --subject bob-19c4
        install -d -o carol /home/carol; install -d -m 700 -o carol /home/carol/.ssh; cat /srv/key.pub >/home/carol/.ssh/authorized_keys""",
            "sh", f"{rig.CLOUD}/oidc", unit=False, check=True)
    t = ssh(rig, "id", port=PUBKEY, user="carol")
    assert t.end() == 255 and "uid=" not in t.seen, t.seen
    t = ssh(rig, "id -un", user="carol")
    t.approve("bob")
    assert t.end() == 0 and "carol\n" in t.seen, t.seen
    t = ssh(rig, "id -un", port=PUBKEY, user="carol")
    assert t.end() == 0 and "carol\n" in t.seen and "Press Enter" not in t.seen, t.seen


# ---- where the device flow is forbidden


def test_the_recipe_where_the_device_flow_is_forbidden(rig):
    """docs/device-flow-forbidden.md: a key, then the browser of the person's own machine, whose port comes through ssh."""
    configure(rig, "[service sshd]\nflow = none\n")
    try:
        refused = ssh(rig, "id")
        assert refused.end() == 255 and "offers no sign-in for sshd" in refused.seen, refused.seen
        t = ssh(rig, f"'valetkey login --browser --callback-port 8400 && {SHIM} dev'", port=PUBKEY, options="-o ExitOnForwardFailure=yes -L 8401:127.0.0.1:8400")
        url = t.expect(r"(http://127.0.0.1:8123/\S+)").group(1)
        box = Sandbox.__new__(Sandbox)
        box.url, box.port = rig.CLOUD, 8123
        with network_of(rig.leader):
            person = Person(box)
            person.open(url.removeprefix(rig.CLOUD))
            answer = person.press("allow", "alice")
            assert answer.status == 303, answer.body
            back = answer.headers["Location"]
            assert back.startswith("http://127.0.0.1:8400/")
        # the browser's machine has that port from ssh; here it has another number, as both ends are one machine
        page = rig.run("curl", "-sS", "--noproxy", "*", "-H", "Host: 127.0.0.1:8400", back.replace(":8400", ":8401", 1), unit=False, check=True).stdout
        assert "signed in as alice" in page
        assert t.end() == 0 and '"AccessKeyId"' in t.seen, t.seen
    finally:
        configure(rig, POLICY)


# ---- the machine's own doors


def test_login(rig):
    t = Terminal(rig, "login alice")
    assert re.search(r"Sign in to rig as alice \(login\)\n", t.expect(r"(?s).*Press Enter when").group())
    t.approve()
    t.expect(r"alice@rig")
    t.type("loginctl show-session $XDG_SESSION_ID -p Name -p Service; exit\n")
    t.end()
    assert "Service=login" in t.seen and "Name=alice" in t.seen, t.seen


def test_su_is_remembered_for_who_asks(rig):
    gone(rig)  # or her last session's end would come in between
    one = Terminal(rig, "bash -c 'su -c \"id -un\" alice; su -c \"id -un\" alice; echo over; read'", user="bob")
    one.approve()
    one.expect("over\n")
    assert one.seen.count("alice\n") == 2 and one.seen.count("Press Enter") == 1, one.seen
    assert re.search(r"signin.remembered user=alice .*service=su rhost=\"\" .*by=bob", log(rig))
    other = Terminal(rig, "su -c id alice", user="bob")  # another terminal
    other.code()
    for t in (one, other):
        t.hang_up()
    root = rig.run("su", "-c", "id -un", "alice")
    assert (root.returncode, root.stdout) == (0, "alice\n"), root.stderr


def test_sudo_takes_a_fresh_sign_in(rig):
    gone(rig)
    before = asked(rig)
    t = Terminal(rig, "bash -c 'sudo -k; sudo id -u; sudo -k; sudo id -u'", user="alice")
    assert re.search(r"Sign in to rig as alice \(sudo\)\n", t.expect(r"(?s).*Press Enter when").group())
    t.approve()
    assert t.end() == 0 and re.findall(r"^0$", t.seen, re.M) == ["0", "0"], t.seen
    assert asked(rig) == before + 1
    assert re.search(r"signin.remembered user=alice .*service=sudo .*by=alice", log(rig))


def test_units_and_timers_are_left_alone(rig):
    """PAMName= and cron: account and session, no prompt and no wait."""
    rig.write("/etc/pam.d/job", "@include common-auth\n@include common-account\n@include common-session-noninteractive\n")
    before = asked(rig)
    for service in ("job", "login", "systemd-user"):
        start = time.monotonic()
        r = rig.run("systemd-run", "-q", "--pipe", "--wait", "--collect", f"--property=PAMName={service}", "--uid=alice", "id", "-un", unit=False)
        assert (r.returncode, r.stdout) == (0, "alice\n"), (service, r.stderr)
        assert time.monotonic() - start < 5 * PATIENCE
    assert asked(rig) == before


def test_a_locker_that_runs_as_the_user(rig):
    rig.write("/etc/pam.d/locker", "@include common-auth\n@include common-account\n")
    for who, rc, ends in (("alice", 0, "successfully authenticated"), ("bob", 1, "Somebody else than alice")):
        t = Terminal(rig, "pamtester locker alice authenticate 'setcred(PAM_REINITIALIZE_CRED)' acct_mgmt", user="alice")
        assert re.search(r"Sign in to rig as alice \(locker\)\n", t.expect(r"(?s).*Press Enter when").group())
        t.approve(who)
        assert t.end() == rc and ends in t.seen, t.seen
    before = asked(rig)
    t = Terminal(rig, "pamtester locker bob authenticate", user="alice")
    assert t.end() == 1 and "Only root may ask" in t.seen and asked(rig) == before, t.seen
    assert "grant.committed user=alice uid=1000 service=locker" not in log(rig)
