# SPDX-License-Identifier: Apache-2.0
"""The rules of identity, pure.  The life of an agent is drawn at `model.AgentStatus`."""

import unicodedata
from typing import Final

from smartagent.identity.errors import LifeTooLong, MalformedName, TransitionRefused
from smartagent.identity.model import Agent, AgentStatus

ENROLMENT_LIFE_SECONDS: Final = 3600
CLAIM_LINK_LIFE_SECONDS: Final = 900
MAX_NAME_CHARS: Final = 80
MAX_REASON_CHARS: Final = 240

_TRANSITIONS: Final = {
    AgentStatus.DISCOVERED: {AgentStatus.PENDING, AgentStatus.RETIRED},
    AgentStatus.PENDING: {AgentStatus.ACTIVE, AgentStatus.RETIRED},
    AgentStatus.ACTIVE: {AgentStatus.SUSPENDED, AgentStatus.RETIRED},
    AgentStatus.SUSPENDED: {AgentStatus.ACTIVE, AgentStatus.RETIRED},
    AgentStatus.RETIRED: set[AgentStatus](),
}

# Cc control, Cf format (bidi overrides, zero width), Cs surrogates, Co private, Cn unassigned, Zl/Zp separators.
_NOT_IN_NAMES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def parse_name(raw: str) -> str:
    """Return `raw` when people can be shown it as a name.

    Refused is what can make one name look like another, or a line of text look like two:
    control and bidi characters, other invisible ones, and blanks at the ends.

    Raises:
        MalformedName: It is not such a name.
    """
    if not 1 <= len(raw) <= MAX_NAME_CHARS:
        raise MalformedName(f"a name has 1 to {MAX_NAME_CHARS} characters")
    if any(unicodedata.category(letter) in _NOT_IN_NAMES for letter in raw):
        raise MalformedName("a name has no control, bidi or invisible characters")
    if raw != raw.strip():
        raise MalformedName("a name neither begins nor ends with a blank")
    return raw


def parse_reason(raw: str) -> str:
    """Return `raw` when it is one readable line.

    Raises:
        MalformedName: It is not.
    """
    if len(raw) > MAX_REASON_CHARS or any(unicodedata.category(letter) in _NOT_IN_NAMES for letter in raw):
        raise MalformedName(f"a reason is one line of at most {MAX_REASON_CHARS} characters")
    return raw


def parse_life(ttl_seconds: int) -> int:
    """Return how long an enrolment token shall live, in seconds.

    Raises:
        LifeTooLong: It is not 1 to an hour.
    """
    if not 1 <= ttl_seconds <= ENROLMENT_LIFE_SECONDS:
        raise LifeTooLong(ENROLMENT_LIFE_SECONDS)
    return ttl_seconds


def check_transition(agent: Agent, status: AgentStatus) -> None:
    """Let `agent` become `status`, or not.

    Raises:
        TransitionRefused: It is that already, or is not there yet, or it is retired for good.
    """
    if status not in _TRANSITIONS[agent.status]:
        raise TransitionRefused(f"{agent.status.value} does not become {status.value}")


def check_by_hand(agent: Agent, status: AgentStatus) -> None:
    """Let an operator make `agent` become `status`, or not: what is not enrolled becomes active by its key alone.

    Raises:
        TransitionRefused: It cannot become that, or not so.
    """
    check_transition(agent, status)
    if not agent.public_key and status is not AgentStatus.RETIRED:
        raise TransitionRefused("make an enrolment token for it, and let it enrol a key")


def check_invited(agent: Agent) -> None:
    """Let an enrolment token be made for an agent that is known: one that has no key yet.

    A second token may be made for a pending one: the first may have been lost.

    Raises:
        TransitionRefused: It has, or had, a key, or is retired.
    """
    if agent.status is not AgentStatus.PENDING:
        check_transition(agent, AgentStatus.PENDING)
