#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How long a login over the real sshd takes, from ssh's start to its end ("true" in a session of logind's), on two Debians side by
side: one has our packages, the other never heard of us. In turns, so that whatever else the machine does is in both. Once with the
user's manager running, once with it gone, so that the login starts it, our units in it included.

A login with a code has the provider's part taken off: the same requests by hand, in the same run, as bench/pam.py makes them."""
import argparse
import os
import random
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import riglib  # noqa: E402
from netns import network_of  # noqa: E402
from pam import by_hand  # noqa: E402
from worldlib import until  # noqa: E402

POLICY = "\n[service sshd]\nreauth_for = 0\n[signin]\nmax_starts_per_user = 1024\nmax_starts_per_rhost = 1024\n"
SSHD = """Port 2222
Port 2223
AuthorizedKeysFile /etc/ssh/key.pub
Match LocalPort 2223
        AuthenticationMethods publickey,keyboard-interactive:pam
"""
# For each line "USER PORT": one login, what it took in µs and its exit status. The clock is where ssh is; the answer waits until the
# session is gone, or its end would take its time from the next.
LOGINS = r"""while read -r user port; do
        t0=${EPOCHREALTIME/./}
        SUBJECT=bob WHO=$user CLOUD=http://127.0.0.1:8123 SSH_ASKPASS=/etc/ssh/person SSH_ASKPASS_REQUIRE=force \
                ssh -q -i /etc/ssh/key -p $port -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null $user@127.0.0.1 true </dev/null
        rc=$? us=$((${EPOCHREALTIME/./} - t0))
        while [ -n "$(ls /run/systemd/sessions)" ]; do sleep 0.02; done
        echo $us $rc
done"""


class Host:
    def __init__(self, rig):
        self.rig = rig
        rig.bring_person()
        rig.write("/etc/ssh/sshd_config.d/a.conf", SSHD)
        rig.run("systemctl", "reload", "ssh", unit=False, check=True)
        until("sshd", lambda: rig.run("ss", "-Hltn", "sport = :2223", unit=False).stdout)
        self.logins = rig.popen("bash", "-c", LOGINS, unit=False, stdin=-1)

    def login(self, user, port):
        self.logins.stdin.write(f"{user} {port}\n")
        self.logins.stdin.flush()
        us, status = self.logins.stdout.readline().split()
        assert status == "0", f"{user} did not get in at port {port}: {status}"
        return int(us) / 1000

    def end(self):
        self.logins.stdin.close()
        self.logins.wait()
        self.rig.close()

    def linger(self, user, on):
        self.rig.run("loginctl", "enable-linger" if on else "disable-linger", user, unit=False, check=True)
        if on:
            until(f"{user}'s manager", lambda: self.rig.manager_runs(user))

    def gone(self, user):
        until(f"{user}'s manager to end", lambda: not self.rig.manager_runs(user) and
              self.rig.run("test", "-e", f"/run/systemd/users/{self.rig.uid(user)}", unit=False).returncode)


def with_packages():
    """alice is local and not ours, bob local and bound to an identity; carol is in our table only, and the same person as bob."""
    rig = riglib.Rig(packages=True)
    rig.start_cloud()
    rig.run("sh", "-ec", f"""cat >>/etc/valetkey/valetkey.conf; systemctl restart valetkeyd
        valetkeyd user add bob --local --issuer {rig.CLOUD}/oidc --subject bob-19c4
        valetkeyd user add carol --issuer {rig.CLOUD}/oidc --subject bob-19c4
        install -d -m 700 -o carol -g carol /home/carol""", unit=False, check=True, stdin=POLICY)
    return Host(rig)


def row(name, ms, alone, provider=0.0):
    """-> what was added: the median of the differences within a turn"""
    low, middle, high = (x - provider for x in statistics.quantiles(ms, n=4))
    added = statistics.median(x - y for x, y in zip(ms, alone)) - provider
    print(f"{name:52} {middle:8.1f} {low:8.1f} {high:8.1f} {added:10.1f}", flush=True)
    return added


def in_turns(rows, times, before=None):
    """rows: name -> (host, user, port); -> name -> ms of each"""
    took = {name: [] for name in rows}
    for turn in range(times + 1):
        for name, (host, user, port) in random.sample(list(rows.items()), len(rows)):
            if before:
                before(host, user)
            ms = host.login(user, port)
            if turn:  # the first of each reads everything from the disk
                took[name].append(ms)
    return took


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--times", type=int, default=60)
    p.add_argument("--most", type=float, help="fail where a login by key, with the manager running, is so many ms slower than without us")
    a = p.parse_args()
    why = riglib.packages_unavailable()
    if why:
        sys.exit(f"no figures without a rig: {why}")
    bare = ours = None
    try:
        bare, ours = Host(riglib.Rig(bare=True)), with_packages()
        rows = {"without valetkey: local user, key": (bare, "alice", 2222), "local user who is not ours, key": (ours, "alice", 2222),
                "local user bound to an identity, key": (ours, "bob", 2222), "user of our table, key": (ours, "carol", 2222)}
        alone = next(iter(rows))
        print(f"{a.times} logins each, ms {'':30} {'median':>11} {'25 %':>8} {'75 %':>8} {'added':>10}")
        for host, user, _ in rows.values():
            host.linger(user, True)
        print("the user's manager runs already")
        took = in_turns(rows, a.times)
        added = [row(name, ms, took[alone]) for name, ms in took.items()]
        provider = []
        coded = in_turns({"key": (bare, "alice", 2222), "bob": (ours, "bob", 2223), "carol": (ours, "carol", 2223)}, a.times // 4,
                         lambda host, user: user == "carol" and provider.append(provider_alone(ours)))
        print(f"the provider alone, by hand: {statistics.median(provider):.1f}, taken off below")
        for who, name in (("bob", "local user bound to an identity, key and code"), ("carol", "user of our table, key and code")):
            row(name, coded[who], coded["key"], statistics.median(provider))
        for host, user, _ in rows.values():
            host.linger(user, False)
        print("the login starts the user's manager")
        took = in_turns(rows, a.times // 4, Host.gone)
        for name, ms in took.items():
            row(name, ms, took[alone])
        if a.most is not None and max(added) > a.most:
            sys.exit(f"{max(added):.1f} ms are more than {a.most:.1f}")
    finally:
        for host in (ours, bare):
            if host:
                host.end()


def provider_alone(host):
    with network_of(host.rig.leader):
        return by_hand(host.rig.CLOUD)


main()
