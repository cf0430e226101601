# SPDX-License-Identifier: Apache-2.0
"""Secrets that other stores keep."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Take this step."""
    op.add_column("secret_versions", sa.Column("source", sa.Text(), server_default="", nullable=False))
