# SPDX-License-Identifier: Apache-2.0
"""What an agent makes of a call that somebody has to approve first."""

import json

import pytest

from smartagent.crypto import SigningKey, system_entropy
from smartagent.sdk import Agent, Answer, AuthorityRefused, Holder, Means, approval_of
from tests.unit.sdk.fakes import ISSUER, FakeClock

PENDING = {"type": "urn:smartagent:error:approval-pending", "approval": "apr_1"}


class Exchange:
    """Gives a token, then one state after the other."""

    def __init__(self, clock, *states):
        self.clock, self.states, self.seen = clock, list(states), []

    async def __call__(self, method, url, headers, body, /):
        self.seen.append((method, url))
        if url.endswith("/oauth/token"):
            return Answer(200, json.dumps({"access_token": "t", "expires_in": 900}).encode())
        self.clock.advance(1)
        state = self.states.pop(0)
        if isinstance(state, int):
            return Answer(state, b'{"title":"no","detail":"no"}')
        return Answer(200, json.dumps({"id": "apr_1", "state": state, "card": {}}).encode())

    async def close(self):
        pass


def agent_of(*states):
    clock = FakeClock()
    holder = Holder(SigningKey.generate(system_entropy), ISSUER, "agt_1")
    return Agent(
        holder, gateway="https://gw.example", means=Means(Exchange(clock, *states), clock, system_entropy)
    )


@pytest.mark.parametrize(
    ("answer", "approval"),
    [
        (Answer(202, json.dumps(PENDING).encode()), "apr_1"),
        (Answer(200, json.dumps(PENDING).encode()), ""),
        (Answer(202, b'{"type":"urn:other","approval":"apr_1"}'), ""),
        (Answer(202, b"accepted"), ""),
        (Answer(202, b"\xff"), ""),
        (Answer(202, b""), ""),
    ],
)
def test_only_the_gateways_own_answer_says_that_a_call_waits(answer, approval):
    assert approval_of(answer) == approval


@pytest.mark.parametrize(
    ("states", "approved"),
    [
        (("pending", "pending", "approved"), True),
        (("pending", "denied"), False),
        (("expired",), False),
        (("used",), False),
        (("pending",) * 3, False),
    ],
)
async def test_an_agent_waits_until_people_have_decided_or_it_has_no_more_patience(states, approved):
    agent = agent_of(*states)
    assert await agent.approved("apr_1", patience_seconds=3, pause_seconds=0) is approved
    assert agent.means.exchange.seen[-1] == ("GET", f"{ISSUER}/v1/approvals/apr_1")


async def test_an_approval_of_somebody_else_is_refused():
    with pytest.raises(AuthorityRefused):
        await agent_of(404).approved("apr_1")
