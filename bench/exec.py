#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""valetkey exec, env and status against env(1) and the AWS CLI, whole processes from spawn to the end, in turns, in a signed-in world. The
command is /bin/true. The AWS CLI, some hundred times slower, has every twentieth turn. One row has a ~/.aws/config of 1,000 profiles, which is read five times, once for each SDK's chain."""
import os
import statistics
import subprocess
import sys
import time

build, count = sys.argv[1], int(sys.argv[2])
world = os.environ["VALETKEY_SANDBOX_WORLD"]
cli = f"{build}/valetkey"
subprocess.run([f"{build}/valetkey-credential-process", "dev"], stdout=subprocess.DEVNULL, check=True)
env = dict(os.environ, AWS_CONFIG_FILE="/nonexistent", AWS_SHARED_CREDENTIALS_FILE="/nonexistent", HOME="/nonexistent")
large = os.path.join(os.environ["XDG_RUNTIME_DIR"], "config")
with open(large, "w", encoding="utf-8") as f:
    for i in range(1000):
        f.write(f"[profile p{i}]\nsso_session = s\nsso_account_id = {i:012}\nsso_role_name = admin\nregion = eu-central-1\noutput = json\n\n")
CASES = {
    "env X=1 true": (["/usr/bin/env", "X=1", "/bin/true"], env),
    "exec --token=file dev true": ([cli, "exec", "--token=file", "dev", "/bin/true"], env),
    "exec dev true (looks for SDKs)": ([cli, "exec", "dev", "/bin/true"], env),
    "exec --isolated dev true": ([cli, "exec", "--isolated", "dev", "/bin/true"], env),
    "exec --static dev true": ([cli, "exec", "--static", "dev", "/bin/true"], env),
    "exec dev true, 1,000 profiles": ([cli, "exec", "dev", "/bin/true"], {**env, "AWS_CONFIG_FILE": large}),
    "env dev": ([cli, "env", "dev"], env),
    "status": ([cli, "status"], env),
    "aws --version": (["/usr/bin/aws", "--version"], env),
    "aws configure list": (["/usr/bin/aws", "configure", "list"], {**env, "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "x"}),
}
AWS_EVERY = 20
times = {name: [] for name in CASES}
null = os.open(os.devnull, os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)]
for turn in range(count + 5):
    for name, (argv, environment) in CASES.items():
        if argv[0] == "/usr/bin/aws" and turn % AWS_EVERY:
            continue
        start = time.perf_counter_ns()
        _, status, used = os.wait4(os.posix_spawn(argv[0], argv, environment, file_actions=actions), 0)
        took = time.perf_counter_ns() - start
        if status:
            sys.exit(f"{name}: status {status}")
        if turn >= 5:  # the first ones warm the caches
            times[name].append((took / 1e6, (used.ru_utime + used.ru_stime) * 1e3))
print(f"{'':32} {'wall, ms':>10} {'90 %, ms':>10} {'CPU, ms':>10} {'to env':>7}")
base = statistics.median(cpu for _, cpu in times["env X=1 true"])
for name, t in times.items():
    wall, cpu = [w for w, _ in t], statistics.median(c for _, c in t)
    print(f"{name:32} {statistics.median(wall):10.2f} {statistics.quantiles(wall, n=10)[8]:10.2f} {cpu:10.2f} {cpu / base:7.1f}")
os.unlink(large)
