# SPDX-License-Identifier: Apache-2.0
"""Keys of several algorithms, and upstreams of the trust domain."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Take this step."""
    op.add_column("signing_keys", sa.Column("algorithm", sa.Text(), server_default="EdDSA", nullable=False))
    op.add_column("upstreams", sa.Column("txn_token", sa.Integer(), server_default="0", nullable=False))
