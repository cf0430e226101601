# SPDX-License-Identifier: Apache-2.0
"""How MCP can fail.

McpError
    MalformedMcpServer     the entry does not say where a server is, or says it in a way that is not safe
    McpServerNotFound      no server has this name
    McpToolNotFound        the server never showed a tool of this name
    McpChanged             somebody else changed it between the look and the write, or the server did
    McpNotInstalled        the MCP SDK is not installed here
    McpTokenNeeded         no token that is meant for this resource
    McpOriginRefused       a web page of another origin sent it
    McpServerUnreachable   the server cannot be reached, ended in the middle, or said what is no MCP
    McpServerTimeout       the server does not answer in time
    McpFull                too many connections to servers are open
    McpRefusal             answered in JSON-RPC, with the message's own id
        McpMessageRefused      the message is malformed, or its headers say something else
        McpUnknown             what is named is not there for this caller
        McpFlowStopped         private data and untrusted content were met, and this sends outside
        McpApprovalPending     somebody has to approve it first

No text of these errors holds anything that a server said.
"""

from typing import ClassVar, Final

from smartagent.kernel import Kind, SmartAgentError

INVALID_PARAMS: Final = -32602
METHOD_NOT_FOUND: Final = -32601
REFUSED: Final = -32000
"""For what JSON-RPC and MCP have no code."""
_ANSWERED: Final = 200

RpcId = str | int | None


class McpError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class MalformedMcpServer(McpError):
    """The server's entry is not one."""

    code: ClassVar[str] = "malformed-mcp-server"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The MCP server's entry is malformed."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class McpServerNotFound(McpError):
    """No server has this name."""

    code: ClassVar[str] = "mcp-server-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such MCP server."


class McpToolNotFound(McpError):
    """The server never showed a tool of this name."""

    code: ClassVar[str] = "mcp-tool-not-found"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "The MCP server has shown no such tool."


class McpChanged(McpError):
    """Somebody else changed it between the look and the write, or the server changed what it offers."""

    code: ClassVar[str] = "mcp-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The MCP server or tool was changed meanwhile; look at it again."


class McpNotInstalled(McpError):
    """The MCP SDK is not installed where this authority runs."""

    code: ClassVar[str] = "mcp-not-installed"
    kind: ClassVar[Kind] = Kind.NOT_IMPLEMENTED
    title: ClassVar[str] = "MCP is not installed here."

    def __init__(self) -> None:
        super().__init__("install it where the authority runs: pip install 'smartagent[mcp]'")


class McpTokenNeeded(McpError):
    """No token that is meant for this resource.  The challenge says where to learn how to get one.

    Every reason has this one public text; `reason` goes to the log.
    """

    code: ClassVar[str] = "mcp-token-needed"
    kind: ClassVar[Kind] = Kind.UNAUTHENTICATED
    title: ClassVar[str] = "A token for this MCP server is needed."

    def __init__(self, reason: str, response_headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__("the challenge says where to get one")
        self.reason = reason
        self.response_headers = response_headers


class McpOriginRefused(McpError):
    """A web page of another origin sent it."""

    code: ClassVar[str] = "mcp-origin-refused"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "Pages of other origins may not call MCP servers."


class McpServerUnreachable(McpError):
    """The server cannot be reached, ended in the middle, or said what is no MCP.  `reason` is for the log."""

    code: ClassVar[str] = "mcp-server-unreachable"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The MCP server cannot be reached."

    def __init__(self, reason: str) -> None:
        super().__init__("try again; whoever operates it finds the reason in the log")
        self.reason = reason


class McpServerTimeout(McpError):
    """The server does not answer in time."""

    code: ClassVar[str] = "mcp-server-timeout"
    kind: ClassVar[Kind] = Kind.TIMEOUT
    title: ClassVar[str] = "The MCP server does not answer in time."


class McpFull(McpError):
    """Too many connections to servers are open."""

    code: ClassVar[str] = "mcp-full"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "Too many connections to MCP servers are open."


class McpRefusal(McpError):
    """Answered in JSON-RPC, with the id of the message that is refused; never raised itself.

    `rpc_status` is the HTTP status: revisions differ in what they expect.
    """

    def __init__(
        self, text: str, rpc_id: RpcId, rpc_code: int, rpc_status: int, rpc_data: object = None
    ) -> None:
        super().__init__(text)
        self.rpc_id = rpc_id
        self.rpc_code = rpc_code
        self.rpc_status = rpc_status
        self.rpc_data = rpc_data


class McpMessageRefused(McpRefusal):
    """The message is malformed, its headers say something else than its body, or its method is not served."""

    code: ClassVar[str] = "mcp-message-refused"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The MCP message cannot be taken."


class McpUnknown(McpRefusal):
    """What is named is not there for this caller.

    `reason` is for the log, and so is `wanted`: what a rule would have to allow, empty when none could.
    """

    code: ClassVar[str] = "mcp-unknown"
    kind: ClassVar[Kind] = Kind.NOT_FOUND
    title: ClassVar[str] = "There is no such tool, prompt or resource."

    def __init__(self, text: str, rpc_id: RpcId, rpc_status: int, reason: str, wanted: str = "") -> None:
        super().__init__(text, rpc_id, INVALID_PARAMS, rpc_status)
        self.reason = reason
        self.wanted = wanted


class McpFlowStopped(McpRefusal):
    """The agent read private data and met untrusted content, and this could send the one where the other says."""

    code: ClassVar[str] = "mcp-flow-stopped"
    kind: ClassVar[Kind] = Kind.FORBIDDEN
    title: ClassVar[str] = "This agent may send nothing outside for now."

    def __init__(self, rpc_id: RpcId) -> None:
        super().__init__(f"{self.title} An operator must look at what it read.", rpc_id, REFUSED, _ANSWERED)


class McpApprovalPending(McpRefusal):
    """Somebody has to approve the call first; the same call works when they have."""

    code: ClassVar[str] = "mcp-approval-pending"
    kind: ClassVar[Kind] = Kind.PENDING
    title: ClassVar[str] = "Somebody has to approve this call first."

    def __init__(self, text: str, rpc_id: RpcId, rpc_code: int = REFUSED, data: object = None) -> None:
        super().__init__(text, rpc_id, rpc_code, _ANSWERED, data)
