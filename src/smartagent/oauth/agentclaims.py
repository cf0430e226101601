# SPDX-License-Identifier: Apache-2.0
"""What can be told of an agent that acts, derived from the `act` claim.  Never a basis for a decision.

`act` is what binds: these claims say the same, flat, for clients that read OIDC-A.  Nothing is said
that the house does not know: no model, no provider, and of earlier hops neither time nor scope.

Spec: OIDC-A 1.0 (a proposal without standing), sections 2.1, 2.2 and 2.4.2.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import msgspec

from smartagent.identity import Agent
from smartagent.tokens import Act, actors_of

_VENDOR: Final = "smartagent"

FindAgent = Callable[[str], Agent | None]


class Hop(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a delegation: `sub` let `aud` act."""

    iss: str
    sub: str
    aud: str
    delegated_at: int = 0
    scope: str = ""


class AgentClaims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims about an agent; all empty when there is none."""

    agent_type: str = ""
    agent_instance_id: str = ""
    delegator_sub: str = ""
    delegation_chain: tuple[Hop, ...] = ()


class Delegated(msgspec.Struct, frozen=True, gc=False):
    """For whom who acts, and what a token says of it.

    `subject` is for whom; `act` who acts, outermost; `issued_at` (Unix seconds) and `scope` are the token's.
    """

    subject: str
    act: Act | None
    issued_at: int
    scope: str = ""


AGENT_CLAIMS: Final = AgentClaims.__struct_fields__
NO_AGENT: Final = AgentClaims()


def agent_claims(issuer: str, delegated: Delegated, find: FindAgent) -> AgentClaims:
    """Return the claims about the agent that acts.

    Args:
        issuer: This house.
        delegated: What the token says.
        find: Finds an agent by its id, from memory.
    """
    act = delegated.act
    agent = find(delegated.subject if act is None else act.sub)
    if agent is None:
        return NO_AGENT
    chain = delegation_chain(issuer, delegated)
    return AgentClaims(
        # OIDC-A section 2.4.1: a type of one's own goes by `vendor:type`.  What sort it is of, its role says.
        agent_type=f"{_VENDOR}:{agent.role}",
        agent_instance_id=agent.id,
        delegator_sub=chain[-1].sub if chain else "",
        delegation_chain=chain,
    )


def delegation_chain(issuer: str, delegated: Delegated) -> tuple[Hop, ...]:
    """Return the hops, the first one first: each `aud` is the `sub` of the next.

    When a hop was made, and with which scope, is known of the last one alone: its token tells.

    Spec: OIDC-A section 2.4.2.
    """
    names = (delegated.subject, *reversed(actors_of(delegated.act)))
    last = len(names) - 2
    return tuple(
        Hop(issuer, giver, taker, delegated.issued_at, delegated.scope)
        if number == last
        else Hop(issuer, giver, taker)
        for number, (giver, taker) in enumerate(pairwise(names))
    )
