# SPDX-License-Identifier: Apache-2.0
"""One entry of the audit log: who asked for what, what was decided, what came of it."""

from enum import StrEnum

import msgspec

Detail = str | int


class Decision(StrEnum):
    """What was decided about a request."""

    PERMIT = "permit"
    DENY = "deny"


class Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What the log keeps of one event.  Its JSON encoding, in this order of members, is the leaf.

    Never holds a secret, a token or a request body.  `at_ms` is Unix milliseconds.  `rule`
    names what decided, `reason` says why it was refused; neither is shown to the caller of
    a refused request.
    """

    event: str
    at_ms: int
    request: str
    caller: str = ""
    session: str = ""
    jti: str = ""
    subject: str = ""
    permission: str = ""
    target: str = ""
    decision: Decision | None = None
    rule: str = ""
    reason: str = ""
    outcome: str = ""
    detail: dict[str, Detail] = {}

    def encode(self) -> bytes:
        """Return the leaf's bytes."""
        return _ENCODER.encode(self)

    @staticmethod
    def decode(raw: bytes) -> "Record":
        """Read a leaf back.

        Raises:
            msgspec.ValidationError: The bytes are not a record.
        """
        return _DECODER.decode(raw)


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Record)
