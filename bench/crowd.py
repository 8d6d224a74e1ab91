#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A hundred people sign in over the real sshd at once, each with a key and then a code, and each session asks for credentials: from the
first ssh to the last one that has them, and what that takes of valetkeyd. They exist in our table only. Beside it, on a Debian
that never heard of us, a hundred local users who log in at once by key."""
import argparse
import collections
import json
import os
import re
import shutil
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "e2e"))

import riglib  # noqa: E402
from worldlib import until  # noqa: E402

EXAMPLE = f"{riglib.TOP}/sandbox/example"
SSHD = """Port 2222
Port 2223
AuthorizedKeysFile /etc/ssh/key.pub
LoginGraceTime 300
MaxStartups 1000
Match LocalPort 2223
        AuthenticationMethods publickey,keyboard-interactive:pam
"""
# All at once; a session tells when it has what it came for and stays. What is left in out/ of who did not get in is why.
CROWD = r"""mkdir -p /srv/out; cd /srv/out; date +%s%N >start; port=$1 command=$2; shift 2
for user; do
        { SUBJECT=$user WHO=$user CLOUD=http://127.0.0.1:8123 SSH_ASKPASS=/etc/ssh/person SSH_ASKPASS_REQUIRE=force \
                ssh -i /etc/ssh/key -p "$port" -o LogLevel=ERROR -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
                "$user@127.0.0.1" "$command && date +%s%N; exec sleep 1000" >$user 2>$user.err </dev/null; echo >$user.end; } &
done
wait"""
KEY, CODE = 2222, 2223
SHIM = "/usr/bin/valetkey-credential-process dev >/dev/null"


def people(n):
    return [f"p{i:03}" for i in range(n)]


def account(names):
    """The example account with those people in it, and a dev role for all of them; -> the folder."""
    folder = tempfile.mkdtemp(prefix="vk-crowd-", dir="/tmp")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    for name in names:
        with open(f"{folder}/users/{name}.json", "w", encoding="utf-8") as f:
            json.dump({"sub": f"{name}-sub", "preferred_username": name}, f)
    path = f"{folder}/roles/dev/trust-policy.json"
    with open(path, encoding="utf-8") as f:
        trust = json.load(f)
    del trust["Statement"][0]["Condition"]["StringEquals"]["${issuer}:sub"]
    with open(path, "w", encoding="utf-8") as f:
        json.dump(trust, f)
    return folder


def our_people(rig, names, policy):
    folder = account(names)
    try:
        rig.run("mkdir", "-p", "/srv/account", unit=False, check=True)
        for path, _, files in os.walk(folder):
            for name in files:
                with open(f"{path}/{name}", encoding="utf-8") as f:
                    text = f.read()
                rig.write(f"/srv/account{path.removeprefix(folder)}/{name}", text)
    finally:
        shutil.rmtree(folder)
    rig.run_cloud("/srv/account")
    rig.write("/etc/valetkey/valetkey.conf", f"[identity corp]\nissuer = {rig.CLOUD}/oidc\nclient_id = valetkey\n[role dev]\n"
              f"role_arn = arn:aws:iam::123456789012:role/dev\nsts_endpoint = {rig.CLOUD}/\n{policy}")
    rig.run("sh", "-ec", """systemctl restart valetkeyd; issuer=$1; shift
        for u; do valetkeyd user add $u --issuer $issuer --subject $u-sub; install -d -m 700 -o $u -g $u /home/$u; done""",
            "sh", f"{rig.CLOUD}/oidc", *names, unit=False, check=True)


def local_people(rig, names):
    rig.run("sh", "-ec", "for u; do useradd -m -s /bin/bash $u; done", "sh", *names, unit=False, check=True)


def crowd(rig, names, port, command):
    """-> (ms until each who got in had what he came for, what each of the others was told)"""
    rig.bring_person()
    rig.write("/etc/ssh/sshd_config.d/a.conf", SSHD)
    rig.run("systemctl", "restart", "ssh", unit=False, check=True)
    until("sshd", lambda: rig.run("ss", "-Hltn", "sport = :2223", unit=False).stdout)
    rig.run("systemd-run", "-q", "--collect", "--unit=crowd", "--", "bash", "-c", CROWD, "bash", str(port), command, *names, unit=False, check=True)

    until("all to be in, or refused", lambda: int(rig.run("sh", "-c", "cat /srv/out/p??? /srv/out/*.end 2>/dev/null | wc -l", unit=False).stdout) == len(names), 240)
    files = dict(line.split("\t", 1) for line in rig.run("bash", "-c", r"""cd /srv/out; for f in *; do printf '%s\t%s\n' "$f" "$(tr '\r\n' '  ' <"$f")"; done""",
                                                           unit=False, check=True).stdout.splitlines())
    start = int(files["start"])
    took = sorted((int(files[name]) - start) / 1e6 for name in names if files[name].strip())
    return took, [files[f"{name}.err"].strip() for name in names if not files[name].strip()]


def daemon(rig):
    """-> CPU time of valetkeyd in ms, its peak memory and its memory now in KiB"""
    pid = rig.run("systemctl", "show", "-P", "MainPID", "valetkeyd", unit=False, check=True).stdout.strip()
    text = rig.run("sh", "-c", f"cat /proc/{pid}/status; cat /proc/{pid}/task/*/schedstat", unit=False, check=True).stdout
    ns = sum(map(int, re.findall(r"^(\d+) \d+ \d+$", text, re.M)))
    peak, now = (int(re.search(rf"^{key}:\s+(\d+) kB", text, re.M).group(1)) for key in ("VmHWM", "VmRSS"))
    return ns / 1e6, peak, now


def sessions(rig):
    listed = rig.run("loginctl", "list-sessions", "--no-legend", unit=False, check=True).stdout
    return len({line.split()[2] for line in listed.splitlines() if re.match(r"p\d{3}$", line.split()[2])})


def cpu(rig):
    """-> whose CPU seconds those were; the rest is the machine's own (logind, the bus, init)"""
    text = rig.run("bash", "-c", 'cd /sys/fs/cgroup; for c in . user.slice system.slice/{ssh,crowd,cloud,valetkeyd}.service; do '
                   '[ ! -e $c/cpu.stat ] || echo "$c $(sed -n "s/^usage_usec //p" $c/cpu.stat)"; done', unit=False, check=True).stdout
    us = {line.split()[0]: int(line.split()[1]) / 1e6 for line in text.splitlines()}
    whole = us.pop(".", None)
    if whole:
        us["the rest"] = whole - sum(us.values())
    return ", ".join(f"{os.path.basename(k).removesuffix('.service')} {v:.1f}" for k, v in us.items())


