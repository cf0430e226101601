# SPDX-License-Identifier: Apache-2.0
"""Vectors that the RFCs print: RFC 8032 section 7.1, RFC 8037 appendix A (RFC 7638 for OKP keys)."""

import hashlib

import pytest

from smartagent.crypto import PublicKey, SigningKey, b64u, parse_compact, sign_compact, unb64u
from smartagent.kernel import Secret

RFC_8032 = {
    "TEST 1": (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    "TEST 2": (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    "TEST 3": (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        b"\xaf\x82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    "TEST SHA(abc)": (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").digest(),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e030"
            "3dca179c138ac17ad9bef1177331a704"
        ),
    ),
}

D = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
X = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
TOKEN = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)


@pytest.mark.requirement("RFC8037-3.1-1")
@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032.values(), ids=RFC_8032)
def test_rfc_8032_section_7_1(seed, public, message, signature):
    key = SigningKey.from_seed(Secret(bytes.fromhex(seed)))

    assert key.public.raw.hex() == public
    assert key.sign(message).hex() == signature
    assert PublicKey.parse(bytes.fromhex(public)).verify(bytes.fromhex(signature), message)


@pytest.mark.requirement("RFC8037-2-1")
def test_rfc_8037_appendix_a_1_and_2_the_key():
    key = SigningKey.from_seed(Secret(unb64u(D)))

    assert key.public.jwk() == {"kty": "OKP", "crv": "Ed25519", "x": X}
    assert PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": X}) == key.public
    assert b64u(key.seed().reveal()) == D


@pytest.mark.requirement("RFC7638-3-1")
def test_rfc_8037_appendix_a_3_the_thumbprint_of_rfc_7638():
    key = PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": X})

    assert key.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.requirement("RFC8037-3.1-1")
def test_rfc_8037_appendix_a_4_signing():
    key = SigningKey.from_seed(Secret(unb64u(D)))

    assert sign_compact({"alg": "EdDSA"}, b"Example of Ed25519 signing", key) == TOKEN


@pytest.mark.requirement("RFC8037-3.1-1")
def test_rfc_8037_appendix_a_5_verifying():
    key = PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": X})

    assert parse_compact(TOKEN).verified_payload(key) == b"Example of Ed25519 signing"
