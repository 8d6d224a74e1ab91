# SPDX-License-Identifier: Apache-2.0
"""The NSS module in the real C library, and in nss_wrapper: loaded by name, asked as any program asks. Mounts put a table, a
passwd and a group file where they belong (bubblewrap); nothing here takes root."""
import os
import re
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import BUILD  # noqa: E402

ALICE, BOB, READERS = 1879048192, 1879048193, 1879049192
WRAPPER = next((p for p in ("/usr/lib/x86_64-linux-gnu/libnss_wrapper.so", "/usr/lib/aarch64-linux-gnu/libnss_wrapper.so") if os.path.exists(p)), None)


class Machine:
    def __init__(self, folder):
        self.folder = str(folder)
        os.mkdir(f"{folder}/state")
        self.write("passwd", f"root:x:0:0::/root:/bin/sh\nlocal:x:1000:1000::/:/bin/sh\nvaletkey:x:{os.geteuid()}:998::/:/bin/false\n")
        self.write("group", "root:x:0:\nplain:x:50:local\n")
        self.services("files valetkey")
        self.change(f"user alice {ALICE}", f"user bob {BOB}", f"group readers {READERS}", f"member alice {READERS}", f"member bob {READERS}")

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def services(self, names):
        self.write("nsswitch", f"passwd: {names}\ngroup: {names}\nshadow: files\n")

    def change(self, *lines):
        subprocess.run([f"{BUILD}/tests/helpers/table_tool", f"{self.folder}/state/users"], input="".join(f"{line}\n" for line in lines), text=True, check=True)

    def _argv(self, *argv, env=()):
        f = self.folder
        return ["bwrap", "--dev-bind", "/", "/", "--tmpfs", "/var/lib", "--ro-bind", f"{f}/state", "/var/lib/valetkey", "--ro-bind", f"{f}/passwd", "/etc/passwd",
                "--ro-bind", f"{f}/group", "/etc/group", "--ro-bind", f"{f}/nsswitch", "/etc/nsswitch.conf",
                *(x for k, v in dict(env or (("LD_LIBRARY_PATH", BUILD),)).items() for x in ("--setenv", k, v)), "--", *argv]

    def popen(self, *argv):
        return subprocess.Popen(self._argv(*argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, text, env=()):
        return subprocess.run(self._argv("sh", "-c", text, env=env), capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(name="machine")
def _machine(tmp_path):
    if "/san-" in BUILD:
        pytest.skip("a sanitised module needs a sanitised program")
    if not shutil.which("bwrap"):
        pytest.skip("there is no bubblewrap")
    return Machine(tmp_path)


def test_programs_ask_libc(machine):
    r = machine.run("getent passwd alice; id bob; getent group readers; getent initgroups alice; getent passwd | grep -c valetkey; getent group | grep -c readers")
    assert r.stdout.splitlines() == [f"alice:*:{ALICE}:{ALICE}:alice Example:/home/alice:/bin/bash",
                                     f"uid={BOB}(bob) gid={BOB}(bob) groups={BOB}(bob),{READERS}(readers)",
                                     f"readers:*:{READERS}:alice,bob", f"alice                 {READERS}", "1", "0"], r.stdout + r.stderr
    for unknown in ("carol", "pam_unix_non_existent:", "''", "1879048199", "4294967295"):
        assert machine.run(f"getent passwd {unknown}").returncode == 2


# Asks for itself, without nsswitch.conf; and prints what libc says where there is no answer.
ASK = """
import ctypes, errno, grp, os, pwd
libc = ctypes.CDLL(None, use_errno=True)
for db in (b"passwd", b"group", b"initgroups"):
    assert libc.__nss_configure_lookup(db, b"valetkey") == 0
def code(name):
    buf, found = ctypes.create_string_buffer(1024), ctypes.c_void_p()
    r = libc.getpwnam_r(name, ctypes.create_string_buffer(128), buf, ctypes.c_size_t(1024), ctypes.byref(found))
    return errno.errorcode.get(r, r), bool(found)
"""


def test_libc_alone(machine):
    r = machine.run(f"/usr/bin/python3 -c '{ASK}\nprint(pwd.getpwnam(\"alice\").pw_uid, os.getgrouplist(\"bob\", 5), grp.getgrgid({READERS}).gr_mem, code(b\"alice\"), code(b\"carol\"), code(b\"root\"))'")
    assert r.stdout == f"{ALICE} [5, {READERS}] ['alice', 'bob'] (0, True) (0, False) (0, False)\n", r.stdout + r.stderr
    # no table, and one that is damaged: no reason for a program to stop
    users = f"{machine.folder}/state/users"
    with open(users, "rb") as f:
        table = f.read()
    for damaged in (table[:-1], b"", None):
        os.unlink(users)
        if damaged is not None:
            with open(users, "wb") as f:
                f.write(damaged)
        r = machine.run(f"/usr/bin/python3 -c '{ASK}\nprint(code(b\"alice\"), code(b\"carol\"), code(b\"root\"))'")
        assert r.stdout == "('ENOENT', False) ('ENOENT', False) (0, False)\n", r.stdout + r.stderr


def test_a_group_of_thousands(machine):
    """libc asks again with a larger buffer until the answer fits."""
    machine.change(*(line for i in range(5000) for line in (f"user u{i:04} {BOB + 1 + i + 2000}", f"member u{i:04} {READERS}")))
    r = machine.run("getent group readers")
    assert r.stdout == f"readers:*:{READERS}:{','.join(['alice', 'bob'] + [f'u{i:04}' for i in range(5000)])}\n"


def test_before_files_a_local_name_is_local_too(machine):
    """CVE-2025-49012 and its kind: a line of nsswitch.conf in the wrong order makes nobody another."""
    machine.change(f"user local {BOB + 1}", f"member local {READERS}", f"group plain {READERS + 1}", f"member bob {READERS} {READERS + 1}")
    machine.services("valetkey files")
    r = machine.run(f"getent passwd local {BOB + 1}; id local; getent group plain readers; id bob")
    assert r.stdout.splitlines() == ["local:x:1000:1000::/:/bin/sh", "uid=1000(local) gid=1000 groups=1000,50(plain)", "plain:x:50:local", f"readers:*:{READERS}:alice,bob",
                                     f"uid={BOB}(bob) gid={BOB}(bob) groups={BOB}(bob),{READERS}(readers),{READERS + 1}"], r.stdout + r.stderr


def test_a_table_of_somebody_else_is_not_believed(machine):
    machine.write("passwd", f"root:x:0:0::/root:/bin/sh\nvaletkey:x:{os.geteuid() + 1}:998::/:/bin/false\n")
    if os.geteuid() == 0:
        os.chown(f"{machine.folder}/state/users", 4321, 0)
    assert machine.run("getent passwd alice").returncode == 2
    os.chmod(f"{machine.folder}/state/users", 0o666)
    assert machine.run("getent passwd alice").returncode == 2


def test_threads_and_children_while_the_table_is_replaced(machine):
    """In the C library itself: nobody is missed, and no descriptor stays."""
    text = ASK + f"""
import sys, threading
wrong, stop = [], False
def ask():
    while not stop:
        if pwd.getpwnam("alice").pw_uid != {ALICE} or os.getgrouplist("bob", 5) != [5, {READERS}] or grp.getgrnam("readers").gr_mem[:2] != ["alice", "bob"]:
            wrong.append(1)
threads = [threading.Thread(target=ask) for _ in range(4)]
[t.start() for t in threads]
print("on", flush=True)
for i in range(50):
    pid = os.fork()
    if pid == 0:
        os._exit(pwd.getpwuid({BOB}).pw_name != "bob")
    wrong += [1] * (os.waitpid(pid, 0)[1] != 0)
stop = True
[t.join() for t in threads]
print(len(wrong), len(os.listdir("/proc/self/fd")))"""
    p = machine.popen("/usr/bin/python3", "-c", text)
    try:
        assert p.stdout.readline() == "on\n", p.stderr.read()
        i = 0
        while p.poll() is None:
            i += 1
            machine.change(f"user extra{i} {BOB + 10 + i}")
        out, err = p.communicate(timeout=60)
    finally:
        p.kill()
    assert out == "0 4\n" and i > 3, (out, err, i)


def test_in_nss_wrapper(machine):
    if not WRAPPER:
        pytest.skip("there is no nss_wrapper")
    machine.services("files")
    r = machine.run(f"getent passwd alice; getent group readers; getent passwd {BOB}; getent passwd carol", env={
        "LD_PRELOAD": WRAPPER, "NSS_WRAPPER_PASSWD": f"{machine.folder}/passwd", "NSS_WRAPPER_GROUP": f"{machine.folder}/group",
        "NSS_WRAPPER_MODULE_SO_PATH": f"{BUILD}/libnss_valetkey.so.2", "NSS_WRAPPER_MODULE_FN_PREFIX": "valetkey"})
    assert r.stdout.splitlines() == [f"alice:*:{ALICE}:{ALICE}:alice Example:/home/alice:/bin/bash", f"readers:*:{READERS}:alice,bob", f"bob:*:{BOB}:{BOB}:bob Example:/home/bob:/bin/bash"], r.stdout + r.stderr


def test_what_it_opens(machine):
    """A look from outside: two files, and nothing else of anybody's."""
    if not shutil.which("strace"):
        pytest.skip("there is no strace")
    r = machine.run("strace -f -e trace=%file,%network getent passwd alice 2>&1 >/dev/null")
    after = r.stderr + r.stdout
    after = after[after.index("libnss_valetkey.so.2"):]
    assert re.findall(r'open(?:at)?\([^"]*"([^"]*)', after) == ["/var/lib/valetkey/users", "/etc/passwd"]
    assert "socket(" not in after and "connect(" not in after
