# SPDX-License-Identifier: Apache-2.0
"""Which secrets fit in which place."""

import re
from typing import Final

from smartagent.crypto import MalformedKey, check_client_certificate
from smartagent.kernel import Secret
from smartagent.vault.errors import MalformedSecret
from smartagent.vault.places import PlaceKind, parse_place

_HEADER_VALUE: Final = re.compile(rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?")
_COOKIE_VALUE: Final = re.compile(rb"[!#-+\--:<-[\]-~]+")
_AWS_KEYS: Final = re.compile(rb"[A-Z0-9]{16,128}:[!-9;-~]{16,4096}(?::[!-~]{16,4096})?")


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
