# SPDX-License-Identifier: Apache-2.0
"""How tools are pinned, and what is digested.  Pure.

A tool is pinned by whose it is and by all that agents see of it: name, description, schemas, annotations.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import structs

from smartagent.crypto import sha256
from smartagent.mcp.model import McpServer, Pin

MAX_DEFINITION_BYTES: Final = 65_536
"""A tool whose definition is longer is never shown."""
MAX_TOOLS: Final = 1024
MAX_PINNED: Final = 2048
"""A server that shows ever new names is not listened to for ever."""
INSTRUCTIONS: Final = "(instructions)"
"""What a server tells agents about itself is pinned under this name, as if it were a tool; no tool goes by it."""
_PINNED: Final = (
    "name",
    "title",
    "description",
    "inputSchema",
    "outputSchema",
    "annotations",
    "execution",
)
"""What of a tool agents see: all of it is pinned, and nothing else is shown."""


def identity_of(server: McpServer) -> str:
    """Return what a server is, whatever it is called: what its tools are pinned to."""
    return server.url or f"stdio:{msgspec.json.encode(server.command).decode()}"


def canonical(value: object) -> bytes:
    """Return JSON in one form: members sorted by name, no blanks, UTF-8."""
    return msgspec.json.encode(value, order="sorted")


def digest_of(value: object) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hexadecimal."""
    return sha256(canonical(value)).hex()


def definition_of(tool: Mapping[str, object]) -> dict[str, object]:
    """Return of a tool, as its server lists it, what agents see."""
    return {member: tool[member] for member in _PINNED if tool.get(member) is not None}


def pin_digest(server: McpServer, definition: Mapping[str, object]) -> str:
    """Return what a tool is pinned by: the digest of whose it is, and of all that agents see of it."""
    return digest_of([identity_of(server), definition])


def observed(
    server: McpServer, tools: Iterable[Mapping[str, object]], known: Mapping[str, Pin], now: int
) -> list[Pin]:
    """Return the pins that are new or not what they were, now that a server lists `tools`.

    Args:
        server: Who lists them.
        tools: As listed, and scrubbed.  Of two of one name the first counts.
        known: Its pins by tool.
        now: Unix seconds.
    """
    changed: dict[str, Pin] = {}
    for tool in tools:
        definition = definition_of(tool)
        name = definition.get("name")
        text = canonical(definition)
        if not isinstance(name, str) or name in changed or len(text) > MAX_DEFINITION_BYTES:
            continue
        digest = pin_digest(server, definition)
        pin = known.get(name)
        if pin is None and len(known) + len(changed) >= MAX_PINNED:
            continue
        if pin is None:
            changed[name] = Pin(server.name, name, digest, text.decode(), seen_at=now)
        elif pin.offered != digest:
            changed[name] = structs.replace(
                pin, offered=digest, offered_definition=text.decode(), seen_at=now, version=pin.version + 1
            )
    return list(changed.values())


def approved(pin: Pin, by: str, now: int) -> Pin:
    """Return the pin with what the server offers now approved."""
    return structs.replace(
        pin,
        approved=pin.offered,
        approved_definition=pin.offered_definition,
        decided_at=now,
        decided_by=by,
        version=pin.version + 1,
    )
