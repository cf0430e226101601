# SPDX-License-Identifier: Apache-2.0
"""Where in a request a secret may stand: how that is written, and which secrets fit.

    bearer | basic                              the Authorization field
    header:NAME | query:NAME | cookie:NAME      a field, a parameter, a cookie of that name
    json:/a/b                                   a member of the body, by a JSON pointer over members
    hmac:FIELD[,TIME-FIELD][:VALUE[:MESSAGE]]   an HMAC-SHA256 that the secret keys
    aws-sigv4:REGION/SERVICE                    AWS Signature Version 4
    client-certificate                          the TLS handshake
    jwt[:AUDIENCE]                              no secret: a token of the house's own, as a bearer token

Spec: RFC 6750, RFC 7617, RFC 6265 section 4.1.1, RFC 6901, RFC 2104, RFC 8446 section 4.4.2, RFC 9068.
"""

import re
from enum import StrEnum
from typing import Final

import msgspec

from smartagent.crypto import MalformedKey, check_client_certificate
from smartagent.kernel import Secret
from smartagent.vault.errors import MalformedSecret, MalformedUpstream


class PlaceKind(StrEnum):
    """The kinds of places."""

    BEARER = "bearer"
    BASIC = "basic"
    HEADER = "header"
    QUERY = "query"
    COOKIE = "cookie"
    JSON = "json"
    HMAC = "hmac"
    AWS_SIGV4 = "aws-sigv4"
    CLIENT_CERTIFICATE = "client-certificate"
    JWT = "jwt"


class Place(msgspec.Struct, frozen=True):
    """A place: its kind, and what stands behind the colon."""

    kind: PlaceKind
    name: str


_FIELD: Final = r"[A-Za-z0-9][A-Za-z0-9\-_]{0,63}"
_NAMES: Final = {
    PlaceKind.BEARER: re.compile(""),
    PlaceKind.BASIC: re.compile(""),
    PlaceKind.HEADER: re.compile(_FIELD),
    PlaceKind.QUERY: re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_.]{0,63}"),
    PlaceKind.COOKIE: re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-.]{0,63}"),
    PlaceKind.JSON: re.compile(r"(?:/[A-Za-z0-9_\-.$@]{1,64}){1,8}"),
    PlaceKind.HMAC: re.compile(
        rf"{_FIELD}(?:,{_FIELD})?"
        r"(?::(?:[ !-9;-z|~]|\{timestamp\})*\{(?:hex|base64)\}(?:[ !-9;-z|~]|\{timestamp\})*"
        r"(?::(?:[ -z|~]|\{(?:method|host|path|target|query|timestamp|body|digest|newline)\})+)?)?"
    ),
    PlaceKind.AWS_SIGV4: re.compile(r"(?:[a-z]{2}(?:-[a-z]+)+-[0-9]|aws-global)/[a-z0-9-]{1,64}"),
    PlaceKind.CLIENT_CERTIFICATE: re.compile(""),
    PlaceKind.JWT: re.compile(r"[!-~]{0,256}"),
}
_BARE: Final = frozenset((PlaceKind.BEARER, PlaceKind.BASIC, PlaceKind.CLIENT_CERTIFICATE, PlaceKind.JWT))
_MAX_CHARS: Final = 512
KNOWN: Final = (
    "bearer, basic, header:<Name>, query:<name>, cookie:<name>, json:/<member>, hmac:<Name>, "
    "aws-sigv4:<region>/<service>, client-certificate or jwt"
)
_HEADER_VALUE: Final = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
_COOKIE_VALUE: Final = re.compile(rb"[!#-+\--:<-[\]-~]+")
_AWS_KEYS: Final = re.compile(rb"[A-Z0-9]{16,128}:[!-9;-~]{16,4096}(?::[!-~]{16,4096})?")

# This hop's own fields, and those that an upstream or a proxy before it gives another meaning.
_TAKEN: Final = frozenset(
    [
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "date",
        "expect",
        "forwarded",
        "host",
        "http2-settings",
        "keep-alive",
        "origin",
        "proxy-connection",
        "range",
        "referer",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
        "x-real-ip",
    ]
)
_TAKEN_FAMILIES: Final = ("proxy-", "x-forwarded-", "sec-")


def parse_place(raw: str) -> Place:
    """Read a place.

    Raises:
        MalformedUpstream: It is none, or a field that has another use.
    """
    kind, colon, name = raw.partition(":")
    known = PlaceKind(kind) if kind in _NAMES else None
    if known is None or len(raw) > _MAX_CHARS or _NAMES[known].fullmatch(name) is None:
        raise MalformedUpstream("place", KNOWN)
    if bool(colon) != bool(name) or (not name and known not in _BARE):
        raise MalformedUpstream("place", KNOWN)
    for field in _fields_of(known, name):
        if field.lower() in _TAKEN or field.lower().startswith(_TAKEN_FAMILIES):
            raise MalformedUpstream("place", f"the header {field} has another use")
    return Place(known, name)


def _fields_of(kind: PlaceKind, name: str) -> list[str]:
    if kind is PlaceKind.HEADER:
        return [name]
    return name.partition(":")[0].split(",") if kind is PlaceKind.HMAC else []


def check_fits(value: Secret[bytes], raw: str) -> None:
    """Make sure that a secret can be sent in the place `raw` as it is.

    Raises:
        MalformedSecret: It cannot; says what kind of thing is in the way, and nothing of the value.
        MalformedUpstream: There is no such place.
    """
    if raw:
        why = _misfit(value, parse_place(raw).kind)
        if why:
            raise MalformedSecret(f"it does not fit where an upstream puts it: {why}")


def _misfit(value: Secret[bytes], kind: PlaceKind) -> str:
    match kind:
        case PlaceKind.QUERY | PlaceKind.HMAC:
            return "" if value.reveal() else "it is empty"
        case PlaceKind.JSON:
            return "" if _is_text(value.reveal()) else "a JSON string is UTF-8 text"
        case PlaceKind.CLIENT_CERTIFICATE:
            return _misfit_as_certificate(value)
        case PlaceKind.JWT:
            return "the house makes the token; there is no secret"
        case _:
            return _misfit_in_header(value.reveal(), kind)


def _misfit_in_header(value: bytes, kind: PlaceKind) -> str:
    if _HEADER_VALUE.fullmatch(value) is None:
        return (
            "a header cannot carry a line break, a control character or a space at either end "
            "(was there a final newline?)"
        )
    match kind:
        case PlaceKind.AWS_SIGV4 if not _AWS_KEYS.fullmatch(value):
            return "KEY-ID:SECRET-KEY, or with a session token behind"
        case PlaceKind.COOKIE if not _COOKIE_VALUE.fullmatch(value):
            return "a cookie has no space, quote, comma, semicolon or backslash"
        case PlaceKind.BASIC if b":" not in value:
            return "basic needs user:password"
        case _:
            return ""


def _misfit_as_certificate(value: Secret[bytes]) -> str:
    try:
        check_client_certificate(value)
    except MalformedKey as error:
        return str(error)
    return ""


def _is_text(value: bytes) -> bool:
    try:
        return bool(value.decode())
    except UnicodeDecodeError:
        return False
