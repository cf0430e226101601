# SPDX-License-Identifier: Apache-2.0
"""JWT attacks, at the parser and at every place of the house that takes a token.

Each is refused with the one public answer, and stands in the log.  `forging` makes them.
"""

import itertools
import json

import msgspec
import pytest

from smartagent.crypto import (
    ASYMMETRIC,
    BadSignature,
    EcSigningKey,
    MalformedKey,
    MalformedToken,
    PublicKey,
    RsaSigningKey,
    SigningKey,
    b64u,
    parse_compact,
    public_key_from_jwk,
    system_entropy,
    unb64u,
)
from smartagent.kernel import Decision
from tests.conformance.forging import (
    NON_CANONICAL,
    P256_ORDER,
    SMALL_ORDER,
    Original,
    forged,
    mismade,
    mistimed,
)
from tests.conformance.places import (
    bearer,
    client_assertion,
    gateway_bearer,
    proof_at_the_house,
    proof_at_the_token_endpoint,
)
from tests.unit.identity.world import GATEWAY, ISSUER, START

pytestmark = pytest.mark.requirement("RFC7515-5.2-1", "RFC8725-3.1-1")
NOW = int(START)
TOO_LARGE = 413
TYPES = (
    "at+jwt",
    "JWT",
    "statuslist+jwt",
    "secevent+jwt",
    "oauth-id-jag+jwt",
    "txntoken+jwt",
    "token-introspection+jwt",
    "dpop+jwt",
    "client-authentication+jwt",
    "logout+jwt",
    "",
)
KEYS = {
    "EdDSA": SigningKey.generate(system_entropy),
    "ES256": EcSigningKey.generate(system_entropy),
    "RS256": RsaSigningKey.generate(),
}
PUBLISHED = {key.public.thumbprint: key.public for key in KEYS.values()}


def original(alg):
    key = KEYS[alg]
    return Original(
        {"alg": alg, "kid": key.public.thumbprint, "typ": "at+jwt"},
        {"iss": ISSUER, "sub": "agt_x", "exp": NOW},
        key,
    )


def taken(token, key):
    """Say whether the parser and the key take a token."""
    try:
        json.loads(parse_compact(token, algorithms=ASYMMETRIC).verified_payload(key))
    except (MalformedToken, BadSignature):
        return False
    return True


@pytest.mark.parametrize("alg", KEYS)
def test_the_key_takes_what_is_good(alg):
    assert taken(original(alg).sign(), KEYS[alg].public)


@pytest.mark.parametrize("alg", KEYS)
@pytest.mark.requirement(
    "RFC7515-3.6-1", "RFC8725-3.1-2", "RFC8725-3.2-1", "RFC8725-3.10-1", "RFC8725-3.10-2"
)
def test_no_key_takes_what_is_forged(alg):
    attacks = forged(original(alg), PUBLISHED)
    assert len(attacks) > 100
    assert [name for name, token in attacks.items() if taken(token, KEYS[alg].public)] == []


@pytest.mark.parametrize("alg", KEYS)
@pytest.mark.requirement("RFC8725-3.1-2")
def test_a_key_of_another_kind_takes_nothing(alg):
    """Key confusion: whatever the header says, a key verifies its own algorithm alone."""
    for other, named in itertools.product(KEYS, KEYS):
        if other != alg:
            assert not taken(original(alg).with_header(alg=named), KEYS[other].public)


@pytest.mark.parametrize("alg", KEYS)
@pytest.mark.requirement("RFC7515-4.1.11-1", "RFC7515-4-1", "RFC7515-2-1", "RFC7797-6-1")
def test_no_parser_reads_what_two_could_read_differently(alg):
    attacks = mismade(original(alg))
    # What the claims say is read behind the signature, by whoever knows what they must say.
    of_claims = {"sub twice", "iss twice", "exp twice", "claims that never end"}
    attacks = {
        name: token
        for name, token in attacks.items()
        if name not in of_claims and not name.startswith("claims are")
    }
    attacks = {name: token for name, token in attacks.items() if "within a token" not in name}
    assert len(attacks) > 40
    read = []
    for name, token in attacks.items():
        try:
            parse_compact(token, algorithms=ASYMMETRIC)
        except MalformedToken:
            continue
        read.append(name)
    # These are three parts of base64url; that they prove nothing is seen at the signature.
    assert read == ["no payload"]


@pytest.mark.requirement("RFC7515-5.2-2")
def test_an_empty_payload_under_a_signature_of_another_is_refused():
    assert not taken(mismade(original("EdDSA"))["no payload"], KEYS["EdDSA"].public)


