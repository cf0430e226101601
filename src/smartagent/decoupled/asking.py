# SPDX-License-Identifier: Apache-2.0
"""What a client may ask a person for: the target, and the scopes to be had there.

An agent may never have more by a person than its own role allows: the person lends their name, not their power.

Spec: RFC 6749 section 3.3, RFC 8707 section 2, OpenID Connect Core section 3.1.2.1.
"""

from collections.abc import Iterable
from typing import Final

from smartagent.clients import Client, Resource
from smartagent.decoupled.means import Means
from smartagent.decoupled.model import Target
from smartagent.identity import Agent
from smartagent.oauth import InvalidScope, InvalidTarget

OPENID: Final = "openid"
WHO_SCOPES: Final = frozenset({OPENID, "profile"})
"""What is asked of OpenID Connect is about the person, and no resource's to give."""
OFFLINE: Final = "offline_access"
"""No refresh token comes this way, and a client that asks for one is not told off (OpenID Connect Core section 11)."""
RESOURCE_LIFE_SECONDS: Final = 900


class Asking:
    """Says what may be asked for."""

    def __init__(self, means: Means) -> None:
        self._means = means

    def check(self, client: Client, agent: Agent | None, scope: str, resource: str) -> Target:
        """Return the target of `resource` with the scopes of `scope`; with all that may be had, when it names none.

        Args:
            client: Who asks.
            agent: The client, when it is an agent.
            scope: As received.
            resource: A URI; empty for the gateway.

        Raises:
            InvalidTarget: There is no such resource, or it is not this client's to ask for.
            InvalidScope: A scope is malformed, or not to be had there.
            RoleNotGranted: The role does not exist.
        """
        asked = _parsed(scope)
        target = self._offer(client, agent, resource)
        offered = _within(client, target.scope.split())
        about = [name for name in asked if name in WHO_SCOPES]
        wanted = [name for name in asked if name not in WHO_SCOPES and name != OFFLINE]
        if not set(wanted) <= set(offered):
            raise InvalidScope("the target does not have it, or this client may not")
        if not asked:
            wanted = offered
        if not wanted and not about:
            raise InvalidScope("there is nothing to be had there")
        return Target(target.audience, " ".join([*about, *wanted]), target.life_seconds, target.needs_proof)

    def still(self, client: Client, agent: Agent | None, scope: str, resource: str) -> Target:
        """Return what is left of `scope`, which was allowed, now: a role may have shrunk meanwhile.

        Raises:
            InvalidScope: Nothing is left.
            InvalidTarget: The target is gone.
            RoleNotGranted: The role is gone.
        """
        target = self._offer(client, agent, resource)
        offered = {*_within(client, target.scope.split()), *WHO_SCOPES}
        left = [name for name in scope.split() if name in offered]
        if not left:
            raise InvalidScope("nothing that was allowed can be had any more")
        return Target(target.audience, " ".join(left), target.life_seconds, target.needs_proof)

    def _offer(self, client: Client, agent: Agent | None, resource: str) -> Target:
        role = agent.role if agent is not None else client.role
        if resource in ("", self._means.gateway):
            if role:
                ceiling = self._means.tokens.issuer.ceiling(role)
                return Target(self._means.gateway, ceiling.scope, ceiling.life_seconds)
            if resource:
                raise InvalidTarget("this client has no role at the gateway")
            # Without a role and without a resource all there is to have is who the person is.
            return Target(self._means.issuer, "", RESOURCE_LIFE_SECONDS)
        known = self._means.clients.resource(resource)
        if agent is not None:
            return self._offer_to_agent(agent, resource, known)
        if known is None:
            raise InvalidTarget("name a resource that is registered here")
        return Target(
            known.identifier, " ".join(known.scopes), RESOURCE_LIFE_SECONDS, needs_proof=known.dpop_required
        )

    def _offer_to_agent(self, agent: Agent, resource: str, known: Resource | None) -> Target:
        ceiling = self._means.tokens.issuer.ceiling(agent.role)
        if resource not in ceiling.audiences:
            raise InvalidTarget("the agent's role may not have tokens for this resource")
        if known is None:
            return Target(resource, ceiling.scope, ceiling.life_seconds)
        offered = " ".join(name for name in ceiling.scope.split() if name in known.scopes)
        return Target(resource, offered, ceiling.life_seconds, needs_proof=known.dpop_required)


def _within(client: Client, offered: Iterable[str]) -> list[str]:
    if not client.scope:
        return list(offered)
    ceiling = frozenset(client.scope.split())
    return [name for name in offered if name in ceiling]


def _parsed(scope: str) -> list[str]:
    if not scope:
        return []
    names = scope.split(" ")
    # RFC 6749 section 3.3: %x21 / %x23-5B / %x5D-7E, with one blank between.
    if not all(name and all("!" <= c <= "~" and c not in '"\\' for c in name) for name in names):
        raise InvalidScope("scopes are printable ASCII with one blank between them")
    return list(dict.fromkeys(names))
