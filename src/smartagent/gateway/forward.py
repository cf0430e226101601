# SPDX-License-Identifier: Apache-2.0
"""The forward proxy: an agent that knows only `HTTPS_PROXY` calls upstreams by their own addresses.

    CONNECT api.example:443 --who, and is there an upstream at that address--> 200 --TLS as api.example--> requests

Each request inside is decided and recorded like one on `/upstream/path`: what it asks for is translated into that
form.  Its host must be the tunnel's, every time.  There are no blind tunnels: what no upstream's entry names cannot be
reached.  A plain `http://` upstream is asked for in absolute form, without a tunnel.

Spec: RFC 9110 sections 7.2, 9.3.6 and 11.7; RFC 9112 section 3.2.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final, NoReturn
from urllib.parse import urlsplit

import msgspec
from msgspec import structs

from smartagent.edge import AuthenticationFailed, Inbound, MalformedRequest, Outcome, Proof, Reply, Route
from smartagent.gateway.errors import HostMismatch, HostUnknown
from smartagent.gateway.head import RequestHead
from smartagent.gateway.intercept import Interception
from smartagent.gateway.ports import Doors, Upstream
from smartagent.kernel import Caller, Decision, Denied, Permitted, Record, Verdict, Work

PERMISSION: Final = "upstream.call"
EVENT: Final = "gateway.tunnel"
_AUTHORITY: Final = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?):([0-9]{1,5})")
_ADDRESS: Final = re.compile(r"[0-9.]+")
_MAX_PORT: Final = 65_535
_UNAUTHORIZED: Final = 401
_PROXY_UNAUTHORIZED: Final = 407
_HTTPS: Final = 443
_HTTP: Final = 80


class Place(msgspec.Struct, frozen=True):
    """Where an agent wants to go.  `host` is in lower case."""

    host: str
    port: int
    tls: bool

    @property
    def shown(self) -> str:
        """As people write it."""
        usual = _HTTPS if self.tls else _HTTP
        return f"{'https' if self.tls else 'http'}://{self.host}" + (
            "" if self.port == usual else f":{self.port}"
        )


class Tunnel(msgspec.Struct, frozen=True):
    """Who is in a tunnel, with which token, and where it leads."""

    caller: Caller
    token: str
    place: Place


def place_of(head: RequestHead) -> Place:
    """Read where a CONNECT wants to go.

    Raises:
        MalformedRequest: It does not name a host and a port, or its Host field names another.
    """
    match = _AUTHORITY.fullmatch(head.target)
    if match is None or not 0 < int(match[2]) <= _MAX_PORT or head.body:
        raise MalformedRequest("CONNECT names a host and a port, and has no body")
    place = Place(match[1].lower(), int(match[2]), tls=True)
    stated = head.fields.get("host", head.target).lower()
    if stated not in {head.target.lower(), place.host}:
        raise HostMismatch("CONNECT and its Host field name different hosts")
    if _ADDRESS.fullmatch(place.host):
        raise MalformedRequest("name the host: what has no name cannot be told apart in TLS")
    return place


def plain_place(authority: str) -> Place:
    """Read where a request in absolute form wants to go, without TLS.

    Raises:
        MalformedRequest: It names no host.
    """
    host, colon, port = authority.partition(":")
    match = _AUTHORITY.fullmatch(f"{host}:{port if colon else _HTTP}")
    if match is None or not 0 < int(match[2]) <= _MAX_PORT:
        raise MalformedRequest("the request names no host")
    return Place(match[1].lower(), int(match[2]), tls=False)


def token_of(head: RequestHead) -> str:
    """Return the token in Proxy-Authorization: as a bearer token, or as the password of Basic.

    Raises:
        AuthenticationFailed: There is none.
    """
    scheme, _, value = head.fields.get("proxy-authorization", "").partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer" and value:
        return value
    if scheme.lower() == "basic":
        try:
            _, colon, password = base64.b64decode(value, validate=True).decode("ascii").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise AuthenticationFailed("the proxy credentials are malformed") from None
        if colon and password:
            return password
    raise AuthenticationFailed("a token is needed as the proxy's password, or as a bearer token")


def translated(head: RequestHead, place: Place, token: str, upstreams: Sequence[Upstream]) -> RequestHead:
    """Return a request as one to the gateway itself: `/upstream/path`, with the agent's token.

    Args:
        head: As it came through the tunnel, or in absolute form.
        place: Where the tunnel leads, or the absolute form.
        token: The agent's, for the gateway.
        upstreams: Those at that address.

    Raises:
        HostMismatch: It names another host than the tunnel.
        HostUnknown: No upstream's base URL is a beginning of its path.
    """
    stated = head.fields.get("host", "").lower()
    usual = _HTTPS if place.tls else _HTTP
    allowed = {f"{place.host}:{place.port}"} | ({place.host} if place.port == usual else set())
    if stated not in allowed:
        raise HostMismatch("the Host field names another host than the tunnel")
    path, mark, query = head.target.partition("?")
    best, rest = "", ""
    longest = -1
    for upstream in upstreams:
        base = urlsplit(upstream.base_url).path.rstrip("/")
        if len(base) > longest and (path == base or path.startswith(f"{base}/")):
            best, rest, longest = upstream.name, path[len(base) :] or "/", len(base)
    if longest < 0:
        raise HostUnknown(f"no upstream of this authority begins with {place.shown}{path[:100]}")
    fields = {**head.fields, "authorization": f"Bearer {token}"}
    return structs.replace(head, target=f"/{best}{rest}{mark}{query}", fields=fields)


def proxied(reply: Reply) -> Reply:
    """Return a refusal as a proxy says it: 407 for who is not known, with how to say it (RFC 9110 section 11.7.1)."""
    if reply.status != _UNAUTHORIZED:
        return reply
    kept = tuple(header for header in reply.headers if header[0] != "www-authenticate")
    ways = (("proxy-authenticate", 'Basic realm="smartagent"'), ("proxy-authenticate", "Bearer"))
    return structs.replace(reply, status=_PROXY_UNAUTHORIZED, headers=(*kept, *ways))


async def outside(_caller: Caller, _inbound: Inbound) -> Outcome:
    """The gateway's acts are outside the house; `edge.handle` never gets these routes."""
    _unreachable()


