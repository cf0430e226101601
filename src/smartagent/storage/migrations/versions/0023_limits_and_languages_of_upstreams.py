# SPDX-License-Identifier: Apache-2.0
"""Limits and languages of upstreams."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Take this step."""
    op.add_column("upstreams", sa.Column("limits", sa.Text(), server_default="{}", nullable=False))
    op.add_column("upstreams", sa.Column("speaks", sa.Text(), server_default="", nullable=False))