@pytest.mark.parametrize("point", SMALL_ORDER + NON_CANONICAL)
@pytest.mark.requirement("RFC8032-5.1.3-1", "RFC8725-3.4-1")
def test_a_key_that_vouches_for_everything_is_no_key(point):
    raw = bytes.fromhex(point)
    with pytest.raises(MalformedKey):
        PublicKey.parse(raw)
    with pytest.raises(MalformedKey):
        public_key_from_jwk({"kty": "OKP", "crv": "Ed25519", "x": b64u(raw)})


@pytest.mark.requirement("RFC8032-5.1.7-1")
def test_an_ed25519_signature_has_one_form():
    """S + L satisfies the same equation; whoever takes both takes two texts for one signature."""
    touched = forged(original("EdDSA"), PUBLISHED)["signature S + L"]
    assert len(touched) == len(original("EdDSA").sign())
    assert not taken(touched, KEYS["EdDSA"].public)


@pytest.mark.requirement("RFC7518-3.4-1", "RFC7518-3.4-2")
def test_an_es256_signature_is_two_numbers_of_32_bytes():
    head, body, signature = original("ES256").sign().split(".")
    r, s = (int.from_bytes(half) for half in (unb64u(signature)[:32], unb64u(signature)[32:]))
    key = KEYS["ES256"].public

    def with_numbers(r, s):
        return f"{head}.{body}.{b64u(r.to_bytes(32) + s.to_bytes(32))}"

    # The other root is as good by FIPS 186-5: what works once is named by its jti, never by its text.
    assert taken(with_numbers(r, s), key)
    assert taken(with_numbers(r, P256_ORDER - s), key)
    for wrong in ((0, s), (r, 0), (0, 0), (P256_ORDER, s), (r, P256_ORDER), (2**256 - 1, s), (s, r)):
        assert not taken(with_numbers(*wrong), key)
    numbers = b"".join(b"\x02" + bytes([33]) + b"\0" + n.to_bytes(32) for n in (r, s))
    der = b"\x30" + bytes([len(numbers)]) + numbers
    for signature in (der, bytes(31) + s.to_bytes(32), bytes(63), bytes(65), bytes(96)):
        assert not taken(f"{head}.{body}.{b64u(signature)}", key)


