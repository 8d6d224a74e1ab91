# SPDX-License-Identifier: Apache-2.0
"""valetkeyd from outside: what it shows, what it decides, what it hands out and to whom, and what it survives.

The provider is valetkey-sandbox; the requests are written by hand, as PAM and a broker would send them.
"""
import fcntl
import json
import os
import signal
import socket
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real.process import wait_until  # noqa: E402
from signin import frames  # noqa: E402
from signin.world import ROOT, SUBJECTS, UID_MIN, World, me  # noqa: E402

needs_root = pytest.mark.skipif(not ROOT, reason="other uids are needed: run as root")
# Unlikely numbers, so that two runs at once do not meet on a uid.
ALICE_UID, BOB_UID, CAROL_UID = (UID_MIN + 200000 + i for i in range(3)) if ROOT else (os.getuid(),) * 3
ALICE = "alice" if ROOT else me()


def make(signin="", **kw):
    w = World(signin=f"max_starts_per_user = 1024\nmax_starts_per_rhost = 1024\n{signin}", **kw)
    w.add(ALICE, SUBJECTS["alice"], ALICE_UID)
    if ROOT:
        w.add("bob", SUBJECTS["bob"], BOB_UID)
    return w


@pytest.fixture(scope="module")
def world():
    w = make()
    try:
        yield w.start()
    finally:
        w.end()


@pytest.fixture
def fresh():
    made = []

    def new(**kw):
        made.append(make(**kw))
        return made[-1]
    yield new
    for w in made:
        w.end()


def begin(w, user=ALICE, rhost="192.0.2.7", service="sshd"):
    """Asks for a sign-in; the connection and the first answer."""
    c = w.login()
    return c, c.ask("authenticate", user=user, service=service, rhost=rhost, tty="ssh")


def sign_in(w, user=ALICE, who="alice", rhost="192.0.2.7"):
    """Up to the handle."""
    c, prompt = begin(w, user, rhost)
    assert prompt["type"] == "prompt", prompt
    w.approve(prompt, who)
    answer = c.receive()
    c.close()
    return answer


def commit(w, handle, user=ALICE, rhost="192.0.2.7", service="sshd"):
    with w.login() as c:
        return c.ask("commit", handle=handle, user=user, service=service, rhost=rhost)


def committed(w, user=ALICE, who="alice", uid=ALICE_UID):
    answer = commit(w, sign_in(w, user, who)["handle"], user)
    assert answer == {"type": "ok", "uid": uid, "port": answer["port"]}


def drain(w, uid):
    """Claims and acknowledges whatever waits; the grants."""
    grants = []
    with w.claim(uid) as c:
        while (g := c.ask("claim"))["type"] == "grant":
            grants.append(g["grant"])
            assert c.ask("ack", grant_id=g["grant_id"]) == {"type": "ok"}
        assert g["outcome"] == "nothing", g
    return grants


def test_from_prompt_to_broker(world):
    c, prompt = begin(world)
    lines = prompt["text"].split("\n")
    assert prompt["type"] == "prompt" and 0 < prompt["expires_in"] <= 1800
    assert lines[0].startswith(f"Sign in to {os.uname().nodename} as {ALICE} (sshd, from 192.0.2.7)")
    assert lines[0].isascii() and world.base in prompt["text"] and "█" in prompt["text"]
    assert prompt["text"].endswith("Enter when you have signed in: ")
    world.approve(prompt)
    answer = c.receive()
    assert answer["type"] == "authenticated" and len(answer["handle"]) == 32
    assert c.receive() is None
    with world.claim(ALICE_UID) as early:  # nobody's before the session opens
        assert early.ask("claim")["outcome"] == "nothing"
    done = commit(world, answer["handle"])
    assert 1024 <= done.pop("port") <= 65535 and done == {"type": "ok", "uid": ALICE_UID}
    with world.claim(ALICE_UID) as broker:
        got = broker.ask("claim")
        assert got["type"] == "grant"
        values = frames.grant_fields(got["grant"]).values()
        assert SUBJECTS["alice"].encode() in values and world.issuer.encode() in values and b"sandbox" in values
        assert any(v.count(b".") == 2 and v.startswith(b"eyJ") for v in values), "an ID token"
        assert broker.ask("ack", grant_id=got["grant_id"]) == {"type": "ok"}
        assert broker.ask("claim")["outcome"] == "nothing"
    world.logged(rf"signin.done user={ALICE} uid={ALICE_UID} service=sshd rhost=192.0.2.7 issuer=\S+ sub={SUBJECTS['alice']}")
    world.logged(rf"grant.committed user={ALICE}")
    world.logged(rf"grant.claimed user={ALICE}")


