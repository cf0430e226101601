# SPDX-License-Identifier: Apache-2.0
"""The store's tables: one `MetaData` for all rooms, and the tables this room owns.

Columns are `Integer`, `BigInteger`, `Text` or `LargeBinary` only: what both engines and
their drivers mean the same by.  JSON goes as text, times as Unix seconds.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, text

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# On SQLite only INTEGER is the rowid itself; both are 64 bits wide.
_ROW = BigInteger().with_variant(Integer(), "sqlite")

log_segment: Final = Table(
    "log_segment",
    metadata,
    Column("first", _ROW, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("entries", LargeBinary, nullable=False),
    Column("claims", LargeBinary, nullable=False),
    Column("claims_until", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    # Only segments that carry claims are ever looked for, and most carry none.
    Index(
        "ix_log_segment_claims_until",
        "claims_until",
        sqlite_where=text("claims_until > 0"),
        postgresql_where=text("claims_until > 0"),
    ),
)
"""Records as they were committed, a batch in a row.

`entries` are `count` leaves, each after its length in two bytes, big-endian: the format of a
C2SP tlog-tiles entry bundle.  `claims` (SQLite only) are 24 bytes each, the key and the second
it expires; the writer remembers them from here after a restart.
"""

change: Final = Table(
    "change",
    metadata,
    Column("version", _ROW, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
"""The change feed, numbered without gaps; the oldest are forgotten."""

head: Final = Table(
    "head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
)
"""One row: the index the next record gets, and the newest change's version."""

lease: Final = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)
"""Who does what only one node may do, and until when."""

claim: Final = Table(
    "claim",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
    Index("ix_claim_expires_at", "expires_at"),
)
"""What was used once (PostgreSQL only: on SQLite the writer has them in memory)."""
