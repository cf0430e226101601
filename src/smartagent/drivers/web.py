# SPDX-License-Identifier: Apache-2.0
"""Calling an HTTP API that an operator has named: within a time, within a size, no redirects, TLS checked.

For addresses that strangers name there is `federation.SafeFetch`; these may be in a private network.
"""

import asyncio
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.drivers.errors import DriverFailed, DriverUnreachable

MAX_BYTES: Final = 1_048_576
TOTAL_SECONDS: Final = 15.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class WebAnswer(msgspec.Struct, frozen=True):
    """What came back, whatever its status.  Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"WebAnswer({self.status}, ********)"


class Web:
    """Calls HTTP APIs."""

    def __init__(self, *, total_seconds: float = TOTAL_SECONDS, max_bytes: int = MAX_BYTES) -> None:
        self._total_seconds = total_seconds
        self._max_bytes = max_bytes

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> WebAnswer:
        """Send one request, and return the answer whatever its status.

        Raises:
            DriverFailed: The URL is not https (http is taken for this machine only), or the answer is too long.
            DriverUnreachable: There was no answer in time.
        """
        import aiohttp  # noqa: PLC0415 -- loads the client when it calls

        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise DriverFailed("not-https")
        limit = aiohttp.ClientTimeout(total=self._total_seconds)
        try:
            async with (
                aiohttp.ClientSession(timeout=limit, auto_decompress=True, trust_env=False) as session,
                session.request(
                    method, url, headers=headers, data=body or None, allow_redirects=False
                ) as answer,
            ):
                got = await answer.content.read(self._max_bytes + 1)
                while len(got) <= self._max_bytes and not answer.content.at_eof():
                    got += await answer.content.read(self._max_bytes + 1 - len(got))
                if len(got) > self._max_bytes:
                    raise DriverFailed("too-long")
                lowered = {name.lower(): value for name, value in answer.headers.items()}
                return WebAnswer(answer.status, lowered, got)
        except (TimeoutError, asyncio.IncompleteReadError):
            raise DriverUnreachable("timeout") from None
        except aiohttp.InvalidURL:
            raise DriverFailed("malformed-url") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise DriverUnreachable(type(error).__name__) from None
