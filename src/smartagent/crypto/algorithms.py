# SPDX-License-Identifier: Apache-2.0
"""The signature algorithms the house knows, as one thing each: a key that signs, a key that verifies.

Spec: RFC 7518 section 3.1, RFC 8037 section 3.1, RFC 9864 section 2.2.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from smartagent.crypto.errors import MalformedKey
from smartagent.crypto.keys import PublicKey, SigningKey, check_public
from smartagent.crypto.nist import EcSigningKey, RsaSigningKey, ec_from_jwk, rsa_from_jwk
from smartagent.kernel import Algorithm, Entropy, Secret

ED25519: Final = frozenset({"EdDSA", "Ed25519"})
"""Two names of the same signature: RFC 8037's, and RFC 9864's."""

ASYMMETRIC: Final = frozenset({*ED25519, "ES256", "RS256"})
"""Every name that a header may say.  There is no symmetric one, and no `none`."""


class VerifyingKey(Protocol):
    """A public key."""

    @property
    def algorithms(self) -> frozenset[str]:
        """The header names whose signatures it verifies."""
        ...

    @property
    def thumbprint(self) -> str:
        """RFC 7638, SHA-256, base64url."""
        ...

    def jwk(self) -> dict[str, str]:
        """Return the public JWK."""
        ...

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` is this key's over `message`."""
        ...


class Signer(Protocol):
    """A private key."""

    @property
    def public(self) -> VerifyingKey:
        """Its public half."""
        ...

    def private(self) -> Secret[bytes]:
        """Return what `signer_of` makes it of again, to be sealed."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`, in the form that a JWS has it."""
        ...


def public_key_from_jwk(jwk: object) -> VerifyingKey:
    """Read a public JWK of any algorithm that is done here.

    Raises:
        MalformedKey: It is of another kind, too weak, or holds private material.
    """
    if not isinstance(jwk, Mapping):
        raise MalformedKey("a JWK is an object")
    check_public(jwk)
    match jwk.get("kty"):
        case "OKP":
            return PublicKey.from_jwk(jwk)
        case "EC":
            return ec_from_jwk(jwk)
        case "RSA":
            return rsa_from_jwk(jwk)
        case _:
            raise MalformedKey("the JWK is no Ed25519, P-256 or RSA key")


def generate_signer(algorithm: Algorithm, entropy: Entropy) -> Signer:
    """Make a new key for `algorithm`."""
    match algorithm:
        case Algorithm.EDDSA:
            return SigningKey.generate(entropy)
        case Algorithm.ES256:
            return EcSigningKey.generate(entropy)
        case Algorithm.RS256:
            return RsaSigningKey.generate()


def signer_of(algorithm: Algorithm, private: Secret[bytes]) -> Signer:
    """Return the key that `Signer.private` gave.

    Raises:
        MalformedKey: It is not one of that algorithm.
    """
    match algorithm:
        case Algorithm.EDDSA:
            return SigningKey.from_seed(private)
        case Algorithm.ES256:
            return EcSigningKey(private)
        case Algorithm.RS256:
            return RsaSigningKey(private)
