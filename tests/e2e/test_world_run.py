# SPDX-License-Identifier: Apache-2.0
"""valetkey-sandbox run: the world it makes, the status it returns, and that nothing stays, whoever dies first."""
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from worldlib import BUILD, PATIENCE, SANDBOX, SEVERAL, Folder, World, as_mode, descendants, http, processes, until

TOP = os.environ.get("VALETKEY_TOP", ".")


def run(mode, *args, folder=None, program=SANDBOX, others=0, **kw):
    own = folder or Folder(mode)
    try:
        r = subprocess.run([*as_mode(mode), program, "run", *args], env=dict(os.environ, TMPDIR=own.path), text=True,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * PATIENCE, check=False, **kw)
        assert len(own.worlds()) == others
        return r
    finally:
        if folder is None:
            own.remove()


def test_the_demo_passes():
    r = subprocess.run([f"{TOP}/tests/demo", f"--build={BUILD}"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=120 * PATIENCE, check=False)
    print(r.stdout, r.stderr)
    assert r.returncode == 0
    assert "arn:aws:sts::123456789012:assumed-role/dev/alice" in r.stdout
    assert "\033" not in r.stdout, "colours are for terminals"
    assert [n for n in os.listdir(BUILD) if n.startswith("d.")] == []


def test_the_demo_lets_a_person_approve():
    p = subprocess.Popen([f"{TOP}/tests/demo", f"--build={BUILD}", "--approve=manual"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    try:
        text = ""
        while "Press Enter" not in text:
            more = p.stdout.read(1)
            assert more, text
            text += more
        page = re.search(r"http://127.0.0.1:\d+/oidc/device", text)[0]
        code = re.search(r"\b[A-Z]{4}-[A-Z]{4}\b", text)[0]
        form = {"user_code": code, "user": "alice", "decision": "allow"}
        http.open(page.replace("/oidc/device", "/_sandbox/approve"), urllib.parse.urlencode(form).encode(), timeout=10).close()
        out, _ = p.communicate("\n", timeout=120 * PATIENCE)
        assert p.returncode == 0, out
    finally:
        p.kill()
        p.communicate()


def test_the_demo_is_no_show():
    """Where nothing works it says so and fails."""
    r = subprocess.run([f"{TOP}/tests/demo", f"--build={BUILD}", "--inside"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=60 * PATIENCE, check=False, env=dict(os.environ, VALETKEY_SANDBOX_STS="http://127.0.0.1:1", AWS_CONFIG_FILE="/dev/null",
                                                                    AWS_EC2_METADATA_DISABLED="true", HOME="/nonexistent"))
    assert r.returncode != 0 and "NOT AS EXPECTED" in r.stdout


def test_a_session_and_the_commands_status(mode):
    r = run(mode, "--fault", "interval=1", "--", "/bin/sh", "-c",
            "test -S $XDG_RUNTIME_DIR/valetkey/credentials.sock && valetkey-credential-process dev >/dev/null && echo in && exit 42")
    assert (r.returncode, r.stdout) == (42, "in\n"), r.stderr


def test_the_first_thing_a_session_asks_is_who_is_signed_in():
    """The grant is on its way from valetkeyd while the status is asked for; it is told all the same."""
    for _ in range(3):
        r = run("root" if SEVERAL else "user", "--fault", "interval=1", "--", "valetkey", "status", "--json")
        assert r.returncode == 0, r.stderr
        assert '"signed-in"' in r.stdout and '"alice"' in r.stdout


def test_the_environment_of_a_session(mode, make_world):
    w = make_world("--no-sign-in", mode=mode)
    assert w.env["DBUS_SESSION_BUS_ADDRESS"] == f"unix:path={w.runtime}/bus"
    with open(w.env["AWS_CONFIG_FILE"], encoding="utf-8") as f:
        config = f.read()
    for section in ("[default]", "[profile dev]", "[profile admin]", "[profile audit]"):
        assert section in config
    assert w.stats("AssumeRoleWithWebIdentity") == 0
    assert w.run("/bin/sh", "-c", 'test -w "$XDG_RUNTIME_DIR" && ! test -r "$VALETKEY_SANDBOX_WORLD/log/x"').returncode == 0
    for name in os.listdir(f"{w.dir}/etc"):
        assert not os.stat(f"{w.dir}/etc/{name}").st_mode & 0o022
    assert os.stat(w.dir).st_mode & 0o066 == 0, "not listable, not writable by others"


def test_who_can_not_be_signed_in(mode):
    r = run(mode, "--user", "nobody-of-that-name", "--", "true")
    assert r.returncode == 125
    assert "nobody-of-that-name" in r.stderr
    r = run(mode, "--approve=deny", "--fault", "interval=1", "--", "true")
    assert r.returncode == 125
    assert "PAM refused" in r.stderr
    assert "declined" in r.stderr or "denied" in r.stderr


def test_commands_that_can_not_run():
    mode = "user"
    assert run(mode, "--no-sign-in", "--", "/nonexistent/command").returncode == 127
    r = run(mode, "--no-sign-in", "--", "/etc/passwd")
    assert r.returncode == 126
    assert "/etc/passwd" in r.stderr
    assert run(mode, "--no-sign-in").returncode == 2
    assert run(mode, "--nonsense", "--", "true").returncode == 2
    assert run(mode, "--fault", "nonsense", "--", "true").returncode == 125


def test_signals_reach_the_command():
    for sig, status in ((signal.SIGTERM, 5), (signal.SIGINT, 6), (signal.SIGUSR1, 128 + signal.SIGUSR1)):
        folder = Folder("user")
        p = subprocess.Popen([*as_mode("user"), SANDBOX, "run", "--no-sign-in", "--", "/bin/sh", "-c",
                              "trap 'exit 5' TERM; trap 'exit 6' INT; echo ready; while :; do sleep 0.05; done"],
                             env=dict(os.environ, TMPDIR=folder.path), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            assert p.stdout.readline() == b"ready\n"
            p.send_signal(sig)
            assert p.wait(timeout=30 * PATIENCE) == status
            assert folder.worlds() == []
        finally:
            p.kill()
            p.communicate()
            folder.remove()


def test_the_terminals_interrupt_is_heard_once():
    """^C goes to the command by the terminal; the front must not send it a second time, nor a service hear it."""
    folder = Folder("user")
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TMPDIR"] = folder.path
        argv = [*as_mode("user"), SANDBOX, "run", "--no-sign-in", "--", "/usr/bin/python3", "-c", COUNT_INTERRUPTS]
        os.execv(argv[0], argv)
    try:
        text = b""
        for expected, sent in ((b"ready", b"\x03"), (b"heard 1", b""), (b"done", b"")):
            while expected not in text:
                try:
                    more = os.read(fd, 4096)
                except OSError as e:  # its end
                    raise AssertionError(f"{e}: {text}") from e
                assert more, text
                text += more
            os.write(fd, sent)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 7
        assert b"heard 2" not in text
        assert folder.worlds() == []
    finally:
        os.close(fd)
        folder.remove()


COUNT_INTERRUPTS = """
import signal, sys, time
heard = 0
def hear(*_):
    global heard
    heard += 1
    print("heard", heard, flush=True)
signal.signal(signal.SIGINT, hear)
print("ready", flush=True)
end = time.monotonic() + 30
while not heard and time.monotonic() < end:
    time.sleep(0.01)
time.sleep(0.5)  # a second one would come at once
print("done", flush=True)
sys.exit(7)
"""


def family_gone(folder, family):
    """Every process of a world, and its folder, vanish; a pid may be somebody else's by now, its command line tells."""
    before = {p: processes().get(p, (0, None, ""))[1] for p in family}

    def gone():
        now = processes()
        return not folder.worlds() and not [p for p in family if p in now and now[p][1] == before[p] and now[p][2] != "Z"]

    until("everything to be gone", gone)


def kill_at(mode, delay_s, victim):
    folder = Folder(mode)
    p = subprocess.Popen([*as_mode(mode), SANDBOX, "run", "--fault", "interval=1", "--", "/bin/sh", "-c", "(sleep 1000 &) ; sleep 1000"],
                         env=dict(os.environ, TMPDIR=folder.path), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
    try:
        time.sleep(delay_s)  # any moment is a right one: this is not waiting for something
        family = descendants(p.pid)
        if victim == "front":
            os.kill(p.pid, signal.SIGKILL)
        elif len(family) > 1:
            os.kill(family[1], signal.SIGKILL)  # the supervisor is the front's only child
        else:
            os.kill(p.pid, signal.SIGTERM)
        p.wait(timeout=30 * PATIENCE)
        family_gone(folder, family)
    finally:
        p.kill()
        p.wait()
        folder.remove()


@pytest.mark.parametrize("victim", ["front", "supervisor"])
def test_killed_at_random_moments_nothing_stays(mode, victim):
    seed = int(os.environ.get("WORLD_SEED", str(time.time_ns())))
    print(f"WORLD_SEED={seed}")
    rng = random.Random(f"{seed}{mode}{victim}")
    for _ in range(5):
        kill_at(mode, rng.uniform(0, 2.5), victim)


def test_killed_all_at_once_the_next_world_clears_up(mode):
    """As when a container is stopped: nobody is left who could remove the folder."""
    folder = Folder(mode)
    living = World("--no-sign-in", mode=mode, folder=folder)
    dead = World("--no-sign-in", mode=mode, folder=folder)
    try:
        family = descendants(dead.proc.pid)
        for pid in family:
            os.kill(pid, signal.SIGSTOP)  # so that none of them can react to the others' end
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        dead.proc.communicate()
        assert sorted(folder.worlds()) == sorted(os.path.basename(w.dir) for w in (living, dead))
        assert run(mode, "--no-sign-in", "--", "true", folder=folder, others=1).returncode == 0
        assert folder.worlds() == [os.path.basename(living.dir)], "and only of the dead"
    finally:
        living.close()
        folder.remove()


def test_what_the_command_left_running_is_ended():
    folder = Folder("user")
    try:
        r = run("user", "--no-sign-in", "--", "/bin/sh", "-c", "setsid sh -c 'trap \"\" TERM HUP; echo $$; exec >&-; while :; do sleep 1; done' & "
                "read x < /dev/null; sleep 0.2; exit 0", folder=folder)
        pid = int(r.stdout)
        assert pid not in processes()
    finally:
        folder.remove()


def test_a_broker_that_dbus_started_is_ended(make_world):
    w = make_world("--no-sign-in", "--no-broker")
    assert w.pids("valetkey-broker") == []
    w.cli("status")
    w.pid("valetkey-broker")
    assert w.close() == 0


def test_two_worlds_are_strangers(make_world):
    a, b = make_world("--no-sign-in"), make_world("--no-sign-in")
    assert a.base != b.base and a.dir != b.dir
    if a.mode == "root":
        assert a.uid != b.uid
        assert a.run("/bin/ls", b.runtime).returncode != 0


@pytest.mark.skipif(not SEVERAL, reason="closing a folder to other uids needs several")
def test_programs_the_session_can_not_reach_are_brought(make_world):
    """Root's build below /root: neither valetkeyd's uid nor the session's may pass there."""
    closed = tempfile.mkdtemp(prefix="vkt-", dir="/tmp")
    try:
        for name in ("valetkeyd", "valetkey-broker", "valetkey", "valetkey-credential-process", "valetkey-sandbox", "pam_valetkey.so"):
            shutil.copy(f"{BUILD}/{name}", closed)
        shutil.copytree(f"{TOP}/sandbox/example", f"{closed}/cloud")
        r = run("root", "--fault", "interval=1", "--dir", f"{closed}/cloud", "--", "/bin/sh", "-c",
                "valetkey-credential-process dev >/dev/null && echo in", program=f"{closed}/valetkey-sandbox")
        assert (r.returncode, r.stdout) == (0, "in\n"), r.stderr
    finally:
        shutil.rmtree(closed)


def test_no_world_in_a_folder_that_can_not_hold_one():
    folder = Folder("user")
    deep = f"{folder.path}/{'d' * 60}"
    os.mkdir(deep)
    os.chmod(deep, 0o777)
    try:
        # too long for a socket's path: /tmp is taken instead
        r = subprocess.run([SANDBOX, "run", "--no-sign-in", "--", "/bin/sh", "-c", "echo $VALETKEY_SANDBOX_WORLD"],
                           env=dict(os.environ, TMPDIR=deep), capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        assert r.stdout.startswith("/tmp/vk-"), r.stderr
        assert os.listdir(deep) == []
        assert not os.path.exists(r.stdout.strip())
    finally:
        folder.remove()
