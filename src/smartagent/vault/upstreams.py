# SPDX-License-Identifier: Apache-2.0
"""What is done with upstreams: they say where secrets are used."""

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.kernel import Caller, Clock
from smartagent.vault.errors import (
    SecretMissing,
    SecretNotFound,
    UpstreamNotFound,
)
from smartagent.vault.fitting import check_fits
from smartagent.vault.model import StoredUpstream, Upstream
from smartagent.vault.placeholders import Placeholders
from smartagent.vault.rules import (
    parse_upstream,
)
from smartagent.vault.service import Vault
from smartagent.vault.store import (
    drop_upstream,
    put_upstream,
    upstream_changed,
)
from smartagent.vault.views import (
    UpstreamList,
    UpstreamRequest,
    UpstreamView,
    upstream_view,
)


class Upstreams:
    """The acts on upstreams."""

    def __init__(self, vault: Vault, placeholders: Placeholders, clock: Clock) -> None:
        self._vault = vault
        self._placeholders = placeholders
        self._clock = clock

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write one."""
        asked = parse_json(inbound.body, UpstreamRequest)
        place = asked.place if asked.place is not None else "bearer" if asked.secret else ""
        entry = parse_upstream(
            Upstream(
                name=inbound.params["name"],
                base_url=asked.base_url,
                secret=asked.secret,
                place=place,
                allow_private=asked.allow_private,
                allow_plaintext=asked.allow_plaintext,
                timeout_seconds=asked.timeout_seconds,
                scrub=asked.scrub,
                txn_token=asked.txn_token,
                limits=asked.limits,
                speaks=asked.speaks,
            )
        )
        secret_id = await self._check_secret(entry)
        try:
            version = self._vault.stored_upstream(entry.name).version + 1
        except UpstreamNotFound:
            version = 1
        stored = StoredUpstream(entry, version, int(self._clock.now()), caller.principal)
        return Outcome(
            Reply(201 if version == 1 else 200, self._view(stored)),
            target=f"upstream/{entry.name}",
            detail={
                "version": version,
                "base_url": entry.base_url,
                "secret": entry.secret,
                "place": entry.place,
            },
            writes=put_upstream(stored, secret_id),
            changes=(upstream_changed(entry.name),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List them."""
        return Outcome(Reply(200, UpstreamList([self._view(stored) for stored in self._vault.upstreams()])))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show one."""
        stored = self._vault.stored_upstream(inbound.params["name"])
        return Outcome(Reply(200, self._view(stored)), target=f"upstream/{stored.upstream.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Delete one."""
        stored = self._vault.stored_upstream(inbound.params["name"])
        return Outcome(
            Reply(204),
            target=f"upstream/{stored.upstream.name}",
            detail={"version": stored.version},
            writes=(drop_upstream(stored),),
            changes=(upstream_changed(stored.upstream.name),),
        )

    def _view(self, stored: StoredUpstream) -> UpstreamView:
        return upstream_view(stored, self._placeholders.of(stored.upstream.name))

    async def _check_secret(self, entry: Upstream) -> str:
        if not entry.secret:
            return ""
        try:
            secret_id = self._vault.secret(entry.secret).id
        except SecretNotFound:
            raise SecretMissing(entry.secret[:64]) from None
        check_fits((await self._vault.obtain(entry.secret))[0], entry.place)
        return secret_id
