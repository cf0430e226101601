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
from smartagent.kernel import Caller, Detail, NeedsApproval
from smartagent.mcp.answering import EVENT_STREAM, Answers, Asked, Serve
from smartagent.mcp.approving import Approving, Held
from smartagent.mcp.credentials import Credentials
from smartagent.mcp.deciding import Deciding, called
from smartagent.mcp.door import Door
from smartagent.mcp.entries import OWN_NAME
from smartagent.mcp.errors import INVALID_PARAMS, McpFlowStopped, McpUnknown
from smartagent.mcp.flow import Flow, Judged, labels_of
from smartagent.mcp.links import Links
from smartagent.mcp.means import Means
from smartagent.mcp.memory import Memory
from smartagent.mcp.model import StoredServer
from smartagent.mcp.own import NAMES, Own
from smartagent.mcp.pinning import Pinning
from smartagent.mcp.pins import digest_of
from smartagent.mcp.protocol import Message, check_parameter_headers, read_message, status_of
from smartagent.mcp.relay import Relay, written
from smartagent.policy import McpCall, McpKind, Permission

_ACCEPTED: Final = 202


class Serving:
    """Serves messages.  What needs the SDK is loaded with this, and so only where it is used."""

    def __init__(self, means: Means, memory: Memory, door: Door, flow: Flow) -> None:
        self._memory = memory
        self._door = door
        self._live = means.live
        self._deciding = Deciding(means, memory)
        self._links = Links(means.clock, means.pinner)
        self._pinning = Pinning(means, memory)
        self.relay = Relay(memory, self._links, Credentials(means), self._pinning, self._deciding)
        self._own = Own(means, memory, self._deciding)
        self._answers = Answers(means)
        self._approving = Approving(means)
        self._flow = flow

    async def take(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take a message to the server that the path names; without a name, to the house's own.

        Raises:
            McpServerNotFound: There is no such server.
            InsufficientScope: The token lacks the server's scope.
            McpMessageRefused: The message is malformed, or its headers say something else.
            McpUnknown: What it names is not there for this caller.
            McpFlowStopped: It would send outside what this caller may have read.
        """
        self._door.admit(caller, inbound)
        name = inbound.params.get("server", "")
        stored = self._memory.server(name) if name else None
        message = read_message(inbound)
        named = called(name, message.method, message.name, message.params)
        target = f"mcp/{name or OWN_NAME}"
        detail: dict[str, Detail] = {"method": message.method[:64], "revision": message.revision}
        if message.id is None or message.method == "ping":
            return Outcome(_at_once(message, name or OWN_NAME), target=target, detail=detail)
        if named is not None:
            target = f"{target}/{named.kind.value.lower()}/{named.name[:128]}"
        asked = Asked(
            caller, inbound.request_id, target, Permission.MCP_CALL, message.id, message.progress_token
        )
        if stored is None:
            self._check_own(message)
            serve: Serve = partial(self._own.serve, message, caller, inbound.request_id)
        else:
            serve = partial(self.relay.serve, stored, message, caller, inbound.request_id)
        event, judged = "mcp.request", Judged()
        if named is not None:
            event = "mcp.call"
            if stored is not None:
                judge = partial(self._judged, stored, named, message, caller, inbound)
                judged = await judge()
                if judged.needs is not None:
                    # What it follows from is decided again, and kept with the intent, when it may be made.
                    event, judged = "mcp.held", Judged(detail=judged.detail)
                    serve = partial(
                        self._approving.serve, Held(asked, stored.server, named, message, judge), serve
                    )
        return Outcome(
            Reply(200, self._answers.stream(asked, serve), EVENT_STREAM),
            event,
            target=target,
            detail={**detail, **judged.detail},
            writes=judged.writes,
        )

    def cut_revoked(self) -> None:
        """End every answer whose caller is no longer live, and the connections that were theirs."""
        self._answers.cut_revoked()
        self._links.drop(self._live)

    async def close(self) -> None:
        """Close the connections to servers."""
        await self._links.close()

    async def _judged(
        self, stored: StoredServer, asked: McpCall, message: Message, caller: Caller, inbound: Inbound
    ) -> Judged:
        """Decide about what a message reaches, and return what the record says of it."""
        verdict = self._deciding.check(
            caller, asked, message.id, status_of(INVALID_PARAMS, modern=message.modern)
        )
        if asked.kind is McpKind.TOOL:
            pin = self._deciding.approved(asked.server, asked.name)
            schema = _input_schema("" if pin is None else pin.approved_definition)
            check_parameter_headers(message, inbound, schema)
        flow = await self._flow.judge(caller, labels_of(stored.server, asked.name), inbound.request_id)
        if flow.stopped:
            raise McpFlowStopped(message.id)
        needs = verdict if isinstance(verdict, NeedsApproval) else None
        detail: dict[str, Detail] = {"by": ",".join(verdict.rules), **flow.detail}
        if asked.arguments is not None:
            detail["arguments"] = digest_of(asked.arguments)
        if caller.subject:
            detail["for"] = caller.subject
        return Judged(flow.writes, detail, needs=needs)

    def _check_own(self, message: Message) -> None:
        if message.method == "tools/call" and message.name not in NAMES:
            status = status_of(INVALID_PARAMS, modern=message.modern)
            raise McpUnknown(
                f"Unknown tool: {message.name[:128]}", message.id, status, "the house has no such tool"
            )


def _at_once(message: Message, server: str) -> Reply:
    if message.id is None:
        # No notification of any revision changes what is answered here.
        return Reply(_ACCEPTED)
    return Reply(200, {"jsonrpc": "2.0", "id": message.id, "result": written(message, {}, server)})


def _input_schema(definition: str) -> object:
    found = msgspec.json.decode(definition or "{}", type=dict[str, object])
    return found.get("inputSchema", {})
