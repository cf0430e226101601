# SPDX-License-Identifier: Apache-2.0
"""What agents are under."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    """Take this step."""
    op.create_table(
        "agent_sightings",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_agent_sightings")),
        sa.UniqueConstraint("agent", name=op.f("uq_agent_sightings_agent")),
    )
    op.create_table(
        "agent_terms",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("idle_seconds", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_agent_terms")),
    )
    op.create_table(
        "agent_uses",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "what", name=op.f("pk_agent_uses")),
    )
    op.create_table(
        "log_followers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_log_followers")),
    )
    op.add_column("enrolments", sa.Column("owner", sa.Text(), server_default="", nullable=False))
    op.add_column("enrolments", sa.Column("agent", sa.Text(), server_default="", nullable=False))
