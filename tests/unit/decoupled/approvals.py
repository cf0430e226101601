# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the room of approvals: calls that wait, and what people said to them."""

from smartagent.approvals import ApprovalDecided
from smartagent.decoupled import CallCard
from smartagent.kernel import Change
from smartagent.oauth import InvalidAuthorizationDetails

REFUND = CallCard("POST https://shop.example/refunds (shop)", (("amount", "25.00"),), ("one more",))


class FakeApprovals:
    """`waiting` are approvals: whose call it is, and who may agree to it."""

    def __init__(self):
        self.waiting = {}
        self.said = []

    async def card_for(self, approval, agent, person):
        if approval not in self.waiting or self.waiting[approval][0] != agent:
            raise InvalidAuthorizationDetails("there is none")
        if self.waiting[approval][1] != person:
            raise InvalidAuthorizationDetails("ask somebody else")
        return REFUND

    async def decide(self, approval, person, *, approve):
        if self.waiting.pop(approval, None) is None:
            raise ApprovalDecided("it is used")
        self.said.append((approval, person, approve))
        return (), (Change("approvals", approval),)
