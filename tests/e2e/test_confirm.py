# SPDX-License-Identifier: Apache-2.0
"""A person is asked before a role is handed out, on a desktop played by the test or on a terminal; and where there is nobody to ask."""
import os
import pty
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokerlib import CREDENTIALS, ERROR, GET_CREDENTIALS, T_EXPIRES_IN, T_MESSAGE, T_OUTCOME, T_ROLE, Broker, frame, parse, u32
from notifierlib import Notifier
from worldlib import CLI, SHIM

QUESTION, ANSWER = 40, 41
T_TEXT, T_INTERACTIVE, T_ANSWER, T_CONFIRM_FOR = 5, 23, 24, 25
DENIED_BY_USER, NEEDS_CONFIRMATION = 14, 26
NO, ONCE, A_WHILE = 0, 1, 2
INTERACTIVE = (T_INTERACTIVE, u32(1))
FOR_A_WHILE = "Allow for 15 minutes"


def make(role_extra, bus=True, roles=("dev",), **kw):
    b = Broker(roles=roles, bus=bus, role_extra=role_extra, **kw)
    b.current = roles[0]
    r = b.sign_in()
    assert r.returncode == 0, r.stderr
    return b


NAMES = [f"r{i}" for i in range(40)]


@pytest.fixture(scope="module")
def world():
    """A broker whose roles are handed out when a person allows it."""
    b = make("confirm = ask\nconfirm_for = 15m", roles=NAMES)
    b.unused = list(NAMES)
    yield b
    print(b.log())
    b.close()


@pytest.fixture
def asked(world):
    """The same, with a role that nobody has asked for yet: what was said of another does not count for it."""
    world.current = world.unused.pop()
    world.before = world.stats("AssumeRoleWithWebIdentity")
    return world


@pytest.fixture
def desktop(asked):
    n = Notifier(asked.bus_address)
    yield n
    n.close()


def ask(b, *fields):
    s = b.connect()
    s.send(frame(GET_CREDENTIALS, (T_ROLE, b.current.encode()), *fields))
    return s


def answer(s):
    kind, fields = parse(s.recv(65536))
    s.close()
    return kind, fields


def outcome(fields):
    return int.from_bytes(fields[T_OUTCOME], "little")


def test_a_yes_hands_out_and_holds_for_a_while(asked, desktop):
    s = ask(asked)
    shown = desktop.next()["show"]
    assert asked.current in shown["summary"] and sys.executable.split("/")[-1][:6] in shown["body"] and shown["urgency"] == 2
    assert shown["actions"][1::2] == ["Allow once", "Deny", FOR_A_WHILE]
    desktop.press(shown, FOR_A_WHILE)
    assert answer(s)[0] == CREDENTIALS
    assert desktop.next() == {"closed": shown["id"]}
    assert asked.get(asked.current)[0] == CREDENTIALS and desktop.nothing()
    # another program is another question
    r = asked.run(SHIM, asked.current)
    assert r.returncode == 26 and r.stdout == "" and "desktop" in r.stderr and r.stderr.count("\n") == 1
    shown = desktop.next()["show"]
    assert SHIM in shown["body"]
    # answered after it had given up, "once" is good for its next try, and for no more
    desktop.press(shown, "Allow once")
    assert desktop.next() == {"closed": shown["id"]}
    assert asked.run(SHIM, asked.current).returncode == 0
    assert asked.run(SHIM, asked.current).returncode == 26


def test_a_no_is_a_refusal_and_is_not_asked_again_at_once(asked, desktop):
    s = ask(asked)
    desktop.press(desktop.next()["show"], "Deny")
    kind, fields = answer(s)
    assert kind == ERROR and outcome(fields) == DENIED_BY_USER and f"role {asked.current}".encode() in fields[T_MESSAGE]
    assert "closed" in desktop.next()
    kind, fields = asked.get(asked.current)
    assert kind == ERROR and outcome(fields) == DENIED_BY_USER and desktop.nothing()
    assert asked.stats("AssumeRoleWithWebIdentity") == asked.before + 0


