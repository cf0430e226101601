# SPDX-License-Identifier: Apache-2.0
"""TLS towards the agent, in the name of the host that it wants: a leaf certificate for each, hours long.

Leaves are made after the agent has been authenticated and the host is one of ours.  A connection that does not say
by SNI that it wants this very host is refused: what is asked for, what is certified and where it goes are one name.

Spec: RFC 6066 section 3.
"""

import ssl
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from smartagent.crypto import CertificateAuthority, LeafKey, load_chain
from smartagent.gateway.http2_frames import HTTP_2
from smartagent.kernel import Clock, Entropy, Secret

REMEMBERED: Final = 1024
_RENEWED_AFTER_SECONDS: Final = 43_200


class Interception:
    """Makes the TLS side of tunnels.

    Args:
        authority: Signs the leaves.
        clock: Says how long they live.
        entropy: For serial numbers.
    """

    def __init__(self, authority: CertificateAuthority, clock: Clock, entropy: Entropy) -> None:
        self._authority = authority
        self._clock = clock
        self._entropy = entropy
        self._key = LeafKey()
        self._contexts: OrderedDict[str, tuple[float, ssl.SSLContext]] = OrderedDict()

    def speaks_for(self, host: str) -> bool:
        """Tell whether agents take our word for `host` (lower case)."""
        return self._authority.speaks_for(host)

    def context_for(self, host: str) -> ssl.SSLContext:
        """Return what speaks TLS as `host` (lower case), and to nobody who wants another."""
        now = self._clock.now()
        known = self._contexts.get(host)
        if known is not None and now < known[0]:
            self._contexts.move_to_end(host)
            return known[1]
        chain = self._authority.leaf(host, self._key, now, self._entropy)
        context = _context(chain, self._key.pem())
        context.sni_callback = _only(host)
        self._contexts[host] = (now + _RENEWED_AFTER_SECONDS, context)
        if len(self._contexts) > REMEMBERED:
            self._contexts.popitem(last=False)
        return context


def _only(host: str) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], int | None]:
    def check(_connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        if name is not None and name.lower().rstrip(".") == host:
            return None
        return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)

    return check


def _context(chain: bytes, key: Secret[bytes]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # One to come back with; the library would make two, and each costs a new tunnel a few per cent.
    context.num_tickets = 1
    context.set_alpn_protocols([HTTP_2, "http/1.1"])
    load_chain(context, Secret(key.reveal() + chain))
    return context
