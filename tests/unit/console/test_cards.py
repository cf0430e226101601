# SPDX-License-Identifier: Apache-2.0
"""What stands beside a card: who is missing, who said what, where it stands."""

import pytest
from msgspec import structs

from smartagent.console.cards import outcome, people_in, people_of, said, still_missing
from smartagent.console.model_approvals import Approval, Card, Grant, Vote

ASKED = Approval(
    id="apr_1",
    state="pending",
    agent="agt_1",
    role="clerk",
    session="ses_1",
    acts_for="opr_ada",
    kind="http",
    upstream="shop",
    method="POST",
    card=Card("POST /refunds", [], []),
    digest="d",
    rules=["r"],
    confirm=False,
    confirmer="",
    people=1,
    votes=[],
    created_at="2027-01-15T08:00:00Z",
    ends_at="2027-01-15T08:10:00Z",
    version=1,
)
NAMES = {"opr_ada": "Ada"}


def vote(by="opr_bob", seat="people"):
    return Vote(by, seat, "2027-01-15T08:01:00Z", "why not")


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({}, "1 more person"),
        ({"people": 2}, "2 more people"),
        ({"people": 2, "votes": [vote()]}, "1 more person"),
        ({"people": 0, "confirm": True, "confirmer": "opr_ada"}, "Ada, who confirms it"),
        ({"people": 0, "confirm": True, "confirmer": "opr_eve"}, "opr_eve, who confirms it"),
        ({"people": 0, "confirm": True}, "its owner, who confirms it"),
        ({"confirm": True, "confirmer": "opr_ada"}, "Ada, who confirms it and 1 more person"),
        ({"confirm": True, "confirmer": "opr_ada", "votes": [vote("opr_ada", "confirm")]}, "1 more person"),
        ({"state": "approved"}, ""),
        ({"state": "denied"}, ""),
    ],
)
def test_who_is_missing_is_said_until_nobody_is(changes, missing):
    assert still_missing(structs.replace(ASKED, **changes), NAMES) == missing


def test_the_last_word_on_what_was_denied_was_no():
    denied = structs.replace(ASKED, state="denied", votes=[vote("opr_1"), vote("opr_2")])
    assert [(word, by) for word, by, _, _ in said(denied)] == [("approved", "opr_1"), ("denied", "opr_2")]
    approved = structs.replace(denied, state="approved")
    assert {word for word, *_ in said(approved)} == {"approved"}


def test_what_is_over_says_how_and_what_waits_does_not():
    ends = [
        outcome(structs.replace(ASKED, state=state))
        for state in ("approved", "used", "denied", "expired", "withdrawn")
    ]
    assert len({*ends}) == len(ends)
    assert "" not in ends
    assert outcome(ASKED) == ""


def test_everybody_who_is_named_is_looked_up():
    asked = structs.replace(ASKED, confirmer="opr_eve", votes=[vote()])
    assert {*people_in([asked])} == {"agt_1", "opr_ada", "opr_eve", "opr_bob"}
    grant = Grant("apg_1", "apr_1", "agt_1", "clerk", "", "opr_ada", "shop", [], [], "opr_bob", "", 0)
    assert {*people_of([grant])} == {"agt_1", "opr_ada", "opr_bob"}
