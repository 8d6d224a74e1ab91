# SPDX-License-Identifier: Apache-2.0
"""Whom valetkeyd begins a sign-in for: what a service may ask, what must come before, who may ask for himself, how often, and
when the sign-in of a moment ago counts. The provider is valetkey-sandbox; the requests are written by hand."""
import base64
import hashlib
import os
import re
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from real.process import wait_until  # noqa: E402
from signin.world import ROOT, SUBJECTS, UID_MIN, World  # noqa: E402

pytestmark = pytest.mark.skipif(not ROOT, reason="other uids are needed: run as root")
UIDS = {name: UID_MIN + 210000 + i for i, name in enumerate(("alice", "bob", "carol", "dave"))}
SERVICES = """
[service open]
require_prior = none
reauth_for = 5m
[service shut]
flow = none
[service sudo]
reauth_for = 5m
[service su]
reauth_for = 2s
"""


def blob(kind=b"ssh-ed25519", more=b"\0" * 32):
    return struct.pack(">I", len(kind)) + kind + struct.pack(">I", len(more)) + more


def prior(raw=None, kind="ssh-ed25519"):
    """As sshd writes it after a public key."""
    return f"publickey {kind} {base64.b64encode(raw or blob()).decode()}\n"


def fingerprint(raw=None):
    return "SHA256:" + base64.b64encode(hashlib.sha256(raw or blob()).digest()).decode().rstrip("=")


def make(**kw):
    w = World(services=SERVICES, **kw)
    for name, uid in UIDS.items():
        w.add(name, SUBJECTS.get(name, f"{name}-sub"), uid)
    return w


@pytest.fixture(scope="module", name="world")
def _world():
    w = make(signin="max_starts_per_user = 1000\nmax_starts_per_rhost = 1000")
    try:
        yield w.start()
    finally:
        w.end()


@pytest.fixture(autouse=True)
def _nothing_runs(request):
    yield
    if "world" in request.fixturenames:
        idle(request.getfixturevalue("world"))


@pytest.fixture
def fresh():
    made = []

    def new(**kw):
        made.append(make(**kw))
        return made[-1]
    yield new
    for w in made:
        w.end()


def ask(w, user="alice", uid=None, **kw):
    c = w.login(uid)
    return c, c.ask("authenticate", user=user, **{"service": "sshd", "tty": "ssh", **kw})


def idle(w):
    """No sign-in runs any more."""
    def over():
        log = w.log()
        return log.count("signin.start ") == sum(log.count(f"signin.{e} ") for e in ("done", "denied", "failed", "cancelled"))
    wait_until(over, 10, "the sign-ins to end")


def begin(w, *args, **kw):
    """How a sign-in begins, which then is given up: "prompt", "verified" or an outcome."""
    c, answer = ask(w, *args, **kw)
    c.close()
    idle(w)
    return answer.get("outcome", answer["type"])


def refused(w, outcome, user="alice", uid=None, **kw):
    """-> the sentence; the provider has not heard of it."""
    before = w.stats()
    c, answer = ask(w, user, uid, **kw)
    assert (answer["type"], answer.get("outcome")) == ("error", outcome), answer
    assert c.receive() is None
    assert w.stats() == before
    return answer["message"]


def sign_in(w, user="alice", who="alice", uid=None, **kw):
    """To its end: the last answer."""
    c, prompt = ask(w, user, uid, **kw)
    assert prompt["type"] == "prompt", prompt
    w.approve(prompt, who)
    answer = c.receive()
    c.close()
    return answer


# ---- what must come before


def test_from_afar_a_key_comes_first(world):
    for more in ({"rhost": "192.0.2.7"}, {}, {"rhost": "192.0.2.7", "prior": ""}, {"rhost": "192.0.2.7", "prior": "password\n"},
                 {"rhost": "192.0.2.7", "prior": "keyboard-interactive/pam\n"}, {"rhost": "192.0.2.7", "service": "cockpit"},
                 {"rhost": "192.0.2.7", "service": "login"}):
        message = refused(world, "access-denied", **more)
        assert "public key" in message and "alice" not in message
    assert begin(world, rhost="192.0.2.7", prior=prior()) == "prompt"
    world.logged(r"signin.start user=alice service=sshd rhost=192.0.2.7 issuer=\S+ key=" + re.escape(fingerprint()))


