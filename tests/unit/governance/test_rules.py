# SPDX-License-Identifier: Apache-2.0
"""The rules: when an agent's time is over, and what a record of the log says of use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.governance.model import Defaults, Terms, Use
from smartagent.governance.rules import parse_instant, stranger_in, uses_of, why_over
from smartagent.identity import Agent, AgentStatus
from smartagent.kernel import Decision, Record

DAY = 86_400
NOW = 100 * DAY


def agent(status=AgentStatus.ACTIVE, created_at=0, changed_at=0):
    return Agent("agt_1", "bot", "opr_1", "reader", status, b"k" * 32, created_at, changed_at)


@pytest.mark.parametrize(
    ("terms", "defaults", "used_days_ago", "why"),
    [
        (None, Defaults(), 100, ""),
        (Terms("agt_1", NOW + 1), Defaults(), 0, ""),
        (Terms("agt_1", NOW), Defaults(), 0, "expired"),
        (None, Defaults(life_seconds=100 * DAY), 0, "expired"),
        (Terms("agt_1", 0), Defaults(life_seconds=1), 0, ""),
        (Terms("agt_1", None, 5 * DAY), Defaults(), 4, ""),
        (Terms("agt_1", None, 5 * DAY), Defaults(), 5, "inactive"),
        (None, Defaults(idle_seconds=5 * DAY), 6, "inactive"),
        (Terms("agt_1", None, 0), Defaults(idle_seconds=1), 100, ""),
        (Terms("agt_1", NOW, 1), Defaults(), 100, "expired"),
    ],
)
def test_an_agents_own_terms_come_before_the_houses(terms, defaults, used_days_ago, why):
    used_at = NOW - used_days_ago * DAY
    assert why_over(agent(), terms, defaults, last_used_at=used_at, now=NOW) == why


def test_inactivity_begins_anew_when_an_agent_is_resumed():
    limit = Terms("agt_1", None, 5 * DAY)
    resumed = agent(changed_at=NOW - DAY)
    assert why_over(resumed, limit, Defaults(), last_used_at=0, now=NOW) == ""
    assert why_over(agent(created_at=NOW - DAY), limit, Defaults(), last_used_at=0, now=NOW) == ""


@given(
    st.none() | st.integers(0, 2 * NOW),
    st.none() | st.integers(0, 2 * NOW),
    st.integers(0, NOW),
    st.integers(1, NOW),
)
def test_what_is_over_stays_over_until_somebody_does_something(expires_at, idle, used_at, later):
    terms = Terms("agt_1", expires_at, idle)
    if why_over(agent(), terms, Defaults(), last_used_at=used_at, now=NOW):
        assert why_over(agent(), terms, Defaults(), last_used_at=used_at, now=NOW + later)


def record(event, caller="agt_1", decision=Decision.PERMIT, **more):
    return Record(event=event, at_ms=5_000, request="", caller=caller, decision=decision, **more)


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (record("gateway.call", subject="shop"), {"", "upstream/shop"}),
        (record("gateway.call", subject="shop", rule="role/r/2,policy/x/1"), {"", "role/r", "upstream/shop"}),
        (record("lease.issued", detail={"credential": "orders"}), {"", "credential/orders"}),
        (record("token.issued", detail={"via": "dlg_1"}), {"", "delegation/dlg_1"}),
        (record("token.issued", detail={"via": "own"}), {""}),
        (record("gateway.call", decision=Decision.DENY, subject="shop"), set()),
        (record("gateway.call", caller="opr_1", subject="shop"), set()),
        (record("gateway.done", decision=None, subject="shop"), set()),
    ],
)
def test_a_permitted_act_is_a_use_and_a_refused_one_is_not(seen, what):
    assert set(uses_of(seen)) == {Use("agt_1", name, 5) for name in what}


@pytest.mark.parametrize(
    ("seen", "stranger"),
    [
        (record("token.issued", caller="clt_1"), ("client", "clt_1")),
        (record("token.issued", caller="https://a.example/c"), ("client", "https://a.example/c")),
        (record("agent.attested", caller="ci/job", decision=Decision.DENY), ("workload", "ci/job")),
        (record("agent.attested", caller="ci/job"), None),
        (record("token.issued"), None),
        (record("token.issued", caller="opr_1"), None),
    ],
)
def test_who_calls_and_is_no_agent_of_the_house_is_a_stranger(seen, stranger):
    assert stranger_in(seen) == stranger


def test_an_instant_says_its_offset():
    assert parse_instant("1970-01-02T00:00:00Z") == DAY
    assert parse_instant("1970-01-02T02:00:00+02:00") == DAY
    for raw in ("1970-01-02T00:00:00", "tomorrow", ""):
        with pytest.raises(ValueError, match=r".+"):
            parse_instant(raw)
