# SPDX-License-Identifier: Apache-2.0
"""How far agents are trusted."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    """Take this step."""
    op.add_column("agents", sa.Column("standing", sa.Text(), server_default="normal", nullable=False))
