# SPDX-License-Identifier: Apache-2.0
"""What may be written in a server's entry.  Pure."""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from smartagent.mcp.errors import MalformedMcpServer
from smartagent.mcp.model import McpServer
from smartagent.vault import MalformedUpstream, parse_base_url

OWN_NAME: Final = "smartagent"
"""The house's own server; no other goes by it."""
_MAX_TIMEOUT_SECONDS: Final = 600
_MAX_WORDS: Final = 64
_MAX_WORD_CHARS: Final = 4096
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_HEADER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_NOT_FOR_SECRETS: Final = frozenset(
    {"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "origin"}
)
_NOT_FOR_SECRETS_FAMILIES: Final = ("mcp-", "proxy-", "sec-", "x-forwarded-")
_LOADERS: Final = ("LD_", "DYLD_")


def parse_server(entry: McpServer) -> McpServer:
    """Check an entry as it was written, and bring it into canonical form.

    Raises:
        MalformedMcpServer: A field is not what it should be; names the field.
    """
    if not _NAME.fullmatch(entry.name) or entry.name == OWN_NAME:
        raise MalformedMcpServer("name", f"1 to 63 of a-z, 0-9 and inner hyphens, and not {OWN_NAME}")
    if bool(entry.url) == bool(entry.command):
        raise MalformedMcpServer("url", "say where it is, or the command that starts it: one of the two")
    if not 0 < entry.timeout_seconds <= _MAX_TIMEOUT_SECONDS:
        raise MalformedMcpServer("timeout_seconds", f"1 to {_MAX_TIMEOUT_SECONDS} seconds")
    if entry.people_role and not _NAME.fullmatch(entry.people_role):
        raise MalformedMcpServer("people_role", "a role's name")
    _check_credential(entry)
    if len(entry.labels) > _MAX_WORDS or not all(map(str.isprintable, entry.labels)):
        raise MalformedMcpServer("labels", f"at most {_MAX_WORDS} patterns of names")
    if entry.command:
        _check_command(entry)
        return entry
    if entry.env:
        raise MalformedMcpServer("env", "is for commands")
    return structs.replace(entry, url=_parse_url(entry))


def _parse_url(entry: McpServer) -> str:
    try:
        return parse_base_url(
            entry.url, allow_private=entry.allow_private, allow_plaintext=entry.allow_plaintext
        )
    except MalformedUpstream as error:
        raise MalformedMcpServer("url", str(error).partition(": ")[2]) from None


def _check_credential(entry: McpServer) -> None:
    if entry.account:
        _check_account(entry)
    elif entry.secret:
        _check_place(entry)
    elif entry.place:
        raise MalformedMcpServer("place", "there is no secret to put there")


def _check_account(entry: McpServer) -> None:
    if entry.secret or entry.command or entry.place not in {"", "bearer"}:
        raise MalformedMcpServer("account", "goes as a bearer token to a URL, and instead of a secret")
    if not _NAME.fullmatch(entry.account):
        raise MalformedMcpServer("account", "the provider's name, as in `account connect PROVIDER/NAME`")


def _check_place(entry: McpServer) -> None:
    kind, _, name = entry.place.partition(":")
    if entry.command:
        if kind != "env" or not _is_variable(name):
            raise MalformedMcpServer("place", "env:<NAME>, the variable that the command reads")
    elif entry.place != "bearer" and not (kind == "header" and _is_header(name)):
        raise MalformedMcpServer("place", "bearer or header:<Name>")


def _check_command(entry: McpServer) -> None:
    if len(entry.command) > _MAX_WORDS or any(
        not 0 < len(word) <= _MAX_WORD_CHARS or "\0" in word for word in entry.command
    ):
        raise MalformedMcpServer("command", f"1 to {_MAX_WORDS} words")
    if not entry.command[0].startswith("/"):
        raise MalformedMcpServer("command", "the program's whole path, as in /usr/bin/node")
    if len(entry.env) > _MAX_WORDS or any(
        not _is_variable(name) or len(value) > _MAX_WORD_CHARS or "\0" in value
        for name, value in entry.env.items()
    ):
        raise MalformedMcpServer("env", "names and values of variables; none that loaders read")


def _is_variable(name: str) -> bool:
    return bool(_VARIABLE.fullmatch(name)) and not name.startswith(_LOADERS)


def _is_header(name: str) -> bool:
    low = name.lower()
    return bool(
        _HEADER.fullmatch(name)
        and low not in _NOT_FOR_SECRETS
        and not low.startswith(_NOT_FOR_SECRETS_FAMILIES)
    )


def allowed_program(command: Sequence[str], programs: str) -> bool:
    """Say whether a command's program is one of `programs`, which are paths with blanks between them."""
    return command[0] in programs.split()


def account_name(user: str) -> str:
    """Return the name of a user's account at a provider: their id, with a hyphen for its underscore."""
    return user.replace("_", "-")
