# SPDX-License-Identifier: Apache-2.0
"""The house as the gateway sees it, in memory."""

from collections.abc import Callable, Mapping

import msgspec

from smartagent.edge import AuthenticationFailed, Inbound, Proof, Reply
from smartagent.gateway import Asked, Flowing, FlowStopped
from smartagent.kernel import (
    UNLIMITED,
    Caller,
    CallerKind,
    Committed,
    Denied,
    Limits,
    Permitted,
    Record,
    Scalar,
    Secret,
    SmartAgentError,
    Verdict,
    Work,
    Write,
)
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
    limits: Limits = UNLIMITED
    speaks: str = ""
    labels: tuple[str, ...] = ()


class Lost(SmartAgentError):
    """Of writes that cannot be lost."""


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
        self.agent_limits = self.role_limits = UNLIMITED
        self.asked: Asked | None = None
        self.forbidden: set[str] = set()
        self.told: list[str] = []
        self.alarms: list[Mapping[str, Scalar]] = []
        self.clock = 1_800_000_000.0
        self.before_commit: Callable[[], None] = lambda: None
        self._callbacks: list[Callable[[], None]] = []
        self._on_changed: list[Callable[[], None]] = []
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

    def decide(self, caller: Caller, asked: Asked) -> Verdict:
        self.asked = asked
        if (asked.method, asked.path) in self.denied or asked.said.operation in self.forbidden:
            return Denied("no rule allows it", f"{asked.upstream}:{asked.method} {asked.path}")
        return Permitted(("role:reader",))

    async def approve(self, caller, needs, wish, is_secret):
        raise AssertionError("nothing here asks people")

    def upstreams_at(self, host: str, port: int, *, tls: bool):
        asked = (host, port, tls)
        return tuple(each for each in self.entries.values() if place_of(each) == asked)

    def may_call(self, caller: Caller) -> Verdict:
        if caller.kind is not CallerKind.AGENT:
            return Denied("only agents call", "upstream.call")
        return Permitted(("house/agents",))

    def limits(self, caller: Caller):
        return self.agent_limits, self.role_limits

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

    async def flow(self, caller: Caller, labels: tuple[str, ...], request: str) -> Flowing:
        if "sends-outside" in labels and "stop" in caller.role:
            raise FlowStopped("an operator can release the agent")
        return Flowing((), {"flow": " ".join(labels)})

    def placeholder(self, upstream: str) -> str:
        return f"sak_ph_{upstream:a<32}"

    def honeytoken(self, value: str) -> str:
        return self.honeytokens.get(value, "")

    def house_token(self, caller: Caller, audience: str) -> Secret[bytes]:
        return Secret(f"house-token-of-{caller.principal}-{caller.jti}-for-{audience}".encode())

    def known_secrets(self):
        return [(entry, self.secrets[entry.secret]) for entry in self.entries.values() if entry.secret]

    def transaction_token(self, caller: Caller, inbound: Inbound) -> str:
        return f"about-{inbound.request_id}-of-{caller.principal}"

    def page(self, path: str, query: str) -> Reply | None:
        return self.pages.get(path)

    def challenged(self, reply: Reply, *, token_was_sent: bool) -> Reply:
        return reply

    def commit_later(self, work: Work) -> None:
        self.later.extend(work.records)
        self.alarms.extend(write.parameters for write in work.writes if write.statement == "alarm")
        self.told.extend(change.key for change in work.changes)

    def alarm(self, subject: str, title: str, lines, look: str) -> Write:
        return Write(
            "alarm", {"subject": subject, "title": title, "lines": "\n".join(lines), "look": look}, Lost()
        )

    def on_revoked(self, callback: Callable[[], None], /) -> None:
        self._callbacks.append(callback)

    def on_changed(self, callback: Callable[[], None], /) -> None:
        self._on_changed.append(callback)

    def change(self) -> None:
        for callback in self._on_changed:
            callback()

    def revoke(self, principal: str) -> None:
        self.revoked.add(principal)
        for callback in self._callbacks:
            callback()