@pytest.mark.requirement("RFC7515-10.7-1")
@pytest.mark.parametrize("bits", [512, 1024])
def test_an_rsa_key_that_is_too_short_is_no_key(bits):
    with pytest.raises(MalformedKey):
        public_key_from_jwk({"kty": "RSA", "n": b64u((2**bits - 1).to_bytes(bits // 8)), "e": "AQAB"})


@pytest.mark.parametrize("exponent", [1, 2, 3, 65536, 2**2048 + 1])
@pytest.mark.requirement("RFC7515-10.7-1")
def test_an_rsa_exponent_that_weakens_the_key_is_refused(exponent):
    jwk = KEYS["RS256"].public.jwk()
    with pytest.raises(MalformedKey):
        public_key_from_jwk({**jwk, "e": b64u(exponent.to_bytes((exponent.bit_length() + 7) // 8))})


@pytest.mark.parametrize(
    "changes",
    [
        {"crv": "P-384"},
        {"crv": "secp256k1"},
        {"x": b64u(bytes(32))},
        {"x": b64u(bytes(31))},
        {"y": b64u(b"\xff" * 32)},
        {"y": None},
        {"d": b64u(bytes(32))},
        {"kty": "oct", "k": b64u(b"secret")},
        {"kty": "ec"},
    ],
)
@pytest.mark.requirement("RFC8725-3.4-1", "RFC9449-4.3-7")
def test_a_jwk_that_is_no_public_point_is_refused(changes):
    with pytest.raises(MalformedKey):
        public_key_from_jwk({**KEYS["ES256"].public.jwk(), **changes})


PLACES = {
    "Bearer at the house": bearer,
    "Bearer at the gateway": gateway_bearer,
    "client_assertion": client_assertion,
    "DPoP at the token endpoint": proof_at_the_token_endpoint,
    "DPoP at the house": proof_at_the_house,
}
OWN_TYPES = {
    "Bearer at the house": {"at+jwt"},
    "Bearer at the gateway": {"at+jwt"},
    "client_assertion": {"client-authentication+jwt", "JWT", ""},
    "DPoP at the token endpoint": {"dpop+jwt"},
    "DPoP at the house": {"dpop+jwt"},
}
GOOD = {"Bearer at the house": 403, "Bearer at the gateway": 200}
"""What a good token is answered with: an agent is known at the house, and may not list agents."""


@pytest.fixture(params=PLACES)
def place(request, world, ada, bot):
    made = PLACES[request.param](world, ada, bot)
    made.name = request.param
    return made


def shown(answer):
    """What a stranger sees of an answer, without the request's own id."""
    if isinstance(answer, str):
        return answer
    body = msgspec.to_builtins(answer.body)
    body.pop("instance", None)
    return json.dumps([answer.status, body, answer.media_type, answer.headers])


async def refused(world, place, attacks):
    """Return the attacks that worked or were not recorded, and every public answer that was given."""
    wrong, answers = [], set()
    at_the_gateway = place.name == "Bearer at the gateway"
    for name, token in attacks.items():
        before = len(world.store.records)
        status, answer = await place.send(token)
        if status != TOO_LARGE:
            answers.add(shown(answer))
        recorded = world.store.records[before:]
        if status not in {400, 401, TOO_LARGE}:
            wrong.append(f"{name}: {status}")
        elif not at_the_gateway and [each.decision for each in recorded] != [Decision.DENY]:
            wrong.append(f"{name}: not recorded")
    return wrong, answers


async def test_the_good_token_is_taken_at_its_place(place):
    assert (await place.send(place.good.sign()))[0] == GOOD.get(place.name, 200)


@pytest.mark.requirement("RFC8725-3.10-1", "RFC8725-3.10-2", "RFC8725-3.1-2")
async def test_a_forged_token_is_refused_at_every_place(world, place):
    published = {
        kid: world.tokens.rings.verifier(kid) for ring in world.tokens.rings.all() for kid in ring.published
    }
    attacks = forged(place.good, published)
    wrong, answers = await refused(world, place, attacks)
    assert wrong == []
    # Nobody learns from the answer which check it was that failed.
    assert place.name == "DPoP at the token endpoint" or len(answers) == 1


@pytest.mark.requirement("RFC7515-4.1.11-1", "RFC7515-4-1", "RFC7519-4-1")
async def test_a_token_that_two_could_read_differently_is_refused_at_every_place(world, place):
    wrong, answers = await refused(world, place, mismade(place.good, ours=place.name.startswith("Bearer")))
    assert wrong == []
    assert place.name == "DPoP at the token endpoint" or len(answers) == 1


@pytest.mark.requirement("RFC7519-4.1.4-1")
async def test_an_instant_that_is_none_is_refused_at_every_place(world, place):
    name = "exp" if "exp" in place.good.claims else "iat"
    wrong, _ = await refused(world, place, mistimed(place.good, name))
    assert wrong == []


@pytest.mark.requirement("RFC8725-3.11-1", "RFC9068-4-1")
async def test_a_token_of_another_kind_is_refused_at_every_place(world, place):
    """All kinds are signed with the same key, and say everything that any of them says."""
    attacks = {}
    for typ in TYPES:
        for spelt in (typ, typ.upper(), f"application/{typ}"):
            if spelt.lower().removeprefix("application/") not in {t.lower() for t in OWN_TYPES[place.name]}:
                attacks[spelt] = place.good.with_header(typ=spelt)
    wrong, answers = await refused(world, place, attacks)
    assert wrong == []
    assert place.name == "DPoP at the token endpoint" or len(answers) == 1


@pytest.mark.requirement("RFC8725-3.11-1")
@pytest.mark.parametrize("typ", TYPES)
async def test_what_the_house_signs_is_no_client_assertion_and_no_proof(world, ada, bot, typ):
    active = world.tokens.ring.active
    for make in (client_assertion, proof_at_the_token_endpoint, proof_at_the_house):
        place = make(world, ada, bot)
        place.name = make.__name__
        ours = Original({"alg": "EdDSA", "kid": active.kid, "typ": typ}, place.good.claims, active.key)
        assert (await refused(world, place, {typ: ours.sign()}))[0] == []


@pytest.mark.requirement("RFC9068-4-2")
@pytest.mark.parametrize(
    "aud",
    [
        [GATEWAY],
        [GATEWAY, "https://evil.example"],
        [],
        {},
        None,
        7,
        GATEWAY + "/",
        GATEWAY.upper(),
        ISSUER + "/",
    ],
)
async def test_an_audience_is_one_text_and_this_very_text(world, ada, bot, aud):
    place = gateway_bearer(world, ada, bot)
    assert (await place.send(place.good.sign(claims={**place.good.claims, "aud": aud})))[0] == 401