def test_declined_at_the_provider(world):
    c, prompt = begin(world)
    world.approve(prompt, decision="deny")
    assert c.receive()["outcome"] == "denied-by-user"
    assert c.receive() is None


def test_a_code_that_runs_out(world):
    world.fault("device_ttl=2")
    c, prompt = begin(world)
    world.control("fault", clear="device_ttl")
    assert prompt["expires_in"] == 2
    assert c.receive()["outcome"] == "expired"


def test_somebody_else_signs_in(world):
    answer = sign_in(world, ALICE, who="bob")
    assert answer["outcome"] == "wrong-subject" and ALICE in answer["message"]


# ---- whom it does not even ask the provider for


def test_a_stranger_costs_no_call(world):
    before = world.stats()
    for name in ("stranger", "root", "daemon", "hunter2isapassword"):
        _, answer = begin(world, name)
        assert answer["outcome"] == "not-ours", name
    assert world.stats() == before
    assert "hunter2isapassword" not in world.log()


@needs_root
def test_locked_and_expired_accounts(world):
    world.add("carol", "carol-1", CAROL_UID)
    world.verb("user", "lock", "carol")
    before = world.stats()
    assert begin(world, "carol")[1]["outcome"] == "account-locked"
    assert world.stats() == before
    world.verb("user", "remove", "carol")
    world.verb("user", "add", "carol", "--issuer", world.issuer, "--subject", "carol-1", "--uid", str(CAROL_UID), "--expires",
               "2020-01-01T00:00:00Z")
    assert begin(world, "carol")[1]["outcome"] == "account-expired"
    assert world.stats() == before
    world.verb("user", "remove", "carol")


@needs_root
def test_a_lock_during_the_sign_in_counts(world):
    c, prompt = begin(world)
    world.verb("user", "lock", ALICE)
    try:
        world.approve(prompt)
        assert c.receive()["outcome"] == "account-locked"
    finally:
        world.verb("user", "unlock", ALICE)


@needs_root
def test_a_lock_between_sign_in_and_session_counts(world):
    handle = sign_in(world)["handle"]
    world.verb("user", "lock", ALICE)
    try:
        assert commit(world, handle)["outcome"] == "account-locked"
    finally:
        world.verb("user", "unlock", ALICE)
    assert commit(world, handle)["outcome"] == "unknown-handle"
    assert drain(world, ALICE_UID) == []


@needs_root
def test_a_lock_between_session_and_claim_counts(world):
    drain(world, ALICE_UID)
    committed(world)
    world.verb("user", "lock", ALICE)
    try:
        with world.claim(ALICE_UID) as c:
            assert c.ask("claim")["outcome"] == "account-locked"
            assert c.ask("claim")["outcome"] == "nothing"
    finally:
        world.verb("user", "unlock", ALICE)
    assert drain(world, ALICE_UID) == []


