# SPDX-License-Identifier: Apache-2.0
"""The `act` claim of a chain, and what a token derives from.

Spec: RFC 8693 section 4.1.
"""

from collections.abc import Sequence

from smartagent.kernel import Caller
from smartagent.tokens import Act


def nested(actors: Sequence[str]) -> Act | None:
    """Return the claim that says who acts, the current one first; None when nobody does."""
    act: Act | None = None
    for actor in reversed(actors):
        act = Act(actor, act)
    return act


def chain_of(caller: Caller) -> Act | None:
    """Return the claim of a token that says what `caller` says: None when it acts for nobody."""
    return nested((caller.principal, *caller.actors)) if caller.subject else None


def lineage_of(caller: Caller) -> tuple[str, ...]:
    """Return what a token derives from that is made of the caller's: that first."""
    return tuple(dict.fromkeys((caller.jti, *caller.lineage))) if caller.jti else caller.lineage
