# SPDX-License-Identifier: Apache-2.0
"""The broker, its two doors, the shim and the CLI, against the sandbox's cloud."""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import (ACK, BROKER, CLAIM, CREDENTIALS, ERROR, GET_CREDENTIALS, GRANT, JSON, LOGIN, LOGOUT, NOTHING, OK, STATUS,
                       T_FLOW, T_GRANT, T_GRANT_ID, T_IDENTITY, T_JSON, T_MESSAGE, T_MIN_TTL, T_OUTCOME, T_ROLE, Daemon,
                       frame, grant_bytes, parse, u32, u64)
from worldlib import CLI, SHIM, until

TOP = os.environ.get("VALETKEY_TOP", os.getcwd())


@pytest.fixture
def broker(make):
    """A broker in which alice is signed in."""
    b = make()
    r = b.sign_in()
    assert r.returncode == 0, r.stderr
    return b


def claims(expiry_of):
    import base64
    part = expiry_of.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


# ---- credentials


def test_a_caller_is_answered_from_memory(broker):
    first, second = broker.shim(), broker.shim()
    assert first.returncode == 0 and first.stderr == ""
    doc = json.loads(first.stdout)
    assert doc["Version"] == 1 and isinstance(doc["Version"], int)
    assert {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"} <= set(doc)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", doc["Expiration"])
    assert first.stdout.count("\n") == 1 and first.stdout.endswith("\n")
    assert second.stdout == first.stdout
    assert broker.stats("AssumeRoleWithWebIdentity") == 1
    role = broker.role()
    assert role["state"] == "valid" and role["access_key_id"] == doc["AccessKeyId"]
    told = time.mktime(time.strptime(doc["Expiration"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert 119 <= role["expires_at"] - told <= 121


def test_a_thousand_callers_are_one_call(broker):
    broker.control("fault", set="delay=1500")
    conns = [broker.connect() for _ in range(1000)]
    for c in conns:
        c.send(frame(GET_CREDENTIALS, (T_ROLE, b"dev")))
    answers = [parse(c.recv(65536)) for c in conns]
    for c in conns:
        c.close()
    assert {kind for kind, _ in answers} == {CREDENTIALS}
    assert len({fields[T_JSON] for _, fields in answers}) == 1
    assert broker.stats("AssumeRoleWithWebIdentity") == 1


def test_sts_too_slow_is_said_in_time_and_the_answer_kept(broker):
    broker.control("fault", set="delay=5000")
    start = time.monotonic()
    r = broker.shim()
    took = time.monotonic() - start
    assert r.returncode == 9 and r.stdout == "" and 3 < took < 4.5
    assert r.stderr.count("\n") == 1 and "role dev" in r.stderr
    broker.control("fault", clear="all")
    until("the flight to land", lambda: broker.role()["state"] == "valid")
    assert broker.shim().returncode == 0
    assert broker.stats("AssumeRoleWithWebIdentity") == 1


def test_a_refusal_is_one_sentence_and_is_remembered(broker):
    for _ in range(20):
        r = broker.shim("admin")
        assert r.returncode == 4 and r.stdout == ""
    assert broker.stats("AssumeRoleWithWebIdentity.error") == 1
    request_id = broker.role("admin")["last_error"]["request_id"]
    assert r.stderr.count("\n") == 1
    for part in ("role admin", "alice", "identity corp", "AccessDenied", request_id):
        assert part in r.stderr, part


def test_what_cannot_be_printed_is_no_success(broker):
    with open("/dev/full", "w", encoding="ascii") as full:
        for argv in (["status"], ["status", "--json"], ["roles", "--json"], ["--version"], ["--help"], ["login", "--help"],
                     ["logout", "--json"]):
            r = subprocess.run([CLI, *argv], env=broker.env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=10, check=False)
            assert r.returncode == 1 and "stdout" in r.stderr, argv


def test_an_unknown_role(broker):
    r = broker.shim("nope")
    assert r.returncode == 5 and r.stdout == "" and "nope" in r.stderr and "valetkey roles" in r.stderr
    r = broker.shim("no\x1b[31mpe")
    assert r.returncode == 5 and "\x1b" not in r.stderr
    r = broker.shim("x" * 300)
    assert r.returncode == 5


def test_min_ttl(broker):
    assert broker.get("dev", (T_MIN_TTL, u32(60)))[0] == CREDENTIALS
    kind, fields = broker.get("dev", (T_MIN_TTL, u32(7200)))
    assert kind == ERROR and b"7200" in fields[T_MESSAGE]
    assert broker.stats("AssumeRoleWithWebIdentity") == 1
    r = broker.run(CLI, "credential-process", "--min-ttl", "60", "dev")
    assert r.returncode == 0 and json.loads(r.stdout)["Version"] == 1
    assert broker.run(CLI, "credential-process", "--min-ttl", "7200", "dev").returncode == 11
    for bad in ("-1", "x", "", "99999999999"):
        assert broker.run(CLI, "credential-process", "--min-ttl", bad, "dev").returncode == 2


# ---- sign-in and sign-out


def test_signed_out_says_what_to_do(make):
    b = make()
    for r in (b.shim(), b.run(CLI, "credential-process", "dev")):
        assert r.returncode == 3 and r.stdout == "" and "valetkey login" in r.stderr
    b.sign_in()
    assert b.shim().returncode == 0
    r = b.run(CLI, "logout")
    assert r.returncode == 0 and r.stdout == ""
    r = b.shim()
    assert r.returncode == 3 and "valetkey login" in r.stderr
    assert b.status()["identities"][0]["state"] == "signed-out"


def test_a_declined_sign_in(make):
    b = make()
    r = b.sign_in(decision="deny")
    assert r.returncode == 14
    assert json.loads(r.stdout.splitlines()[-1])["outcome"] == "denied-by-user"


def test_ctrl_c_cancels_the_flow_unless_another_waits(make):
    b = make(faults=["interval=1"])

    def login():
        p = subprocess.Popen([CLI, "login", "--json"], env=b.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        return p, json.loads(p.stdout.readline())["user_code"]

    one, code_one = login()
    two, code_two = login()
    assert code_one == code_two and b.stats("device_authorization") == 1
    one.send_signal(signal.SIGINT)
    one.communicate(timeout=10)
    before = b.stats("token.device")
    until("polling goes on for the other", lambda: b.stats("token.device") > before)
    two.send_signal(signal.SIGINT)
    two.communicate(timeout=10)
    three, code_three = login()
    assert code_three != code_one and b.stats("device_authorization") == 2
    three.kill()
    three.communicate()


def test_another_person_never_gets_the_old_session(broker):
    first = json.loads(broker.shim().stdout)
    assert broker.sign_in(user="bob").returncode == 0
    second = json.loads(broker.shim().stdout)
    assert second["AccessKeyId"] != first["AccessKeyId"]
    assert broker.role()["assumed_role_arn"].endswith("/bob")
    assert broker.shim("admin").returncode == 0


# ---- the socket


HANG_UPS = [b"", b"V", b"VKEY", frame(GET_CREDENTIALS)[:11], frame(GET_CREDENTIALS), frame(STATUS), frame(LOGIN), frame(99)]


def test_clients_that_hang_up_at_every_byte_harm_nobody(broker):
    whole = frame(GET_CREDENTIALS, (T_ROLE, b"dev"), (T_MIN_TTL, u32(1)))
    for n in range(len(whole) + 1):
        with broker.connect() as s:
            if n:
                s.send(whole[:n])
        # and with a wait, for the answer to nothing: half a frame ends the connection
        if 0 < n < len(whole):
            with broker.connect() as s:
                s.send(whole[:n])
                assert s.recv(65536) == b""
    for packet in HANG_UPS:
        with broker.connect() as s:
            if packet:
                s.send(packet)
    assert broker.shim().returncode == 0
    assert broker.proc.poll() is None


def test_requests_that_make_no_sense(broker):
    for packet in (frame(99), frame(CREDENTIALS), frame(GET_CREDENTIALS, (T_ROLE, b"de\0v")), frame(GET_CREDENTIALS, (T_ROLE, b"dev"), (77, b"x")),
                   frame(GET_CREDENTIALS, (T_MIN_TTL, b"x")), frame(STATUS, (T_ROLE, b"dev")), frame(LOGIN, (T_FLOW, b"dance")),
                   frame(GET_CREDENTIALS, (T_ROLE, b"x" * 60000))):
        kind, fields = broker.ask(packet)
        assert kind == ERROR and fields[T_OUTCOME] == u32(2), packet[:40]
    for tag in (T_IDENTITY,):
        for kind in (LOGIN, LOGOUT):
            answer, fields = broker.ask(frame(kind, (tag, b"nobody")))
            assert answer == ERROR and fields[T_OUTCOME] == u32(6)
    with broker.connect() as s:  # two questions on one connection
        broker.control("fault", set="delay=1000")
        s.send(frame(GET_CREDENTIALS, (T_ROLE, b"admin")))
        s.send(frame(STATUS))
        kind, fields = parse(s.recv(65536))
        assert kind == ERROR and fields[T_OUTCOME] == u32(2)
    # an optional field that is not known is ignored
    assert broker.get("dev", (0x8000 | 77, b"x"))[0] == CREDENTIALS


@pytest.mark.skipif(os.geteuid() != 0, reason="another uid needs root")
def test_another_uid_is_told_and_gets_nothing(broker):
    for d in (broker.dir, broker.runtime, f"{broker.runtime}/valetkey"):
        os.chmod(d, 0o755)
    os.chmod(f"{broker.runtime}/valetkey/credentials.sock", 0o666)
    code = ("import socket,sys; s=socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1]);\n"
            "s.send(bytes.fromhex(sys.argv[2])); sys.stdout.buffer.write(s.recv(65536))")
    r = subprocess.run(["/usr/bin/python3", "-c", code, f"{broker.runtime}/valetkey/credentials.sock",
                        frame(GET_CREDENTIALS, (T_ROLE, b"dev")).hex()], user=65534, capture_output=True, timeout=20, check=False)
    kind, fields = parse(r.stdout)
    assert kind == ERROR and fields[T_OUTCOME] == u32(4) and b"another user" in fields[T_MESSAGE]
    assert "caller.refused uid=65534" in broker.log()
    # and the shim asks nobody's broker but its own
    r = subprocess.run([SHIM, "dev"], env=dict(broker.env), user=65534, capture_output=True, text=True, timeout=20, check=False)
    assert r.returncode == 4 and "another user" in r.stderr and r.stdout == ""


def test_the_socket_and_its_folder_are_private(broker):
    assert os.stat(f"{broker.runtime}/valetkey").st_mode & 0o777 == 0o700
    assert os.stat(f"{broker.runtime}/valetkey/credentials.sock").st_mode & 0o777 == 0o600
    os.chmod(f"{broker.runtime}/valetkey", 0o770)
    broker.stop()
    r = broker.run(BROKER, "--config", broker.config)
    assert r.returncode == 1 and "nobody else can write" in r.stderr


def test_a_second_broker_names_the_first(broker):
    r = broker.run(BROKER, "--config", broker.config)
    assert r.returncode == 0 and f"process {broker.proc.pid}" in r.stderr
    assert broker.shim().returncode == 0


def test_no_core_and_signals_are_taken_by_the_loop(broker):
    with open(f"/proc/{broker.proc.pid}/limits", encoding="utf-8") as f:
        assert re.search(r"^Max core file size\s+0\s+0", f.read(), re.M)
    with open(f"/proc/{broker.proc.pid}/status", encoding="utf-8") as f:
        blocked = int(re.search(r"^SigBlk:\s+([0-9a-f]+)$", f.read(), re.M).group(1), 16)
    assert blocked & 0x4003 == 0x4003  # HUP, INT, TERM: taken by the loop


def test_its_own_user_cannot_look_into_the_broker(make):
    b = make(start=False)
    kw = {}
    if os.geteuid() == 0:
        kw = {"user": 65534, "group": 65534, "extra_groups": []}
        os.chmod(b.dir, 0o755)
        os.chmod(b.config, 0o644)
        os.chown(b.runtime, 65534, 65534)
    b.proc = subprocess.Popen([BROKER, "--config", b.config, "--claim-socket", b.claim], env=b.env, stdin=subprocess.DEVNULL,
                              stderr=open(b.log_path, "w", encoding="utf-8"), **kw)
    until("the broker", lambda: "broker.ready" in b.log())
    code = ("import ctypes, sys; pid = int(sys.argv[1])\n"
            "try: open(f'/proc/{pid}/mem', 'rb'); sys.exit(1)\n"
            "except PermissionError: pass\n"
            "sys.exit(0 if ctypes.CDLL(None).ptrace(16, pid, 0, 0) == -1 else 2)")
    r = subprocess.run(["/usr/bin/python3", "-c", code, str(b.proc.pid)], timeout=20, check=False, **kw)
    assert r.returncode == 0


# ---- the shim by itself


def fake_broker(make, script):
    b = make(start=False)
    os.mkdir(f"{b.runtime}/valetkey", 0o700)
    return b, Daemon(f"{b.runtime}/valetkey/credentials.sock", script)


ANSWERS = [b"V", frame(CREDENTIALS), frame(CREDENTIALS, (T_JSON, b"")), frame(JSON, (T_JSON, b"{}")), frame(ERROR), frame(OK),
           frame(ERROR, (T_OUTCOME, u32(0)), (T_MESSAGE, b"fine")), frame(CREDENTIALS, (T_JSON, b"{}"))[:-1]]


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_answers_that_make_no_sense(make, answer):
    def script(c, _):
        c.recv(65536)
        c.send(answer)

    b, d = fake_broker(make, script)
    for argv in ((SHIM, "dev"), (CLI, "credential-process", "dev")):
        r = b.run(*argv)
        assert r.returncode not in (0, 2) and r.stdout == "", (argv, r)
        assert r.stderr.count("\n") == 1
    d.close()


def test_the_shim_prints_what_it_was_sent_and_only_that(make):
    doc = b'{"Version":1,"AccessKeyId":"' + b"A" * 60000 + b'"}\n'

    def script(c, n):
        kind, fields = parse(c.recv(65536))
        assert kind == GET_CREDENTIALS and fields == {T_ROLE: b"dev"}
        if n == 1:
            c.send(frame(CREDENTIALS, (T_JSON, doc)))
        else:
            c.send(frame(ERROR, (T_OUTCOME, u32(3)), (T_MESSAGE, b"one\nline \x1b[31m\xc2\x9b0m")))

    b, d = fake_broker(make, script)
    r = b.shim()
    assert r.returncode == 0 and r.stdout.encode() == doc and r.stderr == ""
    r = b.shim()
    assert r.returncode == 3 and r.stdout == "" and r.stderr.count("\n") == 1 and "\x1b" not in r.stderr and "\x9b" not in r.stderr
    d.close()


@pytest.mark.parametrize("what", ["silence", "hang-up"])
def test_a_broker_that_does_not_answer(make, what):
    def script(c, _):
        c.recv(65536)
        if what == "silence":
            time.sleep(6)

    b, d = fake_broker(make, script)
    start = time.monotonic()
    r = b.shim()
    assert r.returncode == (9 if what == "silence" else 23) and r.stdout == "" and r.stderr.count("\n") == 1
    assert time.monotonic() - start < 4.6
    d.close()


def test_the_shim_with_closed_descriptors(broker):
    for closed in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
        def close_them(fds=closed):
            for fd in fds:
                os.close(fd)

        p = subprocess.run([SHIM, "dev"], env=broker.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           preexec_fn=close_them, timeout=20, check=False)
        if 1 in closed:
            assert p.returncode == 1 and p.stdout == b""
        else:
            assert p.returncode == 0 and b"Version" in p.stdout
    assert broker.shim().returncode == 0


def test_without_a_broker_one_is_started(make):
    b = make(start=False)
    r = b.run(CLI, "--config", b.config, "credential-process", "dev")
    assert r.returncode == 3 and "valetkey login" in r.stderr
    with open(f"{b.runtime}/valetkey/lock", encoding="utf-8") as f:
        pid = int(f.read())
    assert os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "valetkey-broker"
    assert b.shim().returncode == 3
    os.kill(pid, signal.SIGTERM)
    until("it to end", lambda: not os.path.exists(f"/proc/{pid}"))
    assert not os.path.exists(f"{b.runtime}/valetkey/credentials.sock")
    # in a circle of wrappers the shim gives up instead of going round
    r = b.run(SHIM, "dev", env={"VALETKEY_CREDENTIAL_PROCESS": "1"})
    assert r.returncode == 23 and r.stdout == "" and r.stderr.count("\n") == 1


# ---- claiming


def test_claim_store_ack_use(make):
    b = make(start=False)
    tokens = b.tokens()
    told = []

    def script(c, n):
        assert parse(c.recv(65536))[0] == CLAIM
        if n > 1:
            c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))
            return
        exp = claims(tokens["id_token"])["exp"]
        c.send(frame(GRANT, (T_GRANT_ID, u64(7)), (T_GRANT, grant_bytes(b.base, tokens["id_token"], claims(tokens["id_token"])["sub"], exp,
                                                                         tokens["refresh_token"]))))
        kind, fields = parse(c.recv(65536))
        assert kind == ACK and fields == {T_GRANT_ID: u64(7)}
        told.append(b.stats("AssumeRoleWithWebIdentity"))
        time.sleep(0.5)  # nothing is used before the confirmation
        told.append(b.stats("AssumeRoleWithWebIdentity"))
        c.send(frame(OK))
        assert parse(c.recv(65536))[0] == CLAIM
        c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))

    d = Daemon(b.claim, script)
    b.start()
    r = b.shim()
    assert r.returncode == 0, r.stderr
    assert told == [0, 0]
    assert "grant.claimed identity=corp" in b.log()
    d.close()


