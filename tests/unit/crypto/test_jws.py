# SPDX-License-Identifier: Apache-2.0
"""Compact JWS: what the house makes, and every token it must not read."""

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import (
    BadSignature,
    JwsSigner,
    MalformedToken,
    SigningKey,
    b64u,
    parse_compact,
    sign_compact,
    system_entropy,
)
from smartagent.kernel import Secret

KEY = SigningKey.from_seed(Secret(bytes(range(32))))
OTHER = SigningKey.generate(system_entropy)
KID = KEY.public.thumbprint
SIGNER = JwsSigner(KEY, KID, "at+jwt")
TOKEN = SIGNER.sign(b'{"sub":"agt_1"}')
HEAD, PAYLOAD, SIGNATURE = TOKEN.split(".")


def signed(header: bytes, payload: bytes = b"{}") -> str:
    """Return a token with this raw header and a signature that holds."""
    signing_input = f"{b64u(header)}.{b64u(payload)}"
    return f"{signing_input}.{b64u(KEY.sign(signing_input.encode()))}"


@given(st.binary(max_size=3000))
def test_a_payload_comes_back_as_it_was_signed(payload):
    jws = parse_compact(SIGNER.sign(payload))

    assert jws.verified_payload(KEY.public) == payload
    assert (jws.header.alg, jws.header.kid, jws.header.typ) == ("EdDSA", KID, "at+jwt")
    assert (jws.header.jwk, jws.header.cty) == (None, "")
    with pytest.raises(BadSignature):
        jws.verified_payload(OTHER.public)


def test_the_newer_name_of_the_algorithm_is_read_and_made():
    token = JwsSigner(KEY, KID, "at+jwt", alg="Ed25519").sign(b"{}")

    assert parse_compact(token).header.alg == "Ed25519"
    assert parse_compact(token).verified_payload(KEY.public) == b"{}"


def test_a_header_of_ones_own_is_signed_as_given():
    token = sign_compact({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": KEY.public.jwk()}, b"{}", KEY)

    header = parse_compact(token).header
    assert header.jwk == KEY.public.jwk()
    assert header.typ == "dpop+jwt"
    assert parse_compact(token).verified_payload(KEY.public) == b"{}"


def test_the_embedded_key_of_one_token_is_not_seen_in_another():
    first = sign_compact({"alg": "EdDSA", "jwk": KEY.public.jwk()}, b"{}", KEY)
    parse_compact(first).header.jwk.clear()

    assert parse_compact(first).header.jwk == KEY.public.jwk()


@pytest.mark.parametrize(
    "alg",
    ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS256", "ES256", "PS256", "ES256K", "Ed448", "eddsa", "EDDSA",
     "EdDSA ", " EdDSA", "ed25519", "ED25519", "EdDSA\u0000", "ECDH-ES", "dir", "PBES2-HS256+A128KW"],
)  # fmt: skip
def test_any_other_algorithm_is_refused_even_with_a_signature_that_holds(alg):
    with pytest.raises(MalformedToken):
        parse_compact(signed(json.dumps({"alg": alg, "kid": KID}).encode()))


def test_the_public_key_as_hmac_secret_is_refused():
    signing_input = b64u(b'{"alg":"HS256"}') + "." + PAYLOAD
    for secret in (KEY.public.raw, KEY.public.jwk()["x"].encode(), json.dumps(KEY.public.jwk()).encode()):
        mac = hmac.digest(secret, signing_input.encode(), hashlib.sha256)
        for signature in (mac, mac + mac):
            with pytest.raises(MalformedToken):
                parse_compact(f"{signing_input}.{b64u(signature)}")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"[]",
        b'"EdDSA"',
        b"5",
        b"{}",
        b'{"kid":"a"}',
        b'{"alg":null}',
        b'{"alg":["EdDSA"]}',
        b'{"alg":{"EdDSA":1}}',
        b'{"alg":"EdDSA","alg":"EdDSA"}',
        b'{"alg":"none","alg":"EdDSA"}',
        b'{"alg":"EdDSA","\\u0061lg":"none"}',
        b'{"alg":"EdDSA","kid":"a","kid":"b"}',
        b'{"alg":"EdDSA","kid":5}',
        b'{"alg":"EdDSA","kid":["a"]}',
        b'{"alg":"EdDSA","kid":null}',
        b'{"alg":"EdDSA","kid":{"a":"b"}}',
        b'{"alg":"EdDSA","typ":7}',
        b'{"alg":"EdDSA","cty":true}',
        b'{"alg":"EdDSA","jwk":"key"}',
        b'{"alg":"EdDSA","jwk":[]}',
        b'{"alg":"EdDSA","crit":["exp"],"exp":1}',
        b'{"alg":"EdDSA","crit":[]}',
        b'{"alg":"EdDSA","crit":["b64"],"b64":false}',
        b'{"alg":"EdDSA","b64":false}',
        b'{"alg":"EdDSA","b64":true}',
        b'{"alg":"EdDSA","jku":"https://evil.example/jwks"}',
        b'{"alg":"EdDSA","x5u":"https://evil.example/cert"}',
        b'{"alg":"EdDSA","zip":"DEF"}',
        b'{"alg":"EdDSA","enc":"A256GCM"}',
        b'{"alg":"EdDSA"} x',
        b'\xef\xbb\xbf{"alg":"EdDSA"}',
        b'{"alg":"EdDSA","kid":"\xff"}',
        b'{"alg":"EdDSA","kid":"\\ud800"}',
        b'{"alg":"EdDSA","n":NaN}',
        b'{"alg":"EdDSA","a":' + b"[" * 40 + b"]" * 40 + b"}",
        b'{"alg":"EdDSA","kid":"' + b"k" * 257 + b'"}',
        b'{"alg":"EdDSA","typ":"' + b"t" * 257 + b'"}',
    ],
)
def test_a_header_that_is_odd_is_refused_even_with_a_signature_that_holds(header):
    with pytest.raises(MalformedToken):
        parse_compact(signed(header))


