# SPDX-License-Identifier: Apache-2.0
"""Errors as answers: RFC 9457 problem details, and RFC 6749 section 5.2 for OAuth.

The only place where a failure becomes a status code.
"""

from typing import Final

import msgspec

from smartagent.edge.message import Reply
from smartagent.kernel import Kind, SmartAgentError

MEDIA_TYPE: Final = "application/problem+json"
TYPE_BASE: Final = "urn:smartagent:error:"

STATUS: Final[dict[Kind, int]] = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.WRONG_METHOD: 405,
    Kind.CONFLICT: 409,
    Kind.EXPIRED: 410,
    Kind.TOO_LARGE: 413,
    Kind.UNSUPPORTED: 415,
    Kind.LIMITED: 429,
    Kind.UPSTREAM: 502,
    Kind.UNAVAILABLE: 503,
    Kind.TIMEOUT: 504,
    Kind.NOT_IMPLEMENTED: 501,
    Kind.PENDING: 202,
}

MEMBERS: Final = ("missing", "allowed", "field", "retry_after_seconds", "limit", "approval")
"""The fields of an error that a problem may show beside its text.  A list of what may, not of what may not:
an error can carry a reason that only the log is meant to see."""

_OAUTH: Final[dict[Kind, tuple[str, int]]] = {
    Kind.INVALID: ("invalid_request", 400),
    Kind.UNAUTHENTICATED: ("invalid_client", 401),
    Kind.FORBIDDEN: ("unauthorized_client", 400),
    Kind.NOT_FOUND: ("invalid_request", 400),
    Kind.WRONG_METHOD: ("invalid_request", 405),
    Kind.CONFLICT: ("invalid_request", 400),
    Kind.EXPIRED: ("invalid_grant", 400),
    Kind.TOO_LARGE: ("invalid_request", 413),
    Kind.UNSUPPORTED: ("invalid_request", 415),
    Kind.LIMITED: ("temporarily_unavailable", 429),
    Kind.UPSTREAM: ("temporarily_unavailable", 503),
    Kind.UNAVAILABLE: ("temporarily_unavailable", 503),
    Kind.TIMEOUT: ("temporarily_unavailable", 503),
    Kind.NOT_IMPLEMENTED: ("invalid_request", 400),
    Kind.PENDING: ("authorization_pending", 400),
}

_CHALLENGES: Final = (
    ("www-authenticate", 'Bearer error="invalid_token"'),
    ("www-authenticate", 'DPoP error="invalid_token", algs="EdDSA Ed25519 ES256 RS256"'),
)
_NO_STORE: Final = ("cache-control", "no-store")
_RETRY_AFTER_SECONDS: Final = 1


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The members of RFC 9457 section 3.1, and the extensions an error may carry.

    `instance` is the request id: the caller can quote it and the log can find it.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    missing: str = ""
    allowed: tuple[str, ...] = ()
    field: str = ""
    retry_after_seconds: int = 0
    limit: int = 0
    approval: str = ""


def status_of(error: SmartAgentError) -> int:
    """Return the HTTP status that `error` answers with."""
    return STATUS[error.kind]


def problem(error: SmartAgentError, *, instance: str) -> Reply:
    """Render `error` as problem details.

    Args:
        error: The failure to explain.
        instance: The request id.

    Spec: RFC 9457 section 3; RFC 6750 section 3 and RFC 9449 section 7.1 for the challenges.
    """
    status = STATUS[error.kind]
    body: dict[str, object] = {
        "type": TYPE_BASE + error.code,
        "title": error.title,
        "status": status,
        "detail": str(error),
        "instance": instance,
    }
    for member in MEMBERS:
        value: object = getattr(error, member, None)
        if value:
            body[member] = value
    return Reply(status, body, MEDIA_TYPE, (_NO_STORE, *_headers(error)))


def oauth_error(error: SmartAgentError) -> Reply:
    """Render `error` for an OAuth client.

    An error may name its own code of RFC 6749 section 5.2 in an attribute
    `oauth_code` (`invalid_scope`, `unsupported_grant_type`, ...); else its kind decides.

    Spec: RFC 6749 section 5.2.
    """
    code, status = _OAUTH[error.kind]
    named: object = getattr(error, "oauth_code", "")
    if isinstance(named, str) and named:
        code = named
    body = {"error": code, "error_description": _printable(f"{error.title} {error}".strip())}
    return Reply(status, body, "application/json", (_NO_STORE, *_headers(error)))


def bug(instance: str) -> Reply:
    """Render a failure that nobody foresaw: the request id, and nothing else that could leak."""
    body = Problem(
        TYPE_BASE + "internal", "Something went wrong on our side.", 500, "quote the instance", instance
    )
    return Reply(500, body, MEDIA_TYPE, (_NO_STORE,))


def _headers(error: SmartAgentError) -> tuple[tuple[str, str], ...]:
    # What an error itself says goes before what its kind would say.
    own: object = getattr(error, "response_headers", ())
    if isinstance(own, tuple) and own:
        return own
    match error.kind:
        case Kind.UNAUTHENTICATED:
            return _CHALLENGES
        case Kind.WRONG_METHOD:
            allowed: object = getattr(error, "allowed", ())
            return (("allow", ", ".join(allowed)),) if isinstance(allowed, tuple) else ()
        case Kind.LIMITED | Kind.UNAVAILABLE:
            seconds: object = getattr(error, "retry_after_seconds", _RETRY_AFTER_SECONDS)
            return (("retry-after", str(seconds)),)
        case _:
            return ()


def _printable(text: str) -> str:
    # `error_description` takes %x20-21 / %x23-5B / %x5D-7E only.
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "'" for c in text)
