# SPDX-License-Identifier: Apache-2.0
"""The `[[mcp]]` blocks of a role file: what a role may reach of one MCP server.

[[mcp]]
server = "files"
tools = ["read_*", "list_directory"]
prompts = []
resources = ["file:///srv/*"]

[[mcp.arguments]]
path = "path"
prefix = "/srv/"
"""

import re
from typing import Final

import msgspec

from smartagent.policy.arguments import MAX_PATTERN_CHARS
from smartagent.policy.model import ArgumentRule, Ask, McpAllow

_MAX_ITEMS: Final = 64
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CONDITIONS: Final = "write one of: equals, one_of, prefix, pattern, or min and max"

_Scalar = str | int | float | bool


class ArgumentsFile(msgspec.Struct, forbid_unknown_fields=True):
    """A rule about arguments, as it is written."""

    path: str
    equals: _Scalar | None = None
    one_of: list[_Scalar] = []
    prefix: str = ""
    pattern: str = ""
    min: int | float | None = None
    max: int | float | None = None
    optional: bool = False


class McpFile(msgspec.Struct, forbid_unknown_fields=True):
    """A block, as it is written."""

    server: str
    tools: list[str] = []
    prompts: list[str] = []
    resources: list[str] = []
    arguments: list[ArgumentsFile] = []
    ask: Ask | None = None


def parse_mcp(raw: McpFile) -> McpAllow:
    """Read a block.

    Raises:
        ValueError: It is none; the text says which member, and why.
    """
    if not _NAME.fullmatch(raw.server):
        msg = "server: a name is 1 to 63 of a-z, 0-9 and inner hyphens"
        raise ValueError(msg)
    if not (raw.tools or raw.prompts or raw.resources):
        msg = "names no tools, prompts or resources, so it would allow nothing"
        raise ValueError(msg)
    if raw.arguments and not raw.tools:
        msg = "arguments: are those of tools, and there are none"
        raise ValueError(msg)
    if len(raw.arguments) > _MAX_ITEMS:
        raise ValueError(f"arguments: at most {_MAX_ITEMS} of them")
    return McpAllow(
        server=raw.server,
        tools=_patterns("tools", raw.tools),
        prompts=_patterns("prompts", raw.prompts),
        resources=_patterns("resources", raw.resources),
        arguments=tuple(_rule(each) for each in raw.arguments),
        ask=raw.ask,
    )


def _patterns(member: str, written: list[str]) -> tuple[str, ...]:
    if len(written) > _MAX_ITEMS:
        raise ValueError(f"{member}: at most {_MAX_ITEMS} of them")
    for each in written:
        _text(member, each)
    return tuple(dict.fromkeys(written))


def _text(member: str, raw: str) -> str:
    if not 0 < len(raw) <= MAX_PATTERN_CHARS or not raw.isprintable():
        raise ValueError(f"{member}: 1 to {MAX_PATTERN_CHARS} printable characters")
    return raw


def _rule(raw: ArgumentsFile) -> ArgumentRule:
    if not all(_text("path", raw.path).split(".")):
        msg = "path: names with dots between them, as in filter.owner"
        raise ValueError(msg)
    one_of = tuple(raw.one_of) if raw.equals is None else (raw.equals,)
    is_range = raw.min is not None or raw.max is not None
    said = [raw.equals is not None, bool(raw.one_of), bool(raw.prefix), bool(raw.pattern), is_range]
    if sum(said) != 1:
        raise ValueError(f"{raw.path}: {_CONDITIONS}")
    return ArgumentRule(
        path=raw.path,
        one_of=one_of,
        prefix=raw.prefix,
        pattern=raw.pattern,
        minimum=raw.min,
        maximum=raw.max,
        optional=raw.optional,
    )
