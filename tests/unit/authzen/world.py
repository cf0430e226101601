# SPDX-License-Identifier: Apache-2.0
"""A house that decides for other services: real roles, real tokens."""

import json

from smartagent.authzen import Evaluations, Means, authzen_routes
from smartagent.identity import AgentStatus
from smartagent.policy import Grants, drafted, no_rules
from tests.unit.identity.world import World

READER = """\
name = "order-reader"
credentials = ["orders-db"]
networks = ["10.0.0.0/8"]
[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET"]
paths = ["/v1/**"]
"""
WRITER = 'name = "order-writer"\n[[allow]]\nscope = "orders:write"\nupstream = "orders"\nmethods = ["POST"]\npaths = ["/v1/items"]\n'
DECIDER = Grants((), 900, ("access.evaluate",))


class DecidingWorld(World):
    """A house whose rules are `READER` and `WRITER`."""

    def __init__(self):
        super().__init__()
        self.roles |= {"decider": DECIDER, "order-writer": Grants((), 900, ("orders:write",))}
        self.book = drafted(no_rules(), [READER, WRITER], {})
        self.evaluations = Evaluations(Means(self.book, self._role_of, self._is_operator, lambda _: "normal"))
        self.open(authzen_routes(self.evaluations))

    def _role_of(self, agent_id):
        agent = self.identity.directory.agent(agent_id)
        return agent.role if agent is not None and agent.status is AgentStatus.ACTIVE else None

    def _is_operator(self, person):
        return self.identity.directory.operator(person) is not None

    async def post(self, path, body, *, token, media_type="application/json"):
        """Ask as whoever holds `token`."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": media_type, **({"authorization": f"Bearer {token}"} if token else {})}
        return await self.send(self.inbound("POST", path, raw, headers))


def asked(agent, method="GET", resource="orders/v1/items/7", **properties):
    """An evaluation about an agent's call."""
    properties.setdefault("ip_address", "10.1.2.3")
    return {
        "subject": {"type": "agent", "id": agent, "properties": properties},
        "action": {"name": method},
        "resource": {"type": "upstream", "id": resource},
    }
