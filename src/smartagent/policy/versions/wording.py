# SPDX-License-Identifier: Apache-2.0
"""What a role or a policy grants, a line for each thing, and what changes between two texts.

Pure.  The lines are for people who compare versions; the engine decides by the Cedar text alone.
"""

import difflib
from collections.abc import Iterator
from typing import Final

import msgspec

from smartagent.policy.cedar import parse_policies
from smartagent.policy.model import Allow, McpAllow, Role, RuleKind
from smartagent.policy.rolefile import parse_role_file

_SPELT_OUT: Final = frozenset({"name", "allow", "mcp", "credentials", "resources", "other_scopes"})
"""Members of a role that have words of their own here; others are shown as they are."""
_OF_A_CALL: Final = frozenset({"scope", "upstream", "methods", "paths"})
_OF_A_SERVER: Final = frozenset({"server", "tools", "prompts", "resources"})


class Difference(msgspec.Struct, frozen=True):
    """What is not the same in two texts.

    `diff` is unified.  `comes` and `goes` say in words what the second grants, or forbids, and the first does not,
    and the other way round.
    """

    diff: str
    comes: tuple[str, ...]
    goes: tuple[str, ...]


def difference(kind: RuleKind, old: str, new: str, labels: tuple[str, str]) -> Difference:
    """Compare two texts; an empty one grants nothing.

    Raises:
        MalformedRoleFile: One is no role file (any more).
        MalformedPolicy: One is no policy (any more).
    """
    before, after = in_words(kind, old), in_words(kind, new)
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), *labels, lineterm="")
    return Difference(
        diff="\n".join(lines),
        comes=tuple(line for line in after if line not in before),
        goes=tuple(line for line in before if line not in after),
    )


def in_words(kind: RuleKind, text: str) -> tuple[str, ...]:
    """Say what a text grants, a line for each thing, each once.

    Raises:
        MalformedRoleFile: It is no role file.
        MalformedPolicy: It is no policy.
    """
    if not text:
        return ()
    lines = _role(parse_role_file(text)) if kind is RuleKind.ROLE else _policy(text)
    return tuple(dict.fromkeys(lines))


def _policy(text: str) -> Iterator[str]:
    for policy in parse_policies(text, "policy", by_hand=True).values():
        yield " ".join(line.strip() for line in policy.text.splitlines() if line.strip()[:2] != "//").strip()


def _role(role: Role) -> Iterator[str]:
    for block in role.allow:
        yield from _calls(block)
    for server in role.mcp:
        yield from _reached(server)
    yield from (f"lease {name}" for name in role.credentials)
    yield from (f"lease {block.credential}: {item}" for block in role.resources for item in block.items)
    yield from (f"scope {scope}" for scope in role.other_scopes)
    for member, value in msgspec.to_builtins(role).items():
        if member not in _SPELT_OUT and value:
            yield f"{member}: {_shown(value)}"


def _calls(block: Allow) -> Iterator[str]:
    for method in block.methods:
        for path in block.paths:
            call = f"{'any method' if method == '*' else method} {path} on {block.upstream}"
            yield "; ".join([f"{call}, with the scope {block.scope}", *_narrower(block, _OF_A_CALL)])


def _reached(block: McpAllow) -> Iterator[str]:
    held = _narrower(block, _OF_A_SERVER)
    for kind, names in (("tool", block.tools), ("prompt", block.prompts), ("resource", block.resources)):
        for name in names:
            yield "; ".join([f"{kind} {name} of the MCP server {block.server}", *held])


def _narrower(block: Allow | McpAllow, told: frozenset[str]) -> list[str]:
    members = msgspec.to_builtins(block)
    return [f"{member} {_shown(value)}" for member, value in members.items() if member not in told and value]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
