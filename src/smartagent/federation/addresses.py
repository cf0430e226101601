# SPDX-License-Identifier: Apache-2.0
"""Which addresses may be dialled: the one rule of the house, for every call that leaves it.  Pure.

Never dialled, whoever allows what: the clouds' metadata services, link-local, multicast and unspecified
addresses, and forms that hide an IPv4 address (where the hidden one may not be dialled).  Dialled only
where private addresses are allowed: everything that is not globally reachable.

A translator's prefix that a site chose for itself (RFC 8215) is never dialled: where in it the IPv4 address stands is
for that site to say, so what it hides cannot be checked.

Spec: RFC 6890 section 2.2, RFC 6052 section 2.1, RFC 8215, RFC 2765 section 2.1, RFC 4291 section 2.5.5, RFC 9637.
"""

import ipaddress
from typing import Final

from smartagent.federation.errors import FetchRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

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
        "100::/64",  # discarded
        "2001::/23",  # protocol assignments, Teredo among them
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fec0::/10",  # site-local, deprecated
    )
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_TRANSLATED: Final = ipaddress.IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE: Final = ipaddress.IPv6Network("::/96")
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})


def check_address(raw: str, *, allow_private: bool, cleartext: bool = False) -> Address:
    """Return the address when it may be dialled.

    Args:
        raw: What the resolver said, perhaps with a zone.
        allow_private: Whether addresses that are not public are allowed.
        cleartext: It is called without TLS.

    Raises:
        FetchRefused: It may not.
    """
    try:
        address = ipaddress.ip_address(raw)
    except ValueError:
        raise FetchRefused("the resolver did not answer with an address") from None
    for meant in (address, *_hidden(address)):
        if _is_never_dialled(meant):
            raise FetchRefused("metadata, link-local and multicast addresses are never called")
        if not allow_private and not is_public(meant):
            raise FetchRefused("the address is not public, and private ones are not allowed here")
        if cleartext and is_public(meant):
            raise FetchRefused("a public address is called over TLS only")
    return address


def is_public(address: Address) -> bool:
    """Say whether the whole Internet can reach the address itself, whatever may hide in it."""
    return address.is_global and not any(address in network for network in _NOT_GLOBAL)


def _is_never_dialled(address: Address) -> bool:
    return (
        address in _METADATA
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or any(address in network for network in _NEVER)
    )


def _hidden(address: Address) -> tuple[Address, ...]:
    # An IPv6 address that a gateway on the way turns into an IPv4 one is as good as that one.
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    hidden: list[Address] = [found for found in (address.ipv4_mapped, address.sixtofour) if found is not None]
    if address.teredo is not None:
        hidden.extend(address.teredo)
    is_isatap = int(address) >> 32 & 0xFFFF_FFFF in _ISATAP
    is_compatible = address in _COMPATIBLE and int(address) > 1
    if address in _NAT64 or address in _TRANSLATED or is_isatap or is_compatible:
        hidden.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return tuple(hidden)
