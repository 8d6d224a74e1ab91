# SPDX-License-Identifier: Apache-2.0
"""The broker under a real systemd, as it is installed: started by its socket, killed, replaced by a newer one under a hundred
callers, and ended by a logout. What its units ask for is what its processes have."""
import json
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from notifierlib import Notifier
from worldlib import BUILD, PATIENCE, until

UNIT = "valetkey-broker.service"
SHIM = "/usr/bin/valetkey-credential-process"

# Programs of alice's that ask without a pause until there is a file: each counts what it asked and what went wrong. The
# variable keeps the shim from starting a broker by itself: a connection that is refused is a failure.
CALLERS = r"""
export VALETKEY_CREDENTIAL_PROCESS=1
cd "$XDG_RUNTIME_DIR"; rm -f stop asked.* wrong; want=$({shim} dev | md5sum)
for i in $(seq {n}); do (
        n=0
        while [ ! -e stop ]; do
                got=$({shim} dev 2>>wrong | md5sum); [ "$got" = "$want" ] || echo "another answer" >>wrong
                n=$((n + 1)); done; echo $n >asked.$i ) & done; wait"""

# Kills the broker again and again, each time as soon as the next one is up; prints how long each took, in ms.
KILLS = r"""
show() {{ systemctl --user show -P "$1" valetkey-broker; }}
for i in $(seq {n}); do
        old=$(show MainPID); t0=$(date +%s%N); kill -KILL $old
        for j in $(seq 500); do
                new=$(show MainPID); [ $new != 0 ] && [ $new != $old ] && [ "$(show ActiveState)" = active ] && break
                sleep 0.01; done
        echo $((($(date +%s%N) - t0) / 1000000)); done"""


@pytest.fixture(name="alice", scope="module")
def _alice(rig):
    """alice in a session of her own, with a broker that holds her sign-in and a role session."""
    rig.start_cloud()
    rig.open_session("alice")
    alice = rig.user("alice")
    assert alice.show(UNIT, "ActiveState")["ActiveState"] == "inactive", "nothing has asked for it yet"
    rig.sign_in("alice")
    assert alice.run(SHIM, "dev").returncode == 0
    assert alice.show(UNIT, "ActiveState")["ActiveState"] == "active"
    return alice


class Callers:
    def __init__(self, rig, alice, n):
        self.rig, self.n, self.dir = rig, n, f"/run/user/{rig.uid('alice')}"
        alice.start(f"callers-{n}", CALLERS.format(shim=SHIM, n=n))

    def stop(self):
        """-> how often they asked, and what went wrong."""
        self.rig.run("touch", f"{self.dir}/stop", unit=False, check=True)
        until("the callers", lambda: len(self._asked()) == self.n, 30)
        wrong = self.rig.run("cat", f"{self.dir}/wrong", unit=False).stdout
        return sum(self._asked()), wrong

    def _asked(self):
        return [int(x) for x in self.rig.run("sh", "-c", f"cat {self.dir}/asked.* 2>/dev/null", unit=False).stdout.split()]


def endpoint_of(alice):
    r = alice.run("/usr/bin/valetkey", "status", "--json")
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout).get("endpoint")


def count(alice, event):
    return alice.journal(UNIT).count(event)


def test_twenty_kills_lose_nothing(rig, alice):
    first, endpoint, stored = alice.run(SHIM, "dev").stdout, endpoint_of(alice), alice.show(UNIT, "NFileDescriptorStore")
    assert endpoint["url"].startswith("http://127.0.0.1:") and stored["NFileDescriptorStore"] != "0"
    calls = rig.stats("AssumeRoleWithWebIdentity")
    callers = Callers(rig, alice, 4)
    r = alice.shell(KILLS.format(n=20), check=True)
    asked, wrong = callers.stop()
    took = [int(x) for x in r.stdout.split()]
    print(f"recovered in ms: {sorted(took)}; {asked} callers meanwhile")
    assert len(took) == 20 and sum(took) <= 10000 * PATIENCE
    assert wrong == "" and asked >= 20
    assert alice.run(SHIM, "dev").stdout == first
    assert rig.stats("AssumeRoleWithWebIdentity") == calls and rig.stats("token.refresh") == 0
    assert endpoint_of(alice) == endpoint
    assert alice.show(UNIT, "NRestarts", "NFileDescriptorStore") == {"NRestarts": "20", **stored}


