# SPDX-License-Identifier: Apache-2.0
"""Attestation: a workload becomes an agent by a token that its platform gave it, and a key it made itself.

No secret is handed out beforehand.  The platform (a cluster, a CI service) says what runs; an operator
configured that issuer and what its workloads become; the new key signs the token, so that whoever only saw
it cannot enrol a key of theirs with somebody else's request.

Each instance is an agent of its own: another token and another key of the same workload make another
agent.  A token works once, also when the act fails after it was shown.
"""

from typing import Final

from smartagent.crypto import PublicKey, attest_message, unb64u
from smartagent.edge import AuthenticationFailed, Inbound, Outcome, Reply, parse_json
from smartagent.federation import Foreign
from smartagent.identity.authenticate import check_signature
from smartagent.identity.errors import KeyAlreadyKnown, RoleUnknown
from smartagent.identity.inventory import agent_view
from smartagent.identity.means import Means
from smartagent.identity.model import Agent, AgentStatus
from smartagent.identity.rules import MAX_NAME_CHARS, parse_name
from smartagent.identity.shapes import AttestRequest
from smartagent.identity.store import add_agent, add_key, agent_changed, is_key_known
from smartagent.kernel import Caller, CallerKind, IdPrefix

_SHORT_JTI_CHARS: Final = 64


class Attesting:
    """Makes agents of workloads."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def by_attestation(self, inbound: Inbound) -> Caller:
        """Authenticate a workload that proves to have the key it brings.

        Raises:
            AuthenticationFailed: The attestation proves nothing, or the signature is not the key's.
            MalformedKey: The key is not a sound Ed25519 public key.
            MalformedRequest: The body is not an attestation.
        """
        request = parse_json(inbound.body, AttestRequest)
        # First what needs nobody else: an outside issuer is not asked for those who have no key.
        key = PublicKey.parse(unb64u(request.public_key))
        message = attest_message(self._means.issuer, request.attestation, key.raw)
        check_signature(key, request.signature, message)
        foreign = await self._verified(request)
        return Caller(
            principal=f"{foreign.issuer.name}/{foreign.sub}",
            kind=CallerKind.NEWCOMER,
            role=foreign.role,
            client_ip=inbound.client_ip,
            claims=(foreign.once,),
        )

    async def attest(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Make an agent of an attestation and a key, owned by the operator who vouches for the issuer.

        Raises:
            AuthenticationFailed: The attestation was used, or proves nothing any more.
            KeyAlreadyKnown: Somebody has, or had, this key.
            MalformedName: The name is none.
            RoleUnknown: The role that the rule names does not exist (any more).
        """
        request = parse_json(inbound.body, AttestRequest)
        foreign = await self._verified(request)
        key = PublicKey.parse(unb64u(request.public_key))
        if not self._means.known_role(foreign.role):
            raise RoleUnknown("the rule that admits the workload names it; make the role first")
        if await is_key_known(self._means.database, key.thumbprint):
            raise KeyAlreadyKnown
        agent = self._agent(foreign, key, request.name)
        return Outcome(
            Reply(201, agent_view(agent)),
            subject=agent.id,
            detail={
                "issuer": foreign.issuer.name,
                "workload": foreign.sub,
                "rule": foreign.rule,
                "attestation": foreign.jti[:_SHORT_JTI_CHARS],
                "owner": agent.owner,
                "role": agent.role,
                "key": key.thumbprint,
            },
            writes=(add_key(key.thumbprint, agent.id), add_agent(agent)),
            changes=(agent_changed(agent.id),),
        )

    async def _verified(self, request: AttestRequest) -> Foreign:
        if self._means.verify_workload is None:
            raise AuthenticationFailed("no outside issuer is trusted here")
        return await self._means.verify_workload(request.attestation, self._means.clock.now())

    def _agent(self, foreign: Foreign, key: PublicKey, name: str) -> Agent:
        now = int(self._means.clock.now())
        return Agent(
            id=self._means.ids.new(IdPrefix.AGENT),
            name=parse_name(name or foreign.sub[:MAX_NAME_CHARS].strip()),
            owner=foreign.configured_by,
            role=foreign.role,
            status=AgentStatus.ACTIVE,
            public_key=key.raw,
            created_at=now,
            last_changed_at=now,
        )
