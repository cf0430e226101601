# SPDX-License-Identifier: Apache-2.0
"""The Unix socket where a program gets its credentials as they are now.

It lives in Linux's abstract namespace, so there is no file.  Whoever connects must be the same user.  One request a
line, one answer a line, both JSON:

    {"credential": "orders-db"}
    {"credential": "orders-db", "fields": {"url": "postgresql://..."}, "expires_at": "...", "lease_id": "lse_..."}
"""

import asyncio
import json
import socket
from typing import Final

from smartagent.cli.run.peers import is_own
from smartagent.kernel import Entropy, SmartAgentError
from smartagent.sdk import AgentSession

_NAME_BYTES: Final = 16
_MAX_LINE: Final = 4096


class CredentialSocket:
    """Serves a session's credentials to processes of this user."""

    def __init__(self, session: AgentSession, names: frozenset[str], entropy: Entropy) -> None:
        self._session = session
        self._names = names
        self.address = f"@smartagent-{entropy(_NAME_BYTES).hex()}"
        """As it stands in `SMARTAGENT_SOCKET`: the `@` is the abstract namespace's NUL."""
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind("\0" + self.address[1:])
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=_MAX_LINE)

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not is_own(writer.get_extra_info("socket")):
                return
            while line := await reader.readline():
                writer.write(json.dumps(await self._answer(line)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            return
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            asked = json.loads(line)
            name = asked["credential"]
        except (ValueError, KeyError, TypeError):
            return {"error": "malformed-request"}
        if not isinstance(name, str) or name not in self._names:
            return {"error": "no-such-credential"}
        try:
            kept = await self._session.credential(name)
        except SmartAgentError as error:
            return {"error": getattr(error, "problem", error.code)}
        fields = {field: value.reveal() for field, value in kept.fields.items()}
        return {
            "credential": name,
            "fields": fields,
            "expires_at": kept.expires_at,
            "lease_id": kept.lease_id,
        }