def test_a_broker_may_ask_whether_it_is_bound_to_somebody(world):
    """Only about its own uid, and it hears yes or no."""
    issuer = f"{world.base}/oidc"
    with world.claim(ALICE_UID) as c:
        assert c.ask("verify", issuer=issuer, subject=SUBJECTS["alice"]) == {"type": "ok"}
        for i, s in ((issuer, SUBJECTS["bob"]), ("https://other.example", SUBJECTS["alice"]), (issuer, SUBJECTS["alice"] + "x"), (issuer + "/", SUBJECTS["alice"]),
                     (issuer, ""), ("", ""), (issuer, "x" * 4000), ("https://" + "x" * 4000, SUBJECTS["alice"])):
            answer = c.ask("verify", issuer=i, subject=s)
            assert answer["outcome"] == "wrong-subject" and SUBJECTS["alice"] not in answer["message"], (i, s, answer)
        assert c.ask("verify", issuer=issuer, subject=SUBJECTS["alice"]) == {"type": "ok"}, "the same connection goes on"
    world.verb("user", "lock", ALICE)
    try:
        with world.claim(ALICE_UID) as c:
            assert c.ask("verify", issuer=issuer, subject=SUBJECTS["alice"])["outcome"] == "account-locked"
    finally:
        world.verb("user", "unlock", ALICE)
    for bad in ({}, {"issuer": issuer}, {"subject": "x"}, {"issuer": issuer, "subject": "x", "user": "bob"}, {"issuer": issuer, "subject": "x", "uid": 0}):
        with world.claim(ALICE_UID) as c:
            assert c.ask("verify", **bad)["outcome"] == "invalid-request", bad


@needs_root
def test_a_uid_that_is_nobody_of_ours_is_told_so(world):
    for uid in (0, ALICE_UID + 90000):
        with world.claim(uid) as c:
            assert c.ask("verify", issuer=f"{world.base}/oidc", subject=SUBJECTS["alice"])["outcome"] == "not-ours"


@needs_root
def test_a_uid_that_went_to_somebody_else_claims_nothing(world):
    drain(world, BOB_UID)
    committed(world, "bob", "bob", BOB_UID)
    world.verb("user", "remove", "bob")
    refused = world.verb("user", "add", "carol", "--issuer", world.issuer, "--subject", "carol-1", "--uid", str(BOB_UID), check=False)
    assert refused.returncode == 2 and "was that of bob, who was removed" in refused.stderr
    world.forget_removed()
    world.add("carol", "carol-1", BOB_UID)
    try:
        with world.claim(BOB_UID) as c:
            assert c.ask("claim")["outcome"] == "not-ours"
        assert drain(world, BOB_UID) == []
    finally:
        world.verb("user", "remove", "carol")
        world.forget_removed()
        world.add("bob", SUBJECTS["bob"], BOB_UID)


@needs_root
def test_a_name_and_uid_given_to_another_person_claim_nothing(world):
    drain(world, BOB_UID)
    handle = sign_in(world, "bob", "bob")["handle"]
    world.verb("user", "remove", "bob")
    world.forget_removed()
    world.add("bob", "another-bob", BOB_UID)  # the same name and pinned uid, another subject
    try:
        commit(world, handle, "bob")
        with world.claim(BOB_UID) as c:
            assert c.ask("claim")["outcome"] in ("not-ours", "nothing")
        assert drain(world, BOB_UID) == []
    finally:
        world.verb("user", "remove", "bob")
        world.forget_removed()
        world.add("bob", SUBJECTS["bob"], BOB_UID)


@needs_root
def test_a_table_that_cannot_be_read_costs_no_grant(world):
    drain(world, ALICE_UID)
    committed(world)
    table = world.path("state/users")
    os.chmod(table, 0o666)
    try:
        with world.claim(ALICE_UID) as c:
            assert c.ask("claim")["outcome"] == "internal"
    finally:
        os.chmod(table, 0o644)
    assert len(drain(world, ALICE_UID)) == 1


@needs_root
def test_the_last_success_is_remembered(world):
    drain(world, ALICE_UID)
    assert sign_in(world)["type"] == "authenticated"
    listed = world.verb("user", "list", "--json").stdout
    row = next(u for u in json.loads(listed) if u["name"] == ALICE)
    assert abs(row["last_success"] - time.time()) < 120