def test_a_grant_that_waits_at_logout_is_not_signed_in_afterwards(make):
    """The logout is what starts the broker, or its connecting is what fetches the grant: signed out is signed out."""
    b = make(start=False)
    tokens = b.tokens()
    offered, logged_out = threading.Event(), threading.Event()

    def script(c, n):
        assert parse(c.recv(65536))[0] == CLAIM
        if n > 1:
            c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))
            return
        offered.set()
        logged_out.wait(0.5)  # the question is on its way when the person signs out
        sub, exp = claims(tokens["id_token"])["sub"], claims(tokens["id_token"])["exp"]
        c.send(frame(GRANT, (T_GRANT_ID, u64(7)), (T_GRANT, grant_bytes(b.base, tokens["id_token"], sub, exp, tokens["refresh_token"]))))
        assert parse(c.recv(65536))[0] == ACK
        c.send(frame(OK))
        assert parse(c.recv(65536))[0] == CLAIM
        c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))

    d = Daemon(b.claim, script)
    b.start()
    assert offered.wait(10)
    assert b.run(CLI, "logout").returncode == 0
    logged_out.set()
    r = b.shim()  # looks once more itself
    assert r.returncode == 3 and "valetkey login" in r.stderr, r
    assert b.status()["identities"][0]["state"] == "signed-out"
    b.sign_in()
    assert b.shim().returncode == 0
    d.close()