def _unreachable() -> NoReturn:
    message = "it is forwarded, not answered"
    raise AssertionError(message)


ROUTE: Final = Route(
    method="CONNECT",
    path="/{host}",
    proof=Proof.ACCESS_TOKEN,
    permission=PERMISSION,
    event=EVENT,
    act=outside,
    summary="Open a tunnel to an upstream, whose requests are decided one by one.",
)


class TunnelHouse:
    """The house as `edge.enter` sees it from a CONNECT."""

    def __init__(self, doors: Doors, interception: Interception, place: Place) -> None:
        self._doors = doors
        self._interception = interception
        self._place = place
        self.now = doors.now
        self.authenticate = doors.authenticate
        self.commit = doors.commit

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        """Let callers of upstreams in, to hosts that upstreams live at."""
        del permission, inbound  # there is one kind here
        place = self._place
        if not self._interception.speaks_for(place.host):
            return Denied(
                f"the gateway's certificate authority may not speak for {place.host}", "gateway_ca_names"
            )
        return may_open(self._doors, caller, place)


def may_open(doors: Doors, caller: Caller, place: Place) -> Verdict:
    """Decide whether `caller` may have a tunnel to `place`: callers of upstreams, and hosts that upstreams live at."""
    if not doors.upstreams_at(place.host, place.port, tls=place.tls):
        return Denied(f"no upstream is at {place.shown}: ask an operator for one", "upstream")
    return doors.may_call(caller)


def opened(doors: Doors, caller: Caller, verdict: Permitted, place: Place, request_id: str) -> Work:
    """Say that a tunnel is opened, before it is."""
    record = Record(
        event=EVENT,
        at_ms=int(doors.now() * 1000),
        request=request_id,
        caller=caller.principal,
        session=caller.session,
        jti=caller.jti,
        subject=place.host,
        permission=PERMISSION,
        target=f"CONNECT {place.shown}",
        decision=Decision.PERMIT,
        rule=",".join(verdict.rules),
        detail={"for": caller.subject} if caller.subject else {},
    )
    return Work((record,), caller.claims)