@needs_root
def test_max_offline_age_goes_into_the_table(fresh):
    w = fresh(signin="max_offline_age = 2h").start()
    with open(w.path("state/users"), "rb") as f:
        assert struct.unpack_from("<q", f.read(56), 48)[0] == 7200
    w.add("carol", "carol-1", CAROL_UID)  # and stays there
    with open(w.path("state/users"), "rb") as f:
        assert struct.unpack_from("<q", f.read(56), 48)[0] == 7200


# ---- who is whom


@needs_root
def test_the_first_sign_in_binds(fresh):
    w = fresh(identity="username_claim = preferred_username\nusername_claim_is_immutable = yes")
    w.verb("user", "remove", "bob")
    w.forget_removed()
    w.verb("user", "add", "bob", "--issuer", w.issuer, "--uid", str(BOB_UID))
    w.start()
    assert sign_in(w, "bob", who="alice")["outcome"] == "wrong-subject"
    assert sign_in(w, "bob", who="bob")["type"] == "authenticated"
    row = next(u for u in json.loads(w.verb("user", "list", "--json").stdout) if u["name"] == "bob")
    assert row["subject"] == SUBJECTS["bob"] and row["uid"] == BOB_UID  # ids do not change
    assert sign_in(w, "bob", who="bob")["type"] == "authenticated"
    assert sign_in(w, "bob", who="alice")["outcome"] == "wrong-subject"


def test_groups(fresh):
    w = fresh(identity="allow_groups = platform-admins").start()
    assert sign_in(w)["outcome"] == "access-denied"
    if ROOT:
        assert sign_in(w, "bob", who="bob")["type"] == "authenticated"


# ---- limits


@needs_root
def test_two_users_at_once_and_one_user_twice(world):
    a, first = begin(world, "alice")
    b, second = begin(world, "bob")
    assert first["type"] == second["type"] == "prompt"
    _, third = begin(world, "alice", rhost="192.0.2.99")
    assert third["outcome"] == "busy" and "alice is signing in already" in third["message"]
    assert "192.0.2" not in third["message"]  # whoever asks has proved nothing yet, and learns nobody's address
    world.logged("signin.in_progress user=alice service=sshd rhost=192.0.2.7\n")
    world.approve(second, "bob")
    world.approve(first, "alice")
    assert a.receive()["type"] == b.receive()["type"] == "authenticated"
    assert begin(world, "alice")[1]["type"] == "prompt"  # free again


@needs_root
def test_caps(fresh):
    w = fresh(signin="max_flows = 3\nmax_flows_per_rhost = 2")
    for i in range(6):
        w.add(f"u{i}", f"s{i}", UID_MIN + 300000 + i)
    w.start()
    kept = [begin(w, "u0"), begin(w, "u1")]
    assert begin(w, "u2")[1]["outcome"] == "busy"  # of that host
    kept.append(begin(w, "u3", rhost="198.51.100.1"))
    assert begin(w, "u4", rhost="203.0.113.1")[1]["outcome"] == "busy"  # in all
    assert [k[1]["type"] for k in kept] == ["prompt"] * 3
    kept[0][0].close()
    w.logged("signin.cancelled user=u0")
    c, answer = begin(w, "u2")
    assert answer["type"] == "prompt"
    c.close()


def test_hanging_up_ends_the_polling(world):
    c, prompt = begin(world)
    assert prompt["type"] == "prompt"
    first = world.stats()
    wait_until(lambda: world.stats() != first, 10, "a poll")
    done = world.log().count("signin.cancelled")
    c.close()
    wait_until(lambda: world.log().count("signin.cancelled") > done, 5, "the cancelling")
    before = world.stats()
    time.sleep(2.5)  # two polls' time
    assert world.stats() == before


def test_hanging_up_before_the_prompt(world):
    for _ in range(5):
        c = world.login()
        c.send("authenticate", user=ALICE, service="sshd")
        c.close()
    wait_until(lambda: begin(world)[1]["type"] == "prompt", 10, "a sign-in to be possible again")