def test_killed_between_grant_and_ack_the_grant_stays(make):
    b = make(start=False)
    tokens = b.tokens()
    acked = []

    def script(c, n):
        assert parse(c.recv(65536))[0] == CLAIM
        if acked:
            c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))
            return
        token = tokens["id_token"]
        if n == 1:
            b.proc.send_signal(signal.SIGSTOP)
        c.send(frame(GRANT, (T_GRANT_ID, u64(9)), (T_GRANT, grant_bytes(b.base, token, claims(token)["sub"], claims(token)["exp"]))))
        if n == 1:
            b.proc.kill()
            assert c.recv(65536) == b""  # no ACK came
            return
        assert parse(c.recv(65536))[0] == ACK
        acked.append(n)
        c.send(frame(OK))
        parse(c.recv(65536))
        c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))

    d = Daemon(b.claim, lambda c, n: None)
    d.close()
    os.unlink(b.claim)
    b.start()
    d = Daemon(b.claim, script)
    b.connect().close()  # the wake
    until("the broker to be killed", lambda: b.proc.poll() is not None)
    b.start()
    assert b.shim().returncode == 0
    assert acked == [2]
    d.close()


BAD_DAEMONS = {
    "hangs up": lambda c, b: None,
    "junk": lambda c, b: c.send(b"junk"),
    "another message": lambda c, b: c.send(frame(OK)),
    "grant without id": lambda c, b: c.send(frame(GRANT, (T_GRANT, b"x"))),
    "grant that is none": lambda c, b: c.send(frame(GRANT, (T_GRANT_ID, u64(1)), (T_GRANT, b"x" * 100))),
    "another identity": lambda c, b: c.send(frame(GRANT, (T_GRANT_ID, u64(1)), (T_GRANT, grant_bytes(b.base, "t.t.t", "s", 2**33, identity="other")))),
    "another issuer": lambda c, b: c.send(frame(GRANT, (T_GRANT_ID, u64(1)), (T_GRANT, grant_bytes("http://127.0.0.1:1", "t.t.t", "s", 2**33)))),
    "silence": lambda c, b: time.sleep(4),
}