def test_a_key_id_is_only_a_name():
    """Nothing is looked up, opened or queried by it here."""
    for kid in ("../../etc/passwd", "' OR 1=1 --", "https://evil.example/key", "|whoami", "\u0000"):
        header = parse_compact(signed(json.dumps({"alg": "EdDSA", "kid": kid}).encode())).header
        assert header.kid == kid


def test_an_embedded_key_does_not_vouch_for_its_token():
    token = sign_compact({"alg": "EdDSA", "kid": KID, "jwk": OTHER.public.jwk()}, b"{}", OTHER)

    with pytest.raises(BadSignature):
        parse_compact(token).verified_payload(KEY.public)


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        HEAD,
        f"{HEAD}.{PAYLOAD}",
        f"{HEAD}.{PAYLOAD}.",
        f"{HEAD}..{SIGNATURE}",
        f".{PAYLOAD}.{SIGNATURE}",
        f"{TOKEN}.",
        f".{TOKEN}",
        f"{TOKEN}.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD}.{SIGNATURE}.a.b",
        f"{TOKEN}=",
        f"{TOKEN}==",
        f"{HEAD}=.{PAYLOAD}.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD}=.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD}==.{SIGNATURE}",
        f" {TOKEN}",
        f"{TOKEN} ",
        f"{TOKEN}\n",
        f"\t{TOKEN}",
        f"{HEAD}.{PAYLOAD}. {SIGNATURE}",
        f"{HEAD}\n.{PAYLOAD}.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD[:4]} {PAYLOAD[4:]}.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}",
        f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-2]}",
        f"{HEAD}.{PAYLOAD}.{SIGNATURE}AA",
        f"{HEAD}.{PAYLOAD}.{'A' * 85}",
        f"{HEAD}.{PAYLOAD}.{'A' * 43}",
        f"{HEAD}.{PAYLOAD}!.{SIGNATURE}",
        f"{HEAD}.{PAYLOAD}\x00.{SIGNATURE}",
        f"{HEAD}.\u0430{PAYLOAD}.{SIGNATURE}",
        f"{HEAD}\uff0e{PAYLOAD}\uff0e{SIGNATURE}",
        f"Bearer {TOKEN}",
        json.dumps({"protected": HEAD, "payload": PAYLOAD, "signature": SIGNATURE}),
        json.dumps({"payload": PAYLOAD, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]}),
        b64u(json.dumps({"protected": HEAD, "payload": PAYLOAD, "signature": SIGNATURE}).encode()),
    ],
)
def test_another_shape_of_token_is_refused(token):
    with pytest.raises((MalformedToken, BadSignature)):
        parse_compact(token).verified_payload(KEY.public)


def test_every_other_last_letter_of_the_signature_is_refused():
    """64 bytes leave four stray bits in the last letter: 15 more spellings of one signature."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = []
    for letter in alphabet:
        try:
            parse_compact(TOKEN[:-1] + letter).verified_payload(KEY.public)
        except (MalformedToken, BadSignature):
            continue
        accepted.append(letter)
    assert accepted == [TOKEN[-1]]


def test_standard_base64_is_not_base64url():
    token = next(t for t in (SIGNER.sign(b"%d" % n) for n in range(100)) if "-" in t and "_" in t)

    for wrong in (token.replace("-", "+"), token.replace("_", "/")):
        with pytest.raises(MalformedToken):
            parse_compact(wrong)


def test_a_token_is_bounded_before_it_is_read():
    longest = SIGNER.sign(b"x" * 5900)

    assert parse_compact(longest, len(longest)).verified_payload(KEY.public)
    with pytest.raises(MalformedToken, match="more than"):
        parse_compact(longest, len(longest) - 1)
    with pytest.raises(MalformedToken, match="more than 8192"):
        parse_compact("." * 8193)


@given(st.integers(0, len(TOKEN) - 1), st.characters(codec="ascii"))
def test_a_token_with_one_other_letter_never_verifies(position, letter):
    changed = TOKEN[:position] + letter + TOKEN[position + 1 :]
    if changed == TOKEN:
        return
    with pytest.raises((MalformedToken, BadSignature)):
        parse_compact(changed).verified_payload(KEY.public)


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_and_nothing_else(text):
    with pytest.raises(MalformedToken):
        parse_compact(text)


def test_parts_of_two_good_tokens_do_not_make_a_third():
    other = SIGNER.sign(b'{"sub":"agt_2"}').split(".")

    with pytest.raises(BadSignature):
        parse_compact(f"{HEAD}.{other[1]}.{SIGNATURE}").verified_payload(KEY.public)
    moved = f"{TOKEN.replace('.', '', 1)[:10]}.{TOKEN.replace('.', '', 1)[10:]}"
    with pytest.raises((MalformedToken, BadSignature)):
        parse_compact(moved).verified_payload(KEY.public)


def test_a_flood_of_headers_is_forgotten():
    for number in range(1100):
        token = signed(json.dumps({"alg": "EdDSA", "kid": str(number)}).encode())
        assert parse_compact(token).header.kid == str(number)

    assert parse_compact(TOKEN).header.kid == KID


def test_an_error_does_not_repeat_the_token():
    with pytest.raises(MalformedToken) as caught:
        parse_compact(f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}!")

    assert PAYLOAD not in str(caught.value)
