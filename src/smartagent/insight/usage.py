# SPDX-License-Identifier: Apache-2.0
"""What of the rules was used: by which rules recorded requests are allowed, and what agents of a role did.

Use is told in the terms of the role as it stands now, its ceiling: each call under the first block that allows
it, with a path pattern that the block's own pattern covers.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from msgspec import structs

from smartagent.insight.history import Past, Unreplayable, past_of
from smartagent.insight.model import Incident, UsagePage, Use
from smartagent.insight.paths import within
from smartagent.insight.rules import MAX_GROUPS
from smartagent.kernel import Decision, NeedsApproval, Permitted, Record, Verdict, rfc3339
from smartagent.policy import Book, Role, RoleNotFound, known_pattern, rule_id

MINUTE_SECONDS: Final = 60
_INCIDENTS: Final = {
    b'{"event":"revoked",': "revocation",
    b'{"event":"agent.ended",': "everything was ended",
    b'{"event":"gateway.honeytoken",': "honeytoken",
}

RoleOf = Callable[[str], str | None]
"""Tells the role that an agent has now; None when nobody knows it."""


class About(msgspec.Struct, frozen=True):
    """Whose use is wanted: an agent's, a role's, or everybody's when both are empty."""

    agent: str = ""
    role: str = ""


def usage(begin: int, leaves: Sequence[bytes], book: Book, about: About, role_of: RoleOf) -> UsagePage:
    """Tell what of the rules of `book` was used by the requests among `leaves`.

    Args:
        begin: Where the first of them stands.
        leaves: Entries of the log.
        book: The rules.
        about: Whose use.
        role_of: The role that an agent has now; for records that do not name one.
    """
    counted = _Counting(book, about)
    for past in past_of(begin, leaves):
        counted.take(past)
    found = [each for each in _incidents(leaves, about, role_of) if each is not None]
    return UsagePage(
        begin=begin,
        end=begin + len(leaves),
        next=0,
        decided=counted.decided,
        unreplayable=counted.unreplayable,
        left_out=counted.left_out,
        first_ms=counted.first_ms,
        last_ms=counted.last_ms,
        rules=counted.rules,
        uses=list(counted.uses.values()),
        incidents=[*found, *counted.refusals.values()],
    )


class _Counting:
    """The sums of one page."""

    def __init__(self, book: Book, about: About) -> None:
        self._book = book
        self._about = about
        self.decided = self.unreplayable = self.left_out = 0
        self.first_ms = self.last_ms = 0
        self.rules: dict[str, int] = {}
        self.uses: dict[tuple[str, ...], Use] = {}
        self.refusals: dict[tuple[str, int], Incident] = {}

    def take(self, past: Past | Unreplayable) -> None:
        """Count one request."""
        if isinstance(past, Unreplayable):
            self.unreplayable += 1
            return
        roles = [role for role in (past.caller.role, past.caller.subject_role) if role]
        agent = self._about.agent
        if agent and agent not in {past.caller.principal, past.caller.subject}:
            return
        if self._about.role and self._about.role not in roles:
            return
        if self._book.lacks(past.caller):
            self.unreplayable += 1
            return
        self.decided += 1
        self.first_ms = self.first_ms or past.at_ms
        self.last_ms = max(self.last_ms, past.at_ms)
        for role in roles:
            self._ask(past, role)
        if not past.allowed:
            self._refused(past)

    def _ask(self, past: Past, role: str) -> None:
        caller = structs.replace(past.caller, role=role, subject_role="")
        verdict = (
            self._book.decide_lease(caller, past.credential)
            if past.credential
            else self._book.decide_call(caller, past.call)
        )
        for rule in {*verdict.rules, *(_permitting(verdict) or ())}:
            self.rules[rule] = self.rules.get(rule, 0) + 1
        if past.allowed:
            self._used(past, role, verdict)

    def _used(self, past: Past, role: str, verdict: Verdict) -> None:
        scope, path = "", ""
        rules = _permitting(verdict)
        allowed = rules is not None
        if rules is not None and not past.credential:
            scope, path = _grant_of(self._role(role), past, rules)
        call = past.call
        key = (role, scope, call.upstream, call.method, path or call.path)
        known = self.uses.get(key)
        if known is None and len(self.uses) >= MAX_GROUPS:
            self.left_out += 1
            return
        self.uses[key] = Use(
            role=role,
            scope=scope,
            upstream=call.upstream,
            method=call.method,
            path=path or call.path,
            credential=past.credential,
            allowed=allowed,
            by_role=bool(scope or past.credential) and allowed,
            calls=1 if known is None else known.calls + 1,
        )

    def _role(self, name: str) -> Role | None:
        try:
            return self._book.role(name).role
        except RoleNotFound:
            return None

    def _refused(self, past: Past) -> None:
        minute = past.at_ms // 1000 // MINUTE_SECONDS
        key = (past.caller.principal, minute)
        known = self.refusals.get(key)
        count = 1 if known is None else known.count + 1
        if known is not None or len(self.refusals) < MAX_GROUPS:
            at = rfc3339(minute * MINUTE_SECONDS)
            self.refusals[key] = Incident("refusals", past.caller.principal, at, count)


def _permitting(verdict: Verdict) -> tuple[str, ...] | None:
    """Return the rules that allow it, at once or when somebody approves; None when nothing does."""
    if isinstance(verdict, Permitted):
        return verdict.rules
    return verdict.permitting if isinstance(verdict, NeedsApproval) else None


def _grant_of(role: Role | None, past: Past, rules: Sequence[str]) -> tuple[str, str]:
    """Return the scope and the path pattern by which `role` allows a call; empty when a policy does instead."""
    for number, block in enumerate(role.allow if role is not None else (), 1):
        if role is not None and rule_id(role.name, number) in rules:
            for pattern in block.paths:
                if known_pattern(pattern).matches(past.call.path):
                    return block.scope, within(pattern, past.call.path)
    return "", ""


def _incidents(leaves: Iterable[bytes], about: About, role_of: RoleOf) -> Iterable[Incident | None]:
    for leaf in leaves:
        for beginning, kind in _INCIDENTS.items():
            if leaf.startswith(beginning):
                yield _incident(kind, Record.decode(leaf), about, role_of)


def _incident(kind: str, record: Record, about: About, role_of: RoleOf) -> Incident | None:
    # A honeytoken's subject is its name; a revocation's is what was revoked.
    agent = record.caller if kind == "honeytoken" else record.subject
    if record.decision is Decision.DENY or (about.agent and agent != about.agent):
        return None
    if about.role and role_of(agent) != about.role:
        return None
    return Incident(kind, agent, rfc3339(record.at_ms // 1000), 1)
