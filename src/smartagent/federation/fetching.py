# SPDX-License-Identifier: Apache-2.0
"""Fetching what others name: an outside issuer's keys, a client's metadata, a receiver of events.

The URL may come from somebody who wants us to call what only we can reach, so:

    1. one reading      an https URL that every reader takes apart alike (`destinations`)
    2. resolve, once    every address of the name is checked; one that is not public refuses them all
    3. dial             only what was checked, with the TLS identity of the name
    4. read             within seconds, within a size, without following anything

Spec: RFC 8725 section 3.10; draft-ietf-oauth-client-id-metadata-document section 6 (no redirects,
special-use addresses refused, size bounded).
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Final, Protocol

from smartagent.federation.addresses import check_address
from smartagent.federation.destinations import Destination, parse_destination
from smartagent.federation.errors import FetchFailed
from smartagent.federation.message import Answer, Fetched, Posted, Sent
from smartagent.federation.resolving import Resolver, system_resolver

JSON: Final = "application/json"
MAX_BYTES: Final = 65_536
TOTAL_SECONDS: Final = 5.0
_MOST_AT_ONCE: Final = 32
_OK: Final = 200
_REDIRECTS: Final = range(300, 400)
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=\"?([0-9]{1,9})\"?(?:$|[\s,])", re.IGNORECASE)
_NOT_KEPT: Final = re.compile(r"(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])", re.IGNORECASE)
_OURS: Final = {"accept-encoding": "identity", "user-agent": "smartagent"}


class Getter(Protocol):
    """Gets a document from an address that somebody else named."""

    async def get(self, url: str, *, accept: str = JSON, max_bytes: int = MAX_BYTES) -> Fetched:
        """Return the document at `url`, whose status was 200.

        Raises:
            FetchRefused: The address is one that is never called.
            FetchFailed: There was no such answer within the time and the size.
        """
        ...


class SafeFetch:
    """Calls addresses that somebody else named, and none that only we could reach.

    Args:
        resolver: From a name to all its addresses.
        total_seconds: From the first question to the last byte.
        allow_private: For tests and for a developer's machine: loopback addresses may be called.  Other
            private ones never are.
        allow_http: The same: without TLS, and then to addresses that are not public only.
        allow_site: An operator named the address, and allows that it is one of the site's own: all private addresses
            may be called.  It goes with `allow_private`.
        tls: For tests: which certificates to believe; by default the system's.
    """

    def __init__(
        self,
        resolver: Resolver = system_resolver,
        *,
        total_seconds: float = TOTAL_SECONDS,
        allow_private: bool = False,
        allow_http: bool = False,
        allow_site: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._resolver = resolver
        self._total_seconds = total_seconds
        self._allow_private = allow_private
        self._allow_site = allow_site
        self._tls = tls
        self._places = asyncio.Semaphore(_MOST_AT_ONCE)
        self.allow_http = allow_http and allow_private

    async def __call__(self, url: str, accept: str = JSON, *, max_bytes: int = MAX_BYTES) -> bytes:
        """Return the body of the document at `url`.

        Raises:
            FetchRefused: The address is one that is never called.
            FetchFailed: There was no answer with status 200 within the time and the size.
        """
        return (await self.get(url, accept=accept, max_bytes=max_bytes)).body

    async def get(self, url: str, *, accept: str = JSON, max_bytes: int = MAX_BYTES) -> Fetched:
        """Return the document at `url`, and for how long it may be kept.

        Raises:
            FetchRefused: The address is one that is never called.
            FetchFailed: There was no answer with status 200 within the time and the size.
        """
        destination = parse_destination(url, allow_http=self.allow_http)
        answer = await self._exchange(Sent("GET", destination, {**_OURS, "accept": accept}), max_bytes)
        if answer.status in _REDIRECTS:
            raise FetchFailed("the answer is a redirect, and none is followed")
        if answer.status != _OK:
            raise FetchFailed(f"the answer's status is {answer.status}")
        return Fetched(answer.body, _max_age(answer.headers.get("cache-control", "")))

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], max_bytes: int = MAX_BYTES
    ) -> Posted:
        """Post `body` to `url`, and return the answer whatever its status.

        Raises:
            FetchRefused: The address is one that is never called.
            FetchFailed: There was no answer within the time and the size, or a header cannot be sent.
        """
        answer = await self.send("POST", url, headers, body, max_bytes)
        return Posted(answer.status, answer.body)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        max_bytes: int = MAX_BYTES,
    ) -> Answer:
        """Send one request to `url`, and return the answer whatever its status; a redirect is one, too.

        Raises:
            FetchRefused: The address is one that is never called.
            FetchFailed: There was no answer within the time and the size, or a header cannot be sent.
        """
        destination = parse_destination(url, allow_http=self.allow_http)
        lowered = {name.lower(): value for name, value in headers.items()}
        return await self._exchange(Sent(method, destination, {**lowered, **_OURS}, body), max_bytes)

    async def _exchange(self, sent: Sent, max_bytes: int) -> Answer:
        from smartagent.federation.dialling import exchange  # noqa: PLC0415 -- loads the client when it calls

        try:
            async with asyncio.timeout(self._total_seconds), self._places:
                addresses = await self._pin(sent.destination)
                return await exchange(sent, addresses, max_bytes=max_bytes, tls=self._tls)
        except TimeoutError:
            raise FetchFailed("there was no answer in time") from None
        except (OSError, UnicodeError) as error:
            # What connects and does not speak as expected tells the caller no more than its kind.
            raise FetchFailed(f"there was no answer ({type(error).__name__})") from None

    async def _pin(self, destination: Destination) -> tuple[str, ...]:
        """Return the addresses of the destination, every one of which may be dialled."""
        found = (
            (destination.host,)
            if destination.is_address
            else await self._resolver(destination.host, destination.port)
        )
        if not found:
            raise FetchFailed("the name has no address")
        cleartext = destination.scheme == "http"
        return tuple(self._checked(raw, cleartext=cleartext) for raw in found)

    def _checked(self, raw: str, *, cleartext: bool) -> str:
        address = check_address(raw, allow_private=self._allow_private, cleartext=cleartext)
        if self._allow_private and not (self._allow_site or address.is_loopback):
            check_address(raw, allow_private=False)
        return str(address)


def _max_age(cache_control: str) -> int | None:
    if _NOT_KEPT.search(cache_control):
        return 0
    found = _MAX_AGE.search(cache_control)
    return int(found[1]) if found else None
