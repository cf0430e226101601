# SPDX-License-Identifier: Apache-2.0
"""The rules of governance, pure.  Instants are Unix seconds."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from smartagent.governance.model import ANYTHING, Dated, Defaults, Terms, Use
from smartagent.kernel import Decision, IdPrefix, Record

EXPIRED: Final = "expired"
INACTIVE: Final = "inactive"
_AGENT: Final = f"{IdPrefix.AGENT.value}_"
_CLIENT: Final = f"{IdPrefix.CLIENT.value}_"
_CALL: Final = "gateway.call"
_LEASED: Final = "lease.issued"
_ATTESTED: Final = "agent.attested"


def expires_at(agent: Dated, terms: Terms | None, defaults: Defaults) -> int:
    """Return from when on an agent may not act any more; 0 is never."""
    if terms is not None and terms.expires_at is not None:
        return terms.expires_at
    return agent.created_at + defaults.life_seconds if defaults.life_seconds else 0


def idle_seconds(terms: Terms | None, defaults: Defaults) -> int:
    """Return for how long an agent may do nothing; 0 is for ever."""
    if terms is not None and terms.idle_seconds is not None:
        return terms.idle_seconds
    return defaults.idle_seconds


def why_over(agent: Dated, terms: Terms | None, defaults: Defaults, *, last_used_at: int, now: float) -> str:
    """Say why an active agent must be suspended; empty when it need not be.

    An agent that was resumed, or got another key, was in somebody's hands then: its inactivity begins anew.
    """
    end = expires_at(agent, terms, defaults)
    if end and now >= end:
        return EXPIRED
    limit = idle_seconds(terms, defaults)
    since = max(last_used_at, agent.last_changed_at, agent.created_at)
    return INACTIVE if limit and now >= since + limit else ""


def uses_of(record: Record) -> Iterator[Use]:
    """Say what a record of the log shows an agent to have used."""
    if record.decision is not Decision.PERMIT or not record.caller.startswith(_AGENT):
        return
    at = record.at_ms // 1000
    yield Use(record.caller, ANYTHING, at)
    if record.event == _CALL and record.subject:
        yield Use(record.caller, f"upstream/{record.subject}", at)
        for rule in record.rule.split(","):
            # `role/NAME/2` is the second block of a role.
            head, _, role = rule.partition("/")
            if head == "role":
                yield Use(record.caller, f"role/{role.partition('/')[0]}", at)
    if record.event == _LEASED and "credential" in record.detail:
        yield Use(record.caller, f"credential/{record.detail['credential']}", at)
    via = str(record.detail.get("via", ""))
    if via.startswith(f"{IdPrefix.DELEGATION.value}_"):
        yield Use(record.caller, f"delegation/{via}", at)


def stranger_in(record: Record) -> tuple[str, str] | None:
    """Return where a record shows somebody who calls and is no agent of the house, and what they are called there.

    `client` is an OAuth client; whether somebody registered it is for others to say.  `workload` is one that a
    trusted issuer vouches for, and that was not let in.
    """
    caller = record.caller
    if caller.startswith((_CLIENT, "https://")):
        return "client", caller
    if record.event == _ATTESTED and record.decision is Decision.DENY and "/" in caller:
        return "workload", caller
    return None


def parse_instant(raw: str) -> int:
    """Return an RFC 3339 instant as Unix seconds.

    Raises:
        ValueError: It is none, or says no offset.
    """
    found = datetime.fromisoformat(raw)
    if found.tzinfo is None:
        message = "an instant has an offset, or a Z"
        raise ValueError(message)
    return int(found.timestamp())
