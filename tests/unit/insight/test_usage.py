# SPDX-License-Identifier: Apache-2.0
"""What of the rules was used."""

import pytest
from msgspec import structs

from smartagent.kernel import Decision, Record
from tests.unit.insight.past import ONLY_ONE, READER, START, Past, agent, called, leased

USAGE = "/v1/history/usage"


def lines(page):
    return {(use.upstream, use.method, use.path, use.calls, use.by_role) for use in page.uses}


async def test_use_is_told_by_rule_and_by_pattern_within_the_role():
    past = Past(READER)
    past.add(*[called(f"GET /orders/orders/{n}", at=START + n) for n in range(5)], leased("orders-db"))

    page = await past.ask(USAGE)

    assert page.rules == {"role/order-reader/1": 5, "role/order-reader/2": 1}
    assert lines(page) == {
        ("orders", "GET", "/orders/*", 5, True),
        ("credential:orders-db", "LEASE", "/orders-db", 1, True),
    }
    assert {use.scope for use in page.uses} == {"orders:read", ""}
    assert (page.decided, page.first_ms, page.last_ms) == (6, START * 1000, START * 1000 + 4000)


async def test_calls_that_the_role_does_not_allow_any_more_are_told_with_their_paths():
    past = Past(ONLY_ONE)
    past.add(called("GET /orders/orders/2"))

    (use,) = (await past.ask(USAGE)).uses

    assert (use.path, use.allowed, use.by_role) == ("/orders/2", False, False)


async def test_a_call_that_a_policy_allows_is_not_the_roles():
    past = Past(
        ONLY_ONE, policies={"more": 'permit(principal, action, resource == Upstream::"mail") when {context.method == "GET"};'}
    )  # fmt: skip
    past.add(called("GET /mail/x"))

    page = await past.ask(USAGE)

    assert [(use.allowed, use.by_role) for use in page.uses] == [(True, False)]
    assert page.rules == {"policy/more/1": 1}


@pytest.mark.parametrize(
    ("about", "decided"),
    [({}, 3), ({"agent": "agt_1"}, 2), ({"agent": "agt_2"}, 2), ({"role": "other"}, 1), ({"role": "x"}, 0)],
)
async def test_it_is_told_of_an_agent_or_a_role_also_where_others_act_for_it(about, decided):
    past = Past(READER, READER.replace("order-reader", "other"))
    past.add(
        called("GET /orders/orders/1"),
        called("GET /orders/orders/1", agent("agt_2")),
        called("GET /orders/orders/1", agent(subject="agt_2", subject_role="other")),
    )

    page = await past.ask(USAGE, **about)

    assert page.decided == decided


async def test_who_acts_for_another_uses_both_roles():
    past = Past(READER, READER.replace("order-reader", "other"))
    past.add(called("GET /orders/orders/1", agent(subject="agt_2", subject_role="other")))

    page = await past.ask(USAGE)

    assert page.rules == {"role/order-reader/1": 1, "role/other/1": 1}
    assert {use.role for use in page.uses} == {"order-reader", "other"}


async def test_incidents_are_told():
    past = Past(READER)
    revoked = Record(
        "revoked", START * 1000, "req_1", caller="opr_1", subject="agt_1", decision=Decision.PERMIT
    )
    past.add(
        revoked,
        structs.replace(revoked, decision=Decision.DENY),
        structs.replace(revoked, subject="ses_1"),
        Record("gateway.honeytoken", START * 1000, "req_2", caller="agt_1", subject="trap"),
        *[called("DELETE /orders/orders/1", allowed=False, at=START + n) for n in range(3)],
    )

    page = await past.ask(USAGE, role="order-reader")

    assert [(each.kind, each.agent, each.count) for each in page.incidents] == [
        ("revocation", "agt_1", 1),
        ("honeytoken", "agt_1", 1),
        ("refusals", "agt_1", 3),
    ]


async def test_a_draft_can_be_asked_what_of_it_would_be_used():
    past = Past(READER)
    past.add(called("GET /orders/orders/1"), called("GET /orders/orders/2"))

    assert (await past.ask(USAGE, roles=[ONLY_ONE])).rules == {"role/order-reader/1": 1}
