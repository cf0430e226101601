# SPDX-License-Identifier: Apache-2.0
"""The rules of a chain, pure.

    person or agent  ->  [ actor 1 ]  ->  [ actor 2 ]  ->  ...  ->  [ current actor ]
          sub                                                          act.sub

Down the chain everything only shrinks: the scope is what every ceiling has in common, the expiry
the earliest, the audience one that each may have.  Nobody stands in it twice, and it has an end.

Spec: RFC 8693 sections 1.1, 2.2.2 and 4.1.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from smartagent.delegation.errors import (
    ChainRefused,
    MalformedDelegation,
    ScopeNotDelegated,
    TargetNotDelegated,
)
from smartagent.delegation.model import Delegation, Subject

MAX_LINEAGE: Final = 24
"""How many tokens and delegations one may derive from; each costs 32 bytes of every token behind it."""

MAX_DELEGATION_SECONDS: Final = 366 * 86_400
MAX_LIVE_PER_DELEGATOR: Final = 256
MAX_DEPTH_ALLOWED: Final = 8
_MAX_SCOPE_CHARS: Final = 1024
_MAX_AUDIENCE_CHARS: Final = 1024
_SCOPE: Final = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")


def with_actor(subject: Subject, actor: str, *, most: int) -> tuple[str, ...]:
    """Return who acts when `actor` comes in front of the chain, the current one first.

    Raises:
        ChainRefused: It would stand in the chain twice, or the chain would be too long.
    """
    if actor == subject.sub or actor in subject.actors:
        raise ChainRefused("you are in this chain already")
    if len(subject.actors) >= most:
        raise ChainRefused(f"a chain has at most {most} actors")
    return (actor, *subject.actors)


def check_reach(actors: Sequence[str], behind: Iterable[Delegation | None]) -> None:
    """Let the chain be as long as each delegation in it allows.

    Args:
        actors: Who acts in the new chain, the current one first.
        behind: The delegations it derives from; None for one that is gone.

    Raises:
        ChainRefused: One of them allows fewer agents behind the one it was given to, or is gone.
    """
    for delegation in behind:
        if delegation is None or delegation.to_agent not in actors:
            raise ChainRefused("a delegation that this derives from is gone")
        # How many came behind it is where it stands, counted from the current actor.
        if actors.index(delegation.to_agent) > delegation.depth_allowed:
            raise ChainRefused("the delegation does not reach that far")


def extended(lineage: tuple[str, ...], *links: str) -> tuple[str, ...]:
    """Return `lineage` with what the new token derives from, each once.

    Raises:
        ChainRefused: It would be too long.
    """
    longer = lineage + tuple(link for link in links if link and link not in lineage)
    if len(longer) > MAX_LINEAGE:
        raise ChainRefused("this was derived too often; begin with a fresh token")
    return longer


def narrowed(asked: str, ceilings: Sequence[Iterable[str]]) -> str:
    """Return what is granted of `asked`; when nothing was asked, what all ceilings have in common.

    Args:
        asked: The `scope` parameter, as received.
        ceilings: At least one; the first says in which order.

    Raises:
        ScopeNotDelegated: It is more than that, malformed, or nothing is in common.
    """
    first, *others = ceilings
    sets = [frozenset(each) for each in others]
    shared = dict.fromkeys(scope for scope in first if all(scope in each for each in sets))
    if asked:
        wanted = dict.fromkeys(asked.split(" "))
        if not wanted.keys() <= shared.keys():
            raise ScopeNotDelegated("ask for scopes that everybody in the chain has, one blank between them")
        return " ".join(wanted)
    if not shared:
        raise ScopeNotDelegated("the chain has no scope in common")
    return " ".join(shared)


def chosen_target(asked: str, held: str, gateway: str, allowed: Iterable[frozenset[str]]) -> str:
    """Return whom the new token is for.

    A token for the gateway is a session: it may become one for any audience of the roles.  A token for
    anybody else stays with them; else whoever narrows a token's audience would have narrowed nothing.

    Args:
        asked: What was asked for; empty for what is held.
        held: Whom the subject token is for; empty when it is for any.
        gateway: The gateway's URL, an audience of every role.
        allowed: The audiences of each role and delegation in question.

    Raises:
        TargetNotDelegated: Not all of them may have it.
    """
    target = asked or held or gateway
    if held and held not in {gateway, target}:
        raise TargetNotDelegated("the subject token is for another audience, and stays there")
    if not all(target in each for each in allowed):
        raise TargetNotDelegated("not everybody in the chain may have tokens for this audience")
    return target


def earliest(*instants: int) -> int:
    """Return the earliest of `instants` (Unix seconds), where 0 says nothing."""
    return min((each for each in instants if each), default=0)


def parse_scope(raw: str) -> str:
    """Return `raw` when it is a list of scopes, or empty.

    Raises:
        MalformedDelegation: It is not.
    """
    if raw and (len(raw) > _MAX_SCOPE_CHARS or not _SCOPE.fullmatch(raw)):
        raise MalformedDelegation("scope", "scopes with one blank between them")
    return " ".join(dict.fromkeys(raw.split(" "))) if raw else ""


def parse_audience(raw: str) -> str:
    """Return `raw` when it can be an audience, or is empty.

    Raises:
        MalformedDelegation: It cannot.
    """
    if len(raw) > _MAX_AUDIENCE_CHARS or any(not "!" <= letter <= "~" for letter in raw):
        raise MalformedDelegation("audience", "an absolute URI")
    return raw


def parse_term(ttl_seconds: int, depth_allowed: int) -> None:
    """Let a delegation live that long and reach that far, or not.

    Raises:
        MalformedDelegation: It may not.
    """
    if not 1 <= ttl_seconds <= MAX_DELEGATION_SECONDS:
        raise MalformedDelegation("ttl_seconds", f"1 to {MAX_DELEGATION_SECONDS}")
    if not 0 <= depth_allowed <= MAX_DEPTH_ALLOWED:
        raise MalformedDelegation("depth_allowed", f"0 to {MAX_DEPTH_ALLOWED}")
