# SPDX-License-Identifier: Apache-2.0
"""The SQLite file as its only writer sees it: batches of works in, one transaction each.

    closed --open--> ready --commit--> ready ...     a transaction per batch
                       |
                       v   the disk is full, an I/O error
                    in doubt: all of the batch happened, or nothing.  The head, read again,
                    says which; when it was nothing, the claims are given back.

A work that is refused leaves no trace in the batch.  Works with writes run in a savepoint
of their own; those without cannot fail once their claims are taken, and need none.
"""

import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from smartagent.kernel import Clock
from smartagent.storage.claimed import Claimed, latest
from smartagent.storage.migration import require_current
from smartagent.storage.wire import Changed, Failed, Refusal, Replied, StartOver, WireWork, WireWrite

_SEGMENT: Final = (
    'INSERT INTO log_segment (first, "count", entries, claims, claims_until, at) VALUES (?, ?, ?, ?, ?, ?)'
)
_CHANGE: Final = 'INSERT INTO change (version, topic, "key", at) VALUES (?, ?, ?, ?)'
_HEAD: Final = 'UPDATE head SET "next" = ?, version = ? WHERE id = 1'
_READ_HEAD: Final = 'SELECT "next", version FROM head WHERE id = 1'
_READ_CLAIMS: Final = "SELECT claims FROM log_segment WHERE claims_until > 0 AND claims_until > ?"
_READ_CHANGES: Final = 'SELECT topic, "key" FROM change WHERE version > ? ORDER BY version'
_FORGET_CHANGES: Final = "DELETE FROM change WHERE version <= ?"

_CHANGES_KEPT: Final = 20_000
_CHANGES_TOLD: Final = 5_000
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=4000",
    "journal_size_limit=67108864",
)
# What refuses one statement and leaves the transaction whole (primary result codes).
_REFUSES: Final = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_TOOBIG,
    }
)
_LOST: Final = frozenset(
    {
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
        sqlite3.SQLITE_CONSTRAINT_ROWID,
        sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY,
    }
)

_log = logging.getLogger(__name__)


class _Draft:
    """What one transaction will add."""

    __slots__ = ("accepted", "changes", "claims", "entries", "first", "next")

    def __init__(self, first: int) -> None:
        self.first = self.next = first
        self.accepted = 0
        self.entries: list[bytes] = []
        self.claims: list[bytes] = []
        self.changes: list[tuple[str, str]] = []