@pytest.mark.parametrize("how", BAD_DAEMONS)
def test_a_daemon_that_misbehaves_costs_a_sentence(make, how):
    b = make(start=False)
    acked = []

    def script(c, _):
        c.recv(65536)
        BAD_DAEMONS[how](c, b)
        if how != "hangs up":
            answer = c.recv(65536)
            if answer:
                acked.append(answer)

    d = Daemon(b.claim, script)
    b.start()
    r = b.shim()
    assert r.returncode == 3 and "valetkey login" in r.stderr
    assert not acked  # what cannot be kept is not acknowledged
    assert "grant.claim_failed" in b.log()
    assert b.sign_in().returncode == 0 and b.shim().returncode == 0
    d.close()


def test_an_ack_whose_answer_is_lost(make):
    b = make(start=False)
    tokens = b.tokens()
    offers = []

    def script(c, n):
        assert parse(c.recv(65536))[0] == CLAIM
        token = tokens["id_token"]
        if len(offers) >= 2:
            c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))
            return
        offers.append(n)
        c.send(frame(GRANT, (T_GRANT_ID, u64(5)), (T_GRANT, grant_bytes(b.base, token, claims(token)["sub"], claims(token)["exp"]))))
        assert parse(c.recv(65536))[0] == ACK  # and nothing comes back: once it was not heard, once it was

    d = Daemon(b.claim, script)
    b.start()
    r = b.shim()
    assert r.returncode == 0, r.stderr
    assert len(offers) == 2 and b.log().count("grant.claimed") == 1
    d.close()


