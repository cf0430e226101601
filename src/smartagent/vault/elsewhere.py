# SPDX-License-Identifier: Apache-2.0
"""Values that another store keeps: read when they are needed, remembered for moments, never written down.

`account://PROVIDER/NAME` is the access token of an account that the house refreshes; all others are `drivers`'.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from smartagent.drivers import (
    CACHE_SECONDS,
    DriverError,
    DriverUnreachable,
    SecretPlace,
    parse_place,
    read_place,
)
from smartagent.kernel import Clock, Secret
from smartagent.vault.errors import MalformedSecret, SecretRefused, SecretUnreachable
from smartagent.vault.rules import MAX_SECRET_BYTES

_MOST: Final = 1024

_ACCOUNT: Final = re.compile(r"account://([a-z0-9-]{1,63})/([a-z0-9-]{1,63})")

Read = Callable[[SecretPlace, Secret[bytes] | None], Awaitable[Secret[bytes]]]
TokenOf = Callable[[str, str], Awaitable[tuple[Secret[bytes], int]]]
"""An account's access token, and when it dies (Unix seconds)."""


class _Remembered(msgspec.Struct, frozen=True):
    values: tuple[Secret[bytes], ...]
    until: float


class Elsewhere:
    """Reads values where they are kept, each at most once at a time."""

    def __init__(self, clock: Clock, token_of: TokenOf, read: Read = read_place) -> None:
        self._clock = clock
        self._token_of = token_of
        self._read = read
        self._remembered: dict[str, _Remembered] = {}
        self._reading: dict[str, asyncio.Lock] = {}

    async def obtain(
        self, source: str, token: Callable[[str], Awaitable[Secret[bytes]]]
    ) -> tuple[Secret[bytes], ...]:
        """Return the value, then the one before it if that was read here; the same objects until it changes.

        Args:
            source: Where it is, as `parse_source` took it.
            token: Opens the secret of ours that is presented there.

        Raises:
            SecretUnreachable: The store does not answer.  What was remembered too long ago is not used.
            SecretRefused: It does not give the value.
        """
        kept = self._remembered.get(source)
        if kept is not None and self._clock.monotonic() < kept.until:
            return kept.values
        async with self._reading.setdefault(source, asyncio.Lock()):
            kept = self._remembered.get(source)
            if kept is not None and self._clock.monotonic() < kept.until:
                return kept.values
            return await self._read_again(source, kept, token)

    def forget(self) -> None:
        """Use nothing again without reading it: entries changed.  What was read last is still searched for."""
        self._remembered = {
            source: _Remembered(kept.values[:1], 0.0) for source, kept in self._remembered.items()
        }
        self._reading = {source: lock for source, lock in self._reading.items() if lock.locked()}

    async def _read_again(
        self, source: str, kept: _Remembered | None, token: Callable[[str], Awaitable[Secret[bytes]]]
    ) -> tuple[Secret[bytes], ...]:
        account = _ACCOUNT.fullmatch(source)
        if account is not None:
            value, dies_at = await self._token_of(account[1], account[2])
            seconds = min(CACHE_SECONDS, dies_at - self._clock.now())
        else:
            value, seconds = await self._read_outside(parse_place(source), token)
        values: tuple[Secret[bytes], ...] = (value,)
        if kept is not None:
            same = kept.values[0].reveal() == value.reveal()
            values = kept.values if same else (value, kept.values[0])
        if len(self._remembered) >= _MOST:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[source] = _Remembered(values, self._clock.monotonic() + seconds)
        return values

    async def _read_outside(
        self, place: SecretPlace, token: Callable[[str], Awaitable[Secret[bytes]]]
    ) -> tuple[Secret[bytes], int]:
        try:
            value = await self._read(place, await token(place.token) if place.token else None)
        except DriverUnreachable as error:
            raise SecretUnreachable(place.kind, error.reason) from None
        except DriverError as error:
            raise SecretRefused(place.kind, error.reason) from None
        if not 0 < len(value.reveal()) <= MAX_SECRET_BYTES:
            raise SecretRefused(place.kind, "the value is empty or too long")
        return value, place.cache_seconds


def parse_source(raw: str) -> str:
    """Read where a value is kept.

    Raises:
        MalformedSecret: It is none of the known forms.
    """
    if _ACCOUNT.fullmatch(raw):
        return raw
    try:
        parse_place(raw)
    except (DriverError, ValueError) as error:
        raise MalformedSecret(f"source: {error}") from None
    return raw
