# SPDX-License-Identifier: Apache-2.0
"""What a record says a decision was made on."""

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
    }
