# SPDX-License-Identifier: Apache-2.0
"""One message: read -> check scope and revision -> decide -> (intent recorded) -> ask -> scrub -> (outcome recorded).

The message comes in by the same door as every other request.  What it decides about is known before anything
leaves: the tool's pin, the role's rules and the arguments.  The intent is the pipeline's record, with the
arguments' digest; the answer streams after it.
"""

from functools import partial
from typing import Final

import msgspec

from smartagent.edge import Inbound, Outcome, Reply
from smartagent.kernel import Caller, Detail
from smartagent.mcp.answering import EVENT_STREAM, Answers, Asked, Serve
from smartagent.mcp.credentials import Credentials
from smartagent.mcp.deciding import Deciding, called
from smartagent.mcp.door import Door
from smartagent.mcp.entries import OWN_NAME
from smartagent.mcp.errors import McpUnknown
from smartagent.mcp.links import Links
from smartagent.mcp.means import Means
from smartagent.mcp.memory import Memory
from smartagent.mcp.model import StoredServer
from smartagent.mcp.own import NAMES, Own
from smartagent.mcp.pinning import Pinning
from smartagent.mcp.pins import digest_of
from smartagent.mcp.protocol import Message, check_parameter_headers, read_message, status_of
from smartagent.mcp.relay import Relay, written
from smartagent.policy import McpKind, Permission

INVALID: Final = -32602
_ACCEPTED: Final = 202


class Serving:
    """Serves messages.  What needs the SDK is loaded with this, and so only where it is used."""

    def __init__(self, means: Means, memory: Memory, door: Door) -> None:
        self._memory = memory
        self._door = door
        self._deciding = Deciding(means, memory)
        self._links = Links(means.clock, means.pinner)
        self._pinning = Pinning(means, memory)
        self.relay = Relay(memory, self._links, Credentials(means), self._pinning, self._deciding)
        self._own = Own(means, memory, self._deciding)
        self._answers = Answers(means)

    async def take(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take a message to the server that the path names; without a name, to the house's own.

        Raises:
            McpServerNotFound: There is no such server.
            InsufficientScope: The token lacks the server's scope.
            McpMessageRefused: The message is malformed, or its headers say something else.
            McpUnknown: What it names is not there for this caller.
        """
        self._door.admit(caller, inbound)
        name = inbound.params.get("server", "")
        stored = self._memory.server(name) if name else None
        message = read_message(inbound)
        target = f"mcp/{name or OWN_NAME}"
        detail: dict[str, Detail] = {"method": message.method[:64], "revision": message.revision}
        if message.id is None:
            # No notification of any revision changes what is answered here.
            return Outcome(Reply(_ACCEPTED), target=target, detail=detail)
        if message.method == "ping":
            body = {"jsonrpc": "2.0", "id": message.id, "result": written(message, {}, name or OWN_NAME)}
            return Outcome(Reply(200, body), target=target, detail=detail)
        if stored is None:
            self._check_own(message)
            serve: Serve = partial(self._own.serve, message, caller, inbound.request_id)
        else:
            detail |= self._decided(stored, message, caller, inbound)
            serve = partial(self.relay.serve, stored, message, caller, inbound.request_id)
        named = called(name, message.method, message.name, message.params)
        if named is not None:
            target = f"{target}/{named.kind.value.lower()}/{named.name[:128]}"
        asked = Asked(
            caller, inbound.request_id, target, Permission.MCP_CALL, message.id, message.progress_token
        )
        stream = Reply(200, self._answers.stream(asked, serve), EVENT_STREAM)
        event = "mcp.request" if named is None else "mcp.call"
        return Outcome(stream, event, target=target, detail=detail)

    def cut_revoked(self) -> None:
        """End every answer whose caller is no longer live."""
        self._answers.cut_revoked()

    async def close(self) -> None:
        """Close the connections to servers."""
        await self._links.close()

    def _decided(
        self, stored: StoredServer, message: Message, caller: Caller, inbound: Inbound
    ) -> dict[str, Detail]:
        """Decide about what a message names, and return what the record says of it."""
        asked = called(stored.server.name, message.method, message.name, message.params)
        if asked is None:
            return {}
        status = status_of(INVALID, modern=message.modern)
        rules = self._deciding.check(caller, asked, message.id, status)
        if asked.kind is McpKind.TOOL:
            pin = self._deciding.approved(asked.server, asked.name)
            schema = _input_schema("" if pin is None else pin.approved_definition)
            check_parameter_headers(message, inbound, schema)
        arguments = {} if asked.arguments is None else {"arguments": digest_of(asked.arguments)}
        said_for = {"for": caller.subject} if caller.subject else {}
        return {"by": ",".join(rules), **arguments, **said_for}

    def _check_own(self, message: Message) -> None:
        if message.method == "tools/call" and message.name not in NAMES:
            status = status_of(INVALID, modern=message.modern)
            raise McpUnknown(
                f"Unknown tool: {message.name[:128]}", message.id, status, "the house has no such tool"
            )


def _input_schema(definition: str) -> object:
    found = msgspec.json.decode(definition or "{}", type=dict[str, object])
    return found.get("inputSchema", {})
