# SPDX-License-Identifier: Apache-2.0
"""Approvals that are asked about by CIBA."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    """Take this step."""
    op.add_column("decoupled_requests", sa.Column("approval", sa.Text(), server_default="", nullable=False))
