# SPDX-License-Identifier: Apache-2.0
"""Where agents stand."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Take this step."""
    op.create_table(
        "status_entries",
        sa.Column("list", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.BigInteger(), nullable=False),
        sa.Column("after_ms", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.Text(), nullable=False),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("list", "idx", name=op.f("pk_status_entries")),
        sa.UniqueConstraint("slot", name=op.f("uq_status_entries_slot")),
    )
    op.create_index("ix_status_entries_batch", "status_entries", ["batch"], unique=False)
