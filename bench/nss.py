# SPDX-License-Identifier: Apache-2.0
"""getpwnam, getpwuid and initgroups by libnss_valetkey, against libc's files and systemd's JSON records.

The same users, in the same groups, once in /etc/passwd and /etc/group, once as records in /run/userdb, once in the user
table beside the passwd and group files that this machine has. Each service is asked alone, in a mount namespace where
those files are in their places (bubblewrap), in turns; medians of the CPU time of one lookup.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ["VALETKEY_BUILD"])
NSS = f"{BUILD}/bench/nss"
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
UID_MIN, GID_MAX, GROUPS, OF_THEM = 1879048192, 2147483646, 20, 3
SERVICES = ("files", "systemd", "valetkey")
# lookups of a user, and of his groups
LOOKUPS = {100: {"files": (3000, 1000), "systemd": (1000, 20), "valetkey": (10000, 10000)},
           100_000: {"files": (10, 5), "systemd": (300, 1), "valetkey": (10000, 10000)}}


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def make(folder, n):
    """-> {service: its bubblewrap mounts}"""
    users = [(f"user{i}", UID_MIN + i, [(i + k) % GROUPS for k in range(OF_THEM)]) for i in range(n)]
    members = [[u for u, _, of in users if g in of] for g in range(GROUPS)]
    passwd, group = read("/etc/passwd"), read("/etc/group")
    owner = os.geteuid()
    for d in ("files", "systemd", "valetkey", "userdb", "state"):
        os.mkdir(f"{folder}/{d}")
    mine = "" if owner == 0 else f"valetkey:x:{owner}:{owner}::/:/usr/sbin/nologin\n"
    write(f"{folder}/valetkey/passwd", mine + passwd)
    write(f"{folder}/valetkey/group", group)
    write(f"{folder}/files/passwd", passwd + "".join(f"{u}:x:{i}:{i}:User Number {i}:/home/{u}:/bin/bash\n" for u, i, _ in users))
    write(f"{folder}/files/group", group + "".join(f"{u}:x:{i}:\n" for u, i, _ in users) +
          "".join(f"team{g}:x:{GID_MAX - g}:{','.join(members[g])}\n" for g in range(GROUPS)))
    for u, i, of in users:
        record = {"userName": u, "uid": i, "gid": i, "realName": f"User Number {i}", "homeDirectory": f"/home/{u}", "shell": "/bin/bash",
                  "memberOf": [f"team{g}" for g in of], "disposition": "regular"}
        write(f"{folder}/userdb/{u}.user", json.dumps(record))
        os.symlink(f"{u}.user", f"{folder}/userdb/{i}.user")
        for g in of:
            write(f"{folder}/userdb/{u}:team{g}.membership", "{}")
    for g in range(GROUPS):
        write(f"{folder}/userdb/team{g}.group", json.dumps({"groupName": f"team{g}", "gid": GID_MAX - g}))
        os.symlink(f"team{g}.group", f"{folder}/userdb/{GID_MAX - g}.group")
    subprocess.run([NSS, "table", f"{folder}/state/users", str(n)], check=True)
    local = ["--ro-bind", f"{folder}/valetkey/passwd", "/etc/passwd", "--ro-bind", f"{folder}/valetkey/group", "/etc/group"]
    return {"files": ["--ro-bind", f"{folder}/files/passwd", "/etc/passwd", "--ro-bind", f"{folder}/files/group", "/etc/group"],
            "systemd": [*local, "--ro-bind", f"{folder}/userdb", "/run/userdb"],
            "valetkey": [*local, "--ro-bind", f"{folder}/state", "/var/lib/valetkey"]}


def measure(mounts, service, n):
    r = subprocess.run(["bwrap", "--dev-bind", "/", "/", "--tmpfs", "/run", "--tmpfs", "/var/lib", *mounts, "--",
                        "env", f"LD_LIBRARY_PATH={BUILD}", NSS, "time", service, str(n), *map(str, LOOKUPS[n][service])],
                       capture_output=True, text=True, check=False)
    if r.returncode:
        sys.exit(f"{service}: {r.stderr}")
    return {line.split()[0]: float(line.split()[1]) for line in r.stdout.splitlines()}


def main():
    if not shutil.which("bwrap"):
        sys.exit("this takes bubblewrap")
    for n in LOOKUPS:
        # in memory: half a million small files are no matter of the disk
        with tempfile.TemporaryDirectory(prefix="vk-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
            mounts = make(folder, n)
            got = {s: [] for s in SERVICES}
            for _ in range(ROUNDS if n < 1000 else min(ROUNDS, 3)):
                for s in SERVICES:
                    got[s].append(measure(mounts[s], s, n))
            print(f"{n:,} users, µs of CPU per lookup")
            print(f"  {'':12}" + "".join(f"{s:>12}" for s in SERVICES) + f"{'to files':>12}")
            for what in got["files"][0]:
                m = {s: statistics.median(x[what] for x in got[s]) for s in SERVICES}
                print(f"  {what:12}" + "".join(f"{m[s]:12.1f}" for s in SERVICES) + f"{m['valetkey'] / m['files']:12.2f}")


main()
