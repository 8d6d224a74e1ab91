# SPDX-License-Identifier: Apache-2.0
"""Who is in no table and whose name is admitted: the first sign-in makes him a user and opens nothing; and all that is not made.

Groups by the provider's ids are held here too: they come with the same tokens."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from signin.world import ROOT, UID_MIN, World  # noqa: E402
from test_signin import begin, commit  # noqa: E402

pytestmark = pytest.mark.skipif(not ROOT, reason="federated users are needed: run as root")
UID_MAX = 2147483646
CLAIM = "username_claim = preferred_username\nusername_claim_is_immutable = yes\n"
GROUPS = "[group cloud-admins]\nid = 3f0c9a4e\ngid = 1900000500\n[group readers]\nid = 77aa\n"
PEOPLE = {
    "ext-ann": {"groups": ["3f0c9a4e", "77aa", "cloud-admins", "docker"]},
    "ext-ben": {"groups": ["cloud-admins", "readers", "sudo", "3F0C9A4E", "3f0c9a4e2"]},  # names are no ids
    "ext-cyn": {}, "ext-dan": {}, "ext-eve": {}, "ext-fay": {}, "ext-gil": {"groups": ["77aa"]},
}


def rhost(user):
    return f"198.51.100.{sum(user.encode()) % 250}"


def sign_in_all(w, who):
    """Names wanted → who signs in; -> the answers. All at once, each from a host of his own."""
    conns, answers = {}, {}
    for user in who:
        c, prompt = begin(w, user, rhost=rhost(user))
        if prompt["type"] == "prompt":
            conns[user] = c
            w.approve(prompt, who[user])
        else:
            answers[user] = prompt
    for user, c in conns.items():
        answers[user] = c.receive()
        c.close()
    return answers


def sign_in(w, user, who=None):
    return sign_in_all(w, {user: who or user})[user]


def users(w):
    return {u["name"]: u for u in json.loads(w.verb("user", "list", "--json").stdout)}


def groups(w, user):
    return json.loads(w.verb("user", "show", user, "--json").stdout)["groups"]


@pytest.fixture(name="world", scope="module")
def _world():
    w = World(people=PEOPLE, identity=CLAIM + "admit = ext-* *@example.com sys* www-*", more=GROUPS)
    try:
        yield w.start()
    finally:
        w.end()


def test_the_first_sign_in_makes_a_user_and_opens_nothing(world):
    answer = sign_in(world, "ext-ann")
    assert answer["outcome"] == "account-made" and answer["message"] == "Your account was made. Please connect again.", answer
    ann = users(world)["ext-ann"]
    assert UID_MIN <= ann["uid"] <= UID_MAX and ann["subject"] == "ext-ann-1" and ann["home"] == "/home/ext-ann" and ann["last_success"] > 0
    assert f"account.made user=ext-ann uid={ann['uid']} issuer={world.issuer} sub=ext-ann-1" in world.log()
    with world.claim(ann["uid"]) as c:
        assert c.ask("claim")["outcome"] == "nothing", "no tokens wait for a session that cannot be"
    again = sign_in(world, "ext-ann")
    assert again["type"] == "authenticated"
    assert commit(world, again["handle"], "ext-ann", rhost=rhost("ext-ann"))["uid"] == ann["uid"]


def test_cve_2025_49012_groups_are_never_matched_by_name(world):
    """What a group is called gives nothing; only the provider's id of it, whole."""
    assert groups(world, "ext-ann") == ["cloud-admins", "readers"]
    assert sign_in(world, "ext-ben")["outcome"] == "account-made"
    assert groups(world, "ext-ben") == []


def test_memberships_follow_the_provider(world):
    people = dict(PEOPLE)
    assert sign_in(world, "ext-gil")["outcome"] == "account-made"
    assert groups(world, "ext-gil") == ["readers"]
    for claims, told in (({"groups": ["3f0c9a4e"]}, ["cloud-admins"]), ({"_claim_names": {"groups": "src1"}}, []), ({"groups": "77aa"}, ["readers"]), ({}, [])):
        people["ext-gil"] = claims
        world.set_people(people)
        assert sign_in(world, "ext-gil")["type"] == "authenticated"
        assert groups(world, "ext-gil") == told, claims
    assert "groups.unknown user=ext-gil" in world.log()
    world.set_people(PEOPLE)


