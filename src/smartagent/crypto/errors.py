# SPDX-License-Identifier: Apache-2.0
"""How proofs, keys, envelopes and notes can be wrong.

CryptoError
    MalformedEncoding   not canonical base64
    MalformedJson       not JSON that all readers understand alike
    MalformedKey        not a public key, or one that proves nothing
    MalformedToken      not a compact JWS of the one kind the house takes
    MalformedProof      not a log proof
    BadSignature        well formed, and not signed by that key
    BadNote             a signed note that its key does not vouch for
    CannotUnseal        another root key, another identity, or touched bytes
"""

from typing import ClassVar

from smartagent.kernel import Kind, SmartAgentError


class CryptoError(SmartAgentError):
    """Base of the room's errors; never raised itself.  No text of theirs repeats the input."""


class MalformedEncoding(CryptoError):
    """The text is not canonical base64 of the expected alphabet."""

    code: ClassVar[str] = "malformed-encoding"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The text is not canonical base64."


class MalformedJson(CryptoError):
    """The bytes are not JSON, or JSON that two readers could understand differently."""

    code: ClassVar[str] = "malformed-json"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The JSON is malformed."


class MalformedKey(CryptoError):
    """The bytes are no Ed25519 public key that anybody should trust."""

    code: ClassVar[str] = "malformed-key"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The public key is malformed."


class MalformedToken(CryptoError):
    """The token is not a compact JWS with an acceptable header."""

    code: ClassVar[str] = "malformed-token"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The token is malformed."


class MalformedProof(CryptoError):
    """The text is not a transparency log proof or checkpoint."""

    code: ClassVar[str] = "malformed-proof"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The log proof is malformed."


class BadSignature(CryptoError):
    """The signature is not that key's over that message."""

    code: ClassVar[str] = "bad-signature"
    kind: ClassVar[Kind] = Kind.UNAUTHENTICATED
    title: ClassVar[str] = "The signature does not hold."


class BadNote(CryptoError):
    """The note is malformed, or the expected key did not sign it."""

    code: ClassVar[str] = "bad-note"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "The signed note does not hold."


class CannotUnseal(CryptoError):
    """The envelope does not open; which of key, identity and bytes is wrong cannot be told."""

    code: ClassVar[str] = "cannot-unseal"
    kind: ClassVar[Kind] = Kind.UNAVAILABLE
    title: ClassVar[str] = "A sealed secret cannot be opened."