def test_an_upgrade_under_a_hundred_callers(rig, alice):
    """The program is replaced as a package does it, and the unit reloaded: nobody notices."""
    pid, first = alice.show(UNIT, "MainPID")["MainPID"], alice.run(SHIM, "dev").stdout
    program = "/usr/libexec/valetkey/valetkey-broker"
    callers = Callers(rig, alice, 100)
    for n in range(3):
        ready = count(alice, "broker.ready")
        rig.run("sh", "-c", f"cp {program} {program}.new && printf {n} >>{program}.new && mv {program}.new {program}", unit=False, check=True)
        alice.systemctl("reload", UNIT, check=True)
        until("the broker anew", lambda: count(alice, "broker.ready") > ready)  # pylint: disable=cell-var-from-loop
        inodes = rig.run("stat", "-L", "-c", "%d:%i", f"/proc/{pid}/exe", program, unit=False, check=True).stdout.split()
        assert inodes[0] == inodes[1], "the one that runs is the new one"
    asked, wrong = callers.stop()
    print(f"{asked} callers")
    assert wrong == "" and asked >= 300
    assert alice.show(UNIT, "MainPID")["MainPID"] == pid
    assert alice.run(SHIM, "dev").stdout == first


def test_a_second_broker_names_the_first(alice):
    r = alice.run("/usr/libexec/valetkey/valetkey-broker")
    assert r.returncode == 0
    assert f"already running in /run/user/{alice.rig.uid('alice')}/valetkey as process {alice.show(UNIT, 'MainPID')['MainPID']}" in r.stderr


def test_it_is_closed_before_its_first_instruction(rig, alice):
    """A program of alice's that starts it under ptrace, or waits for it to run itself anew, sees nothing of it."""
    rig.put("/usr/local/bin/traced_start", f"{BUILD}/tests/helpers/traced_start")
    for program, found in (("/bin/true", "open"), ("/usr/libexec/valetkey/valetkey-broker", "closed")):
        r = alice.run("/usr/local/bin/traced_start", program)
        assert (r.returncode, r.stdout) == (0, found + "\n"), (program, r.stderr)


def status_of(rig, pid):
    text = rig.run("cat", f"/proc/{pid}/status", unit=False, check=True).stdout
    return dict(re.findall(r"^(\w+):\s*(.*)$", text, re.M))


def test_what_the_brokers_unit_asks_for_it_gets(rig, alice):
    pid = alice.show(UNIT, "MainPID")["MainPID"]
    s = status_of(rig, pid)
    assert (s["NoNewPrivs"], s["Seccomp"]) == ("1", "2")
    assert int(s["VmLck"].split()[0]) > 0, "its secrets are in locked memory"
    assert int(s["VmSwap"].split()[0]) == 0
    limits = rig.run("cat", f"/proc/{pid}/limits", unit=False, check=True).stdout
    assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M)
    assert alice.show(UNIT, "MemorySwapMax", "UMask", "MemoryDenyWriteExecute", "RestrictNamespaces", "PrivateUsers") == {
        "MemorySwapMax": "0", "UMask": "0077", "MemoryDenyWriteExecute": "yes", "RestrictNamespaces": "yes", "PrivateUsers": "no"}
    controllers = rig.run("cat", "/sys/fs/cgroup/cgroup.controllers", unit=False).stdout.split()
    group = alice.show(UNIT, "ControlGroup")["ControlGroup"]
    if "memory" in controllers:
        assert rig.run("cat", f"/sys/fs/cgroup{group}/memory.swap.max", unit=False, check=True).stdout.strip() == "0"
    r = alice.run("systemd-analyze", "--user", "--no-pager", "security", UNIT)
    exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", r.stdout).group(1))
    print(f"exposure {exposure}")
    assert exposure <= 6.5


