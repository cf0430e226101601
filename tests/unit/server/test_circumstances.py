# SPDX-License-Identifier: Apache-2.0
"""What a proof does not say of a caller: found out when a policy asks for it, and only then."""

import pytest

from smartagent.kernel import UNKNOWN_BUDGET, Caller, CallerKind
from smartagent.server.circumstances import Circumstances

STANDINGS = {"agt_1": "normal", "agt_2": "watched", "agt_3": "trusted"}


def circumstances(*asked):
    met_by = []

    async def met(caller):
        met_by.append(caller.principal)
        return frozenset({"untrusted-content"})

    return Circumstances(lambda agent: STANDINGS.get(agent, ""), lambda _: frozenset(asked), met), met_by


async def test_what_no_policy_asks_for_is_not_found_out():
    rules, met_by = circumstances()

    caller = await rules.complete(Caller("agt_1", CallerKind.AGENT))

    assert (caller.standing, caller.labels, caller.budget) == ("normal", None, UNKNOWN_BUDGET)
    assert met_by == []


async def test_labels_and_budget_are_found_out_when_a_policy_asks():
    rules, met_by = circumstances("labels", "budget_left")

    caller = await rules.complete(Caller("agt_1", CallerKind.AGENT))

    assert (caller.labels, caller.budget, met_by) == (frozenset({"untrusted-content"}), 100, ["agt_1"])


@pytest.mark.parametrize(
    ("principal", "subject", "role", "standing"),
    [
        ("agt_1", "", "", "normal"),
        ("agt_3", "agt_2", "reader", "watched"),
        ("agt_2", "agt_3", "reader", "watched"),
        ("agt_3", "prs_1", "", "trusted"),
        ("agt_3", "agt_9", "reader", ""),
        ("agt_9", "", "", ""),
    ],
)
def test_the_lower_standing_of_two_agents_counts(principal, subject, role, standing):
    caller = Caller(principal, CallerKind.AGENT, subject=subject, subject_role=role)

    assert circumstances()[0].standing(caller) == standing


async def test_whoever_is_no_agent_stays_as_they_are():
    person = Caller("opr_1", CallerKind.OPERATOR)

    assert await circumstances("labels")[0].complete(person) is person