def test_somebody_else_is_not_made(world):
    said = sign_in_all(world, {"ext-cyn": "ext-ann", "ann@example.com": "ext-ben"})
    assert {a["outcome"] for a in said.values()} == {"wrong-subject"}
    assert "ext-cyn" not in users(world) and "ann@example.com" not in users(world)


def test_names_that_are_nobodys_cost_no_call(world):
    before = world.stats()
    for name in ("ext", "stranger", "systemd-coredump", "www-data", "sys", "root", "daemon", "nobody", "x@example.com.evil"):
        assert begin(world, name)[1]["outcome"] == "not-ours", name
    assert world.stats() == before


def world_of(**kw):
    return World(people=PEOPLE, **kw)


def test_limits():
    w = world_of(identity=CLAIM + "admit = ext-*\nadmit_per_hour = 2\nadmit_max = 50")
    try:
        w.start()
        assert {a["outcome"] for a in sign_in_all(w, {n: n for n in ("ext-ann", "ext-ben")}).values()} == {"account-made"}
        before = w.stats()
        assert sign_in(w, "ext-cyn")["outcome"] == "busy"
        assert w.stats() == before and sorted(users(w)) == ["ext-ann", "ext-ben"]
        assert sign_in(w, "ext-ann")["type"] == "authenticated", "who is there is not concerned"
    finally:
        w.end()


def test_a_uid_that_a_claim_gives():
    ids = {"ext-ann": 1900000001, "ext-ben": "1900000002", "ext-cyn": 1900000001, "ext-dan": 0, "ext-eve": 1000, "ext-fay": UID_MAX + 1}
    people = {n: {**PEOPLE[n], **({"uidNumber": ids[n]} if n in ids else {})} for n in PEOPLE}
    w = World(people=people, identity=CLAIM + "admit = ext-*\nuid_number_claim = uidNumber")
    try:
        w.start()
        said = {"ext-ann": sign_in(w, "ext-ann")["outcome"]}
        said.update({n: a["outcome"] for n, a in sign_in_all(w, {n: n for n in (*ids, "ext-gil") if n not in said}).items()})
        assert said == {"ext-ann": "account-made", "ext-ben": "account-made", **{n: "misconfigured" for n in ("ext-cyn", "ext-dan", "ext-eve", "ext-fay", "ext-gil")}}
        assert {n: u["uid"] for n, u in users(w).items()} == {"ext-ann": 1900000001, "ext-ben": 1900000002}
        assert "uid 1900000001 is that of the user ext-ann" in w.log()
        # One that was given is never changed, whatever the provider says later.
        people["ext-ben"]["uidNumber"] = 1900000099
        w.set_people(people)
        assert sign_in(w, "ext-ben")["type"] == "authenticated"
        assert users(w)["ext-ben"]["uid"] == 1900000002
        assert "uid.differs user=ext-ben" in w.log()
    finally:
        w.end()


def test_nobody_is_admitted_where_nothing_says_so():
    w = world_of(identity=CLAIM)
    try:
        w.start()
        before = w.stats()
        assert begin(w, "ext-ann")[1]["outcome"] == "not-ours"
        assert w.stats() == before
    finally:
        w.end()


def test_a_group_that_is_somebodys_already_is_left_out():
    w = world_of(identity=CLAIM + "admit = ext-*", more="[group readers]\nid = 77aa\n[group cloud-admins]\nid = 3f0c9a4e\ngid = 1900000001\n")
    try:
        w.verb("user", "add", "readers", "--issuer", w.issuer, "--subject", "r-1", "--uid", "1900000001")
        w.start()
        assert "group.unusable group=readers" in w.log() and "group.unusable group=cloud-admins" in w.log()
        assert sign_in(w, "ext-ann")["outcome"] == "account-made"
        assert groups(w, "ext-ann") == []
    finally:
        w.end()
