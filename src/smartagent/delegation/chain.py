# SPDX-License-Identifier: Apache-2.0
"""The `act` claim of a chain.

Spec: RFC 8693 section 4.1.
"""

from collections.abc import Sequence

from smartagent.tokens import Act


def nested(actors: Sequence[str]) -> Act | None:
    """Return the claim that says who acts, the current one first; None when nobody does."""
    act: Act | None = None
    for actor in reversed(actors):
        act = Act(actor, act)
    return act
