# SPDX-License-Identifier: Apache-2.0
"""How far a yes may go, and what a grant covers.  Pure.

A grant spares people from being asked; what the rules do not allow it does not allow either.  What several people
have to agree to is approved once, each time.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import structs

from smartagent.approvals.errors import MalformedDecision
from smartagent.approvals.model import MAX_GRANT_SECONDS, Approval, Deed, Demand, Grant, Reach, Said, Seat
from smartagent.kernel import Caller
from smartagent.policy import known_pattern

MIN_GRANT_SECONDS: Final = 60
MAX_PATTERNS: Final = 16
_LONGEST_METHOD: Final = 32


def clamped(approval: Approval, said: Said) -> tuple[Said, tuple[str, ...]]:
    """Return how far a yes goes at most, and what of the wish was cut.

    Raises:
        MalformedDecision: It cannot go so far at all, or not in this direction.
    """
    if said.reach is Reach.ONCE:
        if said.methods or said.paths:
            raise MalformedDecision("pattern", "a yes for once is for the call that was shown")
        return structs.replace(said, seconds=0), ()
    if approval.demand.votes > 1:
        raise MalformedDecision("grant", "what several people have to agree to is approved once")
    if said.reach is Reach.PATTERN:
        _check_pattern(approval, said)
    elif said.methods or said.paths:
        raise MalformedDecision("pattern", "a yes for the session is for the method and path that were shown")
    seconds = MAX_GRANT_SECONDS if said.reach is Reach.SESSION else said.seconds
    kept = max(MIN_GRANT_SECONDS, min(seconds, MAX_GRANT_SECONDS))
    cut = (f"seconds: {kept} instead of {seconds}",) if kept != seconds else ()
    return structs.replace(said, seconds=kept), cut


def grant_holds(grant: Grant, caller: Caller, deed: Deed, demand: Demand, *, now: float) -> bool:
    """Say whether a grant lets `caller` do `deed` at `now` (Unix seconds), as far as the grant itself says."""
    if grant.ended_at or now >= grant.ends_at or demand.votes != 1:
        return False
    if demand.confirm != (grant.seat is Seat.CONFIRM):
        return False
    whose = (grant.agent, grant.role, grant.subject, grant.session or caller.session)
    if whose != (caller.principal, caller.role, caller.subject, caller.session):
        return False
    if (grant.kind, grant.upstream, grant.place) != (deed.kind, deed.upstream, deed.place):
        return False
    if grant.session:
        return (grant.methods, grant.paths) == ((deed.method,), (deed.path,))
    return deed.method in grant.methods and _any_matches(grant.paths, deed.path)


def _check_pattern(approval: Approval, said: Said) -> None:
    if not said.paths or len(said.paths) > MAX_PATTERNS or len(said.methods) > MAX_PATTERNS:
        raise MalformedDecision("pattern", f"1 to {MAX_PATTERNS} paths, and at most as many methods")
    try:
        covers = _any_matches(said.paths, approval.path)
    except ValueError as error:
        raise MalformedDecision("pattern", str(error)) from None
    methods = said.methods or (approval.method,)
    if any(not _is_method(method) for method in methods):
        raise MalformedDecision("pattern", "methods are upper-case words")
    if not covers or approval.method not in methods:
        raise MalformedDecision("pattern", "it does not cover the call that was shown")


def _is_method(method: str) -> bool:
    return len(method) <= _LONGEST_METHOD and method.isascii() and method.isalpha() and method.isupper()


def _any_matches(paths: Iterable[str], path: str) -> bool:
    return any(pattern.matches(path) for pattern in [known_pattern(each) for each in paths])
