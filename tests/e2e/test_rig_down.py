# SPDX-License-Identifier: Apache-2.0
"""docs/when-things-are-down.md, cell by cell: a machine with our packages is put into each state of its table, everybody of its
columns comes in, or does not, through the real sshd, and programs of a session that lasts ask for credentials."""
import concurrent.futures
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import riglib  # noqa: E402
from worldlib import PATIENCE, until  # noqa: E402

DORA = '{"userName":"dora","uid":50123,"gid":50123,"homeDirectory":"/home/dora","shell":"/bin/bash","disposition":"regular"}'
COLUMNS = {  # column -> method, user, who that is at the provider
    "root, key": ("publickey", "root", None), "local, password": ("keyboard-interactive", "eve", None), "directory, key": ("publickey", "dora", None),
    "bound, code": ("keyboard-interactive", "bob", "bob"), "bound, key": ("publickey", "bob", None),
    "federated, code": ("keyboard-interactive", "carol", "alice"), "federated, key": ("publickey", "carol", None)}


def table():
    """The page's rows: state -> column -> cell."""
    with open(f"{riglib.TOP}/docs/when-things-are-down.md", encoding="utf-8") as f:
        rows = [[c.strip() for c in line.strip().strip("|").split("|")] for line in f if line.startswith("|")]
    return {r[0]: dict(zip(rows[0][1:], r[1:])) for r in rows[2:]}


class Host:
    def __init__(self, rig):
        self.rig = rig
        rig.start_cloud()
        conf = rig.run("cat", "/etc/valetkey/valetkey.conf", unit=False, check=True).stdout
        rig.write("/etc/valetkey/valetkey.conf", conf + "\n[service sshd]\nrequire_prior = none\n")
        rig.bring_person()
        rig.write("/etc/userdb/dora.user", DORA)
        rig.write("/etc/userdb/dora.group", '{"groupName":"dora","gid":50123}')
        rig.write("/etc/ssh/sshd_config.d/a-down.conf", "PermitRootLogin prohibit-password\nAuthorizedKeysFile /etc/ssh/keys\nMaxStartups 100\n")
        rig.run("bash", "-ec", """
            useradd -m -s /bin/bash eve; echo eve:pw-eve | chpasswd
            ln -s dora.user /etc/userdb/50123.user; ln -s dora.group /etc/userdb/50123.group
            install -d -o 50123 -g 50123 /home/dora
            install -m 644 /etc/ssh/key.pub /etc/ssh/keys
            valetkeyd user add bob --local --issuer "$1" --subject bob-19c4
            valetkeyd user add carol --issuer "$1" --subject alice-7f3a
            install -d -o "$(id -u carol)" -g "$(id -g carol)" /home/carol
            systemctl restart valetkeyd; systemctl reload ssh""", "sh", f"{rig.CLOUD}/oidc", unit=False, check=True)
        until("carol", lambda: self.come("federated, code")[0] == "in", 30)
        rig.run("systemd-run", "-q", "--unit=the-session", "--service-type=exec", "--", *rig.person_argv("bob", "sleep infinity", "keyboard-interactive", "bob"),
                unit=False, check=True)
        until("bob's credentials", lambda: self.session()[0] == "served")

    def come(self, column):
        method, user, subject = COLUMNS[column]
        r = self.rig.run(*self.rig.person_argv(user, "echo come in", method, subject), unit=False)
        came = "in" if r.returncode == 0 and r.stdout == "come in\n" else "refused"
        if came == "in" and subject and method != "publickey" and '{"ok":true}' not in r.stderr:
            came = "in, by password"
        return came, r.stderr

    def session(self):
        r = self.rig.user("bob").run("/usr/bin/valetkey-credential-process", "dev")
        return ("served", "") if '"Version"' in r.stdout else ("refused", r.stderr)

    def everybody(self):
        """column -> (what came of it, what was said), all at once."""
        with concurrent.futures.ThreadPoolExecutor(len(COLUMNS) + 1) as pool:
            jobs = {c: pool.submit(self.come, c) for c in COLUMNS}
            jobs["session"] = pool.submit(self.session)
            return {c: j.result() for c, j in jobs.items()}

    def sh(self, text, check=True):
        return self.rig.run("bash", "-ec", text, unit=False, check=check)

    def fault(self, **form):
        self.rig.curl("/_sandbox/fault", **form)


@pytest.fixture(scope="module", name="host")
def _host(packaged_rig):
    return Host(packaged_rig)


