# SPDX-License-Identifier: Apache-2.0
"""A Debian with a real systemd as PID 1, our build installed in it, in the hands of a test.

rig.run(...) is root inside, rig.user("alice").run(...) a program that alice's user manager runs: both are whole units, in
cgroups of their own. rig.ssh("alice", ...) signs in through sshd and PAM. 127.0.0.1 is the rig's own: rig.curl asks there.
Nothing is left of it: what is written inside goes into memory and ends with it.

Three kinds. Rig() has what "make install" puts there, and no login stack that names us. Rig(packages=True), the fixture
packaged_rig, has our Debian packages, installed by dpkg before it was booted: their units, enabled, their user, and PAM as
pam-auth-update made it. tests/rig/packages keeps that Debian, so that it boots as fast as the other; it is made anew when the
tree has changed; its /packages has the packages' files, which BUILD/deb has, too. Rig(bare=True) has nothing of ours yet."""
import functools
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

from worldlib import BUILD, PATIENCE, ROOT, until

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = ("systemd-nspawn", "unshare", "nsenter", "ip", "tar", "make")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@functools.cache
def unavailable():
    """Why there can be no rig here; None."""
    if not ROOT:
        return "a rig takes root"
    lacking = [t for t in TOOLS if not shutil.which(t)]
    if lacking:
        return f"a rig takes {', '.join(lacking)}"
    if "/san-" in BUILD:
        return "sanitised programs need libraries that the rig has not"
    if not os.path.exists(f"{BUILD}/rig/stamp"):
        try:
            with open(f"{BUILD}/rig/unavailable", encoding="utf-8") as f:
                return f.read().strip()
        except FileNotFoundError:
            return f"there is no rootfs: tests/rig/rootfs {os.path.relpath(BUILD, TOP)} makes one"
    r = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                        "umount -R /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 cgroup2 /sys/fs/cgroup && d=/sys/fs/cgroup/vk-probe-$$ && mkdir $d && rmdir $d"],
                       capture_output=True, text=True, check=False)
    if r.returncode:
        return f"a rig takes a mount namespace with a cgroup2 of its own: {r.stderr.strip()}"
    return None


