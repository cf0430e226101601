# SPDX-License-Identifier: Apache-2.0
"""People whom directories tell of."""

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Take this step."""
