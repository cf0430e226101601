# SPDX-License-Identifier: Apache-2.0
"""The decoupled room's own tables."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Take this step."""
    op.create_table(
        "decoupled_requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_name", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_code_mac", sa.LargeBinary(), nullable=True),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("resource", sa.Text(), nullable=False),
        sa.Column("binding_message", sa.Text(), nullable=False),
        sa.Column("jkt", sa.Text(), nullable=False),
        sa.Column("client_ip", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=False),
        sa.Column("auth_time", sa.BigInteger(), nullable=False),
        sa.Column("acr", sa.Text(), nullable=False),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decoupled_requests")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_decoupled_requests_code_hash")),
        sa.UniqueConstraint("user_code_mac", name=op.f("uq_decoupled_requests_user_code_mac")),
    )
    op.create_index(
        op.f("ix_decoupled_requests_expires_at"), "decoupled_requests", ["expires_at"], unique=False
    )
    op.create_index(op.f("ix_decoupled_requests_person"), "decoupled_requests", ["person"], unique=False)