@functools.cache
def packages_unavailable():
    """Why there can be no rig with packages here; None. Where they are older than the tree they are made anew."""
    why = unavailable()
    if why:
        return why
    r = subprocess.run([f"{TOP}/tests/rig/packages", BUILD], env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert r.returncode == 0, r.stdout + r.stderr
    try:
        with open(f"{BUILD}/rig/packages-unavailable", encoding="utf-8") as f:
            return f.read().strip()
    except FileNotFoundError:
        return None


def clean_environment():
    return {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")}


class User:
    """A user of the rig whose manager runs."""

    def __init__(self, rig, name):
        self.rig, self.name = rig, name

    def run(self, *argv, **kw):
        """argv as a unit of the user's manager; -> the finished process."""
        return self.rig.run("systemd-run", "--user", "-M", f"{self.name}@", "-q", "--pipe", "--wait", "--collect",
                            "--service-type=exec", "--", *argv, unit=False, **kw)

    def shell(self, text, **kw):
        return self.run("/bin/bash", "-c", text, **kw)

    def start(self, unit, text):
        """A shell script in a unit of that name, left running."""
        self.rig.run("systemd-run", "--user", "-M", f"{self.name}@", "-q", f"--unit={unit}", "--service-type=exec", "--",
                     "/bin/bash", "-c", text, unit=False, check=True)

    def systemctl(self, *argv, **kw):
        return self.rig.run("systemctl", "--user", "-M", f"{self.name}@", *argv, unit=False, **kw)

    def show(self, unit, *properties):
        r = self.systemctl("show", unit, *(f"-p{p}" for p in properties), check=True)
        return dict(line.split("=", 1) for line in r.stdout.splitlines() if "=" in line)

    def journal(self, unit):
        return self.rig.run("journalctl", "-q", "-o", "cat", f"_UID={self.rig.uid(self.name)}", "+", f"_SYSTEMD_USER_UNIT={unit}", unit=False).stdout


class Rig:
    def __init__(self, packages=False, bare=False):
        self.folder = tempfile.mkdtemp(prefix="vkr-", dir="/tmp")
        self.name = f"vkr{secrets.token_hex(4)}"
        self.leader = None
        self.proc = None
        try:
            self._unpack("packages" if packages else "rootfs")
            if not packages and not bare:
                self._install()
            self._boot()
        except BaseException:
            self.close()
            raise

    def _unpack(self, which):
        lower = f"{self.folder}/lower"
        for d in ("rootfs", "ours"):
            os.makedirs(f"{lower}/{d}")
        for d in ("upper", "root"):
            os.mkdir(f"{self.folder}/{d}")
        os.chmod(self.folder, 0o755)
        subprocess.run(["tar", "-C", f"{lower}/rootfs", "-xpf", f"{BUILD}/rig/{which}.tar"], check=True)

    def _install(self):
        lower = f"{self.folder}/lower"
        r = subprocess.run(["make", "-s", "-C", TOP, "install", f"DESTDIR={lower}/ours", f"B={BUILD}"], env=clean_environment(), capture_output=True, text=True, check=False)
        assert r.returncode == 0, r.stderr
        # as a package's script would; the folders are made at boot
        r = subprocess.run(["chroot", f"{lower}/rootfs", "systemd-sysusers", "-"], input=self._read(f"{lower}/ours/usr/lib/sysusers.d/valetkey.conf"),
                           capture_output=True, check=False)
        assert r.returncode == 0, r.stderr

    @staticmethod
    def _read(path):
        with open(path, "rb") as f:
            return f.read()

    def _boot(self):
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)
        with open(f"{self.folder}/console", "wb") as console:
            self.proc = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--", f"{TOP}/tests/rig/boot",
                                          self.name, self.folder, self.name],
                                         stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        self.leader = until("PID 1", self._find_leader, 30)
        state = until("the boot", self._booted, 60)
        assert state == "running", self.run("systemctl", "--failed", "--no-legend", unit=False).stdout

    def _find_leader(self):
        """The process that is PID 1 inside."""
        assert self.proc.poll() is None, self.console()
        todo = [self.proc.pid]
        for pid in todo:
            try:
                with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as f:
                    ids = next(line.split()[1:] for line in f if line.startswith("NSpid:"))
                with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                    todo += [int(p) for p in f.read().split()]
            except (FileNotFoundError, ProcessLookupError):
                continue
            if len(ids) > 1 and ids[-1] == "1":
                return pid
        return None

    def _booted(self):
        assert self.proc.poll() is None, self.console()
        state = self.run("systemctl", "is-system-running", unit=False).stdout.strip()
        return state if state in ("running", "degraded") else None

    def console(self):
        return self._read(f"{self.folder}/console").decode(errors="replace")[-4000:]

    def reboot(self):
        """As an administrator does it; what is in /run is gone, what is on the disk is not."""
        before = self.leader
        self.run("systemctl", "reboot", unit=False)
        until("the end", lambda: not os.path.exists(f"/proc/{before}"), 60)
        self.leader = until("PID 1 anew", self._find_leader, 30)
        until("the boot", self._booted, 60)

    # ---- inside

    def _enter(self):
        return ["nsenter", "-t", str(self.leader), "-m", "-u", "-i", "-n", "-p", "-C", "--", "env", "-i", f"PATH={PATH}", "HOME=/", "TERM=dumb", "LANG=C.UTF-8"]

    def popen(self, *argv, unit=True, **kw):
        """argv as root; unit: in a unit of its own, else only in the rig's namespaces (faster; for what no cgroup matters to)."""
        more = ["systemd-run", "-q", "--pipe", "--wait", "--collect", "--service-type=exec", "--"] if unit else []
        return subprocess.Popen([*self._enter(), *more, *argv], text=True, stdin=kw.pop("stdin", subprocess.DEVNULL),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)

    def run(self, *argv, timeout_s=60, check=False, unit=True, stdin=None):
        p = self.popen(*argv, unit=unit, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL)
        try:
            out, err = p.communicate(stdin, timeout=timeout_s * PATIENCE)
        finally:
            if p.poll() is None:
                p.kill()
                p.wait()
        r = subprocess.CompletedProcess(argv, p.returncode, out, err)
        assert not check or r.returncode == 0, (argv, r.returncode, out[-2000:], err[-2000:])
        return r

    def write(self, path, text, mode="644", owner="root"):
        self.run("sh", "-c", 'mkdir -p "$(dirname "$1")"; cat >"$1"; chmod "$2" "$1"; chown "$3": "$1"', "sh", path, mode, owner,
                 unit=False, stdin=text, check=True)

    def put(self, path, file, mode="755"):
        """A file of ours, to where path says inside."""
        with open(file, "rb") as f:
            p = self.popen("sh", "-c", 'cat >"$1" && chmod "$2" "$1"', "sh", path, mode, unit=False, stdin=f)
            _, err = p.communicate(timeout=30 * PATIENCE)
        assert p.returncode == 0, err

    def uid(self, name):
        return int(self.run("id", "-u", name, unit=False, check=True).stdout)

    def user(self, name):
        return User(self, name)

    @staticmethod
    def _ssh(name, *options):
        return ["sshpass", "-p", f"pw-{name}", "ssh", "-q", *options, "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                f"{name}@127.0.0.1"]

    def ssh(self, name, *argv, **kw):
        """argv in a session of its own: sshd, PAM, logind."""
        return self.run(*self._ssh(name), *argv, **kw)

    # ---- a person at ssh, who reads the code off the prompt and approves it, or types his password

    PERSON = r"""#!/bin/sh
case $1 in
*assword*) echo "pw-$WHO" ;;
*) code=$(printf '%s' "$1" | grep -oE '[A-Z0-9]{4}-[A-Z0-9]{4}' | head -n 1)
   [ -z "$code" ] || curl -sS --noproxy '*' -m 20 --data-urlencode "user_code=$code" -d "user=$SUBJECT" -d decision=allow "$CLOUD/_sandbox/approve" >&2
   echo ;;
esac
"""
    KEY = "/etc/ssh/key"  # for all who have one

    def bring_person(self):
        self.write("/etc/ssh/person", self.PERSON, mode="755")
        self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.KEY, unit=False, check=True)

    def person_argv(self, user, command, methods=None, subject=None):
        """ssh as that person, who is subject at the provider."""
        only = f"-o PreferredAuthentications={methods}" if methods else ""
        return ["env", "SSH_ASKPASS=/etc/ssh/person", "SSH_ASKPASS_REQUIRE=force", f"WHO={user}", f"SUBJECT={subject}", f"CLOUD={self.CLOUD}", "sh", "-c",
                "exec setsid -w ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=1 -o IdentitiesOnly=yes "
                f'-i {self.KEY} -p 2222 {only} "$1@127.0.0.1" "$2"', "sh", user, command]

    def open_session(self, name):
        """A session through sshd, with a terminal, that lasts until close_session hangs up."""
        self.run("systemd-run", "-q", "--collect", f"--unit=session-of-{name}", "--service-type=exec", "--", *self._ssh(name, "-tt"), "sleep", "infinity", unit=False, check=True)
        until(f"{name}'s manager", lambda: self.user(name).systemctl("is-system-running").stdout.strip() in ("running", "degraded"))

    def close_session(self, name):
        self.run("systemctl", "stop", f"session-of-{name}", unit=False, check=True)

    def manager_runs(self, name):
        return self.run("systemctl", "is-active", f"user@{self.uid(name)}.service", unit=False).returncode == 0

    # ---- the cloud inside

    CLOUD = "http://127.0.0.1:8123"

    def curl(self, path, **form):
        data = [x for k, v in form.items() for x in ("--data-urlencode", f"{k}={v}")]
        r = subprocess.run(["nsenter", "-t", str(self.leader), "-n", "curl", "-sS", "--fail-with-body", "--noproxy", "*", *data, self.CLOUD + path],
                           capture_output=True, text=True, check=False)
        assert r.returncode == 0, (path, r.stdout, r.stderr)
        return r.stdout

    def run_cloud(self, folder=None):
        """The sandbox's provider and STS."""
        more = ["--dir", folder] if folder else []
        self.run("systemd-run", "-q", "--collect", "--unit=cloud", "--service-type=exec", "--", "/usr/bin/valetkey-sandbox", "serve",
                 "--listen", self.CLOUD.removeprefix("http://"), "--fault", "interval=1", *more, unit=False, check=True)
        until("the cloud", lambda: self.run("ss", "-Hltn", "sport = :8123", unit=False).stdout)

    def start_cloud(self):
        """It, and a configuration that names it, with the role dev."""
        self.run_cloud()
        self.write("/etc/valetkey/valetkey.conf", f"[identity corp]\ntype = oidc\nissuer = {self.CLOUD}/oidc\nclient_id = valetkey\n\n"
                   f"[role dev]\nidentity = corp\nrole_arn = arn:aws:iam::123456789012:role/dev\nsts_endpoint = {self.CLOUD}/\n")

    def stats(self, name):
        return json.loads(self.curl("/_sandbox/stats")).get(name, 0)

    def sign_in(self, name):
        """valetkey login by the user, approved at the provider."""
        p = self.popen("systemd-run", "--user", "-M", f"{name}@", "-q", "--pipe", "--wait", "--collect", "--", "/usr/bin/valetkey", "login", "--json", unit=False)
        shown = json.loads(p.stdout.readline())
        self.curl("/_sandbox/approve", user_code=shown["user_code"], user=name, decision="allow")
        out, err = p.communicate(timeout=30 * PATIENCE)
        assert p.returncode == 0, (out, err)

    # ---- the end

    def close(self):
        if self.proc and self.proc.poll() is None:
            if self.leader:
                os.kill(self.leader, signal.SIGKILL)  # nothing of it is worth a clean end
            try:
                self.proc.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.proc.pid, signal.SIGKILL)
                self.proc.wait()
        subprocess.run(["ip", "netns", "del", self.name], stderr=subprocess.DEVNULL, check=False)
        # the cgroup folders stay in the one hierarchy that there is
        for top in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            for _ in range(20):
                if not os.path.isdir(f"{top}/{self.name}"):
                    break
                for d, _, _ in os.walk(f"{top}/{self.name}", topdown=False):
                    try:
                        os.rmdir(d)
                    except OSError:
                        pass
                time.sleep(0.05)
        shutil.rmtree(self.folder, ignore_errors=True)


