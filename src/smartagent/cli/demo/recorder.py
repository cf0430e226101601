# SPDX-License-Identifier: Apache-2.0
"""Exchanges that remember what was sent, what came back and how long it took."""

from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.crypto import SystemClock
from smartagent.sdk import AiohttpExchange, Answer

_LONGEST: Final = 44
_HEAD: Final = 24


class Shown(msgspec.Struct, frozen=True):
    """A request and its answer, fit to be shown: tokens are cut short, raw bodies are left out."""

    method: str
    url: str
    sent: str
    status: int
    got: str
    ms: float


class Recorder:
    """An `Exchange` that keeps a `Shown` of each."""

    def __init__(self) -> None:
        self._exchange = AiohttpExchange()
        self._clock = SystemClock()
        self._kept: list[Shown] = []

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes, /) -> Answer:
        """Send one request, and remember it."""
        began = self._clock.monotonic()
        answer = await self._exchange(method, url, headers, body)
        ms = (self._clock.monotonic() - began) * 1000
        sent = _fit(body, headers.get("content-type", ""))
        got = _fit(answer.body, answer.headers.get("content-type", ""))
        self._kept.append(Shown(method, url, sent, answer.status, got, ms))
        return answer

    async def close(self) -> None:
        """Let go of connections."""
        await self._exchange.close()

    def take(self) -> list[Shown]:
        """Return what was kept, and forget it."""
        kept, self._kept = self._kept, []
        return kept


def _fit(body: bytes, media_type: str) -> str:
    if not body:
        return ""
    if "json" in media_type:
        return msgspec.json.encode(_short(msgspec.json.decode(body))).decode()
    if "form" in media_type:
        return "&".join(_cut(pair) for pair in body.decode().split("&"))
    return "(bytes that are not shown)"


def _short(value: object) -> object:
    match value:
        case str():
            return _cut(value)
        case dict():
            return {name: _short(member) for name, member in value.items()}
        case list():
            shown = [_short(member) for member in value[:2]]
            return [*shown, f"... {len(value) - 2} more"] if len(value) > len(shown) else shown
        case _:
            return value


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST or " " in text else f"{text[:_HEAD]}..."
