# SPDX-License-Identifier: Apache-2.0
"""Enrolment: an operator makes a one-time token for a role, and an agent turns it into an identity.

The agent made its key itself and shows only the public half.  Of the token the house keeps
only the hash.
"""

from typing import Final

from msgspec import structs

from smartagent.crypto import PublicKey, b64u, sha256, unb64u
from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.identity.directory import Directory
from smartagent.identity.errors import AgentNotFound, KeyAlreadyKnown, OwnerUnknown, RoleUnknown
from smartagent.identity.inventory import agent_view
from smartagent.identity.means import Means
from smartagent.identity.model import Agent, AgentStatus, Enrolment
from smartagent.identity.rules import check_invited, check_transition, parse_life, parse_name
from smartagent.identity.shapes import EnrolmentRequest, EnrolmentView, EnrolRequest
from smartagent.identity.store import (
    add_agent,
    add_enrolment,
    add_key,
    agent_changed,
    is_key_known,
    read_agent,
    read_enrolment,
    set_standing,
    take_up,
    use_enrolment,
)
from smartagent.identity.usable import ENROLMENT_TOKEN_PREFIX, check_unused, is_owner
from smartagent.kernel import Caller, IdPrefix, Write, parse_id, rfc3339

NO_STORE: Final = (("cache-control", "no-store"),)
_TOKEN_BYTES: Final = 32


class Enrolling:
    """Makes enrolment tokens, and agents of them."""

    def __init__(self, means: Means, directory: Directory) -> None:
        self._means = means
        self._directory = directory

    async def invite(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Make an enrolment token.  Whoever asks will own the agent, unless they name somebody else.

        Raises:
            RoleUnknown: There is no such role.
            OwnerUnknown: The owner is nobody who could answer for it.
            AgentNotFound: There is no such agent to enrol.
            TransitionRefused: It was enrolled before.
            LifeTooLong: It would live more than an hour, or not at all.
            MalformedName: The name is none.
        """
        request = parse_json(inbound.body, EnrolmentRequest)
        now = int(self._means.clock.now())
        expires_at = now + parse_life(request.ttl_seconds)
        if not self._means.known_role(request.role):
            raise RoleUnknown("make the role first")
        name = parse_name(request.name) if request.name else ""
        owner = await self._owner(request.owner or caller.principal)
        token = ENROLMENT_TOKEN_PREFIX + b64u(self._means.entropy(_TOKEN_BYTES))
        enrolment_id = self._means.ids.new(IdPrefix.ENROLMENT)
        enrolment = Enrolment(
            enrolment_id, request.role, name, caller.principal, expires_at, None, owner, request.agent
        )
        waiting = await self._awaited(enrolment, now=now) if request.agent else ()
        view = EnrolmentView(enrolment_id, token, request.role, rfc3339(expires_at))
        return Outcome(
            Reply(201, view, headers=NO_STORE),
            subject=enrolment_id,
            target=f"agent/{request.agent}" if request.agent else "",
            detail={"role": request.role, "expires_at": expires_at, "owner": owner},
            writes=(add_enrolment(enrolment, sha256(token.encode())), *waiting),
            changes=(agent_changed(request.agent),) if waiting else (),
        )

    async def enrol(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Make an agent of a token and a key.  The token, the key and the agent are one commit.

        Raises:
            AuthenticationFailed: The token was used meanwhile.
            KeyAlreadyKnown: Somebody has, or had, this key.
            OwnerUnknown: The owner left meanwhile.
            AgentNotFound: The agent that was waited for is gone.
            TransitionRefused: It does not wait any more.
            MalformedName: The name is none.
        """
        request = parse_json(inbound.body, EnrolRequest)
        now = int(self._means.clock.now())
        found = await read_enrolment(self._means.database, sha256(request.enrolment_token.encode()))
        enrolment = check_unused(found, now=now)
        key = PublicKey.parse(unb64u(request.public_key))
        if await is_key_known(self._means.database, key.thumbprint):
            raise KeyAlreadyKnown
        # Tokens of a release before this one name no owner.
        owner = await self._owner(enrolment.owner or enrolment.created_by)
        agent = Agent(
            id=enrolment.agent or self._means.ids.new(IdPrefix.AGENT),
            name=parse_name(request.name or enrolment.name),
            owner=owner,
            role=enrolment.role,
            status=AgentStatus.ACTIVE,
            public_key=key.raw,
            created_at=now,
            last_changed_at=now,
        )
        if enrolment.agent:
            check_transition(await self._known(enrolment.agent), AgentStatus.ACTIVE)
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
                take_up(agent) if enrolment.agent else add_agent(agent),
            ),
            changes=(agent_changed(agent.id),),
        )

    async def _awaited(self, enrolment: Enrolment, *, now: int) -> tuple[Write, ...]:
        """Let the agent that is known become pending, with the owner and the role it will have."""
        agent = await self._known(enrolment.agent)
        check_invited(agent)
        changed = structs.replace(
            agent,
            owner=enrolment.owner,
            role=enrolment.role,
            status=AgentStatus.PENDING,
            last_changed_at=now,
        )
        return (set_standing(agent, changed),)

    async def _known(self, agent_id: str) -> Agent:
        agent = await read_agent(self._means.database, parse_id(agent_id, IdPrefix.AGENT))
        if agent is None:
            raise AgentNotFound(agent_id)
        return agent

    async def _owner(self, owner: str) -> str:
        if not await is_owner(self._means, self._directory, owner):
            raise OwnerUnknown("name an operator, or a person who has not left")
        return owner
