# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for keys that look like keys and open nothing: placeholders and honeytokens.

A client that insists on a key is given its upstream's placeholder.  It is made of the upstream's name and a key of the
house, so it needs no table and is the same for ever.  A honeytoken looks the same and belongs to no upstream: whoever
uses one found it where nobody had a reason to look.  The store has only a digest of each.
"""

import base64
import re
from collections.abc import Sequence
from typing import Final

from smartagent.crypto import hmac_sha256
from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.kernel import Caller, Clock, Entropy, Secret
from smartagent.storage import Database
from smartagent.vault.errors import HoneytokenNotFound, MalformedHoneytoken
from smartagent.vault.model import Honeytoken
from smartagent.vault.store import drop_honeytoken, honeytoken_changed, put_honeytoken, read_honeytokens
from smartagent.vault.views import (
    HoneytokenList,
    HoneytokenMade,
    HoneytokenRequest,
    honeytoken_view,
)

PREFIX: Final = "sak_ph_"
CHARS: Final = 39
"""How long each is."""
_BYTES: Final = 20
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MAX_NOTE_CHARS: Final = 200


class Placeholders:
    """Makes placeholders, and knows honeytokens.

    Args:
        key: The house's, for this purpose alone.
        database: Where honeytokens are.
    """

    def __init__(self, key: Secret[bytes], database: Database) -> None:
        self._key = key
        self._database = database
        self._honeytokens: dict[bytes, Honeytoken] = {}

    async def reload(self, names: Sequence[str]) -> None:
        """Read the honeytokens again."""
        del names  # they are few
        self._honeytokens = {each.digest: each for each in await read_honeytokens(self._database)}

    def of(self, upstream: str) -> str:
        """Return the placeholder of an upstream."""
        return _shown(hmac_sha256(self._key, f"upstream/{upstream}".encode())[:_BYTES])

    def honeytoken(self, value: str) -> str:
        """Return the name of the honeytoken `value`; empty when it is none."""
        found = self._honeytokens.get(self.digest(value)) if self._honeytokens else None
        return "" if found is None else found.name

    def honeytokens(self) -> list[Honeytoken]:
        """Return all honeytokens by name."""
        return sorted(self._honeytokens.values(), key=lambda each: each.name)

    def digest(self, value: str) -> bytes:
        """Return what the store knows of a honeytoken."""
        return hmac_sha256(self._key, f"honeytoken/{value}".encode())


class Honeytokens:
    """The acts on honeytokens."""

    def __init__(self, placeholders: Placeholders, clock: Clock, entropy: Entropy) -> None:
        self._placeholders = placeholders
        self._clock = clock
        self._entropy = entropy

    async def make(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Make one; its value is shown once."""
        asked = parse_json(inbound.body, HoneytokenRequest)
        name = inbound.params["name"]
        if not _NAME.fullmatch(name):
            raise MalformedHoneytoken("a name is 1 to 63 of a-z, 0-9 and inner hyphens")
        if len(asked.note) > _MAX_NOTE_CHARS or not asked.note.isprintable():
            raise MalformedHoneytoken(f"a note is one line of at most {_MAX_NOTE_CHARS} characters")
        value = _shown(self._entropy(_BYTES))
        digest = self._placeholders.digest(value)
        made = Honeytoken(name, digest, asked.note, int(self._clock.now()), caller.principal)
        return Outcome(
            Reply(201, HoneytokenMade(name, value)),
            target=f"honeytoken/{name}",
            writes=(put_honeytoken(made),),
            changes=(honeytoken_changed(name),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List them, without their values."""
        views = [honeytoken_view(each) for each in self._placeholders.honeytokens()]
        return Outcome(Reply(200, HoneytokenList(views)))

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Delete one: it is used without an alert from then on."""
        name = inbound.params["name"]
        if name not in {each.name for each in self._placeholders.honeytokens()}:
            raise HoneytokenNotFound(name[:64])
        return Outcome(
            Reply(204),
            target=f"honeytoken/{name}",
            writes=(drop_honeytoken(name),),
            changes=(honeytoken_changed(name),),
        )


def _shown(raw: bytes) -> str:
    return (PREFIX + base64.b32encode(raw).decode().lower())[:CHARS]
