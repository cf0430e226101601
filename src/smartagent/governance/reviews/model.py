# SPDX-License-Identifier: Apache-2.0
"""What a review and its items are.

review   [ open ] --every item answered after the due date--> [ closed ]
item     [ unanswered ] --keep, shrink or remove, once--> [ decided ]     final
"""

from enum import StrEnum
from typing import Final

import msgspec

ROLE: Final = "role/"
CREDENTIAL: Final = "credential/"
DELEGATION: Final = "delegation/"
BREAK_GLASS: Final = "break-glass/"


class Decision(StrEnum):
    """What becomes of a grant."""

    KEEP = "keep"
    SHRINK = "shrink"
    REMOVE = "remove"


class Review(msgspec.Struct, frozen=True, array_like=True):
    """A campaign.  `unanswered` is what becomes of what nobody decided by `due_at` (Unix seconds)."""

    name: str
    unanswered: str
    owner: str
    role: str
    created_by: str
    created_at: int
    due_at: int
    closed_at: int = 0


class Item(msgspec.Struct, frozen=True, array_like=True):
    """One grant of one agent: `role/NAME`, `credential/NAME`, `delegation/ID`, or `break-glass/ID` afterwards.

    `last_used_at` is how it stood when the review began.  `decision` is empty until somebody decides.
    """

    review: str
    number: int
    agent: str
    owner: str
    what: str
    last_used_at: int
    decision: str = ""
    to_role: str = ""
    reason: str = ""
    decided_by: str = ""
    decided_at: int = 0
