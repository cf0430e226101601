# SPDX-License-Identifier: Apache-2.0
"""Enrolment: an operator makes a one-time token for a role, and an agent turns it into an identity.

The agent made its key itself and shows only the public half.  Of the token the house keeps
only the hash.
"""

from typing import Final

from smartagent.crypto import PublicKey, b64u, sha256, unb64u
from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.identity.errors import KeyAlreadyKnown, RoleUnknown
from smartagent.identity.inventory import agent_view
from smartagent.identity.means import Means
from smartagent.identity.model import Agent, AgentStatus, Enrolment
from smartagent.identity.rules import parse_life, parse_name
from smartagent.identity.shapes import EnrolmentRequest, EnrolmentView, EnrolRequest
from smartagent.identity.store import (
    add_agent,
    add_enrolment,
    add_key,
    agent_changed,
    is_key_known,
    read_enrolment,
    use_enrolment,
)
from smartagent.identity.usable import ENROLMENT_TOKEN_PREFIX, check_unused
from smartagent.kernel import Caller, IdPrefix, rfc3339

NO_STORE: Final = (("cache-control", "no-store"),)
_TOKEN_BYTES: Final = 32


class Enrolling:
    """Makes enrolment tokens, and agents of them."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def invite(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Make an enrolment token.  Whoever asks will own the agent.

        Raises:
            RoleUnknown: There is no such role.
            LifeTooLong: It would live more than an hour, or not at all.
            MalformedName: The name is none.
        """
        request = parse_json(inbound.body, EnrolmentRequest)
        now = int(self._means.clock.now())
        expires_at = now + parse_life(request.ttl_seconds)
        if not self._means.known_role(request.role):
            raise RoleUnknown("make the role first")
        name = parse_name(request.name) if request.name else ""
        token = ENROLMENT_TOKEN_PREFIX + b64u(self._means.entropy(_TOKEN_BYTES))
        enrolment_id = self._means.ids.new(IdPrefix.ENROLMENT)
        enrolment = Enrolment(enrolment_id, request.role, name, caller.principal, expires_at, None)
        view = EnrolmentView(enrolment_id, token, request.role, rfc3339(expires_at))
        return Outcome(
            Reply(201, view, headers=NO_STORE),
            subject=enrolment_id,
            detail={"role": request.role, "expires_at": expires_at},
            writes=(add_enrolment(enrolment, sha256(token.encode())),),
        )

    async def enrol(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Make an agent of a token and a key.  The token, the key and the agent are one commit.

        Raises:
            AuthenticationFailed: The token was used meanwhile.
            KeyAlreadyKnown: Somebody has, or had, this key.
            MalformedName: The name is none.
        """
        request = parse_json(inbound.body, EnrolRequest)
        now = int(self._means.clock.now())
        found = await read_enrolment(self._means.database, sha256(request.enrolment_token.encode()))
        enrolment = check_unused(found, now=now)
        key = PublicKey.parse(unb64u(request.public_key))
        if await is_key_known(self._means.database, key.thumbprint):
            raise KeyAlreadyKnown
        agent = Agent(
            id=self._means.ids.new(IdPrefix.AGENT),
            name=parse_name(request.name or enrolment.name),
            owner=enrolment.created_by,
            role=enrolment.role,
            status=AgentStatus.ACTIVE,
            public_key=key.raw,
            created_at=now,
            last_changed_at=now,
        )
        return Outcome(
            Reply(201, agent_view(agent)),
            subject=agent.id,
            detail={
                "enrolment": enrolment.id,
                "owner": agent.owner,
                "role": agent.role,
                "key": key.thumbprint,
            },
            writes=(
                use_enrolment(enrolment.id, agent.id, now=now),
                add_key(key.thumbprint, agent.id),
                add_agent(agent),
            ),
            changes=(agent_changed(agent.id),),
        )
