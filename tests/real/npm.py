# SPDX-License-Identifier: Apache-2.0
"""Programs from npm for tests: what a folder's package-lock.json pins, installed under build/ once."""
import fcntl
import hashlib
import os
import shutil
import subprocess


def why_not(least=20):
    if not shutil.which("npm") or not shutil.which("node"):
        return "no npm"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < least:
        return f"node {version}: {least} is needed"
    return None


def install(build, folder):
    """The pinned packages and the programs in build/real/NAME; one process at a time, once for each state of the files."""
    files = ("package.json", "package-lock.json", ".npmrc", *sorted(f for f in os.listdir(folder) if f.endswith(".mjs")))
    target = os.path.join(build, "real", os.path.basename(folder))
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, ".lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        want = hashlib.sha256(b"".join(open(os.path.join(folder, f), "rb").read() for f in files)).hexdigest()
        stamp = os.path.join(target, ".installed")
        if not os.path.exists(stamp) or open(stamp, encoding="utf-8").read() != want:
            for f in files:
                shutil.copyfile(os.path.join(folder, f), os.path.join(target, f))
            r = subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev"], cwd=target, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=180, check=False)
            if r.returncode:
                raise RuntimeError(f"npm ci failed:\n{r.stdout}")
            with open(stamp, "w", encoding="utf-8") as f:
                f.write(want)
    return target