# ---- rotation, refresh


def test_sessions_of_seconds_rotate_across_their_expiry(make):
    b = make(faults=["session_ttl=3"])
    assert b.sign_in().returncode == 0
    keys = set()
    end = time.monotonic() + 8
    while time.monotonic() < end:
        r = b.shim()
        assert r.returncode == 0, r.stderr
        doc = json.loads(r.stdout)
        keys.add(doc["AccessKeyId"])
        assert doc["Expiration"] > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
        time.sleep(0.05)
    assert len(keys) >= 4
    b.control("fault", set="5xx")
    until("an error instead of something stale", lambda: b.shim().returncode != 0)
    assert b.role()["state"] == "expired" and b.role()["expires_at"] is None
    b.control("fault", clear="all")
    until("credentials again", lambda: b.shim().returncode == 0)


def test_an_old_id_token_is_refreshed_before_use(make):
    b = make(faults=["id_token_ttl=2"])
    assert b.sign_in().returncode == 0
    time.sleep(2.5)
    assert b.shim().returncode == 0
    assert b.stats("token.refresh") == 1 and "grant.refreshed" in b.log()
    assert b.stats("AssumeRoleWithWebIdentity.error") == 0


def test_a_grant_that_ends_names_the_cause(make):
    b = make(faults=["id_token_ttl=2"])
    assert b.sign_in().returncode == 0
    b.control("fault", set="idle_limit=1")
    time.sleep(2.5)
    r = b.shim()
    assert r.returncode == 3 and "has ended" in r.stderr and "valetkey login" in r.stderr
    assert b.status()["identities"][0]["state"] == "needs-login"
    assert b.sign_in().returncode == 0 and b.shim().returncode == 0


