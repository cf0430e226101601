# SPDX-License-Identifier: Apache-2.0
"""A log of calls, and what is asked of it: real records in a real log, in memory."""

import msgspec

from smartagent.edge import Inbound
from smartagent.insight import Insight, Means, Reach, insight_routes
from smartagent.kernel import Caller, CallerKind, Decision, Record, circumstances
from smartagent.policy import drafted, no_rules
from tests.unit.audit.small_store import SmallStore

OPERATOR = Caller("opr_1", CallerKind.OPERATOR)
START = 1_800_000_000
READER = """\
name = "order-reader"
credentials = ["orders-db"]
[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET"]
paths = ["/orders/**"]
"""
ONLY_ONE = READER.replace("/orders/**", "/orders/1")


def agent(name="agt_1", role="order-reader", **more):
    scopes = frozenset({"orders:read", "credential:orders-db"})
    return Caller(name, CallerKind.AGENT, role=role, scopes=scopes, client_ip="10.0.0.1", **more)


def called(target, caller=None, *, allowed=True, at=START, request="req_1", content_type="", **more):
    """A call's record, as the gateway writes it."""
    caller = caller or agent()
    detail = circumstances(caller) | ({"content_type": content_type} if content_type else {})
    refused = {"outcome": "not-permitted", "reason": "no rule allows it"}
    return Record(
        event="gateway.call",
        at_ms=at * 1000,
        request=request,
        caller=caller.principal,
        permission="upstream.call",
        target=target,
        decision=Decision.PERMIT if allowed else Decision.DENY,
        **({} if allowed else refused) | {"detail": detail} | more,
    )


def leased(credential, caller=None, at=START):
    caller = caller or agent()
    return Record(
        event="lease.requested",
        at_ms=at * 1000,
        request="req_1",
        caller=caller.principal,
        target="lease/lse_1",
        decision=Decision.PERMIT,
        detail={"credential": credential, "handle": "h", "exp": 1, **circumstances(caller)},
    )


class Past:
    """A house with rules and a log."""

    def __init__(self, *role_files, policies=None):
        self.store = SmallStore()
        self.book = drafted(no_rules(), role_files, policies or {})
        self.insight = Insight(Means(self.book, self.store.reader(), {"agt_1": "order-reader"}.get))
        self._routes = {route.path: route for route in insight_routes(self.insight, Reach(None))}

    def add(self, *records):
        self.store.append(*[record.encode() for record in records])

    async def ask(self, path, **body):
        await self.store.settle()
        inbound = Inbound("req_x", "POST", path, body=msgspec.json.encode(body))
        outcome = await self._routes[path].act(OPERATOR, inbound)
        return outcome.reply.body
