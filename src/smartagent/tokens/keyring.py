# SPDX-License-Identifier: Apache-2.0
"""A key ring as this node holds it, and the steps that keep it turning.  There is one for each algorithm.

Whoever notices that a step is due takes it.  Every step is a commit that names the state it
saw, so of many nodes one takes it and the others find it taken.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from smartagent.crypto import (
    JwsSigner,
    PublicKey,
    Signer,
    VerifyingKey,
    generate_signer,
    public_key_from_jwk,
    signer_of,
)
from smartagent.kernel import Algorithm, Change, Decision, Detail, Ledger, Record, Work, Write
from smartagent.tokens.errors import KeysChanged, KeysNotReady
from smartagent.tokens.means import Means
from smartagent.tokens.model import KeyState, RingKey, StoredKey, sealed_as
from smartagent.tokens.rules import Step, check_promotable, due, is_published, key_in
from smartagent.tokens.store import activate, add_key, keys_changed, read_keys, retire, start_retiring

ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105 -- a media type, not a password
_MOST_STEPS: Final = 16
_ORDER: Final = (KeyState.ACTIVE, KeyState.PENDING, KeyState.RETIRING)


class Turn(msgspec.Struct, frozen=True):
    """What a step of the ring comes to, before it is durable."""

    event: str
    kid: str
    detail: dict[str, Detail]
    writes: tuple[Write, ...]
    changes: tuple[Change, ...]


class Active(msgspec.Struct, frozen=True):
    """The key that signs."""

    kid: str
    key: Signer
    signer: JwsSigner


class KeyRing:
    """Signs with the active key, knows the published ones, and turns."""

    def __init__(self, means: Means, algorithm: Algorithm, changed: Callable[[], None]) -> None:
        """Hold nothing yet; `changed` is called whenever other keys are published than before."""
        self._means = means
        self._algorithm = algorithm
        self._changed = changed
        self._ring: tuple[RingKey, ...] = ()
        self._published: Mapping[str, VerifyingKey] = {}
        self._active: Active | None = None
        self._loading = asyncio.Lock()

    @property
    def algorithm(self) -> Algorithm:
        """What its keys sign with."""
        return self._algorithm

    @property
    def ring(self) -> tuple[RingKey, ...]:
        """All keys that ever were, oldest first."""
        return self._ring

    @property
    def active(self) -> Active:
        """The key that signs now.

        Raises:
            KeysNotReady: There is none on this node.
        """
        if self._active is None:
            raise KeysNotReady("try again in a moment")
        return self._active

    @property
    def published(self) -> Mapping[str, VerifyingKey]:
        """The keys of the key set by their ids: the active one first, then the pending, then the retiring."""
        return self._published

    async def reload(self, _kids: Sequence[str] = ()) -> None:
        """Read the ring again; it is small, so always all of it.

        Raises:
            StoreUnavailable: The store cannot be read.
            CannotUnseal: The root key is not the one that sealed the active key.
        """
        async with self._loading:
            every = await read_keys(self._means.database)
            stored = [key for key in every if key.algorithm is self._algorithm]
            ring = tuple(key.ring_key for key in stored)
            active = next((key for key in stored if key.state is KeyState.ACTIVE), None)
            if active is None:
                self._active = None
            elif self._active is None or self._active.kid != active.kid:
                self._active = self._opened(active)
            self._ring = ring
            shown = sorted(filter(is_published, ring), key=lambda key: _ORDER.index(key.state))
            self._published = {key.kid: _public_key(key) for key in shown}
            self._changed()

    async def tend(self, ledger: Ledger) -> None:
        """Take every step that is due.  Call it once the store has started, and then every minute or so.

        Raises:
            StoreUnavailable: A step could not be made durable.
        """
        for _ in range(_MOST_STEPS):
            now = self._means.clock.now()
            step = due(self._ring, self._means.schedule, now=now)
            if step is None:
                return
            turn = await self._turn(*step, now=int(now))
            # When another node took the step first, what it made of the ring is read next.
            with suppress(KeysChanged):
                await ledger.commit(Work((_record(turn, now),), (), turn.writes, turn.changes))
            await self.reload()

    async def rotate(self, *, now: float, compromised: bool) -> Turn:
        """Promote the pending key now.

        Args:
            now: Unix seconds.
            compromised: The active key is in wrong hands: nothing it signed shall verify any
                more, and it does not matter whether every verifier knows the next key yet.

        Raises:
            KeyNotPublishedYet: Some verifier may not know the next key.
            KeysNotReady: There is no next key.
        """
        pending = key_in(self._ring, KeyState.PENDING)
        if pending is None:
            raise KeysNotReady("try again in a moment")
        if not compromised:
            check_promotable(self._ring, pending, self._means.schedule, now=now)
        return await self._promote(pending, now=int(now), compromised=compromised)

    async def _turn(self, step: Step, key: RingKey | None, *, now: int) -> Turn:
        if step is Step.PROMOTE and key is not None:
            return await self._promote(key, now=now, compromised=False)
        if step is Step.RETIRE and key is not None:
            return Turn(
                "signing-key.retired",
                key.kid,
                {},
                (retire(key.kid, key.state, now=now),),
                (keys_changed(key.kid),),
            )
        following = await self._fresh(KeyState.PENDING, now=now)
        if step is Step.PUBLISH:
            return Turn(
                "signing-key.published",
                following.kid,
                {},
                (add_key(following),),
                (keys_changed(following.kid),),
            )
        first = await self._fresh(KeyState.ACTIVE, now=now)
        writes = (add_key(first), add_key(following))
        changes = (keys_changed(first.kid),)
        return Turn("signing-key.activated", first.kid, {"next": following.kid}, writes, changes)

    async def _promote(self, pending: RingKey, *, now: int, compromised: bool) -> Turn:
        active = key_in(self._ring, KeyState.ACTIVE)
        if active is None:
            raise KeysNotReady("try again in a moment")
        following = await self._fresh(KeyState.PENDING, now=now)
        last = (
            retire(active.kid, KeyState.ACTIVE, now=now)
            if compromised
            else start_retiring(active.kid, now=now)
        )
        return Turn(
            "signing-key.activated",
            pending.kid,
            {"before": active.kid, "next": following.kid, "compromised": int(compromised)},
            (last, activate(pending.kid, self._algorithm, now=now), add_key(following)),
            (keys_changed(pending.kid),),
        )

    async def _fresh(self, state: KeyState, *, now: int) -> StoredKey:
        key = await self._generated()
        kid = key.public.thumbprint
        sealed = self._means.sealing.seal(key.private(), sealed_as(kid))
        activated_at = now if state is KeyState.ACTIVE else None
        public = _stored_form(key.public)
        return StoredKey(kid, state, public, now, activated_at, None, None, sealed, self._algorithm)

    async def _generated(self) -> Signer:
        if self._algorithm is Algorithm.RS256:
            # Finding primes takes a tenth of a second or more; nobody else should wait for it.
            return await asyncio.to_thread(generate_signer, self._algorithm, self._means.entropy)
        return generate_signer(self._algorithm, self._means.entropy)

    def _opened(self, stored: StoredKey) -> Active:
        private = self._means.sealing.open(stored.sealed_seed, sealed_as(stored.kid))
        key = signer_of(stored.algorithm, private)
        signer = JwsSigner(key, stored.kid, ACCESS_TOKEN_TYPE, stored.algorithm.value)
        return Active(stored.kid, key, signer)


def _stored_form(key: VerifyingKey) -> bytes:
    return key.raw if isinstance(key, PublicKey) else msgspec.json.encode(key.jwk())


def _public_key(key: RingKey) -> VerifyingKey:
    if key.algorithm is Algorithm.EDDSA:
        return PublicKey.parse(key.public_key)
    return public_key_from_jwk(msgspec.json.decode(key.public_key))


def _record(turn: Turn, now: float) -> Record:
    return Record(
        event=turn.event,
        at_ms=int(now * 1000),
        request="",
        subject=turn.kid,
        decision=Decision.PERMIT,
        rule="key-schedule",
        detail=turn.detail,
    )
