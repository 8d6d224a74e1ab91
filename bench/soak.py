#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many role sessions with short lives in one broker, STS failing every so often, and callers who ask all the time: what is
handed out, when each session was replaced, and what it costs. bench/soak.py --help has the parameters.

Memory that transfers take while they are under way is not that of a role session: it is reckoned from the least that was seen in
the second half. A rotation is late when less than a quarter of the session's life was left; the log says when each role got a session and until
when. A hand-out fails wrongly when a caller is refused though a session obtained before still lives."""
import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))

from brokerlib import CREDENTIALS, T_JSON, T_MESSAGE, T_ROLE, GET_CREDENTIALS, Broker, frame, parse  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ACCOUNTS = 100
# Each strikes one call, in turn; the answer of the last comes late but comes.
FAULTS = ("5xx", "throttle", "drop", "half", "lose")


def memory(pid):
    """KiB: private, shared libraries apart; locked; and what the memory file takes."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
        kb = {k: int(v) for k, v in re.findall(r"^(\w+):\s+(\d+) kB", f.read(), re.M)}
    files = 0
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        try:
            if os.readlink(path).startswith("/memfd:valetkey-state"):
                files = os.stat(path).st_blocks // 2
        except FileNotFoundError:
            pass
    return {"private": kb["Private_Clean"] + kb["Private_Dirty"], "locked": kb["Locked"], "state": files}


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Log(threading.Thread):
    """Follows the broker's log: when each role got a session, and until when that lives."""

    def __init__(self, path, life_s):
        super().__init__(daemon=True)
        self.path, self.life_s, self.done = path, life_s, False
        self.expires, self.rotations, self.late, self.gaps, self.least, self.failures = {}, 0, 0, 0, None, 0
        self.start()

    def run(self):
        rest = ""
        with open(self.path, encoding="utf-8", errors="replace") as f:
            while not self.done:
                more = f.read(1 << 20)
                if not more:
                    time.sleep(0.02)
                    continue
                lines = (rest + more).split("\n")
                rest = lines.pop()
                for line in lines:
                    self._line(line)

    def _line(self, line):
        if "role.failed" in line or "role.refused" in line:
            self.failures += 1
        m = re.search(r"role\.assumed role=(\S+) .*expires=(\d+)", line)
        if not m:
            return
        role, expires = m.group(1), int(m.group(2))
        if role in self.expires:
            left = self.expires[role] - time.time()
            self.rotations += 1
            self.late += left < self.life_s / 4
            self.gaps += left < 0
            self.least = left if self.least is None else min(left, self.least)
        self.expires[role] = expires


class Callers(threading.Thread):
    """Asks for one role after the other, so many a second."""

    def __init__(self, broker, roles, log, per_second):
        super().__init__(daemon=True)
        self.broker, self.roles, self.log, self.per_second = broker, roles, log, per_second
        self.asked, self.refused, self.wrong, self.stale, self.slowest_ms, self.done = 0, 0, [], 0, 0.0, False

    def run(self):
        start = time.monotonic()
        while not self.done:
            wait = start + self.asked / self.per_second - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self._ask(random.choice(self.roles))

    def _ask(self, role):
        began, alive = time.monotonic(), self.log.expires.get(role, 0) > time.time() + 1
        kind, fields = self.broker.get(role)
        self.slowest_ms = max(self.slowest_ms, (time.monotonic() - began) * 1000)
        self.asked += 1
        if kind == CREDENTIALS:
            doc = json.loads(fields[T_JSON])
            self.stale += time.strptime(doc["Expiration"], "%Y-%m-%dT%H:%M:%SZ") <= time.gmtime()
        else:
            self.refused += 1
            if alive:
                self.wrong.append((role, fields.get(T_MESSAGE)))


class Faults(threading.Thread):
    """Has STS fail a share of the calls that are made."""

    def __init__(self, broker, percent):
        super().__init__(daemon=True)
        self.broker, self.percent, self.given, self.done = broker, percent, 0, False

    def run(self):
        before, owed = self.broker.stats("AssumeRoleWithWebIdentity"), 0.0
        while not self.done:
            time.sleep(0.25)
            calls = self.broker.stats("AssumeRoleWithWebIdentity")
            owed, before = owed + (calls - before) * self.percent / 100, calls
            for _ in range(min(int(owed), 50)):
                fault = FAULTS[self.given % len(FAULTS)]
                self.broker.control("fault", set=f"AssumeRoleWithWebIdentity.{fault}=1")
                self.given, owed = self.given + 1, owed - 1


def fill(broker, roles, log):
    """Asks for every role, a few hundred at a time, until each has a session."""
    waiting = list(roles)
    while waiting:
        batch, waiting = waiting[:200], waiting[200:]
        conns = []
        for role in batch:
            s = broker.connect()
            s.send(frame(GET_CREDENTIALS, (T_ROLE, role.encode())))
            conns.append((role, s))
        for role, s in conns:
            if parse(s.recv(65536))[0] != CREDENTIALS:
                waiting.append(role)
            s.close()
    end = time.monotonic() + 10
    while len(log.expires) < len(roles) and time.monotonic() < end:
        time.sleep(0.05)
    assert len(log.expires) == len(roles)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text if isinstance(text, str) else json.dumps(text))


