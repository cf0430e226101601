# SPDX-License-Identifier: Apache-2.0
"""Versions of roles and policies."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    """Take this step."""
    op.create_table(
        "rule_versions",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("allow_broad", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "version", name=op.f("pk_rule_versions")),
    )
    # What is in force is the first version that is kept; what was before it is not known.
    columns = "kind, name, version, text, allow_broad, deleted, reason, changed_at, changed_by"
    for kind, table, text in (("role", "roles", "role_file"), ("policy", "policies", "cedar")):
        values = f"'{kind}', name, version, {text}, allow_broad, 0, '', changed_at, changed_by"
        op.execute(f"INSERT INTO rule_versions ({columns}) SELECT {values} FROM {table}")  # noqa: S608 -- constants
