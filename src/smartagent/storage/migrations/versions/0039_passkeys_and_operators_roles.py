# SPDX-License-Identifier: Apache-2.0
"""Passkeys and operators roles."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    """Take this step."""
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("counter", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
    )
    op.create_index(op.f("ix_passkeys_person"), "passkeys", ["person"], unique=False)
    op.add_column(
        "browser_sessions", sa.Column("seen_at", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("browser_sessions", sa.Column("way", sa.Text(), server_default="code", nullable=False))
    op.add_column(
        "operators", sa.Column("role", sa.Text(), server_default="security-officer", nullable=False)
    )