def test_what_the_daemons_unit_asks_for_it_gets(rig, alice):  # pylint: disable=unused-argument
    rig.run("systemctl", "start", "valetkeyd.service", unit=False, check=True)
    pid = rig.run("systemctl", "show", "-P", "MainPID", "valetkeyd.service", unit=False, check=True).stdout.strip()
    s = status_of(rig, pid)
    assert (s["NoNewPrivs"], s["Seccomp"]) == ("1", "2")
    assert {s[c].strip("0") for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {""}
    assert s["Uid"].split()[0] == str(rig.uid("valetkey"))
    r = rig.run("systemd-analyze", "--no-pager", "security", "--threshold=20", "valetkeyd.service", unit=False)
    assert r.returncode == 0, r.stdout[-2000:]
    log = rig.run("journalctl", "-q", "-o", "cat", "-u", "valetkeyd.service", unit=False).stdout
    assert "daemon.ready" in log and "memory.unlocked" not in log + alice.journal(UNIT)


def test_a_logout_wipes(rig, alice):
    """The last: it ends alice's session."""
    stopping = count(alice, "broker.stopping")
    rig.close_session("alice")
    until("the user's manager to end", lambda: not rig.manager_runs("alice"))
    rig.open_session("alice")
    r = alice.run(SHIM, "dev")
    assert r.returncode == 3 and r.stdout == "", r.stderr
    assert count(alice, "broker.stopping") == stopping + 1
    assert "state.restored" not in alice.journal(UNIT).rpartition("broker.stopping")[2]


OPENER = r"""#!/bin/sh
# what xdg-open does: starts the browser, and ends before it
sleep 300 &
printf '%s\n' "$#" "$1" "$DISPLAY" >"$XDG_RUNTIME_DIR/opened.new" && mv "$XDG_RUNTIME_DIR/opened.new" "$XDG_RUNTIME_DIR/opened"
"""


def test_the_button_starts_a_browser_beside_the_broker(rig, alice):
    """By the user's own systemd: with the session's environment, outside of the broker's unit, and for as long as the browser runs."""
    rig.write("/usr/bin/xdg-open", OPENER, mode="755")
    alice.systemctl("set-environment", "DISPLAY=:7", check=True)
    alice.systemctl("restart", UNIT, check=True)  # it knows of no desktop from before
    folder = f"/run/user/{rig.uid('alice')}"
    # a process of alice's outside, for there is no Python inside: it gets to the bus by its working directory
    desktop = Notifier("unix:path=bus", cwd=f"/proc/{rig.leader}/root{folder}", user=rig.uid("alice"))
    try:
        assert alice.run(SHIM, "dev").returncode == 3
        desktop.press(desktop.next()["show"], "Sign in")
        until("the browser", lambda: rig.run("test", "-e", f"{folder}/opened", unit=False).returncode == 0)
        words, url, display = rig.run("cat", f"{folder}/opened", unit=False, check=True).stdout.splitlines()
        assert (words, display) == ("1", ":7") and "/authorize?" in url
        units = alice.systemctl("list-units", "--no-legend", "--plain", "app-valetkey-open-*", check=True).stdout
        assert len(units.splitlines()) == 1 and "running" in units and "code_challenge" not in units, units
        assert "sleep" in alice.systemctl("status", "--no-pager", units.split()[0]).stdout, "the browser lives, though its opener has ended"
        log = alice.journal(UNIT)
        assert "browser.not_opened by=org.freedesktop.portal.Desktop" in log and "signin.page" in log and "code_challenge" not in log
    finally:
        desktop.close()
