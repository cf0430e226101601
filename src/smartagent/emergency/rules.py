# SPDX-License-Identifier: Apache-2.0
"""From leases to the lines of a report.  Times are Unix seconds."""

from smartagent.emergency.model import Fate, Line
from smartagent.kernel import rfc3339

MAX_TOKEN_SECONDS = 3600
"""How long a verifier that asks nobody may still take a token (DESIGN: tokens live an hour at most)."""


def line_of(  # noqa: PLR0913 -- what is known of a lease
    *, credential: str, lease_id: str, dead: bool, ended_at: int, outlives_until: int, failure: str, now: int
) -> Line:
    """Say what became of a lease."""
    what = f"lease of {credential}"
    if not dead:
        return Line(what, lease_id, Fate.DYING, note=failure)
    if outlives_until > now:
        note = "the place where it is good does not know; it ends by itself"
        return Line(what, lease_id, Fate.OUTLIVES, rfc3339(ended_at), rfc3339(outlives_until), note)
    return Line(what, lease_id, Fate.DEAD, rfc3339(ended_at))


def token_lines(agent: str, *, revoked_at: int) -> tuple[Line, ...]:
    """Say what became of the agent's tokens."""
    died = rfc3339(revoked_at)
    offline = (
        "verifiers that only look at the signature take it until it expires; give them the feed or the lists"
    )
    return (
        Line(
            "every token it was given",
            agent,
            Fate.DEAD,
            died,
            rfc3339(revoked_at + MAX_TOKEN_SECONDS),
            offline,
        ),
        Line("every token derived from those, of whoever holds it", agent, Fate.DEAD, died),
        Line("open calls and streams through the gateway", agent, Fate.DEAD, died),
    )
