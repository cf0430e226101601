# SPDX-License-Identifier: Apache-2.0
"""What records of calls say, so that other rules can be tried on them."""

import pytest

from smartagent.gateway.ports import Asked, Said
from smartagent.gateway.recorded import detail_of
from smartagent.kernel import Caller, CallerKind, Decision

BOT = Caller(
    "agt_1", CallerKind.AGENT, role="reader", scopes=frozenset({"a"}), client_ip="10.0.0.1", subject="prs_1"
)
WHO = {"role": "reader", "scope": "a", "ip": "10.0.0.1", "for": "prs_1", "depth": 1}


@pytest.mark.parametrize(
    ("asked", "decision", "detail"),
    [
        (None, Decision.PERMIT, WHO),
        (Asked("crm", "GET", "/", Said()), Decision.PERMIT, WHO),
        (
            Asked("crm", "POST", "/", Said("application/json", "graphql:query", ("viewer", "me"))),
            Decision.PERMIT,
            {**WHO, "content_type": "application/json", "operation": "graphql:query", "fields": "viewer me"},
        ),
        (
            Asked("crm", "POST", "/", Said("application/json", "graphql:query", ("viewer", "me"))),
            None,
            {"for": "prs_1", "operation": "graphql:query", "fields": "viewer me"},
        ),
        (None, Decision.DENY, {"for": "prs_1"}),
        (None, None, {"for": "prs_1"}),
    ],
)
def test_an_intent_says_all_that_was_decided_on_and_other_records_whom_it_was_for(asked, decision, detail):
    assert detail_of(BOT, asked, decision) == detail


def test_a_call_of_nobody_says_nothing():
    assert detail_of(None, None, Decision.DENY) == {}
