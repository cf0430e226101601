# SPDX-License-Identifier: Apache-2.0
"""What SSH hosts read, without a record: whom they trust, and which certificates are over.

GET /ssh/<provider>.pub   the CA's public key, for `TrustedUserCAKeys`
GET /ssh/<provider>.krl   the key revocation list, for `RevokedKeys`
"""

from typing import Final

from smartagent.crypto import SshCa
from smartagent.edge import Inbound, Reply
from smartagent.kernel import SmartAgentError
from smartagent.leases.means import Means
from smartagent.leases.model import LeaseState
from smartagent.leases.registry import Registry
from smartagent.leases.store import Filter, read_leases

PATH: Final = "/ssh/"
_KIND: Final = "ssh"
_LIST_HEADERS: Final = (("cache-control", "public, max-age=10"),)
_KEY_HEADERS: Final = (("cache-control", "public, max-age=3600"),)


class SshHosts:
    """Shows what hosts read."""

    def __init__(self, means: Means, registry: Registry) -> None:
        self._means = means
        self._registry = registry

    async def show(self, inbound: Inbound) -> Reply:
        """Return the document that the path names."""
        name, _, what = inbound.path.removeprefix(PATH).rpartition(".")
        try:
            provider = self._registry.provider(name).provider
            if provider.kind != _KIND or what not in {"pub", "krl"}:
                return Reply(404, b"", "text/plain")
            ca = SshCa(await self._means.secret(provider.secrets["ca_key"]))
            if what == "pub":
                return Reply(200, f"{ca.public_key}\n".encode(), "text/plain", _KEY_HEADERS)
            now = int(self._means.clock.now())
            serials = await self._revoked(name, now)
            listed = ca.revocation_list(serials, version=now, at=now)
        except SmartAgentError:
            return Reply(404, b"", "text/plain")
        return Reply(200, listed, "application/octet-stream", _LIST_HEADERS)

    async def _revoked(self, provider: str, now: int) -> list[int]:
        """Return the serials of certificates that are over here, and would still be taken."""
        found: list[int] = []
        for state in (LeaseState.REVOKING, LeaseState.DEAD):
            after = ""
            while True:
                which = Filter(provider=provider, state=state.value, after=after)
                page = await read_leases(self._means.database, which)
                found += [
                    int(lease.handle)
                    for lease in page
                    if lease.expires_at > now or lease.outlives_until > now
                ]
                if not page:
                    break
                after = page[-1].id
        return found
