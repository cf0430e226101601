# SPDX-License-Identifier: Apache-2.0
"""What an agent's and an operator's side have in common: how they tell the time, send, and ask for a nonce."""

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import msgspec

from smartagent.crypto import SystemClock, system_entropy
from smartagent.kernel import Clock, Entropy
from smartagent.sdk.exchange import AiohttpExchange, Answer, Exchange, read
from smartagent.sdk.keyfile import Holder

JSON: Final = {"content-type": "application/json"}


class Means(msgspec.Struct, frozen=True):
    """How the library tells the time, gets chance, and sends; replaceable for tests."""

    exchange: Exchange
    clock: Clock
    entropy: Entropy


def system_means() -> Means:
    """Return the machine's clock and chance, and aiohttp."""
    return Means(AiohttpExchange(), SystemClock(), system_entropy)


class _Registered(msgspec.Struct, frozen=True):
    """What the authority calls a key that it has taken."""

    id: str


class _Challenge(msgspec.Struct, frozen=True):
    nonce: str


class Client:
    """Somebody with a key, at one authority."""

    def __init__(self, holder: Holder, means: Means | None) -> None:
        self._holder = holder
        self._issuer = holder.issuer
        self._means = means or system_means()

    @property
    def id(self) -> str:
        """The principal's id at the authority."""
        return self._holder.principal

    @property
    def issuer(self) -> str:
        """The authority's URL."""
        return self._issuer

    @property
    def means(self) -> Means:
        """How this client tells the time and sends."""
        return self._means

    async def close(self) -> None:
        """Let go of connections."""
        await self._means.exchange.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _nonce(self, who: str, purpose: str) -> str:
        asked = msgspec.json.encode({who: self.id, "purpose": purpose})
        return read(await self._post("/v1/challenges", JSON, asked), _Challenge).nonce

    async def _post(self, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return await self._means.exchange("POST", self._issuer + path, headers, body)


async def register(
    holder: Holder, issuer: str, path: str, body: Mapping[str, str], means: Means | None
) -> Holder:
    """Have the authority take the holder's key, and return the holder with its new id.

    Raises:
        AuthorityRefused: It was not taken.
        AuthorityUnreachable: There was no answer.
    """
    own = means or system_means()
    try:
        answer = await own.exchange("POST", issuer + path, JSON, msgspec.json.encode(body))
    finally:
        if means is None:
            await own.exchange.close()
    return Holder(holder.key, issuer, read(answer, _Registered).id)
