# SPDX-License-Identifier: Apache-2.0
"""Since when agents have their keys."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Take this step."""
    op.add_column("agents", sa.Column("key_since", sa.BigInteger(), server_default="0", nullable=False))
