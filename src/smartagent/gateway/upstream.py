# SPDX-License-Identifier: Apache-2.0
"""Connections to upstreams, and the pool that keeps them.

A connection serves one exchange at a time.  Bytes that come when it serves none mean that both sides
disagree about where an answer ended: it is closed, for the next exchange would get them.
"""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol, cast

from smartagent.crypto import MalformedKey, load_chain
from smartagent.gateway.breaker import Breakers
from smartagent.gateway.errors import CredentialUnusable, UpstreamTimeout, UpstreamUnreachable
from smartagent.gateway.http2_frames import HTTP_2, speaks_http2
from smartagent.gateway.pin import Pinner
from smartagent.gateway.plan import Origin
from smartagent.gateway.settings import GatewaySettings
from smartagent.kernel import Secret, SmartAgentError

_MAX_IDLE_PER_ORIGIN: Final = 256
_MAX_CONTEXTS: Final = 256


class Listener(Protocol):
    """Who hears from a connection while it serves an exchange."""

    def upstream_data(self, data: bytes) -> None:
        """Bytes came."""
        ...

    def upstream_ended(self, *, clean: bool) -> None:
        """Nothing more comes; `clean` when the upstream said so rather than vanished."""
        ...

    def upstream_full(self) -> None:
        """It takes no more for now."""
        ...

    def upstream_drained(self) -> None:
        """It takes more again."""
        ...

    def fail(self, error: SmartAgentError) -> None:
        """It answers what cannot be passed on."""
        ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to an upstream."""

    __slots__ = ("_closed", "_forget", "_transport", "idle_since", "listener", "origin", "used")

    def __init__(self, origin: Origin, forget: Callable[["UpstreamConnection"], None]) -> None:
        self.origin = origin
        self.listener: Listener | None = None
        self.idle_since = 0.0
        self.used = False
        """It served an exchange before, so it may have died unnoticed since."""
        self._forget = forget
        self._closed = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # uvloop's transports are not subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes on, or close when nobody waits for any."""
        if self.listener is not None:
            self.listener.upstream_data(data)
        else:
            self.close()

    def eof_received(self) -> None:
        """Tell that the upstream ended it; the transport closes itself."""
        self._end(clean=True)

    def connection_lost(self, _error: Exception | None) -> None:
        """Tell that it is gone."""
        self._end(clean=False)

    def pause_writing(self) -> None:
        """Pass the back-pressure on."""
        if self.listener is not None:
            self.listener.upstream_full()

    def resume_writing(self) -> None:
        """Pass its end on."""
        if self.listener is not None:
            self.listener.upstream_drained()

    @property
    def usable(self) -> bool:
        """Whether it can take another exchange."""
        return not self._closed and self._transport is not None and not self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send bytes; nothing happens when it is gone, and `upstream_ended` tells."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hold(self) -> None:
        """Stop reading."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def release(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        """Close it; whoever listened hears nothing more."""
        self.listener = None
        self._closed = True
        self._forget(self)
        if self._transport is not None:
            self._transport.abort()

    def _end(self, *, clean: bool) -> None:
        self._closed = True
        self._forget(self)
        listener, self.listener = self.listener, None
        if listener is not None:
            listener.upstream_ended(clean=clean)


Dialled = Callable[[Origin, Callable[[UpstreamConnection], None], int], UpstreamConnection]


class Pool:
    """Idle connections by origin, the warmest on top.

    Args:
        pinner: Says which addresses may be dialled.
        settings: The gateway's.
        http2: Makes a connection to an origin that is spoken to in HTTP/2.
    """

    def __init__(self, pinner: Pinner, settings: GatewaySettings, http2: Dialled) -> None:
        self._pinner = pinner
        self._http2 = http2
        self._settings = settings
        self._idle: dict[Origin, list[UpstreamConnection]] = {}
        self.breakers = Breakers()
        self._tls: OrderedDict[tuple[str, bool], ssl.SSLContext] = OrderedDict()
        self._tls["", False] = _tls_context(settings.ca_file, "http/1.1")

    def take(self, origin: Origin) -> UpstreamConnection | None:
        """Return an idle connection."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.usable:
                return connection
        return None

    def put(self, connection: UpstreamConnection, now: float) -> None:
        """Keep a connection whose exchange ended well."""
        idle = self._idle.get(connection.origin)
        if idle is None:
            idle = self._idle[connection.origin] = []
        if not connection.usable or len(idle) >= _MAX_IDLE_PER_ORIGIN:
            connection.close()
            return
        connection.idle_since = now
        connection.used = True
        idle.append(connection)

    async def dial(self, origin: Origin, certificate: Secret[bytes] | None = None) -> UpstreamConnection:
        """Resolve, check and connect; with the certificate of the origin's identity, if it has one.

        Raises:
            GatewayError: The destination is refused, unreachable, slow, or left alone because it was.
        """
        now = asyncio.get_running_loop().time
        self.breakers.check(origin, now())
        try:
            async with asyncio.timeout(self._settings.connect_seconds):
                connection = await self._dial(origin, self._context(origin, certificate))
        except TimeoutError:
            self.breakers.failed(origin, now())
            raise UpstreamTimeout("no connection in time") from None
        except UpstreamUnreachable:
            self.breakers.failed(origin, now())
            raise
        except BaseException:
            self.breakers.abandoned(origin)
            raise
        self.breakers.reached(origin)
        return connection

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        oldest = now - self._settings.pool_idle_seconds
        for origin, idle in list(self._idle.items()):
            for connection in [one for one in idle if one.idle_since < oldest]:
                connection.close()
            if not idle:
                del self._idle[origin]

    def close(self) -> None:
        """Close every idle connection."""
        for idle in list(self._idle.values()):
            for connection in list(idle):
                connection.close()
        self._idle.clear()

    def _context(self, origin: Origin, certificate: Secret[bytes] | None) -> ssl.SSLContext | None:
        if not origin.tls:
            return None
        known = origin.identity, origin.http2
        context = self._tls.get(known)
        if context is None:
            context = _tls_context(self._settings.ca_file, HTTP_2 if origin.http2 else "http/1.1")
            try:
                if certificate is not None:
                    load_chain(context, certificate)
            except MalformedKey as error:
                raise CredentialUnusable(str(error)) from None
            self._tls[known] = context
            if len(self._tls) > _MAX_CONTEXTS:
                self._tls.popitem(last=False)
        return context

    async def _dial(self, origin: Origin, tls: ssl.SSLContext | None) -> UpstreamConnection:
        addresses = await self._pinner.pin(
            origin.host, origin.port, allow_private=origin.allow_private, cleartext=not origin.tls
        )
        why, is_slow = "the connection was refused", False
        # An address that does not answer leaves time for those after it.
        patience = self._settings.connect_seconds / len(addresses)
        for address in addresses:
            try:
                async with asyncio.timeout(patience):
                    return await self._connect(address, origin, tls)
            except ssl.SSLError:
                # The next address has the same name; a certificate that is wrong here is no reason to try on.
                raise UpstreamUnreachable("the upstream's certificate or TLS is not acceptable") from None
            except TimeoutError:
                is_slow = True
            except OSError as error:
                why = (
                    "the connection was refused"
                    if isinstance(error, ConnectionError)
                    else "there is no way to it"
                )
        if is_slow:
            raise TimeoutError
        raise UpstreamUnreachable(why)

    async def _connect(self, address: str, origin: Origin, tls: ssl.SSLContext | None) -> UpstreamConnection:
        loop = asyncio.get_running_loop()
        transport, connection = await loop.create_connection(
            lambda: self._protocol(origin),
            address,
            origin.port,
            ssl=tls,
            # The address was checked; the certificate must still be the name's.
            server_hostname=origin.host if tls else None,
        )
        if origin.http2 and origin.tls and not speaks_http2(transport):
            connection.close()
            raise UpstreamUnreachable("the upstream speaks no HTTP/2, which gRPC needs")
        return connection

    def _protocol(self, origin: Origin) -> UpstreamConnection:
        if origin.http2:
            return self._http2(origin, self._forget, self._settings.max_head_bytes)
        return UpstreamConnection(origin, self._forget)

    def _forget(self, connection: UpstreamConnection) -> None:
        idle = self._idle.get(connection.origin)
        if idle and connection in idle:
            idle.remove(connection)


def _tls_context(ca_file: str, protocol: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])
    return context
