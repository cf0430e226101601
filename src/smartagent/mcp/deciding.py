# SPDX-License-Identifier: Apache-2.0
"""Whether a caller may reach what a message names: the tool is what was approved, and a rule of their role says so.

What is refused is answered as what does not exist is, and the log says why.
"""

from collections.abc import Mapping

from smartagent.kernel import Caller, NeedsApproval, Permitted
from smartagent.mcp.errors import McpUnknown, RpcId
from smartagent.mcp.means import Means
from smartagent.mcp.memory import Memory
from smartagent.mcp.model import Pin
from smartagent.mcp.pins import INSTRUCTIONS
from smartagent.policy import MCP_SCOPE, McpCall, McpKind

_KINDS = {"tools/call": McpKind.TOOL, "prompts/get": McpKind.PROMPT, "resources/read": McpKind.RESOURCE}
_REFERENCES = {"ref/prompt": ("name", McpKind.PROMPT), "ref/resource": ("uri", McpKind.RESOURCE)}
_SHOWN_CHARS = 128
_MAX_WANTED = 255


class Deciding:
    """Decides about calls, and about what is shown in lists."""

    def __init__(self, means: Means, memory: Memory) -> None:
        self._means = means
        self._memory = memory

    def check(
        self, caller: Caller, asked: McpCall, rpc_id: RpcId, rpc_status: int
    ) -> Permitted | NeedsApproval:
        """Let `caller` make a call, at once or when somebody has approved it.

        Raises:
            McpUnknown: There is no such thing for them.
        """
        text = f"Unknown {asked.kind.value.lower()}: {asked.name[:_SHOWN_CHARS]}"
        if asked.kind is McpKind.TOOL:
            self._check_pin(asked, rpc_id, rpc_status, text)
        verdict = self._means.book.decide_mcp(caller, asked)
        if isinstance(verdict, Permitted | NeedsApproval):
            return verdict
        raise McpUnknown(text, rpc_id, rpc_status, verdict.reason, _wanted(asked))

    def shows(self, caller: Caller, asked: McpCall) -> bool:
        """Say whether something stands in a list that `caller` gets."""
        return isinstance(self._means.book.decide_mcp(caller, asked), Permitted | NeedsApproval)

    def tools_of(self, caller: Caller, server: str) -> list[str]:
        """Return the tools of a server that are approved, and that `caller` may call in some way."""
        return [
            tool
            for tool in sorted(self._memory.pins(server))
            if self.approved(server, tool) and self.shows(caller, McpCall(server, McpKind.TOOL, tool))
        ]

    def approved(self, server: str, tool: str) -> Pin | None:
        """Return the pin of a tool that is what was approved; None for any other."""
        return None if tool == INSTRUCTIONS else self._memory.approved(server, tool)

    def _check_pin(self, asked: McpCall, rpc_id: RpcId, rpc_status: int, text: str) -> None:
        if self.approved(asked.server, asked.name) is not None:
            return
        pin = self._memory.pins(asked.server).get(asked.name)
        state = "never seen" if pin is None else f"{pin.state.value}, not approved"
        reason = f"{asked.name[:_SHOWN_CHARS]} is {state}"
        raise McpUnknown(text, rpc_id, rpc_status, reason)


def _wanted(asked: McpCall) -> str:
    """Return what a rule would have to allow; empty when no role file could name it."""
    named = len(asked.name) <= _MAX_WANTED and asked.name.isprintable()
    return f"{MCP_SCOPE}{asked.server} {asked.kind.value} {asked.name}" if named else ""


def called(server: str, method: str, name: str, params: Mapping[str, object]) -> McpCall | None:
    """Return what a message reaches of a server; None when it names no one thing."""
    kind = _KINDS.get(method)
    if kind is McpKind.TOOL:
        arguments = params.get("arguments")
        return McpCall(server, kind, name, arguments if isinstance(arguments, dict) else {})
    if kind is not None:
        return McpCall(server, kind, name)
    reference = params.get("ref")
    if method != "completion/complete" or not isinstance(reference, dict):
        return None
    member, referred = _REFERENCES.get(str(reference.get("type")), ("name", McpKind.PROMPT))
    return McpCall(server, referred, str(reference.get(member, "")))
