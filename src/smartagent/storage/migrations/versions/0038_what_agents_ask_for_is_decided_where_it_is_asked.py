# SPDX-License-Identifier: Apache-2.0
"""What agents ask for is decided where it is asked."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    """Take this step."""
    op.add_column("access_requests", sa.Column("request", sa.Text(), server_default="", nullable=False))
    op.add_column("access_requests", sa.Column("wish", sa.Text(), server_default="{}", nullable=False))
    op.add_column(
        "access_requests", sa.Column("circumstances", sa.Text(), server_default="{}", nullable=False)
    )
    op.add_column("access_requests", sa.Column("times", sa.BigInteger(), server_default="1", nullable=False))
    op.add_column("access_requests", sa.Column("decision", sa.Text(), server_default="", nullable=False))
    op.add_column("access_requests", sa.Column("note", sa.Text(), server_default="", nullable=False))
    op.add_column("access_requests", sa.Column("elevation", sa.Text(), server_default="", nullable=False))
    op.add_column("access_requests", sa.Column("granted", sa.Text(), server_default="", nullable=False))
