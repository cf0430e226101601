# SPDX-License-Identifier: Apache-2.0
"""An agent's next key: made by the agent, shown here, in force from the commit on.

Who proved it has both keys is `authenticate.by_next_key`'s business.  The old key is good for nothing from then on;
tokens that it got live until their own end, minutes later.
"""

from msgspec import structs

from smartagent.crypto import PublicKey, unb64u
from smartagent.edge import AuthenticationFailed, Inbound, Outcome, Reply, parse_json
from smartagent.identity.errors import KeyAlreadyKnown
from smartagent.identity.inventory import agent_view
from smartagent.identity.means import Means
from smartagent.identity.shapes import NextKeyRequest
from smartagent.identity.store import add_key, agent_changed, is_key_known, read_agent, set_key
from smartagent.kernel import Caller


class Rekeying:
    """Replaces agents' keys."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def replace(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Put the agent's next key in force.

        Raises:
            KeyAlreadyKnown: Somebody has, or had, this key.
            AgentChanged: It was changed meanwhile: another key came, or it may not act any more.
        """
        key = PublicKey.parse(unb64u(parse_json(inbound.body, NextKeyRequest).public_key))
        if await is_key_known(self._means.database, key.thumbprint):
            raise KeyAlreadyKnown
        agent = await read_agent(self._means.database, caller.principal)
        if agent is None:
            raise AuthenticationFailed("the agent is unknown")
        now = int(self._means.clock.now())
        changed = structs.replace(agent, public_key=key.raw, key_since=now, last_changed_at=now)
        return Outcome(
            Reply(200, agent_view(changed)),
            subject=agent.id,
            detail={"key": key.thumbprint, "before": PublicKey.parse(agent.public_key).thumbprint},
            writes=(add_key(key.thumbprint, agent.id), set_key(agent, key.raw, now=now)),
            changes=(agent_changed(agent.id),),
        )
