# SPDX-License-Identifier: Apache-2.0
"""What a sealing key is."""

from enum import StrEnum

import msgspec


class SealingState(StrEnum):
    """Where a sealing key stands.

    pending --every node has it--> active --a newer one is active--> retiring --it wraps nothing any more--> gone
    """

    PENDING = "pending"
    ACTIVE = "active"
    RETIRING = "retiring"


class SealingKey(msgspec.Struct, frozen=True, gc=False):
    """A key that wraps data keys, as the store keeps it: sealed with the root key.  Times are Unix seconds."""

    number: int
    state: SealingState
    sealed: bytes
    created_at: int
    changed_at: int
