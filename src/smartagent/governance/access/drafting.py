# SPDX-License-Identifier: Apache-2.0
"""From a denial to the narrowest change of a role file that would have allowed it.

Pure.  The change is made in the text, so that comments and order stay, and then read back: what the text says must be
the role as it was and the one addition, or there is no draft.
"""

import json
import re
from typing import Final

from msgspec import structs

from smartagent.governance.access.model import Wish, WishKind
from smartagent.governance.errors import NoDraft
from smartagent.kernel import Decision, Record
from smartagent.policy import (
    CREDENTIAL_SCOPE,
    MCP_SCOPE,
    Allow,
    MalformedRoleFile,
    McpAllow,
    McpKind,
    Role,
    known_pattern,
    parse_role_file,
)

_CALL: Final = "gateway.call"
_NOT_PERMITTED: Final = "not-permitted"
_MEMBERS: Final = {McpKind.TOOL: "tools", McpKind.PROMPT: "prompts", McpKind.RESOURCE: "resources"}
_CREDENTIALS: Final = re.compile(r"^credentials\s*=\s*\[", re.MULTILINE)
_TABLE: Final = re.compile(r"^\s*\[", re.MULTILINE)
_NAME: Final = re.compile(r'^name\s*=\s*(?:"[^"\n]*"|\'[^\'\n]*\')', re.MULTILINE)


def wish_of(record: Record) -> Wish | None:
    """Return what a record denies; None when no rule could have allowed it."""
    if record.decision is not Decision.DENY:
        return None
    wanted = str(record.detail.get("wanted", ""))
    if wanted.startswith(CREDENTIAL_SCOPE):
        return Wish(WishKind.LEASE, wanted.removeprefix(CREDENTIAL_SCOPE))
    if wanted.startswith(MCP_SCOPE):
        server, verb, name = wanted.removeprefix(MCP_SCOPE).split(" ", 2)
        return Wish(WishKind.MCP, server, verb, name)
    if record.event != _CALL or record.outcome != _NOT_PERMITTED:
        return None
    method, _, path = record.target.partition(" ")
    upstream, _, rest = path.removeprefix("/").partition("/")
    return Wish(WishKind.CALL, upstream, method, f"/{rest}")


def draft_of(role_file: str, wish: Wish, path: str = "") -> str:
    """Return the role file with what allows `wish`, and nothing else.

    Args:
        role_file: As it is in force.
        wish: What was denied.
        path: A pattern instead of the path of a call, for somebody who wants it wider.

    Raises:
        NoDraft: There is none; the text says why.
    """
    before = parse_role_file(role_file)
    try:
        text, wanted = _changed(role_file, before, wish, path)
        after = parse_role_file(text)
    except (MalformedRoleFile, ValueError) as error:
        raise NoDraft(str(error)) from error
    if after != wanted:
        raise NoDraft("the role file is written in a way that cannot be added to; edit it by hand")
    return text


def named_anew(role_file: str, name: str) -> str:
    """Return the role file under another name.

    Raises:
        NoDraft: Where the name stands cannot be told.
    """
    text, found = _NAME.subn(f'name = "{name}"', role_file, count=1)
    before = parse_role_file(role_file)
    if not found or parse_role_file(text) != structs.replace(before, name=name):
        raise NoDraft('write the name at the beginning of a line: name = "..."')
    return text


def _changed(text: str, role: Role, wish: Wish, path: str) -> tuple[str, Role]:
    match wish.kind:
        case WishKind.CALL:
            call = _allowed(role, wish, path)
            members = {"scope": call.scope, "upstream": call.upstream}
            lists = {"methods": call.methods, "paths": call.paths}
            return _with_block(text, "allow", members, lists), structs.replace(
                role, allow=(*role.allow, call)
            )
        case WishKind.MCP:
            block = _reached(wish)
            text = _with_block(
                text, "mcp", {"server": block.server}, {_MEMBERS[McpKind(wish.verb)]: (wish.name,)}
            )
            return text, structs.replace(role, mcp=(*role.mcp, block))
        case WishKind.LEASE:
            leased = structs.replace(role, credentials=(wish.place, *role.credentials))
            return _with_credential(text, wish.place), leased
        case WishKind.WORDS:
            msg = "the agent asks in its own words; write the role file by hand"
            raise ValueError(msg)


def _allowed(role: Role, wish: Wish, path: str) -> Allow:
    if path:
        if not known_pattern(path).matches(wish.name):
            raise ValueError(f"the pattern {path[:200]} does not match {wish.name[:200]}, which was denied")
    elif "*" in wish.name:
        msg = "the path has an asterisk, and would be a pattern; say which one is meant"
        raise ValueError(msg)
    # A scope that tokens of the role may hold for this upstream anyway opens nothing else.
    scopes = (block.scope for block in role.allow if block.upstream == wish.place)
    scope = next(scopes, f"{wish.place}:{wish.verb.lower()}")
    return Allow(scope, wish.place, (wish.verb,), (path or wish.name,))


def _reached(wish: Wish) -> McpAllow:
    if "*" in wish.name:
        msg = "the name has an asterisk, and would be a pattern; write the role file by hand"
        raise ValueError(msg)
    names = (wish.name,)
    match McpKind(wish.verb):
        case McpKind.TOOL:
            return McpAllow(wish.place, tools=names)
        case McpKind.PROMPT:
            return McpAllow(wish.place, prompts=names)
        case McpKind.RESOURCE:
            return McpAllow(wish.place, resources=names)


def _with_block(text: str, table: str, members: dict[str, str], lists: dict[str, tuple[str, ...]]) -> str:
    # JSON's strings of printable characters are TOML's basic strings.
    lines = [f"{name} = {json.dumps(value)}" for name, value in members.items()]
    lines += [f"{name} = {json.dumps(list(values))}" for name, values in lists.items()]
    return "\n".join([text.rstrip("\n"), "", f"[[{table}]]", *lines, ""])


def _with_credential(text: str, name: str) -> str:
    listed = _CREDENTIALS.search(text)
    first = _TABLE.search(text)
    if listed is not None and (first is None or listed.start() < first.start()):
        rest = text[listed.end() :]
        comma = "" if rest.lstrip().startswith("]") else ", "
        return f'{text[: listed.end()]}"{name}"{comma}{rest}'
    place = len(text) if first is None else first.start()
    head = text[:place]
    newline = "" if not head or head.endswith("\n") else "\n"
    return f'{head}{newline}credentials = ["{name}"]\n{text[place:]}'
