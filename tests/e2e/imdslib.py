# SPDX-License-Identifier: Apache-2.0
"""valetkey-imds in the hands of a test: attached to a control group of the test's own, so that nobody else is redirected."""
import ctypes
import errno
import inspect
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

from netns import works
from worldlib import BUILD, ROOT, until

CAPABILITIES = "+bpf,+net_admin,+perfmon"
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"

def meet(address):
    """Connects to port 80 there. Whom one meets, or the error's name."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.settimeout(20)
        try:
            s.connect((address, 80))
            return "%s %d" % s.getpeername()[:2]
        except OSError as e:
            return errno.errorcode.get(e.errno, str(e))


# for where a whole program is needed
CLIENT = f"import errno, socket, sys\n{inspect.getsource(meet)}\nprint(meet(sys.argv[1]))"


def top():
    """Where control groups of version 2 are, or None."""
    return next((d for d in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(f"{d}/cgroup.controllers")), None)


def bpf_is_allowed():
    """BPF_MAP_CREATE, of an array of one number."""
    attr = struct.pack("=IIIII", 2, 4, 4, 1, 0).ljust(72, b"\0")
    number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
    fd = ctypes.CDLL(None).syscall(number, 0, ctypes.create_string_buffer(attr, 72), 72)
    if fd >= 0:
        os.close(fd)
    return fd >= 0


def unavailable():
    """Why nothing can be redirected here; None."""
    if not ROOT or not works():
        return "network namespaces and other uids take root"
    if not top():
        return "there are no control groups of version 2"
    if not os.access(top(), os.W_OK):
        return "no control group can be made here"
    return None if bpf_is_allowed() else "bpf(2) is not allowed here"


class Group:
    """A control group, and programs run in it."""

    def __init__(self):
        self.path = f"{top()}/vk-imds-{secrets.token_hex(4)}"
        os.mkdir(self.path)

    def popen(self, uid, *argv, env=None, before=(), **kw):
        """before: words between entering the group and becoming that uid."""
        script = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"'
        become = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]
        return subprocess.Popen(["/bin/sh", "-c", script, "sh", self.path, *before, *become, *argv], text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/", env={"PATH": PATH, **(env or {})}, **kw)

    def run(self, uid, *argv, timeout_s=60, **kw):
        p = self.popen(uid, *argv, **kw)
        try:
            out, err = p.communicate(timeout=timeout_s)
        finally:
            if p.poll() is None:
                p.kill()
                p.wait()
        return subprocess.CompletedProcess(argv, p.returncode, out, err)

    def connect(self, uid, address="169.254.169.254", name=None, before=()):
        """Whom a program of that uid, going by that name, meets at port 80 there; or the error's name."""
        if before:
            r = self.run(uid, "/usr/bin/python3", "-c", CLIENT, address, before=before)
            assert r.returncode == 0, r.stderr
            return r.stdout.strip()
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                with open(f"{self.path}/cgroup.procs", "w", encoding="ascii") as f:
                    f.write(str(os.getpid()))
                if name:
                    with open("/proc/self/comm", "w", encoding="ascii") as f:
                        f.write(name)
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
                os.write(write, meet(address).encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as f:
            out = f.read()
        os.waitpid(pid, 0)
        return out

    def close(self):
        until("the control group to be empty", lambda: not open(f"{self.path}/cgroup.procs", encoding="ascii").read())
        os.rmdir(self.path)


class Imds:
    """A valetkey-imds of that uid; what it says is in log()."""

    def __init__(self, group, uid, state_dir, *options, capabilities=CAPABILITIES, expect_ready=True):
        self.folder = tempfile.mkdtemp(prefix="vk-imds-")
        os.chmod(self.folder, 0o755)
        program = shutil.copy(f"{BUILD}/valetkey-imds", self.folder)  # the build folder may be closed to that uid
        with open(f"{self.folder}/log", "wb") as log:
            self.process = subprocess.Popen(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", f"--inh-caps={capabilities}",
                                             f"--ambient-caps={capabilities}", "--", program, "--cgroup", group.path, "--state-dir", state_dir,
                                             "--sysfs", "/nonexistent", *options],  # the machine of the tests may be a cloud's
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": PATH})
        if expect_ready:
            until("valetkey-imds", lambda: "daemon.ready" in self.log() or self.process.poll() is not None)
            assert self.process.poll() is None, self.log()

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8") as f:
            return f.read()

    def logged(self, what, times=1):
        until(what, lambda: self.log().count(what) >= times)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        """-> its exit status"""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(20)

    def close(self):
        self.stop()
        shutil.rmtree(self.folder)
