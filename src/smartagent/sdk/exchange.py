# SPDX-License-Identifier: Apache-2.0
"""One HTTP request and its answer, and how talking to the authority can fail.

ExchangeError
    AuthorityUnreachable    no answer
    AuthorityRefused        an answer that says no, and why
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, TypeVar

import msgspec

from smartagent.kernel import Kind, SmartAgentError

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

_TIMEOUT_SECONDS: Final = 30.0
_GOOD: Final = range(200, 300)


class ExchangeError(SmartAgentError):
    """Base of this module's errors; never raised itself."""


class AuthorityUnreachable(ExchangeError):
    """No answer came.  What was asked may have happened all the same."""

    code: ClassVar[str] = "authority-unreachable"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "The authority does not answer."


UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
"""HTTP's status of who is not known, or does not prove it."""


class AuthorityRefused(ExchangeError):
    """The authority said no.

    `status` is HTTP's; `problem` is the stable code of `/v1`'s errors, or OAuth's; `request_id`
    is what to quote.
    """

    code: ClassVar[str] = "authority-refused"
    kind: ClassVar[Kind] = Kind.UPSTREAM
    title: ClassVar[str] = "The authority refused."

    def __init__(self, status: int, problem: str, detail: str, request_id: str = "") -> None:
        super().__init__(f"{status} {problem}: {detail}")
        self.status = status
        self.problem = problem
        self.request_id = request_id


class Answer(msgspec.Struct, frozen=True):
    """An answer, whatever its status.  Header names are in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}


class Exchange(Protocol):
    """Sends a request.  Follows no redirect: a proof is for one target."""

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes, /) -> Answer:
        """Return the answer, whatever its status.

        Raises:
            AuthorityUnreachable: There was none.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class AiohttpExchange:
    """Sends with aiohttp, which is imported when it is first needed, over connections that are kept."""

    def __init__(self, *, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._timeout_seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes, /) -> Answer:
        """Send one request."""
        import aiohttp  # noqa: PLC0415 -- who brings another Exchange must not need it

        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._timeout_seconds)
            self._session = aiohttp.ClientSession(timeout=timeout)
        try:
            async with self._session.request(
                method, url, headers=headers, data=body or None, allow_redirects=False
            ) as answer:
                raw = await answer.read()
                return Answer(answer.status, raw, {k.lower(): v for k, v in answer.headers.items()})
        except (aiohttp.ClientError, TimeoutError) as error:
            raise AuthorityUnreachable(type(error).__name__) from error

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


class _Problem(msgspec.Struct, frozen=True):
    type: str = ""
    detail: str = ""
    instance: str = ""
    error: str = ""
    error_description: str = ""


def good(answer: Answer) -> bytes:
    """Return the body of an answer that says yes.

    Raises:
        AuthorityRefused: It says no.
    """
    if answer.status in _GOOD:
        return answer.body
    try:
        problem = msgspec.json.decode(answer.body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        problem = _Problem()
    code = problem.error or problem.type.rpartition(":")[2] or "unknown"
    detail = problem.error_description or problem.detail
    raise AuthorityRefused(answer.status, code, detail, problem.instance)


def read(answer: Answer, shape: type[T]) -> T:
    """Return the body of an answer that says yes, as a `shape`.

    Raises:
        AuthorityRefused: It says no.
        AuthorityUnreachable: It is no authority that answers here.
    """
    try:
        return msgspec.json.decode(good(answer), type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise AuthorityUnreachable("the answer is not an authority's") from None