def test_put_away_is_a_no(asked, desktop):
    s = ask(asked)
    desktop.say("close", desktop.next()["show"]["id"], 2)
    assert outcome(answer(s)[1]) == DENIED_BY_USER


def test_only_who_shows_it_answers_it(asked, desktop):
    s = ask(asked)
    shown = desktop.next()["show"]
    desktop.press(shown, FOR_A_WHILE, verb="forge")
    desktop.say("invoke", shown["id"], "default")  # a click beside the buttons
    desktop.press(shown, FOR_A_WHILE, number=shown["id"] + 1)
    desktop.press(shown, "Deny")
    assert outcome(answer(s)[1]) == DENIED_BY_USER


def test_a_button_that_another_program_put_there_is_no_answer(asked, desktop):
    """Whoever may show notifications may replace ours by its own, with whatever text: the desktop then says that its button was pressed."""
    s = ask(asked)
    shown = desktop.next()["show"]
    keys = shown["actions"][::2]
    for guess in ("once", "while", "yes", "0", keys[0][:-1], keys[0].upper() + "x"):
        desktop.say("invoke", shown["id"], guess)
    desktop.press(shown, "Deny")
    assert outcome(answer(s)[1]) == DENIED_BY_USER
    other = asked.run(SHIM, asked.current)
    assert other.returncode == 26
    again = desktop.next()
    again = again.get("show") or desktop.next()["show"]
    assert len(set(keys) | set(again["actions"][::2])) == 6  # each question has its own


def test_a_thousand_callers_are_one_question(asked, desktop):
    conns = [ask(asked) for _ in range(1000)]
    shown = desktop.next()["show"]
    desktop.press(shown, "Allow once")
    assert {answer(s)[0] for s in conns} == {CREDENTIALS}
    assert desktop.next() == {"closed": shown["id"]} and desktop.nothing()
    log = asked.log()
    assert log.count(f"confirm.asked role={asked.current} ") == 1 and log.count(f"confirm.answered role={asked.current} ") == 1
    assert asked.stats("AssumeRoleWithWebIdentity") == asked.before + 1


def test_a_desktop_that_ends_has_not_answered(asked, desktop):
    s = ask(asked)
    assert "show" in desktop.next()
    desktop.close()
    kind, fields = answer(s)
    assert kind == ERROR and outcome(fields) == NEEDS_CONFIRMATION


def test_no_desktop_no_buttons_no_bus(asked):
    kind, fields = asked.get(asked.current)
    assert kind == ERROR and outcome(fields) == NEEDS_CONFIRMATION and f"valetkey exec {asked.current}".encode() in fields[T_MESSAGE]
    b = make("confirm = ask\nconfirm_for = 0", bus=False)
    try:
        assert outcome(b.get()[1]) == NEEDS_CONFIRMATION
    finally:
        b.close()
    b = make("confirm = ask")
    n = Notifier(b.bus_address, capabilities=["body"])
    try:
        assert outcome(b.get()[1]) == NEEDS_CONFIRMATION and n.nothing()
    finally:
        n.close()
        b.close()


# ---- at the caller's terminal


def test_the_terminal_is_asked_where_there_is_one(asked, desktop):
    s = ask(asked, INTERACTIVE)
    kind, fields = parse(s.recv(65536))
    assert kind == QUESTION and f"role {asked.current}".encode() in fields[T_TEXT] and fields[T_CONFIRM_FOR] == u32(900) and T_EXPIRES_IN in fields
    s.send(frame(ANSWER, (T_ANSWER, u32(A_WHILE))))
    assert answer(s)[0] == CREDENTIALS
    assert asked.get(asked.current)[0] == CREDENTIALS and desktop.nothing()


def test_a_no_at_the_terminal_and_another_try(asked):
    s = ask(asked, INTERACTIVE)
    assert parse(s.recv(65536))[0] == QUESTION
    s.send(frame(ANSWER, (T_ANSWER, u32(NO))))
    assert outcome(answer(s)[1]) == DENIED_BY_USER
    s = ask(asked, INTERACTIVE)  # whoever sits there may think again
    assert parse(s.recv(65536))[0] == QUESTION
    s.send(frame(ANSWER, (T_ANSWER, u32(ONCE))))
    assert answer(s)[0] == CREDENTIALS