# ---- what is said


def test_no_secret_is_ever_said(make):
    b = make(faults=["id_token_ttl=2", "session_ttl=3"])
    tokens = b.tokens()
    secrets = {tokens[k] for k in ("id_token", "access_token", "refresh_token")}

    def script(c, n):
        parse(c.recv(65536))
        if n > 1:
            c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))
            return
        token = tokens["id_token"]
        c.send(frame(GRANT, (T_GRANT_ID, u64(3)), (T_GRANT, grant_bytes(b.base, token, claims(token)["sub"], claims(token)["exp"], tokens["refresh_token"]))))
        parse(c.recv(65536))
        c.send(frame(OK))
        parse(c.recv(65536))
        c.send(frame(ERROR, (T_OUTCOME, u32(NOTHING))))

    d = Daemon(b.claim, script)
    b.connect().close()
    until("the claim", lambda: "grant.claimed" in b.log())
    end = time.monotonic() + 4
    while time.monotonic() < end:
        doc = json.loads(b.shim().stdout)
        secrets |= {doc["SecretAccessKey"], doc["SessionToken"]}
        time.sleep(0.2)
    b.shim("admin")
    b.shim("nope")
    said = b.log() + b.run(CLI, "status", "--json").stdout
    b.run(CLI, "logout")
    b.stop()
    said += b.log()
    assert "role.assumed" in said and "grant.refreshed" in said and "role.refused" in said and "broker.stopping" in said
    for s in secrets:
        assert s not in said and s[:16] not in said
    d.close()