class Book:
    """The write connection, the head of the log, and the claims."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.next = 0
        self.version = 0
        self.claimed = Claimed()
        self._path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._told = 0
        self._fresh: list[tuple[str, str]] = []

    def start(self) -> None:
        """Open the store, and remember which claims are still alive.

        Raises:
            SchemaTooNew, SchemaTooOld: It is another release's store.
            sqlite3.Error: It cannot be opened.
        """
        connection = self.open()
        for (packed,) in connection.execute(_READ_CLAIMS, (int(self._clock.now()),)):
            self.claimed.take_back(packed)
        self._told = self.version

    def open(self) -> sqlite3.Connection:
        """Return the write connection; it is opened first when it is closed."""
        if self._connection is not None:
            return self._connection
        connection = sqlite3.connect(self._path, isolation_level=None, cached_statements=256)
        try:
            require_current(connection)
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}").fetchall()
            connection.execute(
                'INSERT INTO head (id, "next", version) VALUES (1, 0, 0) ON CONFLICT DO NOTHING'
            )
            self.next, self.version = connection.execute(_READ_HEAD).fetchone()
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def close(self) -> None:
        """Close the connection; what was not committed is gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def commit(self, batches: Sequence[list[WireWork]]) -> Sequence[Replied | Failed]:
        """Commit `batches` in one transaction, and say what came of each.

        Never raises for what the disk does: those batches failed, and the next may not.
        """
        draft = None
        try:
            connection = self.open()
            draft = _Draft(self.next)
            connection.execute("BEGIN IMMEDIATE")
            drafted = [self._batch(connection, draft, works) for works in batches]
            self._seal(connection, draft)
        except Exception:  # noqa: BLE001 -- a full disk or a bug: nobody may be left waiting, and the next batch may do
            _log.exception("a batch could not be committed")
            self._settle(draft)
            return [Failed()] * len(batches)
        return [Replied(first, self.version, refusals) for first, refusals in drafted]

    def news(self) -> Changed | StartOver | None:
        """Return the changes that were committed since this was last asked."""
        if self.version == self._told:
            return None
        fresh, self._fresh = self._fresh, []
        missed, self._told = self.version - self._told, self.version
        # When a commit seemed to fail and did happen, nobody here knows any more what it changed.
        return Changed(self.version, tuple(fresh)) if len(fresh) == missed else StartOver(self.version)

    def since(self, offered: int) -> Changed | StartOver:
        """Return what a worker missed after `offered`; or say that it has to start over."""
        missed = self._told - offered
        if offered < 0 or not 0 <= missed <= _CHANGES_TOLD:
            return StartOver(self._told)
        try:
            pairs = self.open().execute(f"{_READ_CHANGES} LIMIT ?", (offered, missed)).fetchall()
        except (sqlite3.Error, OSError) as error:
            _log.error("changes cannot be read: %s", error)
            return StartOver(self._told)
        return Changed(self._told, tuple(pairs)) if len(pairs) == missed else StartOver(self._told)

    def tidy(self) -> None:
        """Forget expired claims and old changes, and move what the journal holds into the file."""
        self.claimed.forget(self._clock.now())
        try:
            connection = self.open()
            connection.execute(_FORGET_CHANGES, (self.version - _CHANGES_KEPT,))
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except (sqlite3.Error, OSError) as error:
            _log.error("the store could not be tidied: %s", error)

    def _batch(
        self, connection: sqlite3.Connection, draft: _Draft, works: list[WireWork]
    ) -> tuple[int, tuple[Refusal, ...]]:
        first = draft.next
        refusals = []
        for position, work in enumerate(works):
            if work.claims:
                lost = self.claimed.take(work.claims)
                if lost >= 0:
                    refusals.append(Refusal(position, claim=lost))
                    continue
                draft.claims.append(work.claims)
            if work.writes:
                refusal = _write(connection, position, work.writes)
                if refusal is not None:
                    refusals.append(refusal)
                    if work.claims:
                        self.claimed.give_back(draft.claims.pop())
                    continue
                draft.changes.extend(work.changes)
            elif work.changes:
                draft.changes.extend(work.changes)
            draft.entries.append(work.entries)
            draft.next += work.count
            draft.accepted += 1
        return first, tuple(refusals)

    def _seal(self, connection: sqlite3.Connection, draft: _Draft) -> None:
        if not draft.accepted:
            connection.execute("ROLLBACK")
            return
        at, version = int(self._clock.now()), self.version
        if draft.next > draft.first:
            claims = b"".join(draft.claims)
            entries = b"".join(draft.entries)
            row = (draft.first, draft.next - draft.first, entries, claims, latest(claims), at)
            connection.execute(_SEGMENT, row)
        if draft.changes:
            connection.executemany(
                _CHANGE, [(version + place, *pair, at) for place, pair in enumerate(draft.changes, start=1)]
            )
            version += len(draft.changes)
        connection.execute(_HEAD, (draft.next, version))
        connection.execute("COMMIT")
        self.next, self.version = draft.next, version
        self._fresh += draft.changes

    def _settle(self, draft: _Draft | None) -> None:
        """Find out whether the failed batch happened."""
        try:
            self.close()
        except sqlite3.Error as error:
            _log.error("the store did not close well: %s", error)
        version = self.version
        try:
            self.open()
        except (sqlite3.Error, OSError) as error:
            _log.error("the store does not open: %s", error)
            return
        if draft is not None and (self.next, self.version) == (draft.first, version):
            for packed in draft.claims:
                self.claimed.give_back(packed)


def _write(connection: sqlite3.Connection, position: int, writes: Sequence[WireWrite]) -> Refusal | None:
    """Run the writes of one work; all of them, or none and why.

    Raises:
        sqlite3.Error: The transaction is lost.
    """
    connection.execute("SAVEPOINT work")
    refusal = None
    for which, write in enumerate(writes):
        try:
            touched = connection.execute(write.sql, write.values).rowcount
            if write.rows not in (-1, touched):
                refusal = Refusal(position, write=which)
        except (sqlite3.Error, OverflowError) as error:
            refusal = _refusal(error, position, which)
        if refusal is not None:
            connection.execute("ROLLBACK TO work")
            break
    connection.execute("RELEASE work")
    return refusal


def _refusal(error: Exception, position: int, which: int) -> Refusal:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    if code & 0xFF not in _REFUSES:
        raise error
    return Refusal(position, write=which, broken="" if code in _LOST else str(error))
