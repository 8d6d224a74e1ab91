# SPDX-License-Identifier: Apache-2.0
"""Who has left, or whom the provider no longer stands for: what a broker may tell valetkeyd, and what it cannot make it believe.

The broker's requests are written by hand, as a hostile one would; the tokens are the sandbox's. Each test has a person of its own, for
reports are counted by uid; all of them sign in at once. Each test has a person of its own, for
reports are counted by uid; all of them sign in at once.
"""
import base64
import json
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from signin import frames  # noqa: E402
from signin.world import ROOT, UID_MIN, World  # noqa: E402
from test_signin import begin, commit, drain, sign_in  # noqa: E402

pytestmark = pytest.mark.skipif(not ROOT, reason="other uids are needed: run as root")
NAMES = ("left", "victim", "strict", "renewed", "thief", "client", "replay", "flood", "group", "again")
NAMES = ("left", "victim", "strict", "renewed", "thief", "client", "replay", "flood", "group", "again")
UID = {name: UID_MIN + 210000 + i for i, name in enumerate(NAMES)}
STAFF = {"groups": ["staff-id"]}


def subject(name):
    return f"{name}-1"


class Person:
    """Somebody's sign-in as his broker has it."""

    def __init__(self, world, name):
        self.world, self.name, self.uid = world, name, UID[name]
        self.conn, prompt = begin(world, name, rhost=f"192.0.2.{self.uid % 250}")
        world.approve(prompt, name)

    def arrive(self):
        handle = self.conn.receive()["handle"]
        self.conn.close()
        assert commit(self.world, handle, self.name, rhost=f"192.0.2.{self.uid % 250}")["type"] == "ok"
        fields = frames.grant_fields(drain(self.world, self.uid)[-1])
        self.id_token, self.refresh_token = fields[8].decode(), fields[10].decode()
        return self

    def claims_are(self, claims):
        self.world.people[self.name] = claims
        self.world.set_people(self.world.people)

    def refresh(self):
        answer = self.world.refresh(self.refresh_token)
        assert "id_token" in answer, answer
        self.refresh_token, self.id_token = answer["refresh_token"], answer["id_token"]
        return self.id_token

    def report(self, **fields):
        with self.world.claim(self.uid) as c:
            return c.ask("report", **fields)

    def report_refusal(self, **more):
        return self.report(**{"issuer": self.world.issuer, "subject": subject(self.name), "outcome": 3, **more})

    def row(self):
        return json.loads(self.world.verb("user", "show", self.name, "--json").stdout)

    def forget(self):
        """There has been no success: nobody waits for one to grow old."""
        self.world.verb("user", "remove", self.name)
        self.world.add(self.name, subject(self.name), self.uid)
        assert self.row()["last_success"] == 0
        return self


@pytest.fixture(name="who", scope="module")
def _who():
    people = {name: STAFF for name in NAMES}
    w = World(people=people, identity="allow_groups = staff-id", signin="max_offline_age = 1h")
    w.people = people
    try:
        for name in NAMES:
            w.add(name, subject(name), UID[name])
        w.start()
        signing_in = [Person(w, name) for name in NAMES]
        yield {p.name: p.arrive() for p in signing_in}
    finally:
        w.end()


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_refused_refresh_takes_the_word_of_its_own_broker(who):
    p = who["left"]
    assert p.row()["refused_at"] == 0
    gone = p.world.people.pop("left")
    p.world.set_people(p.world.people)
    assert p.world.refresh(p.refresh_token)["error"] == "invalid_grant"
    assert p.report_refusal() == {"type": "ok"}
    at = p.row()["refused_at"]
    assert abs(at - time.time()) < 60 and who["victim"].row()["refused_at"] == 0
    assert "account.refused user=left" in p.world.log()
    assert p.report_refusal() == {"type": "ok"} and p.row()["refused_at"] == at, "once is enough"
    # Only the provider can lift it.
    p.claims_are(gone)
    assert sign_in(p.world, "left", "left")["type"] == "authenticated"
    assert p.row()["refused_at"] == 0


def test_nobody_reports_for_somebody_else(who):
    thief, victim = who["thief"], who["victim"]
    about = {"issuer": victim.world.issuer, "subject": subject("victim"), "outcome": 3}
    assert thief.report(**about)["outcome"] == "wrong-subject"
    for uid in (0, UID_MIN + 219999, 65534):
        with victim.world.claim(uid) as c:
            assert c.ask("report", **about)["outcome"] == "not-ours", uid
    assert victim.row()["refused_at"] == thief.row()["refused_at"] == 0


def test_a_report_says_only_what_makes_it_stricter(who):
    p = who["strict"]
    for said in (0, 1, 7, 18, 20, 4000000000):
        assert p.report_refusal(outcome=said)["outcome"] == "invalid-request", said
    for bad in ({}, {"issuer": p.world.issuer}, {"outcome": 3}, {"token": "x", "outcome": 0}, {"token": "x", "uid": 0},
                {"issuer": "", "subject": "", "outcome": 3, "user": "victim"}):
        assert p.report(**bad)["outcome"] == "invalid-request", bad
    assert p.row()["refused_at"] == 0


