# SPDX-License-Identifier: Apache-2.0
"""The module inside a program that nobody here wrote (pamtester, by pam_wrapper without touching the machine's PAM), watched by
AddressSanitizer with UndefinedBehaviorSanitizer, and by valgrind: no use of memory that is not there, nothing uninitialised,
nothing left behind, whatever comes of the sign-in."""
import glob
import os
import shutil
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from signin.world import BUILD, ROOT, SUBJECTS, UID_MIN, World, me  # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ALICE = "alice" if ROOT else me()
WRAPPER = next(iter(glob.glob("/usr/lib/*/libpam_wrapper.so")), None)

pytestmark = [pytest.mark.skipif(not WRAPPER or not shutil.which("pamtester"), reason="pam_wrapper and pamtester are not here"),
              pytest.mark.skipif("/san-" in BUILD, reason="a sanitised module needs a program that was made with it")]


@pytest.fixture(scope="module", name="world")
def _world():
    w = World(signin="max_starts_per_user = 1024")
    try:
        w.add(ALICE, SUBJECTS["alice"], UID_MIN + 230000)
        os.mkdir(w.path("pam.d"))
        yield w.start()
    finally:
        w.end()


@pytest.fixture(scope="module", name="sanitised")
def _sanitised(tmp_path_factory):
    """The module built once more, with both sanitisers."""
    so = str(tmp_path_factory.mktemp("san") / "pam_valetkey.so")
    sources = [f for d in ("pam", "wire", "table") for f in glob.glob(f"{TOP}/{d}/*.c") if not os.path.basename(f).startswith("write")]
    subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", '-DPATH_RUN="/run"', '-DPATH_STATE="/state"', '-DPATH_SYSCONF="/etc"', "-g", "-O1", "-fPIC", "-shared", "-w",
                    "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *(f"-I{TOP}/{d}" for d in ("pam", "wire", "table")), "-o", so, *sources, "-lpam"], check=True)
    return so


def libasan():
    return subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()


class Run:
    """pamtester with the module, under one of the watchers."""

    def __init__(self, world, so, preload=(), before=(), env=None):
        self.world, self.so, self.before = world, so, list(before)
        self.env = {"PATH": "/usr/bin:/bin", "PAM_WRAPPER": "1", "PAM_WRAPPER_SERVICE_DIR": world.path("pam.d"), "PAM_WRAPPER_USE_SYSLOG": "0",
                    "LD_PRELOAD": ":".join([*preload, WRAPPER]), **(env or {})}

    def service(self, more=""):
        w = self.world
        args = f"socket={w.path('run/login.sock')} table={w.path('state/users')} root_table={w.path('etc/users')} runtime_base={w.path('run')} server_uid={w.daemon_uid} timeout=5 {more}"
        for name in ("demo", "other"):
            with open(w.path(f"pam.d/{name}"), "w", encoding="utf-8") as f:
                f.writelines(f"{phase} required {self.so} {args}\n" for phase in ("auth", "account", "session"))

    def __call__(self, user, *phases, approve=None, args=""):
        """-> (exit status, what was said)"""
        self.service(args)
        p = subprocess.Popen([*self.before, "/usr/bin/pamtester", "demo", user, *phases], env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        timer = threading.Timer(60, p.kill)
        timer.start()
        said = ""
        try:
            while approve and "Press Enter" not in said and (c := p.stdout.read(1)):
                said += c
            if approve:
                self.world.approve({"text": said}, *approve)
            rest, _ = p.communicate("\n")
        finally:
            timer.cancel()
        return p.returncode, said + rest


ALL = ("authenticate", "acct_mgmt", "setcred", "open_session", "close_session", "setcred(PAM_REINITIALIZE_CRED)")


def everything(run):
    code, said = run(ALICE, *ALL, approve=("alice",))
    assert code == 0, said
    code, said = run(ALICE, "authenticate", approve=("bob",))
    assert code == 1 and "Somebody else" in said, said
    code, said = run(ALICE, "authenticate", approve=("alice", "deny"))
    assert code == 1 and "declined" in said, said
    code, said = run("root", "authenticate")
    assert code == 1 and "Press Enter" not in said, said
    code, said = run("stranger", "acct_mgmt")
    assert code == 1, said
    code, said = run(ALICE, "authenticate", args="nonsense")
    assert code == 1, said
    code, said = run(ALICE, *ALL[1:])
    assert code == 0, said


def test_under_the_sanitisers(world, sanitised):
    everything(Run(world, sanitised, preload=[libasan()], env={"ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}))


def test_the_sanitiser_would_say_it(world, tmp_path):
    """A module with a fault is found out, or the test above is blind."""
    bad = tmp_path / "bad.c"
    bad.write_text("#include <security/pam_modules.h>\n#include <stdlib.h>\n"
                   "int pam_sm_authenticate(pam_handle_t *h, int f, int c, const char **v) { volatile char *p = malloc(1); (void)h; (void)f; (void)c; (void)v; return p[1] ? 7 : 7; }\n"
                   "int pam_sm_setcred(pam_handle_t *h, int f, int c, const char **v) { (void)h; (void)f; (void)c; (void)v; return 0; }\n", encoding="utf-8")
    so = str(tmp_path / "bad.so")
    subprocess.run(["gcc", "-g", "-fPIC", "-shared", "-fsanitize=address", "-o", so, str(bad), "-lpam"], check=True)
    code, said = Run(world, so, preload=[libasan()], env={"ASAN_OPTIONS": "detect_leaks=0:exitcode=99"})("root", "authenticate")
    assert code == 99 and "heap-buffer-overflow" in said, said


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not here")
def test_under_valgrind(world):
    everything(Run(world, f"{os.path.abspath(BUILD)}/pam_valetkey.so",
                   before=["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]))