def make_cloud(folder, accounts):
    """The example's cloud, with a role and a provider in many accounts."""
    shutil.copytree(f"{TOP}/sandbox/example", folder)
    with open(f"{folder}/roles/dev/trust-policy.json", encoding="utf-8") as f:
        trust = f.read()
    with open(f"{folder}/providers/sandbox.json", encoding="utf-8") as f:
        provider = json.load(f)
    for i, account in enumerate(accounts):
        write(f"{folder}/providers/p{i}.json", {**provider, "Account": account})
        write(f"{folder}/roles/r{i}/role.json", {"Arn": f"arn:aws:iam::{account}:role/dev", "MaxSessionDuration": 43200})
        write(f"{folder}/roles/r{i}/trust-policy.json", trust.replace("123456789012", account))


def make_broker(a):
    kinds = (a.roles + ACCOUNTS - 1) // ACCOUNTS
    accounts = [f"2{i:011}" for i in range(ACCOUNTS)]
    with tempfile.TemporaryDirectory() as folder:
        make_cloud(f"{folder}/cloud", accounts)
        broker = Broker(roles=(), start=False, faults=[f"session_ttl={a.life}"], cloud=["--dir", f"{folder}/cloud"])
    with open(broker.config, "a", encoding="utf-8") as f:
        f.write(f"[defaults]\nregion = eu-central-1\nsts_endpoint = {broker.base}/\n")
        f.write("".join(f"[account {x}]\nalias = account-{i}\n" for i, x in enumerate(accounts)))
        f.write("".join(f"[role-template kind-{k}]\naccounts = *\nrole_name = dev\nname = {{account}}/kind-{k}\n" for k in range(kinds)))
    roles = [f"account-{i}/kind-{k}" for k in range(kinds) for i in range(ACCOUNTS)]
    return broker.start(), roles[:a.roles]


def soak(a):
    broker, roles = make_broker(a)
    try:
        pid = broker.proc.pid
        assert broker.sign_in().returncode == 0
        log, figures = Log(broker.log_path, a.life), {"configured": memory(pid)}
        began = time.monotonic()
        fill(broker, roles, log)
        figures["fill_s"] = time.monotonic() - began
        calls, cpu, began = broker.stats("AssumeRoleWithWebIdentity"), cpu_s(pid), time.monotonic()
        threads = [Callers(broker, roles, log, a.callers), Faults(broker, a.faults)]
        for t in threads:
            t.start()
        most, least = memory(pid), None
        while time.monotonic() - began < a.seconds:
            time.sleep(min(1.0, a.seconds / 20))
            assert broker.proc.poll() is None, broker.log()[-2000:]
            now = memory(pid)
            most = {k: max(v, most[k]) for k, v in now.items()}
            if time.monotonic() - began > a.seconds / 2:
                least = min(least or now, now, key=lambda m: m["private"])
        for t in threads:
            t.done = True
            t.join()
        took = time.monotonic() - began
        figures.update(took_s=took, calls=broker.stats("AssumeRoleWithWebIdentity") - calls, cpu_s=cpu_s(pid) - cpu, memory=least, most=most)
        log.done = True
        log.join()
        return figures, log, threads[0], threads[1]
    finally:
        broker.close()


def report(a, figures, log, callers, faults):
    held = figures["memory"]
    grown = held["private"] - figures["configured"]["private"] + held["state"]
    rows = [
        ("role sessions", f"{a.roles}"), ("their life, s", f"{a.life}"), ("seconds", f"{figures['took_s']:.0f}"),
        ("first fetch of all, s", f"{figures['fill_s']:.1f}"),
        ("STS calls", f"{figures['calls']}"), ("of them made to fail", f"{faults.given} ({100 * faults.given / max(1, figures['calls']):.1f} %)"),
        ("rotations", f"{log.rotations}"), ("late rotations", f"{log.late}"), ("sessions that ended first", f"{log.gaps}"),
        ("least life left at a rotation, s", f"{log.least:.0f}" if log.least is not None else "-"),
        ("hand-outs", f"{callers.asked}"), ("refused though one lived", f"{len(callers.wrong)}"), ("stale ones", f"{callers.stale}"),
        ("slowest hand-out, ms", f"{callers.slowest_ms:.0f}"),
        ("CPU, s", f"{figures['cpu_s']:.1f} ({100 * figures['cpu_s'] / figures['took_s']:.1f} %)"),
        ("CPU per STS call, µs", f"{1e6 * figures['cpu_s'] / max(1, figures['calls']):.0f}"),
        ("private before, KiB", f"{figures['configured']['private']}"), ("private, least to most, KiB", f"{held['private']} to {figures['most']['private']}"),
        ("of it locked, KiB", f"{held['locked']}"), ("memory file, KiB", f"{held['state']}"),
        ("per role session, KiB", f"{grown / a.roles:.2f}"), ("all in all per role, KiB", f"{(held['private'] + held['state']) / a.roles:.2f}"),
    ]
    for name, value in rows:
        print(f"{name:34} {value:>16}")
    return {"late": log.late, "gaps": log.gaps, "wrong": callers.wrong, "stale": callers.stale, "asked": callers.asked, "rotations": log.rotations,
            "secrets_kib": (held["locked"] + held["state"]) / a.roles, "faults": faults.given}


def arguments(argv):
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--roles", type=int, default=10000)
    p.add_argument("--life", type=int, default=300, help="seconds each role session lives")
    p.add_argument("--seconds", type=int, default=600)
    p.add_argument("--faults", type=float, default=5.0, help="percent of the calls to STS that fail")
    p.add_argument("--callers", type=float, default=50.0, help="hand-outs asked for in a second")
    return p.parse_args(argv)


def main():
    a = arguments(sys.argv[1:])
    found = report(a, *soak(a))
    for role, why in found["wrong"][:10]:
        print(f"refused: {role}: {why}")
    return 1 if found["late"] or found["wrong"] or found["stale"] else 0


if __name__ == "__main__":
    sys.exit(main())
