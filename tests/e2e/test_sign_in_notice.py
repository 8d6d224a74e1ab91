# SPDX-License-Identifier: Apache-2.0
"""A sign-in is needed while nobody looks: one notification, whose button opens the browser; and when there is none."""
import os
import pty
import sys
import urllib.parse

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import ERROR, T_OUTCOME, Broker
from notifierlib import Notifier
from sandbox_client import Person, Sandbox
from worldlib import CLI, http, until

NEEDS_LOGIN = 3
SHOWN = ["Sign in", "Not now"]


@pytest.fixture
def broker():
    made = []

    def make(**kw):
        made.append(Broker(bus=True, **kw))
        return made[-1]

    yield make
    for b in made:
        print(b.log())
        b.close()


@pytest.fixture
def desktop():
    made = []

    def make(b, **kw):
        made.append(Notifier(b.bus_address, **kw))
        return made[-1]

    yield make
    for n in made:
        n.close()


def needs_login(b, role="dev"):
    kind, fields = b.get(role)
    assert kind == ERROR and int.from_bytes(fields[T_OUTCOME], "little") == NEEDS_LOGIN, (kind, fields)


def decide(b, url, decision="allow"):
    """The person in the browser that was opened; -> the page at the end."""
    box = Sandbox.__new__(Sandbox)
    box.url, box.port = b.base.rstrip("/"), urllib.parse.urlsplit(b.base).port
    parts = urllib.parse.urlsplit(url)
    person = Person(box)
    person.open(f"{parts.path}?{parts.query}")
    answer = person.press(decision, "alice")
    assert answer.status == 303, answer.body
    with http.open(answer.headers["Location"], timeout=20) as r:
        return r.read().decode()


def read(terminal):
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end has gone
        return b""


def signed_in(b):
    return b.status()["identities"][0]["state"] == "signed-in"


def test_the_button_signs_in(broker, desktop):
    """One notification for however many ask; its button opens the page by the portal, and afterwards programs have credentials."""
    b = broker()
    n = desktop(b, opens=("portal", "systemd"))
    for role in ("dev", "admin", "dev"):
        needs_login(b, role)
    shown = n.next()["show"]
    assert shown["summary"] == "Sign in to corp" and shown["actions"][1::2] == SHOWN and shown["timeout"] == 0 and shown["urgency"] == 1
    assert n.nothing()
    n.press(shown, "Sign in")
    got = [n.next(), n.next()]
    url = next(g["open"] for g in got if "open" in g)  # the portal, and systemd is not asked
    assert "closed" in got[0] or "closed" in got[1]
    assert url.startswith(f"{b.base}/oidc/authorize?")
    needs_login(b)  # while the person is at the provider, nothing more is shown
    assert n.nothing()
    assert "signed in as alice" in decide(b, url)
    until("the sign-in", lambda: signed_in(b))
    assert b.get()[0] != ERROR and n.nothing()
    secret = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["state"][0]
    assert "signin.page" in b.log() and secret not in b.log()


def test_without_a_portal_systemd_starts_the_browser(broker, desktop):
    """Not the broker: in its unit no browser could live."""
    b = broker()
    n = desktop(b, opens=("systemd",))
    needs_login(b)
    n.press(n.next()["show"], "Sign in")
    got = n.next()
    got = got if "unit" in got else n.next()
    assert got["unit"].startswith("app-valetkey-open-") and got["unit"].endswith(".service")
    assert got["properties"]["ExitType"] == "cgroup"  # the opener ends before the browser does
    [[program, argv, ignore]] = got["start"]
    assert program == "/usr/bin/xdg-open" and len(argv) == 2 and argv[1].startswith(f"{b.base}/oidc/authorize?") and not ignore
    assert "not signed in" in decide(b, argv[1], "deny").lower()
    told = n.next()
    assert told["show"]["summary"] == "Not signed in to corp" and not told["show"]["actions"]
    needs_login(b)  # and it may be asked for again
    assert n.next()["show"]["actions"][1::2] == SHOWN


def test_nobody_opens(broker, desktop):
    b = broker()
    n = desktop(b)
    needs_login(b)
    n.press(n.next()["show"], "Sign in")
    seen = [n.next(), n.next()]
    told = next(s["show"] for s in seen if "show" in s)
    assert "valetkey login" in told["body"], told
    assert n.nothing(), "it is not put on the screen again at once"
    needs_login(b)
    assert n.next()["show"]["actions"][1::2] == SHOWN
    assert b.run(CLI, "logout").returncode == 0  # nothing hangs on


def test_put_away_is_an_answer(broker, desktop):
    """It is not shown again. What ends soon is said before; that it has ended takes the place of that."""
    names = [f"r{i}" for i in range(200)]  # each is asked for once: what was handed out lives on
    b = broker(faults=("id_token_ttl=4",), extra="scopes = openid profile", roles=names)
    n = desktop(b)
    assert b.sign_in().returncode == 0
    soon = n.next()["show"]
    assert soon["summary"] == "The sign-in to corp ends soon" and soon["actions"][1::2] == SHOWN
    until("the end", lambda: b.get(names.pop())[0] == ERROR)
    assert n.next() == {"closed": soon["id"]}
    shown = n.next()["show"]
    assert shown["summary"] == "Sign in to corp" and "has ended" in shown["body"]
    n.say("close", shown["id"], 2)
    until("the answer", lambda: "answer=no" in b.log())
    needs_login(b, names.pop())
    assert n.nothing()


def test_signed_in_meanwhile_takes_it_away(broker, desktop):
    b = broker()
    n = desktop(b)
    needs_login(b)
    shown = n.next()["show"]
    assert b.sign_in().returncode == 0
    assert n.next() == {"closed": shown["id"]}
    # Who signs out knows that nobody is signed in.
    assert b.run(CLI, "logout").returncode == 0
    needs_login(b)
    assert n.nothing()


def test_who_is_at_a_terminal_is_told_there(broker, desktop):
    b = broker()
    n = desktop(b)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(CLI, [CLI, "credentials", "dev"], b.env)
    shown = b""
    while part := read(terminal):
        shown += part
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3 and b"valetkey login" in shown, shown
    needs_login(b)
    assert n.nothing()


def test_it_can_be_switched_off(broker, desktop):
    b = broker(extra="[defaults]\nnotify_sign_in = no")
    n = desktop(b)
    needs_login(b)
    assert n.nothing()


def test_another_program_cannot_press_it(broker, desktop):
    """Only the connection that shows it, and only by the number of its button."""
    b = broker()
    n = desktop(b, opens=("portal",))
    needs_login(b)
    shown = n.next()["show"]
    n.press(shown, "Sign in", verb="forge")
    n.say("invoke", shown["id"], "default")
    n.say("invoke", shown["id"], "0" * 32)
    assert n.nothing() and "signin.asked" not in b.log()
