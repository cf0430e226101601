# SPDX-License-Identifier: Apache-2.0
"""What the gateway asks of the rooms: the house, and what a call that leaves it needs besides."""

from collections.abc import Callable

from smartagent.edge import Inbound, Proof
from smartagent.gateway import Upstream
from smartagent.kernel import Caller, Committed, Denied, IdPrefix, Ids, Ledger, Secret, Verdict, Work
from smartagent.policy import Book, Call, Permission
from smartagent.server.house import Rooms
from smartagent.tokens import Tokens
from smartagent.vault import Vault


class GatewayDoors:
    """`gateway.Doors`, made of the rooms.  Only tokens that are meant for the gateway are taken here."""

    __slots__ = ("_book", "_ids", "_ledger", "_rooms", "_tokens", "_vault")

    def __init__(
        self, *, rooms: Rooms, tokens: Tokens, book: Book, vault: Vault, ids: Ids, ledger: Ledger
    ) -> None:
        self._rooms = rooms
        self._tokens = tokens
        self._book = book
        self._vault = vault
        self._ids = ids
        self._ledger = ledger

    def now(self) -> float:
        """Return Unix seconds."""
        return self._rooms.now()

    def new_request_id(self) -> str:
        """Return a fresh id."""
        return self._ids.new(IdPrefix.REQUEST)

    async def authenticate(self, inbound: Inbound, proof: Proof) -> Caller:  # noqa: ARG002 -- here there is one proof
        """Take an agent's token for the gateway, and nothing else."""
        return await self._tokens.access.by_gateway_token(inbound)

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        """Decide by the house's own policy."""
        return self._rooms.authorise(caller, permission, inbound)

    async def commit(self, work: Work, caller: Caller) -> Committed:
        """Make `work` durable, and look again whether `caller` may go on."""
        return await self._rooms.commit(work, caller)

    def commit_later(self, work: Work) -> None:
        """Make `work` durable soon."""
        self._ledger.commit_later(work)

    def live(self, caller: Caller) -> bool:
        """Tell whether what the caller holds is still good."""
        return not self._tokens.revocations.is_revoked(caller)

    def decide(self, caller: Caller, upstream: str, method: str, path: str) -> Verdict:
        """Decide about one call: whether such a caller may call at all, and whether its role allows this."""
        verdict = self._book.decide_api(caller, Permission.UPSTREAM_CALL)
        if isinstance(verdict, Denied):
            return verdict
        return self._book.decide_call(caller, Call(upstream, method, path))

    def upstream(self, name: str) -> Upstream | None:
        """Return the entry `name`."""
        return self._vault.upstream(name)

    def secret(self, upstream: Upstream) -> tuple[Secret[bytes], ...]:
        """Return the upstream's secret, current version first.

        Raises:
            SmartAgentError: It is missing, or cannot be unsealed.
        """
        return self._vault.obtain(upstream.secret)

    def on_revoked(self, callback: Callable[[], None], /) -> None:
        """Have `callback` called after each revocation."""
        self._tokens.revocations.on_change(callback)