def test_what_sshd_would_not_write_is_no_key(world):
    good = base64.b64encode(blob()).decode()
    for text in ("publickey\n", "publickey \n", "publickey ssh-ed25519\n", "publickey ssh-ed25519 \n", f"publickey ssh-rsa {good}\n", f"publickey ssh-ed25519 {good[:-3]}\n",
                 f"publickey ssh-ed25519 {good}=\n", f"Publickey ssh-ed25519 {good}\n", f" publickey ssh-ed25519 {good}\n", f"publickeys ssh-ed25519 {good}\n",
                 f"publickey  ssh-ed25519 {good}\n", f"hostbased x publickey ssh-ed25519 {good}\n", f"publickey ssh-ed25519 {good}\n\n", f"publickey ssh-ed25519 {good}\n\x1b[2J\n",
                 "publickey ssh-ed25519 AAAA\n", "publickey ssh-ed25519 !!!!\n", "x" * 16000):
        refused(world, "access-denied", rhost="192.0.2.7", prior=text)
    assert world.log().count("signin.prior_unreadable") >= 10
    for text in ("x" * 16385, b"publickey\0"):
        with world.login() as c:
            assert c.ask("authenticate", user="alice", service="sshd", prior=text)["outcome"] == "invalid-request"


def test_at_the_machine_itself_no_key_is_asked_for(world):
    for service in ("login", "su", "gdm-password"):
        assert begin(world, service=service, tty="tty1") == "prompt", service


def test_a_service_may_be_shut(world):
    assert "shut" in refused(world, "access-denied", service="shut", tty="tty1")


def test_a_service_may_be_open(world):
    assert begin(world, service="open", rhost="192.0.2.7") == "prompt"


def test_a_stranger_keeps_nobody_out(world):
    """Who has the key takes the place of who only knows the name."""
    stranger, first = ask(world, service="open", rhost="203.0.113.5")
    assert first["type"] == "prompt"
    assert refused(world, "busy", service="open", rhost="203.0.113.6")
    alice, second = ask(world, rhost="192.0.2.7", prior=prior())
    assert second["type"] == "prompt"
    answer = stranger.receive()
    assert answer["outcome"] == "cancelled" and stranger.receive() is None
    assert refused(world, "busy", service="open", rhost="203.0.113.5")
    world.approve(second)
    assert alice.receive()["type"] == "authenticated"


# ---- programs of the user's own


def test_a_locker_hears_yes_or_no_and_gets_nothing(world):
    """swaylock, kscreenlocker: PAM in a process of the user's."""
    assert sign_in(world, uid=UIDS["alice"], service="swaylock", tty=None) == {"type": "verified"}
    world.logged(rf"signin.done user=alice uid={UIDS['alice']} service=swaylock .* by=alice\n")
    with world.claim(UIDS["alice"]) as c:
        assert c.ask("claim")["outcome"] == "nothing"
    assert sign_in(world, who="bob", uid=UIDS["alice"], service="swaylock", tty=None)["outcome"] == "wrong-subject"
    assert begin(world, uid=UIDS["alice"], service="swaylock", tty=None) == "prompt", "it is never remembered"


def test_a_locker_asks_for_nobody_else(world):
    for user in ("bob", "root", "stranger"):
        assert "alice" not in refused(world, "access-denied", user=user, uid=UIDS["alice"], service="swaylock")
    for more in ({"rhost": "192.0.2.7"}, {"prior": prior()}, {"rhost": "192.0.2.7", "prior": prior()}, {"ruser": "alice"}, {"service": "shut"}):
        refused(world, "access-denied", uid=UIDS["alice"], **{"service": "swaylock", **more})
    for uid in (65534, world.daemon_uid, UIDS["bob"]):
        refused(world, "access-denied", uid=uid, service="swaylock")


def test_a_locker_does_not_bind_an_account(world):
    world.verb("user", "add", "erin", "--issuer", world.issuer, "--uid", str(UID_MIN + 210050))
    refused(world, "access-denied", user="erin", uid=UID_MIN + 210050, service="swaylock")


