# SPDX-License-Identifier: Apache-2.0
"""Destination pinning: resolve, check every address, dial the checked one.

A name that leads to one forbidden address among good ones is refused as a whole, and what was checked is
what is dialled, so that a name server cannot answer differently the second time.

Never dialled, whatever the upstream's entry says: the clouds' metadata services, link-local, multicast and
unspecified addresses, forms that hide an IPv4 address (where the hidden one may not be dialled), and this
authority's own ports.  Dialled only when the entry allows private addresses: everything that is not
globally reachable.  A credential goes in clear text to private addresses only.
"""

import ipaddress
import socket
from collections.abc import Callable

from smartagent.federation import Address, FetchRefused, Resolver, system_resolver
from smartagent.federation import check_address as check_outside_address
from smartagent.gateway.errors import DestinationRefused, UpstreamUnreachable


def check_address(raw: str, *, allow_private: bool, cleartext: bool = False) -> Address:
    """Return the address when it may be dialled: by the one rule of the house, which is `federation`'s.

    Args:
        raw: What the resolver said, perhaps with a zone.
        allow_private: Whether the upstream's entry allows addresses that are not public.
        cleartext: The upstream is called without TLS.

    Raises:
        DestinationRefused: It may not.
    """
    try:
        return check_outside_address(raw, allow_private=allow_private, cleartext=cleartext)
    except FetchRefused as error:
        raise DestinationRefused(str(error)) from None


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
