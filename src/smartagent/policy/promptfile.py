# SPDX-License-Identifier: Apache-2.0
"""From an agent's prompt file to the role file of an agent that runs with it.

The members that are read:

    name          the role's name
    description   what it is for; one line of the role's is made from it
    tools         as agents' programs take them: `Read, Bash(git:*), mcp__files__read_file`; those of MCP servers
                  become `[[mcp]]` blocks, all others are the program's own, and grant nothing here
    permissions   `GET, POST /orders/** on orders`, `lease orders-db`, `scope revocations.follow`
    ttl           how long tokens live, as in a role file
    model, color  taken, and of no meaning here

The role names the SHA-256 of the whole file: a session of its agents has to state it.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from smartagent.crypto import sha256
from smartagent.policy.errors import MalformedPromptFile, MalformedRoleFile
from smartagent.policy.frontmatter import Member, Text, read_front_matter
from smartagent.policy.rolefile import MAX_TEXT_CHARS, parse_role_file

MAX_PROMPT_BYTES: Final = 1_048_576
_KNOWN: Final = frozenset({"name", "description", "tools", "permissions", "ttl", "model", "color"})
_MCP: Final = "mcp__"
_CALL: Final = re.compile(r"([A-Z*]+(?:\s*,\s*[A-Z*]+)*)\s+(/\S*)\s+on\s+(\S+)")
_LEASE: Final = re.compile(r"lease\s+(\S+)")
_SCOPE: Final = re.compile(r"scope\s+(\S+)")
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HOW: Final = "write `GET /path/** on upstream`, `lease credential` or `scope name`"


class PromptRole(msgspec.Struct, frozen=True):
    """What was made of a prompt file: the name and text of the role file, and what a person should know of it."""

    name: str
    role_file: str
    digest: str
    warnings: tuple[str, ...]


class _Found(msgspec.Struct):
    """What the members grant, as it is collected: (scope, upstream, methods) to paths, and server to tools."""

    calls: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    servers: dict[str, list[str]] = {}
    credentials: list[str] = []
    scopes: list[str] = []
    warnings: list[str] = []


def prompt_digest(raw: bytes) -> str:
    """Return the SHA-256 of a prompt file, in hexadecimal: what the role names, and sessions state."""
    return sha256(raw).hex()


def role_from_prompt(raw: bytes) -> PromptRole:
    """Make the role file of an agent that runs with a prompt file.

    Raises:
        MalformedPromptFile: It is not UTF-8, its front matter cannot be read, has unknown members, or says what no
            role can; names the line.
    """
    if len(raw) > MAX_PROMPT_BYTES:
        raise MalformedPromptFile(f"a prompt file has at most {MAX_PROMPT_BYTES} bytes")
    try:
        members = read_front_matter(raw.decode())
    except UnicodeDecodeError:
        raise MalformedPromptFile("a prompt file is UTF-8") from None
    for name, member in members.items():
        if name not in _KNOWN:
            known = ", ".join(sorted(_KNOWN))
            raise MalformedPromptFile(f"{name}: is no member that is known here ({known})", member.line)
    if "name" not in members:
        raise MalformedPromptFile("does not say its name", 1)
    found = _Found()
    for permission in _each(members.get("permissions")):
        _permit(found, permission)
    for tool in _tools(members.get("tools")):
        _use(found, tool)
    digest = prompt_digest(raw)
    name, role_file = _one(members["name"]).text, _written(members, found, digest)
    _check(role_file, members)
    return PromptRole(name, role_file, digest, tuple(found.warnings))


def with_prompt(role_file: str, digest: str) -> str:
    """Return a role file that names another prompt file, and is the same for the rest.

    Raises:
        MalformedRoleFile: It is none, or names no prompt file at its top.
    """
    parse_role_file(role_file)
    changed, count = re.subn(r'(?m)^prompt\s*=\s*(?:"[^"]*"|\'[^\']*\')', f'prompt = "{digest}"', role_file)
    if count != 1 or parse_role_file(changed).prompt != digest:
        raise MalformedRoleFile(
            'does not name a prompt file in a line of its own: prompt = "..."', field="prompt"
        )
    return changed


def _check(role_file: str, members: dict[str, Member]) -> None:
    try:
        parse_role_file(role_file)
    except MalformedRoleFile as error:
        # The line of the role file that was made says nothing to whoever wrote the prompt file.
        member = members.get(error.field.partition("[")[0]) or members.get("permissions") or members["name"]
        raise MalformedPromptFile(f"{error.field}: {error.reason}", member.line) from error


def _one(member: Member) -> Text:
    if member.is_list or len(member.texts) != 1:
        raise MalformedPromptFile("is one text, not a list", member.line)
    return member.texts[0]


def _each(member: Member | None) -> Iterator[Text]:
    if member is None:
        return
    if not member.is_list:
        raise MalformedPromptFile(f"permissions are a list: {_HOW}, one to a line", member.line)
    yield from member.texts


def _tools(member: Member | None) -> Iterator[Text]:
    for text in () if member is None else member.texts:
        # A comma between parentheses belongs to the tool: Bash(git:*, npm:*).
        for part in re.split(r",(?![^()]*\))", text.text):
            if part.strip():
                yield Text(text.line, part.strip())


def _permit(found: _Found, permission: Text) -> None:
    text = permission.text.strip()
    call = _CALL.fullmatch(text)
    lease = _LEASE.fullmatch(text)
    scope = _SCOPE.fullmatch(text)
    if call is not None:
        methods = tuple(method.strip() for method in call[1].split(","))
        held = f"{call[3]}:{'read' if _READING.issuperset(methods) else 'write'}"
        found.calls.setdefault((held, call[3], methods), []).append(call[2])
    elif lease is not None:
        found.credentials.append(lease[1])
    elif scope is not None:
        found.scopes.append(scope[1])
    else:
        raise MalformedPromptFile(f"{text[:80]!r} is no permission: {_HOW}", permission.line)


def _use(found: _Found, tool: Text) -> None:
    if not tool.text.startswith(_MCP):
        found.warnings.append(
            f"line {tool.line}: {tool.text[:80]} is the program's own tool: it grants nothing here"
        )
        return
    server, _, name = tool.text.removeprefix(_MCP).partition("__")
    if not server:
        raise MalformedPromptFile("an MCP tool is mcp__<server>__<tool>", tool.line)
    found.servers.setdefault(server, []).append(name or "*")


def _written(members: dict[str, Member], found: _Found, digest: str) -> str:
    description = _one(members["description"]).text if "description" in members else ""
    if len(description) > MAX_TEXT_CHARS:
        found.warnings.append(
            f"line {members['description'].line}: the description is cut to {MAX_TEXT_CHARS} characters"
        )
    top: dict[str, object] = {
        "name": _one(members["name"]).text,
        "description": description[:MAX_TEXT_CHARS],
        "prompt": digest,
        "ttl": _one(members["ttl"]).text if "ttl" in members else "",
        "scopes": found.scopes,
        "credentials": found.credentials,
    }
    lines = [_line(member, value) for member, value in top.items() if value]
    for (scope, upstream, methods), paths in found.calls.items():
        block: dict[str, object] = {"scope": scope, "upstream": upstream, "methods": methods, "paths": paths}
        lines += ["", "[[allow]]", *(_line(member, value) for member, value in block.items())]
    for server, tools in found.servers.items():
        lines += ["", "[[mcp]]", _line("server", server), _line("tools", list(dict.fromkeys(tools)))]
    return "\n".join(lines) + "\n"


def _line(member: str, value: object) -> str:
    # JSON's texts and lists of texts are TOML's.
    return f"{member} = {msgspec.json.format(msgspec.json.encode(value), indent=0).decode()}"