# ---- handles and grants


def test_a_handle_is_bound_and_good_once(world):
    for other in ({"user": "bob" if ROOT else "root"}, {"rhost": "192.0.2.8"}, {"rhost": None}, {"service": "login"}):
        handle = sign_in(world)["handle"]
        assert commit(world, handle, **other)["outcome"] == "unknown-handle"
        assert commit(world, handle)["outcome"] == "unknown-handle"
    handle = sign_in(world)["handle"]
    assert commit(world, handle)["type"] == "ok"
    assert commit(world, handle)["outcome"] == "unknown-handle"
    assert len(drain(world, ALICE_UID)) == 1


def test_a_dropped_handle_is_gone(world):
    handle = sign_in(world)["handle"]
    with world.login() as c:
        assert c.ask("drop", handle=handle) == {"type": "ok"}
        assert c.ask("drop", handle=handle) == {"type": "ok"}
    assert commit(world, handle)["outcome"] == "unknown-handle"


@needs_root
def test_another_uid_gets_nothing(world):
    committed(world)
    for uid in (BOB_UID, 0, 65534, world.daemon_uid):
        with world.claim(uid) as c:
            assert c.ask("claim")["outcome"] == "nothing", uid
            assert c.ask("ack", grant_id=1)["outcome"] == "unknown-handle"
    assert len(drain(world, ALICE_UID)) == 1


def test_a_broker_that_dies_before_its_ack_loses_nothing(world):
    committed(world)
    grants = []
    for _ in range(3):
        c = world.claim(ALICE_UID)
        grants.append(c.ask("claim")["grant"])
        c.close()  # SIGKILL closes it just so
    assert grants[0] == grants[1] == grants[2]
    assert drain(world, ALICE_UID) == grants[:1]


def test_two_brokers_do_not_share_a_grant(world):
    committed(world)
    with world.claim(ALICE_UID) as one, world.claim(ALICE_UID) as two:
        got = one.ask("claim")
        assert two.ask("claim")["outcome"] == "busy"
        assert two.ask("ack", grant_id=got["grant_id"])["outcome"] == "unknown-handle"
        assert one.ask("ack", grant_id=got["grant_id"]) == {"type": "ok"}
        assert two.ask("claim")["outcome"] == "nothing"


def test_a_newer_sign_in_replaces_an_unclaimed_one(world):
    committed(world)
    committed(world)
    assert len(drain(world, ALICE_UID)) == 1


# ---- who may ask


@needs_root
def test_only_root_signs_people_in(world):
    for uid in (ALICE_UID, 65534, world.daemon_uid):
        before = world.stats()
        for request in ({"kind": "authenticate", "user": "bob", "service": "sshd"}, {"kind": "close", "user": ALICE},
                        {"kind": "commit", "handle": "0" * 32, "user": ALICE, "service": "sshd"}, {"kind": "drop", "handle": "0" * 32}):
            with world.login(uid) as c:
                assert c.ask(**request)["outcome"] == "access-denied"
                assert c.receive() is None
        assert world.stats() == before


# ---- bad tokens and bad providers


@pytest.mark.parametrize("fault,outcome", [
    ("wrong_signature", "token-rejected"), ("wrong_key", "token-rejected"), ("wrong_issuer", "token-rejected"),
    ("wrong_audience", "token-rejected"), ("alg_none", "token-rejected"), ("expired_token", "token-rejected"),
    ("no_sub", "token-rejected"), ("huge_sub", "bad-answer")])
def test_a_bad_token_opens_nothing(world, fault, outcome):
    c, prompt = begin(world)
    world.fault(fault)
    try:
        world.approve(prompt)
        answer = c.receive(40)
    finally:
        world.control("fault", clear="all")
        world.fault("interval=1")
    assert answer["type"] == "error" and answer["outcome"] in (outcome, "token-rejected"), answer
    assert drain(world, ALICE_UID) == []


