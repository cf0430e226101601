# SPDX-License-Identifier: Apache-2.0
"""Destination pinning: resolve, check every address, dial the checked one.

A name that leads to one forbidden address among good ones is refused as a whole, and what was checked is
what is dialled, so that a name server cannot answer differently the second time.

Never dialled, whatever the upstream's entry says: the clouds' metadata services, link-local, multicast and
unspecified addresses, forms that hide an IPv4 address (where the hidden one may not be dialled), and this
authority's own ports.  Dialled only when the entry allows private addresses: everything that is not
globally reachable.  A credential goes in clear text to private addresses only.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from smartagent.gateway.errors import DestinationRefused, UpstreamUnreachable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Awaitable[tuple[str, ...]]]

_METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",  # nearly every cloud
        "169.254.170.2",  # AWS container credentials
        "100.100.100.200",  # Alibaba
        "168.63.129.16",  # Azure's wire server, in public space
        "192.0.0.192",  # Oracle
        "fd00:ec2::254",  # AWS
        "fd00:ec2::23",  # AWS container credentials
        "fd20:ce::254",  # Google
    )
)
_NEVER: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("0.0.0.0/8", "255.255.255.255/32", "64:ff9b:1::/48", "::/128")
)
_NOT_GLOBAL: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carrier-grade NAT
        "192.0.0.0/24",  # protocol assignments
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",  # benchmarks
        "240.0.0.0/4",  # reserved
        "2001::/23",  # protocol assignments, Teredo among them
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local, deprecated
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")


def check_address(raw: str, *, allow_private: bool, cleartext: bool = False) -> Address:
    """Return the address when it may be dialled.

    Args:
        raw: What the resolver said, perhaps with a zone.
        allow_private: Whether the upstream's entry allows addresses that are not public.
        cleartext: The upstream is called without TLS.

    Raises:
        DestinationRefused: It may not.
    """
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        raise DestinationRefused("the resolver did not answer with an address") from None
    for meant in (address, *_hidden(address)):
        if _is_never_dialled(meant):
            raise DestinationRefused("metadata, link-local and multicast addresses are never called")
        if not allow_private and not _is_public(meant):
            raise DestinationRefused(
                "the address is not public, and the upstream's entry does not allow that"
            )
        if cleartext and _is_public(meant):
            raise DestinationRefused("a public upstream is called over TLS only")
    return address


def _is_never_dialled(address: Address) -> bool:
    return (
        address in _METADATA
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or any(address in network for network in _NEVER)
    )


def _is_public(address: Address) -> bool:
    return address.is_global and not any(address in network for network in _NOT_GLOBAL)


def _hidden(address: Address) -> tuple[Address, ...]:
    # An IPv6 address that a gateway on the way turns into an IPv4 one is as good as that one.
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    hidden: list[Address] = [found for found in (address.ipv4_mapped, address.sixtofour) if found is not None]
    if address.teredo is not None:
        hidden.extend(address.teredo)
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        hidden.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return tuple(hidden)


async def system_resolver(host: str, port: int) -> tuple[str, ...]:
    """Ask the machine's resolver for all addresses of `host`."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_local(address: Address) -> bool:
    """Tell whether the address is one of this machine's: only those can be bound."""
    if address.is_loopback:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004 -- IPv4
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


class Pinner:
    """Turns an upstream's host into addresses that may be dialled."""

    def __init__(
        self,
        own_ports: frozenset[int],
        resolver: Resolver = system_resolver,
        local: Callable[[Address], bool] = is_local,
    ) -> None:
        self._own_ports = own_ports
        self._resolver = resolver
        self._local = local

    async def pin(self, host: str, port: int, *, allow_private: bool, cleartext: bool) -> tuple[str, ...]:
        """Resolve `host` and check every address it has.

        Raises:
            UpstreamUnreachable: It has none.
            DestinationRefused: One of them may not be dialled.
        """
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError):
            raise UpstreamUnreachable("the upstream's name cannot be resolved") from None
        if not found:
            raise UpstreamUnreachable("the upstream's name has no address")
        addresses = [check_address(raw, allow_private=allow_private, cleartext=cleartext) for raw in found]
        if port in self._own_ports and any(self._local(_innermost(address)) for address in addresses):
            raise DestinationRefused("the upstream's address is this authority's own")
        return tuple(str(address) for address in addresses)


def _innermost(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
