# SPDX-License-Identifier: Apache-2.0
"""The recipe of docs/jump-host.md, word for word: who gets a role whose trust policy asks for a name, and what the name is good for."""
import json
import os
import re
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from sandbox_client import TOP, dev_session, refused, role  # noqa: E402

TAGS, SOURCE_IDENTITY = "https://aws.amazon.com/tags", "https://aws.amazon.com/source_identity"
NOT_AUTHORIZED = "AccessDenied", 403, "Not authorized"


def recipe(**changes):
    """The statement on the page, with the sandbox's provider in it."""
    with open(f"{TOP}/docs/jump-host.md", encoding="utf-8") as f:
        text = re.search(r"```json\n(\{\n    \"Version\".*?\n\})\n```", f.read(), re.S).group(1)
    statement, = json.loads(text.replace("login.example.com", "${issuer}"))["Statement"]
    return {**statement, **changes}


def alice(**claims):
    """Her claims; None takes one away."""
    everything = {"sub": "alice-7f3a", "preferred_username": "alice", TAGS: {"principal_tags": {"team": ["payments"]}, "transitive_tag_keys": ["team"]},
                  SOURCE_IDENTITY: "alice", **claims}
    return {k: v for k, v in everything.items() if v is not None}


def test_the_recipe_lets_in_who_has_a_name_and_the_tag(own):
    own.trust("dev", recipe())
    box = own.serve()
    r = box.assume(box.sign_in()["id_token"])
    assert r["SourceIdentity"] == "alice"
    assert r["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/dev/alice"


@pytest.mark.parametrize("claims", [{SOURCE_IDENTITY: None}, {TAGS: None}, {TAGS: {"principal_tags": {"team": ["platform"]}}}],
                         ids=["nameless", "tagless", "another-team"])
def test_the_recipe_keeps_out(own, claims):
    own.write("users/alice.json", alice(**claims))
    own.trust("dev", recipe())
    box = own.serve()
    refused(*NOT_AUTHORIZED, box.assume, box.sign_in()["id_token"])


def test_each_part_of_the_recipe_is_needed(own):
    """Without the condition the nameless get in; without an action those with names do not."""
    own.write("users/alice.json", alice(**{SOURCE_IDENTITY: None}))
    conditions = recipe()["Condition"]
    own.trust("dev", recipe(Condition={"StringEquals": conditions["StringEquals"]}))
    box = own.serve()
    assert "SourceIdentity" not in box.assume(box.sign_in()["id_token"])
    own.write("users/alice.json", alice())
    for action in ("sts:TagSession", "sts:SetSourceIdentity"):
        own.trust("dev", recipe(Action=[a for a in recipe()["Action"] if a != action]))
        box.control("reload")
        refused(*NOT_AUTHORIZED[:2], f"Not authorized to perform {action}", box.assume, box.sign_in()["id_token"])


def test_the_session_name_is_the_users_own_word_and_the_source_identity_is_not(own):
    own.trust("dev", recipe())
    box = own.serve()
    r = box.assume(box.sign_in()["id_token"], session="bob")
    assert r["AssumedRoleUser"]["Arn"].endswith("/bob") and r["SourceIdentity"] == "alice"


def test_a_chained_role_has_the_same_source_identity(own):
    own.trust("dev", recipe())
    box = own.serve()
    dev = dev_session(box)
    assert dev.assume_role(RoleArn=role("audit"), RoleSessionName="job")["SourceIdentity"] == "alice"
    refused("AccessDenied", 403, "", dev.assume_role, RoleArn=role("audit"), RoleSessionName="job", SourceIdentity="bob")