def test_of_others_accounts_nothing_is_told(world):
    world.verb("user", "lock", "carol")
    try:
        refused(world, "account-locked", user="carol", uid=UIDS["carol"], service="swaylock")
        locked = refused(world, "access-denied", user="carol", uid=UIDS["bob"], service="swaylock")
        assert locked == refused(world, "access-denied", user="dave", uid=UIDS["bob"], service="swaylock")
    finally:
        world.verb("user", "unlock", "carol")


def test_a_login_takes_a_lockers_place(world):
    locker, first = ask(world, uid=UIDS["alice"], service="swaylock")
    login, second = ask(world, service="login", tty="tty1")
    assert first["type"] == second["type"] == "prompt"
    assert locker.receive()["outcome"] == "cancelled"
    assert refused(world, "busy", uid=UIDS["alice"], service="swaylock")
    login.close()


def test_lockers_can_be_forbidden(fresh):
    w = fresh(signin="lockers = no").start()
    assert "own programs" in refused(w, "access-denied", uid=UIDS["alice"], service="swaylock")
    assert ask(w, service="login", tty="tty1")[1]["type"] == "prompt"


# ---- how often, how many


def test_how_often_sign_ins_begin(fresh):
    w = fresh(signin="max_starts_per_user = 2\nmax_starts_per_rhost = 3").start()

    def again(user, rhost):
        return begin(w, user, service="open", rhost=rhost)
    assert [again("alice", "192.0.2.1") for _ in range(3)] == ["prompt", "prompt", "busy"]
    assert again("alice", "192.0.2.2") == "busy", "it is the user who has been asked often enough"
    assert [again("bob", "192.0.2.1"), again("carol", "192.0.2.1")] == ["prompt", "busy"], "and the host that has asked"
    assert again("carol", "192.0.2.2") == "prompt"
    assert w.stats()["device_authorization"] == 4


def test_one_that_may_not_begin_ends_none(fresh):
    w = fresh(signin="max_starts_per_user = 1").start()
    assert begin(w, "alice", service="open", rhost="192.0.2.1") == "prompt"
    idle(w)
    locker, first = ask(w, uid=UIDS["alice"], service="swaylock")
    assert first["type"] == "prompt"
    assert refused(w, "busy", service="open", rhost="192.0.2.1")
    assert "signing in already" in refused(w, "busy", uid=UIDS["alice"], service="swaylock"), "it still runs"
    locker.close()


def test_programs_of_users_leave_places(fresh):
    w = fresh(signin="max_flows = 4").start()
    kept = [ask(w, user="alice", uid=UIDS["alice"], service="swaylock")]
    assert kept[0][1]["type"] == "prompt"
    assert refused(w, "busy", user="bob", uid=UIDS["bob"], service="swaylock")
    for user in ("bob", "carol", "dave"):
        kept.append(ask(w, user=user, service="login", tty=f"tty-{user}"))
        assert kept[-1][1]["type"] == "prompt"


# ---- the sign-in of a moment ago


KEY = {"rhost": "192.0.2.7", "prior": prior()}


def here(w, name):
    """As logind has it while the user is."""
    with open(w.path(f"sessions/{UIDS[name]}"), "w", encoding="ascii"):
        pass


@pytest.fixture(name="signed_in")
def _signed_in(fresh):
    w = fresh().start()
    here(w, "alice")
    here(w, "bob")
    assert sign_in(w, **KEY)["type"] == "authenticated"
    return w


def test_the_same_again_counts(signed_in):
    before = signed_in.stats()
    for _ in range(3):
        assert ask(signed_in, **KEY)[1] == {"type": "verified"}
    assert signed_in.stats() == before
    signed_in.logged(rf"signin.remembered user=alice uid={UIDS['alice']} service=sshd rhost=192.0.2.7 age=\d+s key={re.escape(fingerprint())} by=")
    # and nothing that differs in anything does
    for more in ({"rhost": "192.0.2.8"}, {"prior": prior(blob(more=b"\1" * 32))}, {"tty": None}, {"tty": "pts/1"}, {"ruser": "alice"}, {"service": "sshd2"}):
        assert begin(signed_in, **{**KEY, **more}) == "prompt", more
    assert refused(signed_in, "access-denied", rhost="192.0.2.7")
    assert ask(signed_in, user="bob", **KEY)[1]["type"] == "prompt"


