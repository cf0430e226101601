# SPDX-License-Identifier: Apache-2.0
"""What the gateway needs from the rooms around it.  `server.wiring` supplies it."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from smartagent.approvals import Obtained, Wish
from smartagent.edge import House, Inbound, Reply
from smartagent.kernel import Caller, Detail, Limits, NeedsApproval, Secret, Verdict, Work, Write


class Said(NamedTuple):
    """What a call says beside its method and path: its body's content type, and which operation it is."""

    content_type: str = ""
    operation: str = ""
    fields: tuple[str, ...] = ()


class Asked(NamedTuple):
    """What a call is decided by, beside its caller."""

    upstream: str
    method: str
    path: str
    said: Said = Said()


class Flowing(NamedTuple):
    """What follows from a call to an upstream that carries labels: what is kept of it, and what the record says."""

    writes: tuple[Write, ...] = ()
    detail: Mapping[str, Detail] = MappingProxyType({})


class Upstream(Protocol):
    """An upstream's entry: where it is, and where its secret goes.  Entries do not change; they are replaced."""

    @property
    def name(self) -> str:
        """What agents call it: the first segment of the path."""
        ...

    @property
    def base_url(self) -> str:
        """Scheme, host, port and an optional path that is put before every call's."""
        ...

    @property
    def secret(self) -> str:
        """The secret's name; empty when the upstream needs none."""
        ...

    @property
    def place(self) -> str:
        """Where the secret goes, as `vault.parse_place` reads it; empty when there is nothing to put in."""
        ...

    @property
    def allow_private(self) -> bool:
        """Whether it may live at an address that is not public."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """What calls do to what an agent knows, and to what leaves it; see `policy.Label`."""
        ...

    @property
    def speaks(self) -> str:
        """Which language tells what a call does: `git`, `graphql:` and a path; empty when method and path tell it."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """How long it may take until its answer begins."""
        ...

    @property
    def limits(self) -> Limits:
        """What all its callers may use together, and what each call may."""
        ...

    @property
    def txn_token(self) -> bool:
        """Whether each call brings a transaction token: the upstream belongs to the trust domain."""
        ...

    @property
    def scrub(self) -> bool:
        """Whether answers are searched for the secret."""
        ...


class Doors(House, Protocol):
    """The house, and what a call that leaves it needs besides.

    Concurrency: one event loop; nothing here blocks.
    """

    def new_request_id(self) -> str:
        """Return a fresh id."""
        ...

    def live(self, caller: Caller) -> bool:
        """Tell whether the caller's token, session and agent are all still good.  Memory only."""
        ...

    def decide(self, caller: Caller, asked: Asked) -> Verdict:
        """Decide about one call.  Memory only; never raises for a refusal."""
        ...

    async def approve(
        self, caller: Caller, needs: NeedsApproval, wish: Wish, is_secret: Callable[[str], bool]
    ) -> Obtained:
        """Return leave for a call that the rules ask people about, as soon as there is any.

        Raises:
            ApprovalPending: Nobody has decided within the wait.
            ApprovalsError: Somebody said no, or the leave is over or another call's.
        """
        ...

    def limits(self, caller: Caller) -> tuple[Limits, Limits]:
        """Return the caller's own limits, and those that all agents of its role share.  Memory only."""
        ...

    def upstream(self, name: str) -> Upstream | None:
        """Return the entry of that name.  The same object until it changes."""
        ...

    def upstreams_at(self, host: str, port: int, *, tls: bool) -> Sequence[Upstream]:
        """Return the entries whose base URL is at this address.  Memory only."""
        ...

    def may_call(self, caller: Caller) -> Verdict:
        """Decide whether such a caller may call upstreams at all.  Memory only."""
        ...

    async def secret(self, upstream: Upstream) -> tuple[Secret[bytes], ...]:
        """Return the upstream's secret, current version first, then those it replaced; the same objects until it changes.

        Raises:
            SmartAgentError: It is missing, or cannot be unsealed.
        """
        ...

    def placeholder(self, upstream: str) -> str:
        """Return what clients that insist on a key of this upstream are given.  Memory only."""
        ...

    def honeytoken(self, value: str) -> str:
        """Return the name of the honeytoken `value`; empty when it is none.  Memory only."""
        ...

    def house_token(self, caller: Caller, audience: str) -> Secret[bytes]:
        """Return a token of the house's own that says to an upstream who calls; the same object for a while.

        Args:
            caller: Who calls, as authenticated.
            audience: Who shall take it.

        Raises:
            SmartAgentError: None can be made.
        """

    def known_secrets(self) -> Sequence[tuple[Upstream, tuple[Secret[bytes], ...]]]:
        """Return the upstreams whose secrets are known here without asking another store, and those.  Memory only."""
        ...

    async def flow(self, caller: Caller, labels: tuple[str, ...], request: str) -> Flowing:
        """Judge whether a call lets private data out that untrusted content may ask for.

        Raises:
            FlowStopped: It does, and the caller's role says to stop that.
            SmartAgentError: What the caller has met cannot be read.
        """
        ...

    def transaction_token(self, caller: Caller, inbound: Inbound) -> str:
        """Return the token that tells an upstream of the trust domain what this call is about.

        Raises:
            SmartAgentError: None can be made.
        """
        ...

    def page(self, path: str, query: str) -> Reply | None:
        """Return a public page of the gateway's own; None when the path is a call's."""
        ...

    def challenged(self, reply: Reply, *, token_was_sent: bool) -> Reply:
        """Return a refusal that says where to learn how to get a token."""
        ...

    def commit_later(self, work: Work) -> None:
        """Make `work` durable soon: a call's outcome, on which no answer depends."""
        ...

    def alarm(self, subject: str, title: str, lines: Sequence[str], look: str) -> Write:
        """Return the write that tells people that a credential is where it should not be, for the commit that says so.

        Args:
            subject: What was found, by its name; never its value.
            title: One line.
            lines: Who and where.
            look: Whose records tell more.
        """
        ...

    def on_changed(self, _callback: Callable[[], None], /) -> None:
        """Have the callback called after each change of roles, policies or upstreams that this node's memory has taken in."""
        ...

    def on_revoked(self, _callback: Callable[[], None], /) -> None:
        """Have the callback called after each revocation that this node's memory has taken in."""
        ...
