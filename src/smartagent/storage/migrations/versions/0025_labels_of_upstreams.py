# SPDX-License-Identifier: Apache-2.0
"""Labels of upstreams."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Take this step."""
    op.add_column("upstreams", sa.Column("labels", sa.Text(), server_default="", nullable=False))
