# SPDX-License-Identifier: Apache-2.0
"""Where in a request a secret may stand, and how that is written.

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

from smartagent.vault.errors import MalformedUpstream


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
