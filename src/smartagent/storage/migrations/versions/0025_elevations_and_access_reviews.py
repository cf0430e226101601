# SPDX-License-Identifier: Apache-2.0
"""Elevations and access reviews."""

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Take this step."""
