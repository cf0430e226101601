# SPDX-License-Identifier: Apache-2.0
"""Whether an agent, an enrolment token or a claim link may be used at an instant."""

from typing import Final, TypeVar

from smartagent.edge import AuthenticationFailed
from smartagent.identity.directory import Directory
from smartagent.identity.means import Means
from smartagent.identity.model import Agent, AgentStatus, ClaimLink, Enrolment

ENROLMENT_TOKEN_PREFIX: Final = "set_"  # noqa: S105 -- how one begins, not one
CLAIM_CODE_PREFIX: Final = "scl_"

Ticket = TypeVar("Ticket", Enrolment, ClaimLink)


def check_unused(ticket: Ticket | None, *, now: float) -> Ticket:
    """Return the enrolment or claim link when it may still be used.

    That it was used is looked at first: a clock that is set back does not revive it.

    Raises:
        AuthenticationFailed: It is unknown, was used, or its time is over.
    """
    if ticket is None:
        raise AuthenticationFailed("the enrolment token or claim link is unknown")
    if ticket.used_at is not None:
        raise AuthenticationFailed("the enrolment token or claim link was used")
    if now >= ticket.expires_at:
        raise AuthenticationFailed("the enrolment token or claim link has expired")
    return ticket


def check_active(agent: Agent | None) -> Agent:
    """Return the agent when it may act.

    Raises:
        AuthenticationFailed: There is none, or it is not active.
    """
    if agent is None:
        raise AuthenticationFailed("the agent is unknown")
    if agent.status is not AgentStatus.ACTIVE:
        raise AuthenticationFailed(f"the agent is {agent.status.value}")
    return agent


async def is_owner(means: Means, directory: Directory, owner: str) -> bool:
    """Say whether `owner` can answer for agents: an operator, or a person who is known and has not left."""
    return directory.operator(owner) is not None or await means.is_person(owner)