@pytest.mark.parametrize("fault", ["device_authorization.garbage", "device_authorization.half", "device_authorization.huge",
                                   "device_authorization.empty", "device_authorization.drop", "device_authorization.5xx"])
def test_a_provider_that_answers_nonsense(fresh, fault):
    w = fresh(faults=[fault]).start()
    start = time.monotonic()
    _, answer = begin(w)
    assert answer["type"] == "error" and answer["outcome"] in ("bad-answer", "unreachable", "timeout"), answer
    assert answer["message"] and time.monotonic() - start < 10
    w.control("fault", clear="all")
    w.fault("interval=1")
    assert sign_in(w)["type"] == "authenticated"


def test_a_provider_that_is_slow(fresh):
    w = fresh(faults=["delay=60000"]).start()
    start = time.monotonic()
    _, answer = begin(w)
    assert answer["outcome"] == "timeout" and 7 < time.monotonic() - start < 10


def test_a_provider_that_is_down(fresh):
    w = fresh()
    w.sandbox.process.kill()
    w.sandbox.process.wait()
    w.start()  # comes up all the same
    start = time.monotonic()
    _, answer = begin(w)
    assert answer["outcome"] in ("unreachable", "timeout") and time.monotonic() - start < 10


# ---- hostile bytes


@needs_root
def test_a_stranger_does_not_write_our_log(fresh):
    """Anybody may connect; a journal that is full of his noise limits the rate of the lines that matter, too."""
    w = fresh().start()
    for _ in range(200):
        for path in ("run/login.sock", "run/claim.sock"):
            with frames.connect(w.path(path), BOB_UID) as c:
                c.sock.send(b"x")
                assert c.receive() is None
    crowd = [frames.connect(w.path("run/claim.sock"), BOB_UID) for _ in range(200)]
    for c in crowd:
        c.close()
    assert sign_in(w)["type"] == "authenticated"  # and all that was before it has been dealt with
    noise = [line for line in w.log().splitlines() if f"uid={BOB_UID}" in line]
    assert {line.split()[1] for line in noise} == {"login.broken", "claim.broken", "socket.full"}
    assert len(noise) <= 30


def test_half_and_broken_messages(world):
    good = frames.encode("authenticate", user=ALICE, service="sshd", rhost="192.0.2.7")
    bad = [good[:i] for i in range(1, len(good))] + [good + b"x", b"x" * 70000, good[:4] + b"\xff" + good[5:],
                                                    frames.encode("prompt", text="x"), frames.encode("claim"), frames.encode("ok"),
                                                    frames.encode("authenticate", service="sshd"), frames.encode("authenticate", user=ALICE)]
    bad += [frames.encode("authenticate", user=u, service="sshd") for u in ("", "a\nb", "../x", "A", "a" * 65, "a\0b")]
    bad += [frames.encode("authenticate", user=ALICE, service=s) for s in ("", "a b", "s" * 65, "\033[2J") if s]
    bad += [frames.encode("authenticate", user=ALICE, service="s", rhost=r) for r in ("a b", "r" * 256, "\n")]
    bad += [frames.encode("commit", handle=h, user=ALICE, service="s") for h in ("", "0" * 31, "0" * 33, "Z" * 32)]
    before = world.stats()
    for packet in bad:
        for path in ("run/login.sock", "run/claim.sock"):
            with frames.connect(world.path(path), ALICE_UID if "claim" in path else None) as c:
                try:
                    c.sock.send(packet)
                except (BrokenPipeError, OSError):
                    continue
                answer = c.receive()
                if path.endswith("claim.sock") and packet == frames.encode("claim"):
                    continue
                assert answer is None or answer["outcome"] == "invalid-request", (packet, answer)
    assert world.stats() == before
    assert sign_in(world)["type"] == "authenticated"


def test_a_second_request_during_a_sign_in(world):
    c, prompt = begin(world)
    assert prompt["type"] == "prompt"
    answer = c.ask("authenticate", user=ALICE, service="sshd")
    assert answer["outcome"] == "invalid-request"
    assert c.receive() is None


