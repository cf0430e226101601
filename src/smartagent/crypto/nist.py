# SPDX-License-Identifier: Apache-2.0
"""ES256 and RS256, for those who take no Ed25519: clouds, SPIFFE, plain OIDC clients.

Spec: RFC 7518 sections 3.3, 3.4, 6.2 and 6.3; RFC 7638 section 3.2; FIPS 186-5.
"""

from collections.abc import Mapping
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from smartagent.crypto.digest import sha256
from smartagent.crypto.encoding import b64u, unb64u
from smartagent.crypto.errors import MalformedEncoding, MalformedKey
from smartagent.kernel import Entropy, Secret

RSA_BITS: Final = 2048
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192
_EXPONENT: Final = 65537
_COORDINATE_BYTES: Final = 32
_ES256_SIGNATURE_BYTES: Final = 64
# FIPS 186-5: the order of P-256's base point.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ES256: Final = ec.ECDSA(hashes.SHA256())
_RS256: Final = padding.PKCS1v15()


class EcPublicKey:
    """A P-256 public key, whose point was checked to lie on the curve."""

    __slots__ = ("_key", "_x", "_y", "thumbprint")

    algorithms: Final = frozenset({"ES256"})
    thumbprint: str
    """RFC 7638, SHA-256, base64url."""

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._key = key
        numbers = key.public_numbers()
        self._x = b64u(numbers.x.to_bytes(_COORDINATE_BYTES))
        self._y = b64u(numbers.y.to_bytes(_COORDINATE_BYTES))
        members = f'{{"crv":"P-256","kty":"EC","x":"{self._x}","y":"{self._y}"}}'
        self.thumbprint = b64u(sha256(members.encode("ascii")))

    def jwk(self) -> dict[str, str]:
        """Return the public JWK."""
        return {"kty": "EC", "crv": "P-256", "x": self._x, "y": self._y, "alg": "ES256"}

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` (R and S, 32 bytes each; no DER) is this key's over `message`."""
        if len(signature) != _ES256_SIGNATURE_BYTES:
            return False
        r, s = int.from_bytes(signature[:_COORDINATE_BYTES]), int.from_bytes(signature[_COORDINATE_BYTES:])
        try:
            self._key.verify(encode_dss_signature(r, s), message, _ES256)
        except InvalidSignature:
            return False
        return True


class RsaPublicKey:
    """An RSA public key of 2048 bits or more."""

    __slots__ = ("_key", "_n", "thumbprint")

    algorithms: Final = frozenset({"RS256"})
    thumbprint: str
    """RFC 7638, SHA-256, base64url."""

    def __init__(self, key: rsa.RSAPublicKey) -> None:
        self._key = key
        numbers = key.public_numbers()
        self._n = b64u(_unsigned(numbers.n))
        members = f'{{"e":"{b64u(_unsigned(numbers.e))}","kty":"RSA","n":"{self._n}"}}'
        self.thumbprint = b64u(sha256(members.encode("ascii")))

    def jwk(self) -> dict[str, str]:
        """Return the public JWK."""
        e = b64u(_unsigned(self._key.public_numbers().e))
        return {"kty": "RSA", "n": self._n, "e": e, "alg": "RS256"}

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Say whether `signature` (PKCS #1 v1.5, SHA-256) is this key's over `message`."""
        try:
            self._key.verify(signature, message, _RS256, hashes.SHA256())
        except InvalidSignature:
            return False
        return True


class EcSigningKey:
    """A P-256 private key.  Like a `Secret`, it is neither printed nor pickled."""

    __slots__ = ("_key", "public")

    public: EcPublicKey

    def __init__(self, private: Secret[bytes]) -> None:
        scalar = int.from_bytes(private.reveal())
        if len(private.reveal()) != _COORDINATE_BYTES or not 0 < scalar < _ORDER:
            raise MalformedKey("a P-256 private key is 32 bytes, between 1 and the order")
        self._key = ec.derive_private_key(scalar, ec.SECP256R1())
        self.public = EcPublicKey(self._key.public_key())

    @staticmethod
    def generate(entropy: Entropy) -> "EcSigningKey":
        """Make a new key (FIPS 186-5 appendix A.2.1, with 64 bits more than the order has)."""
        scalar = int.from_bytes(entropy(_COORDINATE_BYTES + 8)) % (_ORDER - 1) + 1
        return EcSigningKey(Secret(scalar.to_bytes(_COORDINATE_BYTES)))

    def private(self) -> Secret[bytes]:
        """Return the 32-byte scalar, to be sealed."""
        return Secret(self._key.private_numbers().private_value.to_bytes(_COORDINATE_BYTES))

    def sign(self, message: bytes) -> bytes:
        """Return R and S, 32 bytes each."""
        r, s = decode_dss_signature(self._key.sign(message, _ES256))
        return r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES)

    def __repr__(self) -> str:
        return f"EcSigningKey({self.public.thumbprint})"

    def __reduce__(self) -> NoReturn:
        message = "an EcSigningKey is not serialisable; seal its private part"
        raise TypeError(message)


class RsaSigningKey:
    """An RSA private key.  Like a `Secret`, it is neither printed nor pickled."""

    __slots__ = ("_key", "public")

    public: RsaPublicKey

    def __init__(self, private: Secret[bytes]) -> None:
        try:
            key = serialization.load_der_private_key(private.reveal(), password=None)
        except ValueError:
            raise MalformedKey("not a private key in PKCS #8") from None
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < MIN_RSA_BITS:
            raise MalformedKey(f"not an RSA key of {MIN_RSA_BITS} bits or more")
        self._key = key
        self.public = RsaPublicKey(key.public_key())

    @staticmethod
    def generate() -> "RsaSigningKey":
        """Make a new key.  The library takes no other source of chance than the system's."""
        key = rsa.generate_private_key(_EXPONENT, RSA_BITS)
        return RsaSigningKey(_der(key))

    def private(self) -> Secret[bytes]:
        """Return the key in PKCS #8 (DER), to be sealed."""
        return _der(self._key)

    def sign(self, message: bytes) -> bytes:
        """Return the PKCS #1 v1.5 signature with SHA-256."""
        return self._key.sign(message, _RS256, hashes.SHA256())

    def __repr__(self) -> str:
        return f"RsaSigningKey({self.public.thumbprint})"

    def __reduce__(self) -> NoReturn:
        message = "an RsaSigningKey is not serialisable; seal its private part"
        raise TypeError(message)


def rsa_from_pem(pem: Secret[bytes]) -> RsaSigningKey:
    """Read an RSA private key that somebody else made: PEM, in PKCS #1 or PKCS #8, not encrypted.

    Raises:
        MalformedKey: It is something else, or shorter than 2048 bits.
    """
    try:
        key = serialization.load_pem_private_key(pem.reveal(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise MalformedKey("not a private key in PEM, or one with a passphrase") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise MalformedKey("not an RSA key")
    return RsaSigningKey(_der(key))


def ec_from_jwk(jwk: Mapping[str, object]) -> EcPublicKey:
    """Read an EC JWK, whose private members were refused before.

    Raises:
        MalformedKey: It is no point of P-256.
    """
    if jwk.get("crv") != "P-256":
        raise MalformedKey("the JWK is on another curve than P-256")
    x, y = _number(jwk, "x"), _number(jwk, "y")
    if len(x) != _COORDINATE_BYTES or len(y) != _COORDINATE_BYTES:
        raise MalformedKey("a coordinate of P-256 has 32 bytes")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), ec.SECP256R1())
    try:
        return EcPublicKey(numbers.public_key())
    except ValueError:
        raise MalformedKey("the JWK is no point of P-256") from None


def rsa_from_jwk(jwk: Mapping[str, object]) -> RsaPublicKey:
    """Read an RSA JWK, whose private members were refused before.

    Raises:
        MalformedKey: It is too short, too long, or its exponent is not a sound one.
    """
    n, e = int.from_bytes(_number(jwk, "n")), int.from_bytes(_number(jwk, "e"))
    if not MIN_RSA_BITS <= n.bit_length() <= MAX_RSA_BITS:
        raise MalformedKey(f"an RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits")
    if e < _EXPONENT or e % 2 == 0 or e.bit_length() > MIN_RSA_BITS // 8:
        raise MalformedKey("the RSA exponent is even, or not between 65537 and 2^256")
    try:
        return RsaPublicKey(rsa.RSAPublicNumbers(e, n).public_key())
    except ValueError:
        raise MalformedKey("the JWK is no RSA key") from None


def _number(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise MalformedKey(f"the JWK has no {name}")
    try:
        return unb64u(value)
    except MalformedEncoding:
        raise MalformedKey(f"the JWK's {name} is not base64url") from None


def _unsigned(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)


def _der(key: rsa.RSAPrivateKey) -> Secret[bytes]:
    form = serialization.PrivateFormat.PKCS8
    return Secret(key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption()))
