# SPDX-License-Identifier: Apache-2.0
"""Ed25519: the RFC's vectors, and what must never verify."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import MalformedKey, PublicKey, SigningKey, b64u, system_entropy
from smartagent.kernel import Secret

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
ORDER_8 = (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)
# The y of every point of order 1, 2, 4 and 8, also spelt y + p where that fits in 255 bits.
TORSION_Y = [0, 1, P - 1, P, P + 1, *(int.from_bytes(bytes.fromhex(y), "little") for y in ORDER_8)]
TORSION = [(y | sign << 255).to_bytes(32, "little") for y in TORSION_Y for sign in (0, 1)]

KEY = SigningKey.from_seed(Secret(bytes(range(32))))


def test_all_fourteen_encodings_of_the_torsion_are_on_the_list():
    assert len(set(TORSION)) == 14


@pytest.mark.parametrize("raw", TORSION, ids=bytes.hex)
def test_a_key_of_small_order_is_refused(raw):
    with pytest.raises(MalformedKey):
        PublicKey.parse(raw)


@pytest.mark.parametrize("raw", TORSION, ids=bytes.hex)
def test_a_key_of_small_order_verifies_nothing_even_unparsed(raw):
    """The forgery that OpenSSL accepts: the key as R, and S = 0."""
    assert not PublicKey(raw).verify(raw + bytes(32), b"any message")
    assert not PublicKey(raw).verify((1).to_bytes(32, "little") + bytes(32), b"any message")


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_a_key_of_the_wrong_length_is_refused(size):
    with pytest.raises(MalformedKey, match="32 bytes"):
        PublicKey.parse(KEY.public.raw[:1] * size)


def test_a_point_off_the_curve_is_refused():
    with pytest.raises(MalformedKey):
        PublicKey.parse((2).to_bytes(32, "little"))


@pytest.mark.parametrize("y", range(P, 2**255))
def test_a_key_that_is_not_canonical_is_refused(y):
    for sign in (0, 1):
        with pytest.raises(MalformedKey):
            PublicKey.parse((y | sign << 255).to_bytes(32, "little"))


def test_a_key_with_a_part_of_small_order_is_refused():
    from nacl.bindings import crypto_core_ed25519_add

    mixed = crypto_core_ed25519_add(KEY.public.raw, bytes.fromhex(ORDER_8[0]))
    with pytest.raises(MalformedKey, match="subgroup"):
        PublicKey.parse(mixed)


def test_a_signature_has_one_spelling():
    """S and S + L satisfy the same equation; only the smaller is one."""
    signature = KEY.sign(b"message")
    s = int.from_bytes(signature[32:], "little")
    for multiple in range(1, 8):
        other = signature[:32] + (s + multiple * L).to_bytes(32, "little")
        assert not KEY.public.verify(other, b"message")


@pytest.mark.parametrize("size", [0, 1, 32, 63, 65, 96, 128])
def test_a_signature_of_the_wrong_length_is_false(size):
    signature = (KEY.sign(b"message") * 2)[:size]

    assert not KEY.public.verify(signature, b"message")


def test_bytes_moved_between_signature_and_message_do_not_verify():
    signature = KEY.sign(b"Xmessage")

    assert not KEY.public.verify(signature + b"X", b"message")
    assert not KEY.public.verify(signature[:-1], signature[-1:] + b"Xmessage")


@given(st.binary(max_size=2000), st.integers(0, 511))
def test_what_is_signed_verifies_and_one_flipped_bit_does_not(message, bit):
    signature = KEY.sign(message)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8

    assert KEY.public.verify(signature, message)
    assert not KEY.public.verify(bytes(flipped), message)
    assert not KEY.public.verify(signature, message + b"\x00")


def test_another_key_does_not_verify():
    other = SigningKey.generate(system_entropy)

    assert not other.public.verify(KEY.sign(b"m"), b"m")


def test_a_key_survives_its_seed():
    made = SigningKey.generate(lambda size: b"\x07" * size)

    assert made.seed().reveal() == b"\x07" * 32
    assert SigningKey.from_seed(made.seed()).public == made.public
    assert PublicKey.parse(made.public.raw) == made.public
    assert len({made.public, PublicKey.parse(made.public.raw)}) == 1
    assert made.public != KEY.public
    assert made.public != made.public.raw
    assert repr(made.public) == f"PublicKey({made.public.thumbprint})"


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_of_the_wrong_length_is_refused(size):
    with pytest.raises(MalformedKey, match="seed"):
        SigningKey.from_seed(Secret(bytes(size)))


def test_a_private_key_is_neither_printed_nor_pickled():
    shown = f"{KEY!r} {KEY} {vars(type(KEY))}"

    assert KEY.seed().reveal().hex() not in shown
    assert KEY.public.thumbprint in repr(KEY)
    with pytest.raises(TypeError, match="seal its seed"):
        pickle.dumps(KEY)


def test_a_jwk_comes_back_as_the_same_key():
    assert PublicKey.from_jwk(KEY.public.jwk()) == KEY.public
    assert PublicKey.from_jwk({**KEY.public.jwk(), "kid": "a", "use": "sig"}) == KEY.public
    assert set(KEY.public.jwk()) == {"kty", "crv", "x"}


X = KEY.public.jwk()["x"]


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        "OKP",
        [],
        {},
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "OKP", "crv": "Ed25519", "x": 5},
        {"kty": "OKP", "crv": "Ed25519", "x": X + "="},
        {"kty": "OKP", "crv": "Ed25519", "x": X[:-1]},
        {"kty": "OKP", "crv": "Ed25519", "x": X[:-1] + "B"},
        {"kty": "OKP", "crv": "Ed25519", "x": "+" + X[1:]},
        {"kty": "OKP", "crv": "Ed25519", "x": b64u(TORSION[2])},
        {"kty": "okp", "crv": "Ed25519", "x": X},
        {"kty": "OKP", "crv": "X25519", "x": X},
        {"kty": "OKP", "crv": "Ed448", "x": X},
        {"kty": "EC", "crv": "Ed25519", "x": X},
        {"kty": "oct", "k": X},
        {"kty": "OKP", "crv": "Ed25519", "x": X, "d": X},
        {"kty": "OKP", "crv": "Ed25519", "x": X, "d": None},
        {"kty": "OKP", "crv": "Ed25519", "x": X, "k": X},
    ],
)
def test_a_jwk_that_is_no_public_ed25519_key_is_refused(jwk):
    with pytest.raises(MalformedKey):
        PublicKey.from_jwk(jwk)
