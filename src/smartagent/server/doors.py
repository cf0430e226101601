# SPDX-License-Identifier: Apache-2.0
"""What the gateway asks of the rooms: the house, and what a call that leaves it needs besides."""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import structs

from smartagent.approvals import Approvals, Obtained, Wish
from smartagent.delegation import OutwardTokens, TransactionTokens
from smartagent.edge import Inbound, Proof, Reply
from smartagent.gateway import Asked, Flowing, FlowStopped, Upstream
from smartagent.kernel import (
    Caller,
    Committed,
    Denied,
    IdPrefix,
    Ids,
    Label,
    Ledger,
    Limits,
    NeedsApproval,
    Secret,
    Verdict,
    Work,
    Write,
)
from smartagent.mcp import Flow
from smartagent.notices import NoticeKind, Tell
from smartagent.oauth import ProtectedResources, completed, metadata_path, metadata_url
from smartagent.policy import Book, Call, Permission
from smartagent.server.circumstances import Circumstances
from smartagent.server.house import Rooms
from smartagent.tokens import Tokens
from smartagent.vault import Placeholders, Vault

WELL_KNOWN: Final = metadata_path("")


class GatewayDoors:
    """`gateway.Doors`, made of the rooms.  Only tokens that are meant for the gateway are taken here."""

    __slots__ = (
        "_approvals", "_book", "_circumstances", "_flow", "_gateway", "_ids", "_ledger", "_metadata_url", "_outward", "_placeholders", "_protected", "_rooms", "_tell",
        "_tokens", "_transactions", "_vault",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913 -- the rooms that a call passes
        self,
        *,
        rooms: Rooms,
        tokens: Tokens,
        book: Book,
        vault: Vault,
        placeholders: Placeholders,
        flow: Flow,
        circumstances: Circumstances,
        approvals: Approvals,
        ids: Ids,
        ledger: Ledger,
        transactions: TransactionTokens,
        outward: OutwardTokens,
        protected: ProtectedResources,
        gateway: str,
        tell: Tell,
    ) -> None:
        self._rooms = rooms
        self._tokens = tokens
        self._book = book
        self._vault = vault
        self._placeholders = placeholders
        self._flow = flow
        self._circumstances = circumstances
        self._approvals = approvals
        self._ids = ids
        self._ledger = ledger
        self._transactions = transactions
        self._outward = outward
        self._protected = protected
        self._gateway = gateway
        self._tell = tell
        self._metadata_url = metadata_url(gateway)

    def now(self) -> float:
        """Return Unix seconds."""
        return self._rooms.now()

    def new_request_id(self) -> str:
        """Return a fresh id."""
        return self._ids.new(IdPrefix.REQUEST)

    async def authenticate(self, inbound: Inbound, proof: Proof) -> Caller:  # noqa: ARG002 -- here there is one proof
        """Take an agent's token for the gateway, and nothing else."""
        return await self._circumstances.complete(await self._tokens.access.by_gateway_token(inbound))

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        """Decide by the house's own policy."""
        return self._rooms.authorise(caller, permission, inbound)

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        """Make `work` durable, and look again whether `caller` may go on."""
        return await self._rooms.commit(work, caller, holder)

    def placeholder(self, upstream: str) -> str:
        """Return what clients that insist on a key of this upstream are given."""
        return self._placeholders.of(upstream)

    def honeytoken(self, value: str) -> str:
        """Return the name of the honeytoken `value`; empty when it is none."""
        return self._placeholders.honeytoken(value)

    async def flow(self, caller: Caller, labels: tuple[str, ...], request: str) -> Flowing:
        """Judge whether a call lets private data out that untrusted content may ask for.

        Raises:
            FlowStopped: It does, and the caller's role says to stop that.
            StoreUnavailable: What the caller has met cannot be read.
        """
        judged = await self._flow.judge(caller, frozenset(map(Label, labels)), request)
        if judged.stopped:
            raise FlowStopped("an operator can release the agent")
        return Flowing(judged.writes, judged.detail)

    def house_token(self, caller: Caller, audience: str) -> Secret[bytes]:
        """Say to an upstream who calls.

        Raises:
            TargetNotDelegated: The audience is the house itself.
            KeysNotReady: There is nothing to sign with.
        """
        return self._outward.for_call(caller, audience)

    def known_secrets(self) -> Sequence[tuple[Upstream, tuple[Secret[bytes], ...]]]:
        """Return upstreams and their secrets, as far as they are kept here."""
        return self._vault.kept_secrets()

    def transaction_token(self, caller: Caller, inbound: Inbound) -> str:
        """Say, for an upstream of the trust domain, what a call is about.

        Raises:
            KeysNotReady: There is nothing to sign with.
        """
        call = Call(inbound.params["upstream"], inbound.method, inbound.params["path"])
        return self._transactions.for_call(caller, call, inbound.request_id)

    def page(self, path: str, query: str) -> Reply | None:
        """Show the metadata of the gateway, and of resources whose address is the gateway's."""
        if not path.startswith(WELL_KNOWN):
            return None
        return self._protected.at(self._gateway, path, query)

    def challenged(self, reply: Reply, *, token_was_sent: bool) -> Reply:
        """Say in a refusal where to learn how to get a token."""
        return completed(reply, metadata_url=self._metadata_url, token_was_sent=token_was_sent)

    def commit_later(self, work: Work) -> None:
        """Make `work` durable soon."""
        self._ledger.commit_later(work)

    def alarm(self, subject: str, title: str, lines: Sequence[str], look: str) -> Write:
        """Tell people that a credential is where it should not be."""
        return self._tell(NoticeKind.ALARMS, subject, title, lines, f"/v1/audit?subject={look}")

    def live(self, caller: Caller) -> bool:
        """Tell whether what the caller holds is still good."""
        return not self._tokens.revocations.is_revoked(caller)

    def decide(self, caller: Caller, asked: Asked) -> Verdict:
        """Decide about one call: whether such a caller may call at all, and whether its role allows this."""
        verdict = self.may_call(caller)
        if isinstance(verdict, Denied):
            return verdict
        # An open call is decided about again, and how far its agent is trusted may have changed since it began.
        standing = self._circumstances.standing(caller)
        if standing != caller.standing:
            caller = structs.replace(caller, standing=standing)
        call = Call(asked.upstream, asked.method, asked.path, *asked.said)
        return self._book.decide_for_both(caller, call)

    async def approve(
        self, caller: Caller, needs: NeedsApproval, wish: Wish, is_secret: Callable[[str], bool]
    ) -> Obtained:
        """Return leave for a call that the rules ask people about.

        Raises:
            ApprovalsError: There is none, or none yet.
        """
        return await self._approvals.obtain(caller, needs, wish, is_secret)

    def upstreams_at(self, host: str, port: int, *, tls: bool) -> Sequence[Upstream]:
        """Return the entries at an address."""
        return self._vault.upstreams_at(host, port, tls=tls)

    def may_call(self, caller: Caller) -> Verdict:
        """Decide whether such a caller may call upstreams at all."""
        return self._book.decide_api(caller, Permission.UPSTREAM_CALL)

    def limits(self, caller: Caller) -> tuple[Limits, Limits]:
        """Return the caller's own limits, and those of its role."""
        return self._book.limits_of(caller.role)

    def upstream(self, name: str) -> Upstream | None:
        """Return the entry `name`."""
        return self._vault.upstream(name)

    async def secret(self, upstream: Upstream) -> tuple[Secret[bytes], ...]:
        """Return the upstream's secret, current version first.

        Raises:
            SmartAgentError: It is missing, or cannot be unsealed.
        """
        return await self._vault.obtain(upstream.secret)

    def on_changed(self, callback: Callable[[], None], /) -> None:
        """Have `callback` called after each change of roles, policies or upstreams."""
        self._book.on_change(callback)
        self._vault.on_change(callback)

    def on_revoked(self, callback: Callable[[], None], /) -> None:
        """Have `callback` called after each revocation."""
        self._tokens.revocations.on_change(callback)
