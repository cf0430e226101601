# SPDX-License-Identifier: Apache-2.0
"""The smallest role that would have allowed what was done: never wider than the role there is, its ceiling.

Ids in paths become `*`, and so do names where many stand in one place; each pattern stays within one of the
ceiling's.  Methods share a block only when they were used on the same paths, so nothing is let through that is
the product of two uses.  Everything else that the role file says stays as it is written: whether it is needed
does not stand in records of calls.  So does a block with further conditions: it is kept as a whole, or dropped.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from smartagent.insight.model import Incident, Use
from smartagent.insight.paths import covers, written
from smartagent.policy import (
    ANY,
    MAX_ITEMS,
    Allow,
    Pattern,
    ResourceKind,
    Role,
    known_pattern,
    parse_role_file,
    rule_id,
)

FOLDED: Final = 8
"""From how many names in one place on they are taken for one of many."""
BURST: Final = 20
"""How many refusals of one agent in a minute are an incident."""
DAY_MS: Final = 86_400_000

_PLAIN: Final = frozenset({"scope", "upstream", "methods", "paths"})
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")

_Grant = tuple[str, str]
"""The scope and the upstream of a block."""


class Dropped(msgspec.Struct, frozen=True):
    """What the ceiling grants and nobody used."""

    rule: str
    what: str


class Proposal(msgspec.Struct, frozen=True):
    """A role file, what it drops, and the calls it would cut although they were allowed once."""

    role_file: str
    dropped: list[Dropped]
    cuts: list[Use]


class Enough(msgspec.Struct, frozen=True):
    """How much history there must be before one should rely on it."""

    days: int = 14
    calls: int = 100


def propose(text: str, name: str, uses: Iterable[Use]) -> Proposal:
    """Make a role of what was used of another.

    Args:
        text: The role file there is.
        name: What the new one is called.
        uses: What agents of it did, as `usage` tells it.

    Raises:
        MalformedRoleFile: It is none.
    """
    ceiling = parse_role_file(text)
    document = tomllib.loads(text)
    own = [use for use in uses if use.role == ceiling.name]
    needed = [use for use in own if use.by_role and not use.credential]
    leased = {use.credential for use in own if use.by_role and use.credential}
    raw = document.get("allow", [])
    plain = [block for block, its in zip(ceiling.allow, raw, strict=True) if its.keys() <= _PLAIN]
    blocks = [msgspec.to_builtins(block) for block in _blocks(plain, needed)]
    others = [use for use in needed if not _is_allowed(plain, use)]
    kept = [
        (block, its)
        for block, its in zip(ceiling.allow, raw, strict=True)
        if block not in plain and (_asks(block, needed) or any(_is_allowed([block], use) for use in others))
    ]
    # Those that ask come first: without one of them, what another block allows would not be asked about.
    document |= {"name": name, "allow": [*(its for _, its in kept), *blocks][:MAX_ITEMS]}
    document["credentials"] = [each for each in ceiling.credentials if each in leased]
    for kind in ResourceKind:
        document[kind] = [its for its in document.get(kind, []) if its["credential"] in leased]
    smallest = role_file(document)
    cuts = [use for use in own if not use.allowed]
    # What does not fit into a role file is cut, and said.
    allowed = parse_role_file(smallest).allow
    cuts += [use for use in needed if not _is_allowed(allowed, use)]
    return Proposal(smallest, list(_dropped(ceiling, needed, leased)), cuts)


def doubts(
    incidents: Sequence[Incident], *, calls: int, first_ms: int, last_ms: int, unseen: int, enough: Enough
) -> list[str]:
    """Say why the history should not be relied on; nothing when it can be.

    Args:
        incidents: What happened meanwhile.
        calls: How many requests were looked at.
        first_ms: When the first of them was made (Unix milliseconds).
        last_ms: When the last was.
        unseen: How many could not be looked at.
        enough: How much there must be.
    """
    found = []
    days = (last_ms - first_ms) / DAY_MS
    if calls < enough.calls or days < enough.days:
        found.append(
            f"The history is too short: {calls} requests in {days:.1f} days; {enough.calls} in {enough.days} are asked for."
        )
    if unseen:
        found.append(f"{unseen} records could not be looked at; what they used may be missing.")
    for each in incidents:
        if each.kind != "refusals":
            found.append(f"There was an incident: {each.kind} of {each.agent} at {each.at}.")
        elif each.count >= BURST:
            found.append(f"There was an incident: {each.agent} was refused {each.count} times at {each.at}.")
    return found


def role_file(document: Mapping[str, object]) -> str:
    """Write what a role file says, with its members in their order: single ones, tables, lists of tables."""
    single = [(key, value) for key, value in document.items() if not _is_table(value) and value != []]
    lines = [f"{_key(key)} = {_value(value)}" for key, value in single]
    for key, value in document.items():
        if not _is_table(value):
            continue
        tables = value if isinstance(value, list) else [value]
        brackets = ("[[", "]]") if isinstance(value, list) else ("[", "]")
        for table in msgspec.convert(tables, list[dict[str, object]]):
            lines += ["", f"{brackets[0]}{_key(key)}{brackets[1]}"]
            lines += [f"{_key(member)} = {_value(its)}" for member, its in table.items() if its is not None]
    return "\n".join(lines) + "\n"


def _asks(block: Allow, needed: Iterable[Use]) -> bool:
    return block.ask is not None and any(block.upstream in {ANY, use.upstream} for use in needed)


def _blocks(ceiling: Sequence[Allow], needed: Sequence[Use]) -> list[Allow]:
    paths: dict[_Grant, dict[str, set[str]]] = {}
    for use in [each for each in needed if _is_allowed(ceiling, each)]:
        paths.setdefault((use.scope, use.upstream), {}).setdefault(use.method, set()).add(use.path)
    blocks: list[Allow] = []
    for (scope, upstream), of_methods in sorted(paths.items()):
        shared: dict[tuple[str, ...], list[str]] = {}
        for method, used in sorted(of_methods.items()):
            bounds = _bounds(ceiling, (scope, upstream), method)
            shared.setdefault(_folded(used, bounds), []).append(method)
        blocks += [Allow(scope, upstream, tuple(methods), found) for found, methods in shared.items()]
    return blocks


def _bounds(ceiling: Iterable[Allow], grant: _Grant, method: str) -> list[str]:
    """Return the patterns by which the ceiling allows `method`."""
    scope, upstream = grant
    return [
        path
        for block in ceiling
        if block.scope == scope and block.upstream in {ANY, upstream} and _has(block, method)
        for path in block.paths
    ]


def _folded(used: Iterable[str], bounds: Sequence[str]) -> tuple[str, ...]:
    """Return few patterns that cover `used`, each within one of `bounds`."""
    patterns = {known_pattern(path) for path in used}
    ceilings = [known_pattern(path) for path in bounds]
    deepest = max((len(pattern.segments) for pattern in patterns), default=0)
    for place in range(deepest - 1, -1, -1):
        patterns = _folded_at(patterns, place, ceilings)
    kept = [each for each in patterns if not any(other != each and covers(other, each) for other in patterns)]
    if len(kept) > MAX_ITEMS:
        # More than a role file can say: the ceiling's own patterns, those of them that were used.
        kept = [each for each in ceilings if any(covers(each, pattern) for pattern in patterns)]
    return tuple(sorted({written(each) for each in kept}))


def _folded_at(patterns: set[Pattern], place: int, ceilings: Sequence[Pattern]) -> set[Pattern]:
    alike: dict[Pattern, set[Pattern]] = {}
    for pattern in patterns:
        if place < len(pattern.segments) and pattern.segments[place] != "":
            segments = (*pattern.segments[:place], None, *pattern.segments[place + 1 :])
            alike.setdefault(Pattern(segments, pattern.open_end), set()).add(pattern)
    folded = set(patterns)
    for wide, narrow in alike.items():
        if len(narrow) >= FOLDED and any(covers(ceiling, wide) for ceiling in ceilings):
            folded = (folded - narrow) | {wide}
    return folded


def _is_allowed(blocks: Iterable[Allow], use: Use) -> bool:
    wanted = known_pattern(use.path)
    bounds = _bounds(blocks, (use.scope, use.upstream), use.method)
    return any(covers(known_pattern(path), wanted) for path in bounds)


def _dropped(ceiling: Role, needed: Sequence[Use], leased: set[str]) -> Iterable[Dropped]:
    for number, block in enumerate(ceiling.allow, 1):
        used = [
            use
            for use in needed
            if use.scope == block.scope and block.upstream in {ANY, use.upstream} and _has(block, use.method)
        ]
        for what in _dropped_of(block, used):
            yield Dropped(rule_id(ceiling.name, number), what)
    for index, name in enumerate(ceiling.credentials, len(ceiling.allow) + 1):
        if name not in leased:
            yield Dropped(rule_id(ceiling.name, index), f"the credential {name}")
    first = len(ceiling.allow) + len(ceiling.credentials) + len(ceiling.mcp) + 1
    for index, resource in enumerate(ceiling.resources, first):
        if resource.credential not in leased:
            yield Dropped(rule_id(ceiling.name, index), f"the credential {resource.credential}")


def _dropped_of(block: Allow, used: Sequence[Use]) -> Iterable[str]:
    taken = {path for path in block.paths if any(_within(path, use) for use in used)}
    if not taken:
        yield "all of it"
        return
    methods = {use.method for use in used if any(_within(path, use) for path in block.paths)}
    unused = [method for method in block.methods if method not in methods]
    if ANY in unused:
        yield f"every method but {', '.join(sorted(methods))}"
    elif unused:
        yield f"the methods {', '.join(unused)}"
    for path in block.paths:
        if path not in taken:
            yield f"the path {path}"


def _within(path: str, use: Use) -> bool:
    return covers(known_pattern(path), known_pattern(use.path))


def _has(block: Allow, method: str) -> bool:
    return ANY in block.methods or method in block.methods


def _is_table(value: object) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)
    )


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    # A JSON string of printable characters is a basic string of TOML, and so are numbers, true and false.
    return json.dumps(value, ensure_ascii=False)
