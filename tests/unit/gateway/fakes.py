# SPDX-License-Identifier: Apache-2.0
"""The house as the gateway sees it, in memory."""

from collections.abc import Callable

import msgspec

from smartagent.edge import AuthenticationFailed, Inbound, Proof, Reply
from smartagent.kernel import Caller, CallerKind, Committed, Denied, Permitted, Record, Secret, Verdict, Work
from smartagent.vault.model import place_of

TOKEN = "token-of-the-agent"
SECRET = b"s3cr3t/Value+of=the-upstream?"


class Entry(msgspec.Struct, frozen=True):
    """An upstream's entry."""

    name: str
    base_url: str
    secret: str = "crm-key"
    place: str = "bearer"
    allow_private: bool = True
    timeout_seconds: float = 5.0
    scrub: bool = True
    txn_token: bool = False


class FakeDoors:
    """Remembers what was committed; knows one token per agent."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = {entry.name: entry for entry in entries}
        self.secrets: dict[str, tuple[Secret[bytes], ...]] = {"crm-key": (Secret(SECRET),)}
        self.callers = {TOKEN: Caller("agt_1", CallerKind.AGENT, "reader", "ses_1", "aat_1")}
        self.revoked: set[str] = set()
        self.denied: set[tuple[str, str]] = set()
        self.committed: list[Record] = []
        self.later: list[Record] = []
        self.pages: dict[str, Reply] = {}
        self.honeytokens: dict[str, str] = {}
        self.clock = 1_800_000_000.0
        self.before_commit: Callable[[], None] = lambda: None
        self._callbacks: list[Callable[[], None]] = []
        self._ids = 0

    def now(self) -> float:
        return self.clock

    def new_request_id(self) -> str:
        self._ids += 1
        return f"req_{self._ids}"

    async def authenticate(self, inbound: Inbound, proof: Proof) -> Caller:
        caller = self.callers.get(inbound.headers.get("authorization", "").removeprefix("Bearer "))
        if caller is None or not self.live(caller):
            raise AuthenticationFailed("no such token")
        return caller

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        raise AssertionError("calls are decided by decide()")

    def live(self, caller: Caller) -> bool:
        return caller.principal not in self.revoked

    def decide(self, caller: Caller, upstream: str, method: str, path: str) -> Verdict:
        if (method, path) in self.denied:
            return Denied("no rule allows it", f"{upstream}:{method} {path}")
        return Permitted(("role:reader",))

    def upstreams_at(self, host: str, port: int, *, tls: bool):
        asked = (host, port, tls)
        return tuple(each for each in self.entries.values() if place_of(each) == asked)

    def may_call(self, caller: Caller) -> Verdict:
        if caller.kind is not CallerKind.AGENT:
            return Denied("only agents call", "upstream.call")
        return Permitted(("house/agents",))

    def upstream(self, name: str) -> Entry | None:
        return self.entries.get(name)

    async def secret(self, upstream: Entry) -> tuple[Secret[bytes], ...]:
        return self.secrets[upstream.secret]

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        self.before_commit()
        self.committed.extend(work.records)
        if not self.live(caller):
            raise AuthenticationFailed("revoked")
        return Committed(len(self.committed), 0)

    def placeholder(self, upstream: str) -> str:
        return f"sak_ph_of{upstream}"

    def honeytoken(self, value: str) -> str:
        return self.honeytokens.get(value, "")

    def house_token(self, caller: Caller, audience: str) -> Secret[bytes]:
        return Secret(f"house-token-of-{caller.principal}-{caller.jti}-for-{audience}".encode())

    def transaction_token(self, caller: Caller, inbound: Inbound) -> str:
        return f"about-{inbound.request_id}-of-{caller.principal}"

    def page(self, path: str, query: str) -> Reply | None:
        return self.pages.get(path)

    def challenged(self, reply: Reply, *, token_was_sent: bool) -> Reply:
        return reply

    def commit_later(self, work: Work) -> None:
        self.later.extend(work.records)

    def on_revoked(self, callback: Callable[[], None], /) -> None:
        self._callbacks.append(callback)

    def revoke(self, principal: str) -> None:
        self.revoked.add(principal)
        for callback in self._callbacks:
            callback()
