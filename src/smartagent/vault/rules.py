# SPDX-License-Identifier: Apache-2.0
"""What may be written in an upstream's entry."""

import ipaddress
import re
from typing import Final

from smartagent.kernel import Limits, UnusableLimit, parse_limits
from smartagent.vault.errors import MalformedSecret, MalformedUpstream
from smartagent.vault.model import Upstream
from smartagent.vault.places import KNOWN, PlaceKind, parse_place

MAX_SECRET_BYTES: Final = 65_536
MAX_URL_CHARS: Final = 1024
MAX_TIMEOUT_SECONDS: Final = 600
RESERVED: Final = frozenset(
    [
        "api",
        "authority",
        "console",
        "gateway",
        "healthz",
        "mcp",
        "metrics",
        "oauth",
        "readyz",
        "smartagent",
        "v1",
        "well-known",
    ]
)
"""Names that the house needs, or may need, for itself on the gateway's port."""

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_URL: Final = re.compile(
    r"(https?)://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?(/.*)?", re.DOTALL
)
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_LOOKS_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+,=:@]+)*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAX_PORT: Final = 65_535
_MAX_HOST_CHARS: Final = 253


def parse_secret_name(raw: str) -> str:
    """Read a secret's name.

    Raises:
        MalformedSecret: It is not 1 to 63 of a-z, 0-9 and inner hyphens.
    """
    if not _NAME.fullmatch(raw):
        raise MalformedSecret("a name is 1 to 63 of a-z, 0-9 and inner hyphens")
    return raw


def parse_secret_value(raw: bytes) -> bytes:
    """Read a secret's value: every byte counts, nothing is trimmed.

    Raises:
        MalformedSecret: It is empty or too large.
    """
    if not 0 < len(raw) <= MAX_SECRET_BYTES:
        raise MalformedSecret(f"a secret has 1 to {MAX_SECRET_BYTES} bytes")
    return raw


def parse_upstream(entry: Upstream) -> Upstream:
    """Check an entry as it was written and bring it into canonical form.

    Raises:
        MalformedUpstream: A field is not what it should be; names the field.
    """
    if not _NAME.fullmatch(entry.name):
        raise MalformedUpstream("name", "a name is 1 to 63 of a-z, 0-9 and inner hyphens")
    if entry.name in RESERVED:
        raise MalformedUpstream("name", f"{entry.name} is reserved")
    if not 0 < entry.timeout_seconds <= MAX_TIMEOUT_SECONDS:
        raise MalformedUpstream("timeout_seconds", f"1 to {MAX_TIMEOUT_SECONDS} seconds")
    return Upstream(
        name=entry.name,
        base_url=parse_base_url(
            entry.base_url, allow_private=entry.allow_private, allow_plaintext=entry.allow_plaintext
        ),
        secret=entry.secret,
        place=_parse_place(entry),
        allow_private=entry.allow_private,
        allow_plaintext=entry.allow_plaintext,
        timeout_seconds=entry.timeout_seconds,
        scrub=entry.scrub,
        txn_token=entry.txn_token,
        limits=_parse_limits(entry.limits),
        speaks=_parse_language(entry.speaks),
    )


def parse_base_url(raw: str, *, allow_private: bool, allow_plaintext: bool) -> str:
    """Read where an upstream lives: scheme, host, port and a path that goes before every call's.

    Args:
        raw: As written.
        allow_private: It may be an address that is not public.
        allow_plaintext: It may be http over a network that is not private.

    Returns:
        The same in canonical form.

    Raises:
        MalformedUpstream: It is something else, or could be read in two ways.
    """
    found = _URL.fullmatch(raw)
    if found is None or len(raw) > MAX_URL_CHARS:
        why = "http or https, a host, and optionally a port and a path; no user, query or fragment"
        raise MalformedUpstream("base_url", why)
    scheme, raw_host, raw_port, raw_path = found.groups()
    if scheme == "http" and not (allow_private or allow_plaintext):
        why = "http shows the secret to everybody on the way; use https, or say allow_plaintext or allow_private"
        raise MalformedUpstream("base_url", why)
    host = _parse_host(raw_host, allow_private=allow_private)
    port = int(raw_port) if raw_port else _DEFAULT_PORTS[scheme]
    if not 0 < port <= _MAX_PORT:
        raise MalformedUpstream("base_url", "the port is 1 to 65535")
    shown_port = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{shown_port}{_parse_prefix(raw_path or '')}"


def _parse_language(raw: str) -> str:
    path = raw.removeprefix("graphql:")
    is_graphql = path != raw and path and path == _parse_prefix(path)
    if raw not in {"", "git"} and not is_graphql:
        raise MalformedUpstream("speaks", "git, or graphql:/path; the path as agents write it after the name")
    return raw


def _parse_limits(written: Limits) -> Limits:
    try:
        return parse_limits(written)
    except UnusableLimit as error:
        raise MalformedUpstream(f"limits.{error.field}", error.reason) from error


def _parse_place(entry: Upstream) -> str:
    if not entry.place:
        if entry.secret:
            raise MalformedUpstream("place", KNOWN)
        return ""
    kind = parse_place(entry.place).kind
    if kind is PlaceKind.JWT and entry.secret:
        raise MalformedUpstream("place", "the house makes the token; there is no secret")
    if kind is not PlaceKind.JWT and not entry.secret:
        raise MalformedUpstream("place", "there is no secret to put there")
    if kind is PlaceKind.CLIENT_CERTIFICATE and not entry.base_url.lower().startswith("https:"):
        raise MalformedUpstream("place", "a client certificate goes to https only")
    return entry.place


def _parse_prefix(raw: str) -> str:
    prefix = raw.rstrip("/") if raw.count("//") == 0 else raw
    if not _PREFIX.fullmatch(prefix) or any(segment in {".", ".."} for segment in prefix.split("/")):
        raise MalformedUpstream(
            "base_url", "the path has plain segments only: no dots, escapes, query or fragment"
        )
    return prefix


def _parse_host(raw: str, *, allow_private: bool) -> str:
    host = raw.lower()
    labels = host.split(".")
    if host.startswith("["):
        return _parse_address(host[1:-1], allow_private=allow_private)
    # Resolvers read 0x7f.1 or 2130706433 as addresses; here only the dotted form is one.
    if _LOOKS_NUMERIC.fullmatch(labels[-1]):
        return _parse_address(host, allow_private=allow_private)
    if len(host) > _MAX_HOST_CHARS or not all(_LABEL.fullmatch(label) for label in labels):
        raise MalformedUpstream("base_url", "the host is not a name (ASCII, no final dot)")
    if labels[-1] == "localhost" and not allow_private:
        raise MalformedUpstream("base_url", "localhost is not a public address; say allow_private")
    return host


def _parse_address(raw: str, *, allow_private: bool) -> str:
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        raise MalformedUpstream("base_url", "the host is not an address in its usual form") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        raise MalformedUpstream("base_url", "write the IPv4 address itself")
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        raise MalformedUpstream(
            "base_url", "link-local (where clouds keep metadata) and the like are never reached"
        )
    if not address.is_global and not allow_private:
        raise MalformedUpstream("base_url", "this is not a public address; say allow_private")
    return f"[{address}]" if isinstance(address, ipaddress.IPv6Address) else str(address)
