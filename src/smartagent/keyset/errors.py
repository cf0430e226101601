# SPDX-License-Identifier: Apache-2.0
"""How the keyset can refuse.

KeysetError
    SealingKeyUnknown   an envelope names a sealing key that there is not, or not on this node yet
    KeysetMoved         somebody else changed the keyset between the look and the write
    RewrapRuns          envelopes are being wrapped anew already
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class KeysetError(SmartAgentError):
    """Base of the room's errors; never raised itself."""


class SealingKeyUnknown(KeysetError):
    """An envelope names a sealing key that there is not, or not on this node yet."""

    code: ClassVar[str] = "sealing-key-unknown"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "What was sealed cannot be opened on this node."


class KeysetMoved(KeysetError):
    """Somebody else changed the keyset between the look and the write."""

    code: ClassVar[str] = "keyset-changed"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "The keyset was changed meanwhile; look again."


class RewrapRuns(KeysetError):
    """Envelopes are being wrapped anew already."""

    code: ClassVar[str] = "rewrap-runs"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "Envelopes are being wrapped anew already."
