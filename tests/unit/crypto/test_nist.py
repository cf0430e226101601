# SPDX-License-Identifier: Apache-2.0
"""ES256 and RS256: against a foreign library, and against what should be refused."""

import pickle

import jwt
import pytest
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from smartagent.crypto import (
    ASYMMETRIC,
    BadSignature,
    EcSigningKey,
    JwsSigner,
    MalformedKey,
    MalformedToken,
    RsaSigningKey,
    SigningKey,
    b64u,
    generate_signer,
    parse_compact,
    public_key_from_jwk,
    sign_compact,
    signer_of,
    system_entropy,
)
from smartagent.kernel import Algorithm, Secret

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# RFC 7638 section 3.1.
RFC_7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
    "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6"
    "qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJ"
    "zKnqDKgw",
    "e": "AQAB",
}


@pytest.fixture(scope="module")
def rsa():
    return RsaSigningKey.generate()


@pytest.fixture(scope="module")
def ec():
    return EcSigningKey.generate(system_entropy)


@pytest.fixture(params=list(Algorithm))
def key(request, rsa, ec):
    made = {Algorithm.RS256: rsa, Algorithm.ES256: ec, Algorithm.EDDSA: SigningKey.generate(system_entropy)}
    return request.param, made[request.param]


def test_what_a_key_signs_it_verifies_and_nobody_else(key, rsa, ec):
    algorithm, signer = key
    token = JwsSigner(signer, "k", "at+jwt", algorithm.value).sign(b'{"a":1}')
    jws = parse_compact(token, algorithms=ASYMMETRIC)
    assert jws.verified_payload(signer.public) == b'{"a":1}'
    for other in (rsa, ec, SigningKey.generate(system_entropy), EcSigningKey.generate(system_entropy)):
        if other.public.thumbprint != signer.public.thumbprint:
            with pytest.raises(BadSignature):
                jws.verified_payload(other.public)


def test_a_sealed_key_comes_back_as_itself(key):
    algorithm, signer = key
    again = signer_of(algorithm, signer.private())
    assert again.public.thumbprint == signer.public.thumbprint
    assert public_key_from_jwk(signer.public.jwk()).verify(again.sign(b"x"), b"x")


def test_a_key_for_one_algorithm_is_never_used_for_another(key):
    _, signer = key
    for name in ASYMMETRIC - signer.public.algorithms:
        token = sign_compact({"alg": name}, b"{}", signer)
        with pytest.raises((BadSignature, MalformedToken)):
            parse_compact(token, algorithms=ASYMMETRIC).verified_payload(signer.public)


def test_only_algorithms_that_are_asked_for_are_read(ec):
    token = sign_compact({"alg": "ES256"}, b"{}", ec)
    with pytest.raises(MalformedToken):
        parse_compact(token)


def test_a_foreign_library_verifies_what_we_sign(ec, rsa):
    claims = b'{"sub":"x"}'
    for signer, algorithm, reader in ((ec, "ES256", ECAlgorithm), (rsa, "RS256", RSAAlgorithm)):
        token = sign_compact({"alg": algorithm}, claims, signer)
        assert jwt.decode(token, reader.from_jwk(signer.public.jwk()), algorithms=[algorithm]) == {"sub": "x"}


@pytest.mark.parametrize(
    "signature",
    [b"", b"\0" * 64, b"\0" * 63, b"\0" * 65, ORDER.to_bytes(32) * 2, b"\xff" * 64, b"\0" * 32 + b"\1" * 32],
)
def test_signatures_outside_the_curves_order_are_refused(ec, signature):
    assert not ec.public.verify(signature, b"x")


def test_a_der_signature_is_no_jws_signature(ec):
    assert not ec.public.verify(ec._key.sign(b"x", ec_algorithm()), b"x")


def ec_algorithm():
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec as curves

    return curves.ECDSA(hashes.SHA256())


def test_the_thumbprint_is_the_one_of_the_rfc():
    assert public_key_from_jwk(RFC_7638).thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


P256 = {"kty": "EC", "crv": "P-256"}


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        [],
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"},
        P256,
        P256 | {"x": b64u(b"\1" * 32), "y": b64u(b"\1" * 32)},
        P256 | {"x": b64u(b"\1" * 31), "y": b64u(b"\1" * 32)},
        P256 | {"x": "not base64", "y": b64u(b"\1" * 32)},
        P256 | {"x": 7, "y": b64u(b"\1" * 32)},
        RFC_7638 | {"e": b64u(b"\3")},
        RFC_7638 | {"e": b64u(b"\1\0\0")},
        RFC_7638 | {"n": b64u(b"\xff" * 128)},
        RFC_7638 | {"n": b64u(b"\xff" * 2048)},
        RFC_7638 | {"d": "AQAB"},
        RFC_7638 | {"n": None},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43},
    ],
)
def test_keys_that_are_weak_or_none_are_refused(jwk):
    with pytest.raises(MalformedKey):
        public_key_from_jwk(jwk)


def test_private_parts_that_are_none_are_refused(ec):
    for wrong in (b"", b"\0" * 32, b"\xff" * 32, b"\1" * 31):
        with pytest.raises(MalformedKey):
            signer_of(Algorithm.ES256, Secret(wrong))
        with pytest.raises(MalformedKey):
            signer_of(Algorithm.RS256, Secret(wrong))


def test_private_keys_are_neither_shown_nor_pickled(key):
    _, signer = key
    assert signer.public.thumbprint in repr(signer)
    with pytest.raises(TypeError):
        pickle.dumps(signer)


def test_a_new_p256_key_is_made_of_the_given_chance():
    made = [generate_signer(Algorithm.ES256, lambda n: b"\7" * n).public.thumbprint for _ in range(2)]
    assert made[0] == made[1]
