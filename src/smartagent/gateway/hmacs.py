# SPDX-License-Identifier: Apache-2.0
"""HMAC signatures over a request, as many APIs want them: the key signs, and never leaves.

An entry says which field holds the signature, how it is written there, and what is signed:

    hmac:X-Hub-Signature-256:sha256={hex}:{body}
    hmac:Stripe-Signature:t={timestamp},v1={hex}:{timestamp}.{body}
    hmac:X-Slack-Signature,X-Slack-Request-Timestamp:v0={hex}:v0:{timestamp}:{body}

Without the last two parts it is `{hex}` and `{body}`.  A second field's name gets the time, in Unix seconds.

Spec: RFC 2104, with SHA-256.
"""

import base64
import re
from typing import Final

import msgspec

from smartagent.crypto import hmac_sha256
from smartagent.gateway.head import Pairs, RequestHead
from smartagent.gateway.signing import Covered, Outgoing
from smartagent.kernel import Secret

_WORD: Final = re.compile(r"\{([a-z0-9]+)\}")


class HmacSigner(msgspec.Struct, frozen=True):
    """Whose key signs, what, and where the signature stands."""

    field: str
    time_field: str
    value: str
    message: str
    key: Secret[bytes]

    @property
    def dropped(self) -> frozenset[str]:
        """The fields that are ours to set."""
        return frozenset((self.field, self.time_field)) - {""}

    @property
    def secrets(self) -> tuple[Secret[bytes], ...]:
        """What no answer may show."""
        return (self.key,)

    def known(self, head: RequestHead, *, tls: bool) -> str | None:
        """Return the body's digest when it need not be read, else None."""
        del head, tls  # here it is the entry that says
        return None if {"body", "digest"} & set(_WORD.findall(self.message)) else ""

    def sign(self, asked: Outgoing, covered: Covered, now: float) -> Pairs:
        """Return the fields that sign a request; `now` in Unix seconds."""
        timestamp = str(int(now))
        words = {
            "method": asked.method,
            "host": dict(asked.fields)["host"],
            "path": asked.path,
            "query": asked.query,
            "target": f"{asked.path}?{asked.query}" if asked.query else asked.path,
            "timestamp": timestamp,
            "digest": covered.digest,
            "newline": "\n",
        }
        told = {name: word.encode("latin-1") for name, word in words.items()} | {"body": covered.body}
        pieces = _WORD.split(self.message)
        # Every second piece is a word.
        message = b"".join(told[piece] if at % 2 else piece.encode() for at, piece in enumerate(pieces))
        made = hmac_sha256(self.key, message)
        shown = {"hex": made.hex(), "base64": base64.b64encode(made).decode(), "timestamp": timestamp}
        own = [(self.field, _WORD.sub(lambda word: shown[word[1]], self.value))]
        return [*own, (self.time_field, timestamp)] if self.time_field else own


def hmac_signer(place: str, key: Secret[bytes]) -> HmacSigner:
    """Read `FIELD[,TIME-FIELD][:VALUE[:MESSAGE]]`, which was checked when the entry was written."""
    fields, _, rest = place.partition(":")
    value, _, message = rest.partition(":")
    field, _, time_field = fields.lower().partition(",")
    return HmacSigner(field, time_field, value or "{hex}", message or "{body}", key)
