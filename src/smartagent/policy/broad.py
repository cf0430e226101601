# SPDX-License-Identifier: Apache-2.0
"""Whether a policy written in Cedar grants more than anybody means to.

What an expression allows cannot be read off its text (`true`, `1 == 1`, `path != "/x"`), so
each `permit` is asked about calls that nobody meant: of an upstream that does not exist, or
of every method on paths that nobody named.  What the policy itself names (agents, roles,
scopes, paths, networks) is put into the calls, so that a condition on one of them does not
hide that the rest is open.  It guards against a slip, not against malice: who writes
policies can name everything anyway.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final

import msgspec
from msgspec import structs

from smartagent.kernel import Caller, CallerKind, Standing
from smartagent.policy.cedar import Partition, Policy, Question
from smartagent.policy.est import Mentions, mentions_of
from smartagent.policy.facts import MAX_PERCENT
from smartagent.policy.model import CREDENTIAL_SCOPE
from smartagent.policy.rules import COMMON_METHODS

_NOBODY: Final = "smartagent-probe"
_PATHS: Final = ("/", "/smartagent-probe", "/smartagent-probe/a/b")
_ADDRESS: Final = "203.0.113.77"
_KEPT: Final = 3
_MONDAY_NOON: Final = 1_768_219_200


class _Who(msgspec.Struct, frozen=True):
    """Who might be asking, and with what."""

    role: str
    agent: str
    scopes: frozenset[str]
    client_ip: str
    content_type: str = ""
    operation: str = ""
    standing: str = Standing.NORMAL.value


def policy_grants_everything(policies: Mapping[str, Policy]) -> tuple[str, str] | None:
    """Say which of `policies` gives too much, and what it would let; None when none does."""
    for name, policy in policies.items():
        if policy.est.get("effect") == "permit":
            grants = _grants(name, policy)
            if grants:
                return name, grants
    return None


def _grants(name: str, policy: Policy) -> str:
    mentions = mentions_of(policy.est)
    partitions: dict[str, Partition] = {}
    for who in _callers(mentions):
        if who.role not in partitions:
            partitions[who.role] = Partition(who.role, {name: policy})
        partition = partitions[who.role]
        whose = "any agent" if who.agent == who.role == _NOBODY else "whom it names"
        if any(_allowed(partition, who, _NOBODY, _anything(mentions))):
            return f"{whose} call upstreams that it does not name"
        if partition.ask(structs.replace(_lease(who), facts=_facts(partition, who))).allowed:
            return f"{whose} lease credentials that it does not name"
        for upstream in _named(mentions, "Upstream"):
            if all(_allowed(partition, who, upstream, product(COMMON_METHODS, _PATHS))):
                return f"{whose} do everything on {upstream}: every method on every path"
    return ""


def _allowed(partition: Partition, who: _Who, upstream: str, calls: Iterable[tuple[str, str]]) -> list[bool]:
    questions = [
        Question(
            who.agent,
            who.role,
            upstream,
            method,
            path,
            who.scopes,
            who.client_ip,
            content_type=who.content_type,
            operation=who.operation,
            facts=_facts(partition, who),
        )
        for method, path in calls
    ]
    return [finding.allowed for finding in partition.ask_about(questions)]


def _facts(partition: Partition, who: _Who) -> Mapping[str, object]:
    """Return circumstances in which a policy that sets conditions is likely to permit: at noon on a Monday."""
    caller = Caller(
        who.agent,
        CallerKind.AGENT,
        session_at=_MONDAY_NOON - 1,
        authn="challenge",
        binding="dpop",
        standing=who.standing,
        labels=frozenset(),
        budget=MAX_PERCENT,
    )
    return partition.asked.of(caller, _MONDAY_NOON)


def _lease(who: _Who) -> Question:
    path = f"/{_NOBODY}"
    what = CREDENTIAL_SCOPE + _NOBODY
    return Question(who.agent, who.role, what, "LEASE", path, who.scopes, who.client_ip, action="lease")


def _callers(mentions: Mentions) -> Iterator[_Who]:
    people = [
        (_NOBODY, _NOBODY),
        *((role, _NOBODY) for role in _named(mentions, "Role")),
        *((_NOBODY, agent) for agent in _named(mentions, "Agent")),
    ]
    scopes = [frozenset[str]()]
    if mentions.attributes & {"scopes", "context"}:
        scopes.append(frozenset(mentions.texts))
    said = product(
        _said(mentions, {"content_type"}, "[a-z0-9.+-]+/[a-z0-9.+-]+"),
        _said(mentions, {"operation", "fields"}, "(?:git|graphql)[:a-z-]*"),
        list(Standing) if mentions.attributes & {"standing", "context"} else [Standing.NORMAL],
    )
    for (role, agent), held, address, what in product(people, scopes, _addresses(mentions), said):
        yield _Who(role, agent, held, address, *what)


def _said(mentions: Mentions, attributes: set[str], form: str) -> list[str]:
    if not mentions.attributes & {*attributes, "context"}:
        return [""]
    return ["", *(text for text in mentions.texts if re.fullmatch(form, text))][: _KEPT + 1]


def _anything(mentions: Mentions) -> Iterator[tuple[str, str]]:
    paths = [text for text in mentions.texts if text.startswith("/")][:_KEPT]
    methods = [text for text in mentions.texts if re.fullmatch("[A-Z]+", text)][:_KEPT]
    yield from product((*COMMON_METHODS, "PROBE", *methods), (*_PATHS, *paths))


def _named(mentions: Mentions, kind: str) -> list[str]:
    return [name for its_kind, name in mentions.entities if its_kind == kind][:_KEPT]


def _addresses(mentions: Mentions) -> list[str]:
    found = [_ADDRESS]
    if not mentions.attributes & {"client_ip", "context"}:
        return found
    for text in mentions.texts[:64]:
        try:
            found.append(str(ipaddress.ip_network(text, strict=False)[0]))
        except ValueError:
            continue
    return found[: _KEPT + 1]
