# SPDX-License-Identifier: Apache-2.0
"""A connection to a server, for one user: opened, negotiated and kept by the SDK's client in one task.

Whatever the server says leaves here scrubbed of the credential that the connection was made with, and of the
values that it replaced.  The SDK's client offers the server nothing to ask for: no sampling, no roots, no questions
to people.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from typing import Final, TypeVar

from mcp import Client, MCPError
from mcp.client import Transport
from mcp.client.session import IncomingMessage
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    CONNECTION_CLOSED,
    REQUEST_TIMEOUT,
    Implementation,
    PromptReference,
    ResourceTemplateReference,
    ToolListChangedNotification,
)
from pydantic import BaseModel, ValidationError

from smartagent.gateway import Pinner
from smartagent.kernel import Secret
from smartagent.mcp.answering import Progress, RemoteError
from smartagent.mcp.dialling import http_client
from smartagent.mcp.errors import McpServerTimeout, McpServerUnreachable
from smartagent.mcp.model import McpServer
from smartagent.mcp.pins import MAX_TOOLS
from smartagent.mcp.scrubbing import scrubbed_object, scrubbed_text, variants_of
from smartagent.mcp.spawning import spawned

OPEN_SECONDS: Final = 30.0
"""How long a server may take to start and say what it speaks."""
CLOSE_SECONDS: Final = 5.0
MAX_PAGES: Final = 64
_SESSION_LOST: Final = "Session terminated"
_LISTS: Final = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
}
_T = TypeVar("_T")


class Link:
    """One connection.

    Args:
        server: Whose entry.
        secrets: The credential, the value in force first; none when the server takes none.
        pinner: Checks where it leads.
    """

    def __init__(self, server: McpServer, secrets: tuple[Secret[bytes], ...], pinner: Pinner) -> None:
        self.server = server
        self.secrets = secrets
        self.alive = True
        self.listed = False
        """Whether its tools were looked at since they changed, as far as the server says."""
        self.offered: dict[str, str] = {}
        """The digests of the tools that it lists, by name."""
        self._pinner = pinner
        self._variants = variants_of(secrets)
        self._end = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._client: Client | None = None

    async def open(self) -> None:
        """Connect, and agree on a revision.

        Raises:
            McpServerUnreachable: The server cannot be reached or started, or speaks something else.
            McpServerTimeout: It takes too long.
        """
        ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._keeper = asyncio.get_running_loop().create_task(self._keep(ready))
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                self._client = await asyncio.shield(ready)
        except TimeoutError:
            await self.close()
            raise McpServerTimeout("it did not say what it speaks") from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Disconnect.  A program that was started for it is gone when this returns."""
        self.alive = False
        self._end.set()
        if self._keeper is None:
            return
        if self._client is not None:
            # A server is told, and a program may leave by itself; both within bounds.
            await asyncio.wait((self._keeper,), timeout=CLOSE_SECONDS)
        self._keeper.cancel()
        await asyncio.wait((self._keeper,))

    @property
    def described(self) -> dict[str, object]:
        """What the server says of itself: `capabilities`, `instructions` and `serverInfo`."""
        client = self._connected()
        info = client.server_info
        said: dict[str, object] = {
            "capabilities": _dumped(client.server_capabilities),
            "instructions": client.instructions or "",
            "serverInfo": {} if info is None else _dumped(info),
        }
        return scrubbed_object(said, self._variants)

    async def listing(self, method: str) -> list[dict[str, object]]:
        """Return all that the server lists, page after page.

        Args:
            method: `tools/list`, `prompts/list`, `resources/list` or `resources/templates/list`.

        Raises:
            RemoteError: The server answered with an error.
            McpServerUnreachable: It ended in the middle, or said what is no MCP.
            McpServerTimeout: It did not answer in time.
        """
        found: list[dict[str, object]] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            page = await self._ask(self._page(method, cursor))
            items = page.get(_LISTS[method])
            found += [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
            following = page.get("nextCursor")
            if not isinstance(following, str) or len(found) >= MAX_TOOLS:
                break
            cursor = following
        return found[:MAX_TOOLS]

    async def call_tool(self, name: str, arguments: dict[str, object], tell: Progress) -> dict[str, object]:
        """Call a tool.

        Raises:
            RemoteError, McpServerUnreachable, McpServerTimeout: As `listing`.
        """

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            await tell(progress, total, None if message is None else scrubbed_text(message, self._variants))

        client = self._connected()
        return await self._ask(client.call_tool(name, arguments, progress_callback=on_progress))

    async def get_prompt(self, name: str, arguments: dict[str, str]) -> dict[str, object]:
        """Get a prompt.  Raises as `listing`."""
        return await self._ask(self._connected().get_prompt(name, arguments))

    async def read_resource(self, uri: str) -> dict[str, object]:
        """Read a resource.  Raises as `listing`."""
        return await self._ask(self._connected().read_resource(uri))

    async def complete(
        self,
        about: ResourceTemplateReference | PromptReference,
        argument: dict[str, str],
        given: dict[str, str],
    ) -> dict[str, object]:
        """Ask for completions of an argument.  Raises as `listing`."""
        return await self._ask(self._connected().complete(about, argument, given))

    def _page(self, method: str, cursor: str | None) -> Coroutine[object, object, BaseModel]:
        client = self._connected()
        match method:
            case "tools/list":
                return client.list_tools(cursor=cursor)
            case "prompts/list":
                return client.list_prompts(cursor=cursor)
            case "resources/list":
                return client.list_resources(cursor=cursor)
            case _:
                return client.list_resource_templates(cursor=cursor)

    def _connected(self) -> Client:
        if self._client is None or not self.alive:
            raise McpServerUnreachable("the connection ended")
        return self._client

    async def _ask(self, asking: Coroutine[object, object, BaseModel]) -> dict[str, object]:
        try:
            answer = await self._unless_it_ends(asking)
        except MCPError as error:
            raise self._translated(error) from None
        except (ValidationError, RuntimeError):
            # The texts of these hold what the server said.
            raise McpServerUnreachable("it said what is no MCP") from None
        return scrubbed_object(_dumped(answer), self._variants)

    def _translated(self, error: MCPError) -> RemoteError | McpServerUnreachable | McpServerTimeout:
        if error.code == REQUEST_TIMEOUT:
            return McpServerTimeout("it did not answer")
        if error.code == CONNECTION_CLOSED or error.message == _SESSION_LOST:
            self.alive = False
            return McpServerUnreachable("the connection ended")
        said = scrubbed_object({"message": error.message, "data": error.data}, self._variants)
        return RemoteError(error.code, str(said["message"]), said["data"])

    async def _unless_it_ends(self, asking: Coroutine[object, object, _T]) -> _T:
        """Return the answer; when the connection ends before it comes, nobody waits for it."""
        task = asyncio.get_running_loop().create_task(asking)
        keeper = self._keeper
        try:
            if keeper is not None:
                await asyncio.wait((task, keeper), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise McpServerUnreachable("the connection ended")
            return task.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _keep(self, ready: "asyncio.Future[Client]") -> None:
        try:
            async with self._transport() as transport, self._speaking(transport) as client:
                if not ready.done():
                    ready.set_result(client)
                await self._end.wait()
        except Exception as error:  # noqa: BLE001 -- whatever ended it, what it says may hold the credential
            if not ready.done():
                ready.set_exception(McpServerUnreachable(type(error).__name__))
        finally:
            self.alive = False

    def _speaking(self, transport: Transport) -> Client:
        return Client(
            transport,
            cache=None,
            client_info=Implementation(name="smartagent", version="1"),
            read_timeout_seconds=self.server.timeout_seconds,
            message_handler=self._hear,
        )

    @contextlib.asynccontextmanager
    async def _transport(self) -> AsyncIterator[Transport]:
        secret = self.secrets[0] if self.secrets else None
        if self.server.command:
            yield spawned(self.server, secret)
            return
        async with http_client(self._pinner, self.server, secret) as http:
            yield streamable_http_client(self.server.url, http_client=http)

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, ToolListChangedNotification):
            self.listed = False


def _dumped(model: BaseModel) -> dict[str, object]:
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)
