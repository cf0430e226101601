# SPDX-License-Identifier: Apache-2.0
"""URLs that are fetched: one reading, or none.  Pure.

A checker and a client that read a URL differently are how a private address is reached; so what
could be read in two ways is refused: a user part, a backslash, an escaped host, an address in
octal, in hexadecimal or as one number.

Spec: RFC 3986 sections 3.2 and 7.4; WHATWG URL section 3.5 (numbers that are addresses).
"""

import ipaddress
import re
from typing import Final

import msgspec

from smartagent.federation.errors import FetchRefused

MAX_URL_CHARS: Final = 2048
_MAX_HOST_CHARS: Final = 253
_MAX_PORT: Final = 65_535
_PORTS: Final = {"https": 443, "http": 80}
_URL: Final = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?"
    r"(?:/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*)?"
    r"(?:\?(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?"
)
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# What a resolver or a lenient client takes for a part of an address.
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")


class Destination(msgspec.Struct, frozen=True):
    """A URL that can be read in one way.  `host` is a name in lower case, or an address without brackets."""

    url: str
    scheme: str
    host: str
    port: int
    is_address: bool


def parse_destination(raw: str, *, allow_http: bool = False) -> Destination:
    """Read a URL that is to be fetched.

    Args:
        raw: As it was given, by whomever.
        allow_http: It may be without TLS.

    Raises:
        FetchRefused: It is no absolute https URL, or could be read in two ways.
    """
    found = _URL.fullmatch(raw)
    if found is None or len(raw) > MAX_URL_CHARS:
        raise FetchRefused("not an absolute https URL with a plain host, without user and fragment")
    scheme, raw_host, raw_port = found[1], found[2], found[3]
    if scheme != "https" and not allow_http:
        raise FetchRefused("only https is fetched")
    port = int(raw_port) if raw_port else _PORTS[scheme]
    if not 0 < port <= _MAX_PORT:
        raise FetchRefused("the port is 1 to 65535")
    host, is_address = _parse_host(raw_host.lower())
    return Destination(raw, scheme, host, port, is_address)


def _parse_host(host: str) -> tuple[str, bool]:
    if host.startswith("["):
        return _parse_address(host[1:-1]), True
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _parse_address(host), True
    if len(host) > _MAX_HOST_CHARS or not all(_LABEL.fullmatch(label) for label in labels):
        raise FetchRefused("the host is not a name (ASCII, no final dot)")
    return host, False


def _parse_address(raw: str) -> str:
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        raise FetchRefused("the host is not an address in its usual form") from None
    # `127.1` and `0177.0.0.1` do not get here; what does is written as everybody writes it.
    return str(address)
