# SPDX-License-Identifier: Apache-2.0
"""Getting a small public document over HTTP."""

from typing import Final, Protocol

import msgspec

from smartagent.sdk.errors import KeysUnavailable

MAX_BODY_BYTES: Final = 262_144
_TIMEOUT_SECONDS: Final = 5.0


class Fetched(msgspec.Struct, frozen=True):
    """An answer: its status, its body, and what its `Cache-Control` said."""

    status: int
    body: bytes
    cache_control: str = ""


class Fetch(Protocol):
    """Gets a document.

    Does not follow redirects, gives up after seconds, bounds what it reads.
    """

    async def __call__(self, url: str, /) -> Fetched:
        """Return the answer from `url`, whatever its status.

        Raises:
            KeysUnavailable: There was no answer.
        """
        ...


async def fetch_with_aiohttp(url: str, /, *, accept: str = "*/*") -> Fetched:
    """Get `url` with aiohttp, which is imported only here: a service may bring its own `Fetch`.

    Args:
        url: The document's address.
        accept: The media types that will do.

    Raises:
        KeysUnavailable: No answer within five seconds, or more than 256 KiB.
    """
    import aiohttp  # noqa: PLC0415 -- a verifier with its own Fetch must not need it

    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False, headers={"accept": accept}) as answer,
        ):
            body = await _bounded(answer.content)
            return Fetched(answer.status, body, answer.headers.get("Cache-Control", ""))
    except (TimeoutError, aiohttp.ClientError, ValueError) as error:
        raise KeysUnavailable("no answer from the issuer") from error


class _Readable(Protocol):
    async def read(self, size: int) -> bytes: ...


async def _bounded(content: _Readable) -> bytes:
    body = bytearray()
    while chunk := await content.read(65_536):
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise KeysUnavailable("the issuer's document is too large")
    return bytes(body)