def test_a_logout_ends_it(signed_in):
    os.unlink(signed_in.path(f"sessions/{UIDS['bob']}"))
    assert begin(signed_in, **KEY) == "verified", "it was another user"
    os.unlink(signed_in.path(f"sessions/{UIDS['alice']}"))
    wait_until(lambda: "reauth.forgotten" in signed_in.log(), 5, "the end")
    here(signed_in, "alice")
    assert ask(signed_in, **KEY)[1]["type"] == "prompt"


def test_a_lock_ends_it(signed_in):
    n = signed_in.log().count("reauth.forgotten")
    signed_in.verb("user", "lock", "alice")
    assert ask(signed_in, **KEY)[1]["outcome"] == "account-locked"
    wait_until(lambda: signed_in.log().count("reauth.forgotten") > n, 5, "the end")
    signed_in.verb("user", "unlock", "alice")
    assert ask(signed_in, **KEY)[1]["type"] == "prompt"


def test_a_refusal_by_the_provider_ends_it(signed_in):
    with signed_in.claim(UIDS["alice"]) as c:
        assert c.ask("report", issuer=signed_in.issuer, subject=SUBJECTS["alice"], outcome=3)["type"] == "ok"
    # the account phase would send her to the provider, so she is not kept from going there
    assert sign_in(signed_in, **KEY)["type"] == "authenticated"
    assert ask(signed_in, **KEY)[1] == {"type": "verified"}


def test_an_account_that_is_somebody_elses_now(signed_in):
    signed_in.verb("user", "remove", "alice")
    signed_in.add("alice", "another-alice", UIDS["alice"] + 500)
    assert ask(signed_in, **KEY)[1]["type"] == "prompt"


def test_other_users_changes_do_not_end_it(signed_in):
    signed_in.verb("user", "lock", "bob")
    assert sign_in(signed_in, user="carol", who="alice", **KEY)["type"] == "error"
    assert ask(signed_in, **KEY)[1] == {"type": "verified"}


def test_without_logind_nothing_is_remembered(fresh):
    w = fresh()
    os.rmdir(w.path("sessions"))
    w.start()
    assert sign_in(w, **KEY)["type"] == "authenticated"
    assert ask(w, **KEY)[1]["type"] == "prompt"


def test_when_logind_comes_later(fresh):
    w = fresh()
    os.rmdir(w.path("sessions"))
    w.start()
    os.mkdir(w.path("sessions"), 0o755)
    assert sign_in(w, **KEY)["type"] == "authenticated"
    assert ask(w, **KEY)[1] == {"type": "verified"}
    os.rename(w.path("sessions"), w.path("moved"))  # nothing more is seen of it
    wait_until(lambda: "reauth.forgotten" in w.log(), 5, "the end")
    assert ask(w, **KEY)[1]["type"] == "prompt"


def test_without_anything_that_says_who_asks_nothing_is_remembered(world):
    for more in ({"service": "open", "rhost": "192.0.2.7"}, {"service": "open", "tty": "tty1"}):
        assert sign_in(world, **more)["type"] == "authenticated"
        assert begin(world, **more) == "prompt", more


def test_sudo_is_remembered_for_who_asks(world):
    sudo = {"service": "sudo", "tty": "/dev/pts/3", "ruser": "alice"}
    assert sign_in(world, **sudo)["type"] == "authenticated"
    assert ask(world, **sudo)[1] == {"type": "verified"}
    for more in ({"ruser": "bob"}, {"ruser": None}, {"tty": "/dev/pts/4"}):
        assert begin(world, **{**sudo, **more}) == "prompt", more


def test_it_is_counted_from_the_sign_in(world):
    su = {"service": "su", "tty": "/dev/pts/9", "ruser": "bob"}
    assert sign_in(world, **su)["type"] == "authenticated"
    first = time.monotonic()
    wait_until(lambda: begin(world, **su) == "prompt", 20, "the end of it, though it is used all the time")
    assert time.monotonic() - first > 1.5
