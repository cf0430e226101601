# SPDX-License-Identifier: Apache-2.0
"""Compact JWS: the one kind of token the house makes and reads.

The algorithm is fixed by the key, never chosen by the token; a header only has to agree.  What
could make two readers disagree about a token is refused before its signature is looked at.

Spec: RFC 7515 sections 3.1, 4.1 and 7.1; RFC 8037 section 3.1; RFC 8725 sections 3.1, 3.2, 3.10.
"""

from typing import Final

import msgspec

from smartagent.crypto.algorithms import ASYMMETRIC, ED25519, Signer, VerifyingKey
from smartagent.crypto.encoding import b64u, unb64u
from smartagent.crypto.errors import BadSignature, MalformedEncoding, MalformedJson, MalformedToken
from smartagent.crypto.strictjson import strict_json

MAX_TOKEN_BYTES: Final = 8192
_SIGNATURE_BYTES: Final = {"EdDSA": 64, "Ed25519": 64, "ES256": 64}
_MAX_PARAMETER_CHARS: Final = 256
_CACHED_HEADERS: Final = 1024
_CACHED_HEADER_BYTES: Final = 512
# An extension we would have to understand (crit, b64), another serialisation (zip, enc), or a
# place to fetch keys from that the token's author chose (jku, x5u).
_REFUSED: Final = frozenset({"crit", "b64", "zip", "enc", "jku", "x5u"})
_encode: Final = msgspec.json.Encoder().encode


class JwsHeader(msgspec.Struct, frozen=True):
    """What a header may say; all of it is claimed, even when the signature holds.

    `kid` is a name to look up among known keys, `jwk` a key whose signature proves possession only.
    """

    alg: str
    kid: str = ""
    typ: str = ""
    cty: str = ""
    jwk: dict[str, object] | None = None


class UnverifiedJws(msgspec.Struct, frozen=True):
    """A well-formed token that nobody has vouched for yet."""

    header: JwsHeader
    payload: bytes
    signing_input: bytes
    signature: bytes

    def check_claims(self) -> None:
        """Refuse claims of which one is named twice: who reads them later may take the last, another the first.

        What we signed ourselves need not be looked at.

        Raises:
            MalformedToken: They are, or they are no JSON.

        Spec: RFC 7519 section 4.
        """
        try:
            strict_json(self.payload, len(self.payload))
        except MalformedJson as error:
            raise MalformedToken(f"the claims: {error}") from error

    def verified_payload(self, key: VerifyingKey) -> bytes:
        """Return the payload when `key` signed it, by the algorithm that the header names.

        Raises:
            BadSignature: It did not, or it is a key for another algorithm.
        """
        if self.header.alg not in key.algorithms:
            raise BadSignature("the key is for another algorithm")
        if not key.verify(self.signature, self.signing_input):
            raise BadSignature("the token was not signed by that key")
        return self.payload


class JwsSigner:
    """Signs tokens of one type with one key; the header is encoded once."""

    __slots__ = ("_head", "_key")

    def __init__(self, key: Signer, kid: str, typ: str, alg: str = "EdDSA") -> None:
        self._key = key
        self._head = b64u(_encode({"alg": alg, "kid": kid, "typ": typ})).encode("ascii") + b"."

    def sign(self, payload: bytes) -> str:
        """Return the compact token over `payload`, which is signed as it is."""
        signing_input = self._head + b64u(payload).encode("ascii")
        return f"{signing_input.decode('ascii')}.{b64u(self._key.sign(signing_input))}"


def sign_compact(header: dict[str, object], payload: bytes, key: Signer) -> str:
    """Return a compact token with this very header, e.g. a proof that carries its `jwk`."""
    signing_input = f"{b64u(_encode(header))}.{b64u(payload)}"
    return f"{signing_input}.{b64u(key.sign(signing_input.encode('ascii')))}"


def parse_compact(
    token: str, max_bytes: int = MAX_TOKEN_BYTES, algorithms: frozenset[str] = ED25519
) -> UnverifiedJws:
    """Take a compact token apart.

    Args:
        token: As received.
        max_bytes: More than this is refused unread.
        algorithms: What its header may say; a part of `ASYMMETRIC`.

    Raises:
        MalformedToken: It is not three canonical base64url parts, or its header says another
            algorithm or asks for what we do not do.
    """
    if len(token) > max_bytes:
        raise MalformedToken(f"more than {max_bytes} bytes")
    try:
        raw = token.encode("ascii")
        head, payload, signature = raw.split(b".")
        jws = UnverifiedJws(
            header=_header(head),
            payload=unb64u(payload),
            signing_input=raw[: len(head) + len(payload) + 1],
            signature=unb64u(signature),
        )
    except UnicodeEncodeError:
        raise MalformedToken("a token is ASCII") from None
    except MalformedEncoding:
        raise MalformedToken("a part is not canonical base64url") from None
    except ValueError:
        raise MalformedToken("a compact token has three parts") from None
    if jws.header.alg not in algorithms:
        raise MalformedToken(f"alg is not one of {', '.join(sorted(algorithms))}")
    if len(jws.signature) != _SIGNATURE_BYTES.get(jws.header.alg, len(jws.signature)):
        raise MalformedToken("the signature has the wrong length")
    return jws


_headers: Final[dict[bytes, JwsHeader]] = {}


def _header(part: bytes) -> JwsHeader:
    # Tokens of one issuer share their header; reading it anew each time tells nothing new.
    known = _headers.get(part)
    if known is not None:
        return known
    header = _read_header(unb64u(part))
    if header.jwk is None and len(part) <= _CACHED_HEADER_BYTES:
        if len(_headers) >= _CACHED_HEADERS:
            _headers.clear()
        _headers[part] = header
    return header


def _read_header(raw: bytes) -> JwsHeader:
    try:
        members = strict_json(raw, MAX_TOKEN_BYTES)
    except MalformedJson as error:
        raise MalformedToken(f"the header: {error}") from error
    if not isinstance(members, dict):
        raise MalformedToken("the header is not an object")
    if not _REFUSED.isdisjoint(members):
        raise MalformedToken("the header asks for what this verifier does not do")
    try:
        header = msgspec.convert(members, JwsHeader)
    except msgspec.ValidationError:
        raise MalformedToken("a header parameter has the wrong type, or alg is missing") from None
    if header.alg not in ASYMMETRIC:
        raise MalformedToken("alg is none that is done here")
    if max(len(header.kid), len(header.typ), len(header.cty)) > _MAX_PARAMETER_CHARS:
        raise MalformedToken("a header parameter is too long")
    return header