def test_the_question_moves_on_when_its_terminal_goes(asked, desktop):
    first = ask(asked, INTERACTIVE)
    assert parse(first.recv(65536))[0] == QUESTION
    second = ask(asked)
    first.close()
    desktop.press(desktop.next()["show"], "Allow once")
    assert answer(second)[0] == CREDENTIALS


@pytest.mark.parametrize("bad", [frame(ANSWER), frame(ANSWER, (T_ANSWER, u32(3))), frame(ANSWER, (T_ANSWER, b"1")),
                                 frame(ANSWER, (T_ANSWER, u32(1)), (T_TEXT, b"x"))])
def test_an_answer_that_is_none(asked, bad):
    s = ask(asked, INTERACTIVE)
    assert parse(s.recv(65536))[0] == QUESTION
    s.send(bad)
    kind, fields = answer(s)
    assert kind == ERROR and outcome(fields) == 2
    assert asked.stats("AssumeRoleWithWebIdentity") == asked.before + 0


def test_nobody_answers_a_question_that_was_not_put(asked):
    s = ask(asked)
    try:
        s.send(frame(ANSWER, (T_ANSWER, u32(ONCE))))
    except BrokenPipeError:  # it has its answer already: nobody can be asked
        pass
    kind, fields = answer(s)
    assert kind == ERROR and outcome(fields) in (2, NEEDS_CONFIRMATION)
    kind, fields = asked.ask(frame(ANSWER, (T_ANSWER, u32(ONCE))))
    assert kind == ERROR and outcome(fields) == 2


def test_a_sign_out_forgets_what_was_said(asked, desktop):
    s = ask(asked)
    desktop.press(desktop.next()["show"], FOR_A_WHILE)
    assert answer(s)[0] == CREDENTIALS
    asked.run(CLI, "logout")
    assert asked.sign_in().returncode == 0
    assert "closed" in desktop.next()
    s = ask(asked)
    assert "show" in desktop.next()
    s.close()


def on_a_terminal(b, argv, typed, answer_to=b"[n] no: "):
    """argv with a terminal of its own, at which somebody types that when he is asked; -> exit status, what the terminal showed."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(argv[0], argv, b.env)
    shown = b""
    while True:
        try:
            more = os.read(fd, 4096)
        except OSError:  # the terminal is gone with its program
            break
        if not more:
            break
        shown += more
        if typed and answer_to in shown:
            os.write(fd, typed)
            typed = b""
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(errors="replace")


def test_valetkey_asks_at_its_own_terminal(asked, desktop):
    argv = [CLI, "exec", "--static", asked.current, "--", "/bin/sh", "-c", "echo has-${AWS_ACCESS_KEY_ID:-nothing}"]
    code, shown = on_a_terminal(asked, argv, b"n\n")
    assert code == DENIED_BY_USER and "has-" not in shown and f"role {asked.current}" in shown, shown
    code, shown = on_a_terminal(asked, argv, b"perhaps\n")
    assert code == DENIED_BY_USER and "has-" not in shown
    code, shown = on_a_terminal(asked, argv, b"a\n")
    assert code == 0 and "has-ASIA" in shown and "15 minutes" in shown, shown
    code, shown = on_a_terminal(asked, argv, b"")  # remembered
    assert code == 0 and "has-ASIA" in shown and "[n]" not in shown and desktop.nothing()


# ---- told afterwards


def test_notify_tells_once_for_a_program():
    b = make("confirm = notify")
    n = Notifier(b.bus_address)
    try:
        for _ in range(3):
            assert b.get()[0] == CREDENTIALS
        shown = n.next()["show"]
        assert "dev" in shown["summary"] and shown["actions"] == [] and shown["urgency"] == 1 and n.nothing()
        assert b.run(SHIM, b.current).returncode == 0
        assert SHIM in n.next()["show"]["body"]
    finally:
        n.close()
        b.close()