def report(name, took, refused, rig):
    assert took, refused[0]
    print(f"{name:54} {len(took):6} {len(refused):8} {statistics.median(took) / 1000:9.1f} {took[-1] / 1000:9.1f} {sessions(rig):9}", flush=True)
    log = rig.run("journalctl", "-q", "-o", "cat", "-u", "valetkeyd", unit=False).stdout
    for why, times in collections.Counter(refused + re.findall(r"^signin\.\w+ .*outcome=(.*)", log, re.M)).items():
        print(f"    {times} times: {why}")
    print(f"    CPU, s: {cpu(rig)}")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--people", type=int, default=100)
    a = p.parse_args()
    why = riglib.packages_unavailable()
    if why:
        sys.exit(f"no figures without a rig: {why}")
    names = people(a.people)
    print(f"{a.people} people at once {'':37} {'in':>6} {'refused':>8} {'median, s':>9} {'last, s':>9} {'sessions':>9}")
    rig = riglib.Rig(bare=True)
    try:
        local_people(rig, names)
        took, refused = crowd(rig, names, KEY, "true")
        report("without valetkey: local users, key", took, refused, rig)
    finally:
        rig.close()
    failed = False
    raised = f"[signin]\nmax_flows = {a.people}\nmax_flows_per_rhost = {a.people}\nmax_starts_per_rhost = {a.people}\n"
    for name, policy in (("users of our table, key and code, caps raised", raised), ("the same with the caps as they are, one remote host", "")):
        rig = riglib.Rig(packages=True)
        try:
            our_people(rig, names, policy)
            before = daemon(rig)
            took, refused = crowd(rig, names, CODE, SHIM)
            after = daemon(rig)
            report(name, took, refused, rig)
            failed |= policy != "" and len(took) != a.people
            print(f"    valetkeyd: {after[0] - before[0]:.0f} ms of CPU, {before[2]} KiB before, {after[1]} KiB at most, {after[2]} KiB after; "
                  f"{rig.stats('AssumeRoleWithWebIdentity')} calls of STS")
        finally:
            rig.close()
    if failed:
        sys.exit("not all of them got in")


main()
