# SPDX-License-Identifier: Apache-2.0
"""Which records belong together: what the index knows them by, and the chain of custody.

The index is coarse: it says in which bundle of 256 entries a subject occurs.  Three kinds of
event are also filed under "event subject", because they are rare and an agent may be busy:
its enrolment, its challenges and what revoked it are found without reading all it ever did.
"""

from typing import Final

import msgspec

from smartagent.kernel import Decision, Detail, Record

BUNDLE: Final = 256
ERA: Final = 256
"""How many bundles the index keeps side by side."""

ENROLLED: Final = "agent.enrolled"
CHALLENGED: Final = "challenge.issued"
ISSUED: Final = "token.issued"
REVOKED: Final = "revoked"

CHALLENGE_MS: Final = 60_000
"""How long a challenge can be answered."""
_FILED: Final = frozenset({ENROLLED, CHALLENGED, REVOKED})


class Filed(msgspec.Struct, frozen=True, gc=False):
    """The members of a record that the index looks at; the others are skipped unread."""

    event: str = ""
    caller: str = ""
    session: str = ""
    jti: str = ""
    subject: str = ""


_decode: Final = msgspec.json.Decoder(Filed).decode


class Chain(msgspec.Struct, frozen=True):
    """What a token's custody hangs on; all of it stands in the record of its issuance."""

    jti: str
    agent: str
    session: str
    issued_index: int
    issued_at_ms: int
    challenge: Detail = ""
    asserted: bool = False
    """An OAuth client assertion stood for the answer to a challenge."""


def filed_under(leaf: bytes) -> tuple[str, ...]:
    """Return what the index files a leaf under; empty strings are no subjects.

    A leaf that is no record (there are none of ours) is filed under nothing.
    """
    try:
        record = _decode(leaf)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ()
    if record.subject and record.event in _FILED:
        return record.jti, record.caller, record.session, record.subject, filing(record.event, record.subject)
    return record.jti, record.caller, record.session, record.subject


def filing(event: str, subject: str) -> str:
    """Return what the index files the rare `event` of `subject` under."""
    return f"{event} {subject}"


def concerns(record: Record, subject: str) -> bool:
    """Whether `record` is filed under `subject`."""
    return subject in {record.jti, record.caller, record.session, record.subject}


def chain_of(index: int, record: Record, jti: str) -> Chain | None:
    """Return the chain that begins with `record`, or None when that does not issue `jti`."""
    if record.event != ISSUED or record.jti != jti or record.decision is Decision.DENY:
        return None
    challenge, asserted = record.detail.get("challenge", ""), "assertion" in record.detail
    return Chain(jti, record.caller, record.session, index, record.at_ms, challenge, asserted)


def is_enrolment(record: Record, chain: Chain) -> bool:
    """Whether `record` is where the token's agent was enrolled."""
    return record.event == ENROLLED and record.subject == chain.agent and record.decision is not Decision.DENY


def is_challenge(record: Record, chain: Chain) -> bool:
    """Whether `record` may be the challenge that the token was issued for.

    The record of the issuance names it, or it is the newest one before it that was still alive.
    """
    if record.event != CHALLENGED or record.subject != chain.agent or record.decision is Decision.DENY:
        return False
    if chain.challenge:
        return record.detail.get("challenge") == chain.challenge
    if chain.asserted:
        return False
    return 0 <= chain.issued_at_ms - record.at_ms <= CHALLENGE_MS


def is_link(index: int, record: Record, chain: Chain) -> bool:
    """Whether `record` is part of what happened to the token, from its issuance on."""
    if index < chain.issued_index:
        return False
    if chain.jti in {record.jti, record.subject}:
        return True
    return record.event == REVOKED and record.subject in {chain.session, chain.agent} and record.subject != ""