def test_a_renewed_token_counts_from_when_it_was_issued(who):
    p = who["renewed"].forget()
    token = p.refresh()
    assert p.report(token=token) == {"type": "ok"}
    assert p.row()["last_success"] == claims(token)["iat"]
    assert "account.renewed user=renewed" in p.world.log()
    before = os.stat(p.world.path("state/users")).st_ino
    assert p.report(token=p.refresh()) == {"type": "ok"}
    assert os.stat(p.world.path("state/users")).st_ino == before, "so soon it is not worth a table"


def test_tokens_that_renew_nothing(who):
    p, old = who["thief"].forget(), claims(who["thief"].id_token)
    header, _, signature = p.refresh().split(".")
    forged = base64.urlsafe_b64encode(json.dumps({**old, "iat": int(time.time())}).encode()).decode().rstrip("=")
    for what, token in (("another person's", who["victim"].id_token), ("unsigned", f"{header}.{forged}."), ("changed", f"{header}.{forged}.{signature}"),
                        ("nonsense", "x")):
        answer = p.report(token=token)
        assert answer.get("outcome") == "token-rejected", (what, answer)
        assert p.row()["last_success"] == 0, what


def test_a_token_for_another_client_renews_nothing(who):
    p = who["client"].forget()
    p.world.fault("wrong_audience=1")
    assert p.report(token=p.refresh())["outcome"] == "token-rejected"
    p.world.fault("wrong_issuer=1")
    assert p.report(token=p.refresh())["outcome"] == "token-rejected"
    assert p.row()["last_success"] == 0
    assert p.report(token=p.refresh()) == {"type": "ok"}


def test_a_replayed_token_lifts_no_refusal(who):
    p = who["replay"]
    replayed = p.refresh()
    assert p.report_refusal() == {"type": "ok"}
    assert claims(replayed)["iat"] <= p.row()["refused_at"]
    assert p.report(token=replayed)["outcome"] == "token-rejected"
    assert p.row()["refused_at"] > 0
    # One that was issued later does, as after a sign-in inside the session.
    time.sleep(max(0, p.row()["refused_at"] + 1 - time.time()))
    assert p.report(token=p.refresh()) == {"type": "ok"}
    assert p.row()["refused_at"] == 0


def test_a_flood_is_turned_away(who):
    p = who["flood"].forget()
    said = [p.report(token="x" * 100)["outcome"] for _ in range(9)]
    assert said[:6] == ["token-rejected"] * 6 and said[6:] == ["busy"] * 3, said
    assert p.report(token=p.refresh())["outcome"] == "busy"
    assert who["victim"].report(token=who["victim"].refresh()) == {"type": "ok"}, "another uid is not concerned"


def test_who_left_the_group_is_refused_by_public_key_too(who):
    p = who["group"].forget()
    # A provider that leaves groups out on refresh has said nothing.
    p.claims_are({})
    assert p.report(token=p.refresh())["outcome"] == "nothing"
    assert p.row()["refused_at"] == p.row()["last_success"] == 0
    # One that says there are too many has said nothing either, and that is what is told.
    p.claims_are({"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example.com/"}}})
    for answer in (p.report(token=p.refresh()), sign_in(p.world, "group", "group")):
        assert answer["outcome"] == "misconfigured" and "too many" in answer["message"], answer
    assert p.row()["refused_at"] == p.row()["last_success"] == 0
    # One that tells the groups, and hers is not among them, has.
    p.claims_are({"groups": ["others"]})
    assert p.report(token=p.refresh())["outcome"] == "access-denied"
    assert p.row()["refused_at"] > 0 and p.row()["last_success"] == 0


def test_who_signs_in_and_left_the_group_is_refused_from_then_on(who):
    p = who["again"]
    assert p.row()["refused_at"] == 0
    assert sign_in(p.world, "again", "victim")["outcome"] == "wrong-subject"
    assert p.row()["refused_at"] == 0, "somebody else who signs in as himself says nothing about him"
    p.claims_are({"groups": []})
    assert sign_in(p.world, "again", "again")["outcome"] == "access-denied"
    assert p.row()["refused_at"] > 0


def test_a_refusal_can_be_left_unheard():
    w = World(people={"victim": STAFF}, identity="on_refused_refresh = ignore")
    try:
        w.add("victim", subject("victim"), UID["victim"])
        p = Person.__new__(Person)
        p.world, p.name, p.uid = w.start(), "victim", UID["victim"]
        assert p.report_refusal() == {"type": "ok"}
        assert p.row()["refused_at"] == 0
    finally:
        w.end()