# ---- the process


def test_no_secret_in_logs_files_or_arguments(fresh):
    w = fresh().start()
    handle = sign_in(w)["handle"]
    assert commit(w, handle)["type"] == "ok"
    secrets = [v for g in drain(w, ALICE_UID) for v in frames.grant_fields(g).values() if len(v) > 20 and b"://" not in v]
    secrets = [s for s in secrets if s.startswith(b"eyJ") or b" " not in s] + [handle.encode()]
    assert len(secrets) >= 3
    pid = w.daemon.process.pid
    places = {"log": open(w.path("daemon.log"), "rb").read()}
    for root, _, names in os.walk(w.dir):
        for n in names:
            p = os.path.join(root, n)
            if os.path.isfile(p) and n not in ("sandbox.log", "valetkeyd"):
                places[p] = open(p, "rb").read()
    for what in ("cmdline", "environ"):
        places[what] = open(f"/proc/{pid}/{what}", "rb").read() if ROOT else b""
    for place, data in places.items():
        for s in secrets:
            assert s not in data, place


def test_it_is_closed_to_debuggers_and_needs_no_root(world):
    status = open(f"/proc/{world.daemon.process.pid}/status", encoding="utf-8").read()
    assert f"Uid:\t{world.daemon_uid}" in status
    assert os.stat(f"/proc/{world.daemon.process.pid}/mem").st_uid == 0  # not dumpable
    limits = open(f"/proc/{world.daemon.process.pid}/limits", encoding="utf-8").read() if ROOT else "core file size 0 0"
    assert "core file size" in limits


def test_sigterm_is_a_clean_end(fresh):
    w = fresh().start()
    c, prompt = begin(w)
    assert prompt["type"] == "prompt"
    w.daemon.process.send_signal(signal.SIGTERM)
    assert w.daemon.process.wait(5) == 0
    assert c.receive() is None
    w.start()  # stale sockets are no obstacle
    assert sign_in(w)["type"] == "authenticated"


def test_sockets_from_systemd(fresh):
    w = fresh()
    socks = []
    for name in ("claim", "login"):  # not in the order of the daemon's own
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.bind(w.path(f"{name}.activated"))
        os.chmod(w.path(f"{name}.activated"), 0o666)
        s.listen(5)
        socks.append(s)
    pid = os.fork()
    if pid == 0:
        try:
            high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in socks]
            os.dup2(os.open(w.path("daemon.log"), os.O_WRONLY | os.O_CREAT), 2)
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
            if ROOT:
                os.setgroups([])
                os.setresgid(w.daemon_uid, w.daemon_uid, w.daemon_uid)
                os.setresuid(w.daemon_uid, w.daemon_uid, w.daemon_uid)
            cmd = [w.program, "--config", w.path("etc/valetkey.conf"), "--run-dir", w.path("nonexistent/run"), "--state-dir",
                   w.path("state"), "--users", w.path("etc/users"), "--login-uid", str(os.getuid())]
            os.execve(cmd[0], cmd, {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "claim:login"})
        finally:
            os._exit(1)
    try:
        with frames.connect(w.path("claim.activated")) as c:
            assert c.ask("claim")["outcome"] == "nothing"
        with frames.connect(w.path("login.activated")) as c:
            assert c.ask("authenticate", user=ALICE, service="sshd")["type"] == "prompt"
    finally:
        os.kill(pid, signal.SIGTERM)
        assert os.waitpid(pid, 0)[1] == 0
        for s in socks:
            s.close()


def test_a_broken_configuration_is_said_with_its_line(fresh):
    w = fresh()
    with open(w.path("etc/valetkey.conf"), "a", encoding="utf-8") as f:
        f.write("\n[identity other]\nissuser = x\n")
    with pytest.raises(RuntimeError) as e:
        w.start()
    assert "valetkey.conf:" in str(e.value) and "issuser" in str(e.value)
