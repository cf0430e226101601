# SPDX-License-Identifier: Apache-2.0
"""The chain of custody of a token: where it came from, every use of it, and how it ended.

    agent.enrolled -> challenge.issued -> token.issued -> use, outcome, use, ... -> revoked

Every entry comes with the exact bytes that were hashed and a receipt, so that whoever holds
the log's public key can check the document without asking anybody.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from smartagent.audit.errors import CustodyNotFound, LogDamaged
from smartagent.audit.reader import LogReader
from smartagent.audit.rules import (
    BUNDLE,
    CHALLENGED,
    ENROLLED,
    REVOKED,
    Chain,
    chain_of,
    concerns,
    filing,
    is_challenge,
    is_enrolment,
    is_link,
)
from smartagent.audit.store import SignedSize, bundles_back_from, bundles_from
from smartagent.crypto import b64u
from smartagent.kernel import Caller, CallerKind, Record
from smartagent.storage import Database

MOST_ENTRIES: Final = 1000
_BUNDLES_AT_ONCE: Final = 16
_BUNDLES_BACK: Final = 64
"""How many bundles with a challenge of the agent are searched for the one that was answered."""


class Entry(msgspec.Struct, frozen=True):
    """One record of the log with its receipt.

    `record` is the leaf itself, `leaf` the same in base64url, `proof` its `.tlog-proof`.
    """

    index: int
    record: msgspec.Raw
    leaf: str
    proof: str


class Custody(msgspec.Struct, frozen=True):
    """A document for offline verification (`sdk.verify_custody`).

    `begin` is 0 for the first page, else its first entry's index; `count` the number of its
    entries; `next` the cursor of the next page (0: there is none).  `checkpoint` is the one
    that all receipts carry.
    """

    jti: str
    agent: str
    session: str
    checkpoint: str
    begin: int
    count: int
    next: int
    entries: list[Entry]


class Trail(msgspec.Struct, frozen=True):
    """What the log holds about a subject, a page of it."""

    subject: str
    checkpoint: str
    begin: int
    count: int
    next: int
    entries: list[Entry]


class _Found(msgspec.Struct, frozen=True, gc=False):
    index: int
    leaf: bytes
    record: Record


class CustodyReader:
    """Finds what belongs together, by the coarse index."""

    def __init__(self, database: Database, log: LogReader) -> None:
        self._database = database
        self._log = log

    async def custody(self, jti: str, caller: Caller, begin: int, limit: int) -> Custody:
        """Return the chain of custody of the token `jti`.

        Args:
            jti: As claimed by the caller.
            caller: An agent sees its own tokens only.
            begin: 0, or `next` of the page before.
            limit: How many entries at most.

        Raises:
            CustodyNotFound: No such token was issued, or not to the caller.
            LogBehind: The newest entries have no checkpoint yet.
        """
        newest = await self._log.caught_up()
        chain = await self._chain(jti, newest)
        if caller.kind is CallerKind.AGENT and caller.principal != chain.agent:
            raise CustodyNotFound("check the token's id")
        found = [] if begin else await self._origins(chain, newest)
        links = await self._links(chain, max(begin, chain.issued_index), limit + 1, newest)
        found += links[:limit]
        following = links[limit].index if len(links) > limit else 0
        if not found:
            raise CustodyNotFound("there is nothing from this cursor on")
        entries = [await self._entry(each, newest) for each in found]
        begin = entries[0].index if begin else 0
        return Custody(jti, chain.agent, chain.session, newest.note, begin, len(entries), following, entries)

    async def trail(self, subject: str, caller: Caller, begin: int, limit: int) -> Trail:
        """Return what the log holds about `subject`: an agent, an operator, a session, a token.

        Raises:
            CustodyNotFound: The caller is an agent and asks for another.
            LogBehind: The newest entries have no checkpoint yet.
        """
        if caller.kind is CallerKind.AGENT and caller.principal != subject:
            raise CustodyNotFound("an agent sees its own records only")
        newest = await self._log.caught_up()
        found: list[_Found] = []
        bundle, last = begin // BUNDLE, newest.size // BUNDLE
        while len(found) <= limit:
            bundles = await bundles_from(self._database, subject, bundle, last, _BUNDLES_AT_ONCE)
            for number in bundles:
                found += [
                    each
                    for each in await self._read(number, newest)
                    if each.index >= begin and concerns(each.record, subject)
                ]
            if len(bundles) < _BUNDLES_AT_ONCE:
                break
            bundle = bundles[-1] + 1
        following = found[limit].index if len(found) > limit else 0
        entries = [await self._entry(each, newest) for each in found[:limit]]
        return Trail(subject, newest.note, begin, len(entries), following, entries)

    async def newest(self, subject: str, limit: int) -> list[Record]:
        """Return the last records about `subject`, the newest first.

        Args:
            subject: An agent, an operator, a session, a token.
            limit: How many at most.

        Raises:
            LogBehind: The newest entries have no checkpoint yet.
        """
        newest = await self._log.caught_up()
        found: list[Record] = []
        last = newest.size // BUNDLE
        for number in await bundles_back_from(self._database, subject, last, _BUNDLES_BACK):
            bundle = [
                each.record for each in await self._read(number, newest) if concerns(each.record, subject)
            ]
            found += reversed(bundle)
            if len(found) >= limit:
                break
        return found[:limit]

    async def latest(self, subject: str, since_ms: int) -> list[Record]:
        """Return what the log holds about `subject` since an instant (Unix milliseconds), the newest first.

        Of a subject that is very busy, only the newest; without receipts, for who only wants to know.

        Raises:
            LogBehind: The newest entries have no checkpoint yet.
        """
        newest = await self._log.caught_up()
        found: list[Record] = []
        last = newest.size // BUNDLE
        for number in await bundles_back_from(self._database, subject, last, _BUNDLES_BACK):
            records = [each.record for each in await self._read(number, newest)]
            found += [
                each for each in reversed(records) if each.at_ms >= since_ms and concerns(each, subject)
            ]
            if records and records[0].at_ms < since_ms:
                break
        return found

    async def _chain(self, jti: str, newest: SignedSize) -> Chain:
        # The issuance is the first that was ever recorded under the id.
        for number in await bundles_from(self._database, jti, 0, newest.size // BUNDLE, 2):
            for each in await self._read(number, newest):
                chain = chain_of(each.index, each.record, jti)
                if chain is not None:
                    return chain
        raise CustodyNotFound("check the token's id")

    async def _origins(self, chain: Chain, newest: SignedSize) -> list[_Found]:
        """Return the agent's enrolment and the challenge that it answered, as far as there are any."""
        origins = []
        last = chain.issued_index // BUNDLE
        subject = filing(ENROLLED, chain.agent)
        for number in await bundles_from(self._database, subject, 0, last, _BUNDLES_AT_ONCE):
            origins += [e for e in await self._read(number, newest) if is_enrolment(e.record, chain)][:1]
            if origins:
                break
        for number in await bundles_back_from(
            self._database, filing(CHALLENGED, chain.agent), last, _BUNDLES_BACK
        ):
            before = (e for e in await self._read(number, newest) if e.index < chain.issued_index)
            challenges = [e for e in before if is_challenge(e.record, chain)]
            if challenges:
                origins.append(challenges[-1])
                break
        return origins

    async def _links(self, chain: Chain, begin: int, wanted: int, newest: SignedSize) -> list[_Found]:
        """Return the first `wanted` links of the chain from the index `begin` on."""
        subjects = [chain.jti, filing(REVOKED, chain.agent)]
        if chain.session:
            subjects.append(filing(REVOKED, chain.session))
        found: list[_Found] = []
        bundle = begin // BUNDLE
        while len(found) < wanted:
            numbers, following = await self._next_bundles(subjects, bundle, newest.size // BUNDLE)
            for number in numbers:
                found += [
                    each
                    for each in await self._read(number, newest)
                    if each.index >= begin and is_link(each.index, each.record, chain)
                ]
            if following is None:
                break
            bundle = following
        return found[:wanted]

    async def _next_bundles(
        self, subjects: Iterable[str], bundle: int, last: int
    ) -> tuple[list[int], int | None]:
        """Return some of the bundles from `bundle` on, and where to go on (None: that was all)."""
        numbers: set[int] = set()
        horizon: int | None = None
        for subject in subjects:
            some = await bundles_from(self._database, subject, bundle, last, _BUNDLES_AT_ONCE)
            numbers.update(some)
            if len(some) == _BUNDLES_AT_ONCE:
                horizon = some[-1] if horizon is None else min(horizon, some[-1])
        if horizon is None:
            return sorted(numbers), None
        return sorted(number for number in numbers if number <= horizon), horizon + 1

    async def _read(self, number: int, newest: SignedSize) -> list[_Found]:
        first, leaves = await self._log.bundle(number, newest.size)
        try:
            return [
                _Found(index, leaf, Record.decode(leaf)) for index, leaf in enumerate(leaves, start=first)
            ]
        except msgspec.DecodeError as error:
            raise LogDamaged(f"bundle {number} holds what is no record") from error

    async def _entry(self, found: _Found, newest: SignedSize) -> Entry:
        proof = await self._log.receipt(found.index, newest)
        return Entry(found.index, msgspec.Raw(found.leaf), b64u(found.leaf), proof)
