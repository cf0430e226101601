# SPDX-License-Identifier: Apache-2.0
"""What a record says a decision was made on."""

from msgspec import structs

from smartagent.kernel import Caller, CallerKind, circumstances

BOT = Caller(
    "agt_1", CallerKind.AGENT, role="reader", scopes=frozenset({"b", "a"}), client_ip="10.0.0.1", jti="aat_1"
)


def test_a_decision_is_made_on_the_role_the_scopes_and_the_address():
    assert circumstances(BOT) == {"role": "reader", "scope": "a b", "ip": "10.0.0.1"}


def test_who_acts_for_another_is_decided_about_by_the_other_too():
    acting = Caller("agt_1", CallerKind.AGENT, role="reader", subject="agt_2", subject_role="writer")

    assert circumstances(acting) == {
        "role": "reader",
        "scope": "",
        "ip": "",
        "for": "agt_2",
        "for_role": "writer",
        "depth": 1,
    }


def test_how_it_was_proven_and_what_is_left_is_said_where_it_is_known():
    known = structs.replace(
        BOT,
        session_at=5,
        authn="challenge",
        binding="bearer",
        standing="watched",
        labels=frozenset({"b", "a"}),
        budget=0,
    )

    said = circumstances(known)
    assert {name: said[name] for name in said.keys() - circumstances(BOT).keys()} == {
        "session_at": 5,
        "authn": "challenge",
        "binding": "bearer",
        "standing": "watched",
        "labels": "a b",
        "budget": 0,
    }
    assert "standing" not in circumstances(structs.replace(known, standing="normal"))
