# SPDX-License-Identifier: Apache-2.0
"""What happened, as security events: which type, about whom, and the claims of the token; pure.

    revoked          session-revoked       about an agent, a person, a client (`iss_sub`), a token (`jwt_id`),
                                           a session, a delegation, a grant (`opaque`)
    agent stopped    session-revoked, credential-change (revoke, delete)      `iss_sub`
    agent activated  credential-change (update)                               `iss_sub`
    signing key      credential-change (update)                               the key set's `uri`

Absent: token-claims-change.  No claim of a token that was issued changes here.

Spec: SSF 1.0 sections 3 and 4, CAEP 1.0 sections 3.1 and 3.3, RFC 8417 section 2, RFC 9493 section 3.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.identity import AgentStatus
from smartagent.signals.errors import SubjectUnsupported
from smartagent.signals.model import Happened, What
from smartagent.tokens import JWKS_PATH, RevocationKind

SESSION_REVOKED: Final = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
CREDENTIAL_CHANGE: Final = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"
STREAM_UPDATED: Final = "https://schemas.openid.net/secevent/ssf/event-type/stream-updated"
SUPPORTED: Final = (SESSION_REVOKED, CREDENTIAL_CHANGE)
PER_CHANGE: Final = 4
"""More events than one change becomes: they have an order among themselves, too."""
TYPE: Final = "secevent+jwt"
MEDIA_TYPE: Final = "application/secevent+jwt"

_MAX_ID_CHARS: Final = 128
_PRINCIPALS: Final = frozenset(
    {RevocationKind.AGENT.value, RevocationKind.PERSON.value, RevocationKind.CLIENT.value}
)
_CHANGES: Final = {
    AgentStatus.SUSPENDED.value: "revoke",
    AgentStatus.RETIRED.value: "delete",
    AgentStatus.ACTIVE.value: "update",
}

Subject = dict[str, str]


class Signal(msgspec.Struct, frozen=True):
    """One event: its type, whom it is about, and what it says."""

    event: str
    subject: Subject
    claims: Mapping[str, object]


class Envelope(msgspec.Struct, frozen=True):
    """What the token says besides the event.  `now` is Unix seconds; `txn` names the cause."""

    issuer: str
    audience: str
    jti: str
    txn: str
    now: int


def signals_of(happened: Happened, issuer: str) -> list[Signal]:
    """Return the events that tell of what happened."""
    at = happened.at_ms // 1000
    if happened.what is What.REVOKED:
        subject = _subject_of(happened.kind, happened.id, issuer)
        return [_session_revoked(subject, at, f"The {happened.kind} was revoked at the authority.")]
    if happened.what is What.KEY:
        return [
            Signal(
                CREDENTIAL_CHANGE,
                {"format": "uri", "uri": issuer + JWKS_PATH},
                _change("update", at, "The key set has changed.") | {"friendly_name": happened.id},
            )
        ]
    if happened.what is What.ENROLLED:
        return []
    subject = {"format": "iss_sub", "iss": issuer, "sub": happened.id}
    said = f"The agent is {happened.kind}."
    changed = Signal(CREDENTIAL_CHANGE, subject, _change(_CHANGES[happened.kind], at, said))
    if happened.kind == AgentStatus.ACTIVE.value:
        return [changed]
    return [_session_revoked(subject, at, said), changed]


def of_stream(event: str, stream: str, claims: Mapping[str, object]) -> Signal:
    """Return an event about a stream itself.

    Spec: SSF 1.0 sections 8.1.4.1 and 8.1.5.
    """
    return Signal(event, {"format": "opaque", "id": stream}, claims)


def set_payload(signal: Signal, envelope: Envelope) -> bytes:
    """Return the claims of a security event token: never `sub`, never `exp`, one event."""
    return msgspec.json.encode(
        {
            "iss": envelope.issuer,
            "iat": envelope.now,
            "jti": envelope.jti,
            "aud": envelope.audience,
            "txn": envelope.txn,
            "sub_id": signal.subject,
            "events": {signal.event: signal.claims},
        }
    )


def parse_subject(raw: Mapping[str, object], issuer: str) -> str:
    """Read a simple subject identifier, and return the id that it names.

    Raises:
        SubjectUnsupported: It is malformed, another issuer's, or of a format that no event here has.
    """
    members = {"iss_sub": ("iss", "sub"), "jwt_id": ("iss", "jti"), "opaque": ("id",)}.get(
        str(raw.get("format"))
    )
    if members is None or raw.keys() != {"format", *members}:
        raise SubjectUnsupported("a subject is an iss_sub, an opaque or a jwt_id, with its own members only")
    if "iss" in members and raw["iss"] != issuer:
        raise SubjectUnsupported("the subject is another issuer's")
    named = raw[members[-1]]
    if not isinstance(named, str) or not 0 < len(named) <= _MAX_ID_CHARS or not _is_id(named):
        raise SubjectUnsupported("the subject's id is malformed")
    return named


def id_of(subject: Subject) -> str:
    """Return the id that a subject of ours names."""
    return subject.get("sub") or subject.get("jti") or subject.get("id") or subject.get("uri", "")


def _is_id(named: str) -> bool:
    # The list of subjects is kept with blanks between them.
    return named.isascii() and named.isprintable() and " " not in named


def _subject_of(kind: str, subject_id: str, issuer: str) -> Subject:
    if kind in _PRINCIPALS:
        return {"format": "iss_sub", "iss": issuer, "sub": subject_id}
    if kind == RevocationKind.TOKEN.value:
        return {"format": "jwt_id", "iss": issuer, "jti": subject_id}
    return {"format": "opaque", "id": subject_id}


def _session_revoked(subject: Subject, at: int, said: str) -> Signal:
    claims = {"event_timestamp": at, "initiating_entity": "admin", "reason_admin": {"en": said}}
    return Signal(SESSION_REVOKED, subject, claims)


def _change(change: str, at: int, said: str) -> dict[str, object]:
    return {
        "credential_type": "key",
        "change_type": change,
        "event_timestamp": at,
        "initiating_entity": "admin",
        "reason_admin": {"en": said},
    }
