# SPDX-License-Identifier: Apache-2.0
"""The rings of all algorithms as one: what signs, what verifies, and the key set.

Ed25519 signs access tokens.  ES256 and RS256 stand beside it for those who take nothing else.

Spec: RFC 7517 section 5, RFC 9068 section 2.1, OpenID Connect Core section 15.1.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from smartagent.crypto import JwsSigner, VerifyingKey
from smartagent.kernel import Algorithm, Ledger
from smartagent.tokens.keyring import KeyRing
from smartagent.tokens.means import Means

_KEPT: Final = 64


class KeyRings:
    """Every signing key of the house."""

    def __init__(self, means: Means) -> None:
        self._rings: dict[Algorithm, KeyRing] = {}
        self._rings = {algorithm: KeyRing(means, algorithm, self._gather) for algorithm in Algorithm}
        self._published: Mapping[str, VerifyingKey] = {}
        self._signers: dict[tuple[str, str], JwsSigner] = {}
        self._jwks = b""

    @property
    def main(self) -> KeyRing:
        """The ring that signs access tokens."""
        return self._rings[Algorithm.EDDSA]

    def all(self) -> Sequence[KeyRing]:
        """Return the rings, the main one first."""
        return tuple(self._rings.values())

    def of(self, algorithm: Algorithm) -> KeyRing:
        """Return the ring of `algorithm`."""
        return self._rings[algorithm]

    def sign(self, algorithm: Algorithm, typ: str, payload: bytes) -> str:
        """Return a token of the type `typ`, signed with the active key of `algorithm`.

        Raises:
            KeysNotReady: There is none on this node.
        """
        active = self._rings[algorithm].active
        signer = self._signers.get((active.kid, typ))
        if signer is None:
            if len(self._signers) >= _KEPT:
                self._signers.clear()
            signer = JwsSigner(active.key, active.kid, typ, algorithm.value)
            self._signers[active.kid, typ] = signer
        return signer.sign(payload)

    def verifier(self, kid: str) -> VerifyingKey | None:
        """Return the published key `kid`, of whatever algorithm."""
        return self._published.get(kid)

    def jwks(self) -> bytes:
        """Return the JSON Web Key Set.

        Its Ed25519 entries have no `alg`: verifiers spell it differently (`EdDSA`, `Ed25519`), skip
        entries with the other spelling, and all infer it from the curve.

        Spec: RFC 7517 section 5, RFC 8037 section 2.
        """
        return self._jwks

    async def reload(self, _kids: Sequence[str] = ()) -> None:
        """Read the rings again.

        Raises:
            StoreUnavailable: The store cannot be read.
            CannotUnseal: The root key is not the one that sealed the active keys.
        """
        for ring in self._rings.values():
            await ring.reload()

    async def tend(self, ledger: Ledger) -> None:
        """Take every step that is due, in every ring.

        Raises:
            StoreUnavailable: A step could not be made durable.
        """
        for ring in self._rings.values():
            await ring.tend(ledger)

    def _gather(self) -> None:
        self._published = {kid: key for ring in self._rings.values() for kid, key in ring.published.items()}
        entries = [{**key.jwk(), "kid": kid, "use": "sig"} for kid, key in self._published.items()]
        self._jwks = msgspec.json.encode({"keys": entries})