TABLE, ROOTS = "/var/lib/valetkey/users", "/etc/valetkey/users"
UNITS = "valetkeyd-login.socket valetkeyd-claim.socket valetkeyd.service"
# Nothing is what it was: the bytes behind the header's, all of them.
CORRUPT = "cp -a {0} {0}.kept; dd if=/dev/zero of={0} bs=1 seek=8 count=$(($(stat -c %s {0}) - 8)) conv=notrunc status=none"
RESTORE = "mv {0}.kept {0}"
FULL = """cp -a /var/lib/valetkey /run/kept; mount -t tmpfs -o size=256k,mode=755 tmpfs /var/lib/valetkey; chown valetkey: /var/lib/valetkey
cp -a /run/kept/. /var/lib/valetkey/; dd if=/dev/zero of=/var/lib/valetkey/filler bs=4k status=none || :; df /var/lib/valetkey"""
STATES = {  # state -> into it, out of it; a callable takes the host
    "all is well": (lambda h: None, lambda h: None),
    "provider down": (lambda h: h.fault(set="oidc.drop"), lambda h: h.fault(clear="all")),
    "STS down": (lambda h: h.fault(set="sts.drop"), lambda h: h.fault(clear="all")),
    "network down": (lambda h: h.sh("systemctl stop cloud"), lambda h: h.rig.run_cloud()),
    "valetkeyd stopped": (lambda h: h.sh(f"systemctl stop {UNITS}"), lambda h: h.sh(f"systemctl start {UNITS}")),
    "valetkeyd masked": (lambda h: h.sh(f"systemctl mask --now -q {UNITS}"), lambda h: h.sh(f"systemctl unmask -q {UNITS}; systemctl start {UNITS}")),
    "valetkeyd hung": (lambda h: h.sh("systemctl kill -s STOP valetkeyd"), lambda h: h.sh("systemctl kill -s CONT valetkeyd")),
    "disk full": (lambda h: h.sh(f'valetkeyd user remove carol; valetkeyd user add carol --issuer {h.rig.CLOUD}/oidc --subject alice-7f3a\n' + FULL), lambda h: h.sh("umount /var/lib/valetkey; rm -r /run/kept")),
    "valetkeyd's table missing": (lambda h: h.sh(f"mv {TABLE} {TABLE}.kept"), lambda h: h.sh(RESTORE.format(TABLE))),
    "valetkeyd's table corrupt": (lambda h: h.sh(CORRUPT.format(TABLE)), lambda h: h.sh(RESTORE.format(TABLE))),
    "root's table corrupt": (lambda h: h.sh(CORRUPT.format(ROOTS)), lambda h: h.sh(RESTORE.format(ROOTS))),
}


def pam(rig, user):
    """What PAM answers to a person of that name, without sshd around it: (code, seconds)."""
    start = time.monotonic()
    r = rig.run("pamtester", "sshd", user, "authenticate", unit=False, stdin="\n")
    return r.returncode, time.monotonic() - start


def test_nobody_stands_there_for_ten_seconds(host):
    enter, leave = STATES["valetkeyd hung"]
    enter(host)
    try:
        code, seconds = pam(host.rig, "carol")
    finally:
        leave(host)
    assert code != 0 and seconds < 10 * PATIENCE


def test_a_sign_in_that_waits_is_lost_with_the_daemon(host):
    """Its session is open all the same, and its programs are told what to do."""
    rig = host.rig
    rig.write("/etc/pam.d/waits", "auth required pam_valetkey.so\naccount required pam_valetkey.so\nsession required pam_valetkey.so\n")
    r = rig.run("env", f"CLOUD={rig.CLOUD}", "expect", "-c", """
        set timeout 60
        spawn pamtester waits carol authenticate open_session
        expect -re {([A-Z0-9]{4}-[A-Z0-9]{4})}
        exec curl -sS --data-urlencode user_code=$expect_out(1,string) -d user=alice -d decision=allow $env(CLOUD)/_sandbox/approve
        send "\r"
        expect eof
        exit [lindex [wait] 3]""", unit=False)
    assert r.returncode == 0, r.stdout + r.stderr
    host.sh("systemctl restart valetkeyd")
    uid = rig.uid("carol")
    host.sh(f"systemctl start user@{uid}.service")
    r = rig.user("carol").run("/usr/bin/valetkey-credential-process", "dev")
    host.sh(f"systemctl stop user@{uid}.service")
    assert r.returncode == 3 and "valetkey login" in r.stderr


def test_each_state_of_the_page_is_here():
    assert list(table()) == list(STATES)


@pytest.mark.parametrize("state", STATES)
def test_state(host, state):
    enter, leave = STATES[state]
    want = table()[state]
    enter(host)
    try:
        got = host.everybody()
    finally:
        leave(host)
    said = want.pop("what is said")
    assert {c: g[0] for c, g in got.items()} == want, got
    if said:
        refused = [g[1] for c, g in got.items() if g[0] == "refused" and c.endswith("code")]
        assert all(said in text for text in refused), refused
