# SPDX-License-Identifier: Apache-2.0
"""Ed25519 keys, on libsodium.

libsodium refuses S >= L and points of small order when it verifies; OpenSSL accepts the identity
point as a key that has signed every message.  We refuse such keys already when they are parsed.

Spec: RFC 8032 section 5.1, RFC 8037 section 2, RFC 7638 section 3.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NoReturn

from nacl.bindings import (
    crypto_core_ed25519_is_valid_point,
    crypto_sign,
    crypto_sign_open,
    crypto_sign_seed_keypair,
)
from nacl.exceptions import BadSignatureError

from smartagent.crypto.digest import sha256
from smartagent.crypto.encoding import b64u, unb64u
from smartagent.crypto.errors import MalformedEncoding, MalformedKey
from smartagent.kernel import Entropy, Secret

PUBLIC_KEY_BYTES: Final = 32
SEED_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_X_CHARS: Final = 43
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class PublicKey:
    """An Ed25519 public key whose point was checked.  Equal and hashed by its bytes."""

    __slots__ = ("raw", "thumbprint")

    algorithms: Final = frozenset({"EdDSA", "Ed25519"})
    """Two names of the same signature: RFC 8037's, and RFC 9864's."""
    raw: bytes
    """32 bytes."""
    thumbprint: str
    """RFC 7638, SHA-256, base64url."""

    def __init__(self, checked: bytes) -> None:
        """Take bytes that `parse` checked or that were computed from a private key."""
        self.raw = checked
        members = f'{{"crv":"Ed25519","kty":"OKP","x":"{b64u(checked)}"}}'
        self.thumbprint = b64u(sha256(members.encode("ascii")))

    @staticmethod
    def parse(raw: bytes) -> "PublicKey":
        """Read the 32 bytes of RFC 8032 section 5.1.2.

        Raises:
            MalformedKey: Wrong length, not canonical, not on the curve, or outside the main
                subgroup: a point of small order accepts forged signatures.
        """
        return _parsed(bytes(raw))

    @staticmethod
    def from_jwk(jwk: object) -> "PublicKey":
        """Read a JWK of RFC 8037 section 2.

        Raises:
            MalformedKey: It is no Ed25519 key, or it holds private material.
        """
        if not isinstance(jwk, Mapping):
            raise MalformedKey("a JWK is an object")
        check_public(jwk)
        if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
            raise MalformedKey("the JWK is no Ed25519 key")
        x = jwk.get("x")
        if not isinstance(x, str) or len(x) != _X_CHARS:
            raise MalformedKey("the JWK's x is not 43 characters")
        try:
            return _parsed(unb64u(x))
        except MalformedEncoding as error:
            raise MalformedKey("the JWK's x is not base64url") from error

    def jwk(self) -> dict[str, str]:
        """Return the public JWK: `kty`, `crv`, `x`.

        No `alg`: verifiers disagree on its spelling (`EdDSA`, `Ed25519`), and all infer it.
        """
        return {"kty": "OKP", "crv": "Ed25519", "x": b64u(self.raw)}

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` (64 bytes; any other length is false) is this key's over `message`."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            crypto_sign_open(signature + message, self.raw)
        except BadSignatureError:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.thumbprint})"


def check_public(jwk: Mapping[str, object]) -> None:
    """Refuse a JWK with private members: whoever sends one has given the key away.

    Raises:
        MalformedKey: It has.
    """
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise MalformedKey("the JWK holds private material")


@lru_cache(maxsize=4096)
def _parsed(raw: bytes) -> PublicKey:
    # Checking the point costs as much as a signature, and agents come back with the same key.
    if len(raw) != PUBLIC_KEY_BYTES:
        raise MalformedKey("an Ed25519 public key has 32 bytes")
    if not crypto_core_ed25519_is_valid_point(raw):
        raise MalformedKey("not a canonical point of the curve's main subgroup")
    return PublicKey(raw)


class SigningKey:
    """An Ed25519 private key.  Like a `Secret`, it is neither printed nor pickled."""

    __slots__ = ("_pair", "public")

    public: PublicKey

    def __init__(self, seed: Secret[bytes]) -> None:
        if len(seed.reveal()) != SEED_BYTES:
            raise MalformedKey("an Ed25519 seed has 32 bytes")
        public, pair = crypto_sign_seed_keypair(seed.reveal())
        self._pair = Secret(pair)
        self.public = PublicKey(public)

    @staticmethod
    def generate(entropy: Entropy) -> "SigningKey":
        """Make a new key."""
        return SigningKey(Secret(entropy(SEED_BYTES)))

    @staticmethod
    def from_seed(seed: Secret[bytes]) -> "SigningKey":
        """Return the key of a 32-byte seed (RFC 8032 section 5.1.5).

        Raises:
            MalformedKey: The seed has another length.
        """
        return SigningKey(seed)

    def seed(self) -> Secret[bytes]:
        """Return the seed, to be sealed."""
        return Secret(self._pair.reveal()[:SEED_BYTES])

    private = seed

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature.  The same message gives the same signature."""
        return crypto_sign(message, self._pair.reveal())[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey({self.public.thumbprint})"

    def __reduce__(self) -> NoReturn:
        message = "a SigningKey is not serialisable; seal its seed"
        raise TypeError(message)
