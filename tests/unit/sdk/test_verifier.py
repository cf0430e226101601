# SPDX-License-Identifier: Apache-2.0
"""What a service may believe of a token, and what it must not."""

import json

import pytest

from smartagent.crypto import SigningKey, b64u, sign_compact, system_entropy
from smartagent.kernel import Kind
from smartagent.sdk import (
    InsufficientScope,
    InvalidToken,
    TokenAudienceWrong,
    TokenBound,
    TokenClaimsMalformed,
    TokenExpired,
    TokenIssuerWrong,
    TokenKeyUnknown,
    TokenMalformed,
    TokenNotYetValid,
    TokenRevoked,
    TokenSignatureWrong,
    TokenTypeWrong,
    VerificationError,
    Verifier,
)
from smartagent.sdk.verifier import _Memory
from tests.unit.sdk.fakes import AUDIENCE, ISSUER, START, FakeIssuer


@pytest.fixture
def issuer():
    return FakeIssuer()


async def test_a_good_token_says_who_calls_and_what_they_may_do(issuer):
    token = await issuer.verifier(required_scope="orders:read").verify(issuer.token())

    assert token.subject == "agt_1"
    assert token.issuer == ISSUER
    assert token.audience == (AUDIENCE,)
    assert token.jti == "aat_1"
    assert token.scopes == {"orders:read", "orders:write"}
    assert (token.issued_at, token.expires_at) == (START, START + 300)
    assert (token.client_id, token.role, token.session_id) == ("agt_1", "support", "ses_1")
    assert token.audit_url == f"{ISSUER}/v1/audit/aat_1"


async def test_a_verified_token_cannot_be_changed(issuer):
    token = await issuer.verifier().verify(issuer.token())

    with pytest.raises(AttributeError):
        token.subject = "agt_2"


async def test_a_token_may_name_several_audiences(issuer):
    token = await issuer.verifier().verify(issuer.token(aud=["https://other.example", AUDIENCE]))

    assert token.audience == ("https://other.example", AUDIENCE)


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT", "Application/at+jwt"])
async def test_the_type_of_an_access_token_is_taken(issuer, typ):
    assert await issuer.verifier().verify(issuer.token(typ=typ))


@pytest.mark.parametrize(
    "typ",
    ["", "JWT", "jwt", "dpop+jwt", "id+jwt", "at+jwt ", "at-jwt", "x/at+jwt", "client-authentication+jwt"],
)
async def test_a_token_of_another_type_is_refused(issuer, typ):
    with pytest.raises(TokenTypeWrong):
        await issuer.verifier().verify(issuer.token(typ=typ))


async def test_a_token_without_type_is_refused(issuer):
    with pytest.raises(TokenTypeWrong):
        await issuer.verifier().verify(issuer.token_with_header(typ=None))


async def test_both_names_of_the_algorithm_are_taken(issuer):
    assert await issuer.verifier().verify(issuer.token_with_header(alg="Ed25519"))


async def test_a_key_pinned_to_one_name_of_the_algorithm_is_not_used_under_the_other(issuer):
    issuer.entries = [issuer.entry(issuer.key, alg="Ed25519")]
    issuer.publish()
    verifier = issuer.verifier()

    assert await verifier.verify(issuer.token_with_header(alg="Ed25519"))
    with pytest.raises(TokenKeyUnknown, match="another algorithm"):
        await verifier.verify(issuer.token_with_header(alg="EdDSA"))


@pytest.mark.parametrize("token", ["", "x", "a.b", "a.b.c", "a.b.c.d", "\u00e9.a.b", "." * 9000])
async def test_what_is_no_token_is_refused(issuer, token):
    with pytest.raises(TokenMalformed):
        await issuer.verifier().verify(token)
    assert issuer.asked == []


async def test_a_token_beyond_eight_kilobytes_is_refused(issuer):
    with pytest.raises(TokenMalformed, match="8192"):
        await issuer.verifier().verify(issuer.token(scope="s" * 8000))


async def test_an_unsigned_token_is_refused(issuer):
    payload = b64u(json.dumps(issuer.claims()).encode())
    for alg in ("none", "None", "HS256"):
        header = b64u(json.dumps({"alg": alg, "kid": issuer.kid, "typ": "at+jwt"}).encode())
        with pytest.raises(TokenMalformed):
            await issuer.verifier().verify(f"{header}.{payload}.")


async def test_a_token_signed_by_somebody_else_is_refused(issuer):
    stranger = SigningKey.generate(system_entropy)
    header = {"alg": "EdDSA", "kid": issuer.kid, "typ": "at+jwt"}
    token = sign_compact(header, json.dumps(issuer.claims()).encode(), stranger)

    with pytest.raises(TokenSignatureWrong):
        await issuer.verifier().verify(token)


@pytest.mark.parametrize("extra", [{"jku": "https://evil.example"}, {"x5u": "https://evil.example"}])
async def test_a_token_does_not_say_where_its_key_is(issuer, extra):
    with pytest.raises(TokenMalformed):
        await issuer.verifier().verify(issuer.token_with_header(**extra))
    assert issuer.asked == []


async def test_a_token_does_not_bring_its_own_key(issuer):
    stranger = SigningKey.generate(system_entropy)
    payload = json.dumps(issuer.claims()).encode()
    header = {"alg": "EdDSA", "typ": "at+jwt", "jwk": stranger.public.jwk()}

    with pytest.raises(TokenSignatureWrong):
        await issuer.verifier().verify(sign_compact({**header, "kid": issuer.kid}, payload, stranger))
    with pytest.raises(TokenKeyUnknown):
        await issuer.verifier().verify(
            sign_compact({**header, "kid": stranger.public.thumbprint}, payload, stranger)
        )


async def test_a_token_without_key_id_is_refused(issuer):
    with pytest.raises(TokenKeyUnknown):
        await issuer.verifier().verify(issuer.token_with_header(kid=None))


@pytest.mark.parametrize("iss", ["https://evil.example", ISSUER + "/", ISSUER.upper(), ISSUER[:-1], ""])
async def test_the_issuer_is_compared_exactly(issuer, iss):
    with pytest.raises(TokenIssuerWrong):
        await issuer.verifier().verify(issuer.token(iss=iss))


@pytest.mark.parametrize(
    "aud", ["https://other.example", AUDIENCE + "/", AUDIENCE[:-1], "", [], ["x"], AUDIENCE.upper()]
)
async def test_a_token_for_somebody_else_is_refused(issuer, aud):
    with pytest.raises(TokenAudienceWrong):
        await issuer.verifier().verify(issuer.token(aud=aud))


async def test_a_token_dies_at_its_expiry_and_the_leeway(issuer):
    verifier = issuer.verifier(leeway_seconds=10)
    token = issuer.token()

    issuer.clock.advance(309.9)
    assert await verifier.verify(token)
    issuer.clock.advance(0.1)
    assert verifier.verify_cached(token) is None
    with pytest.raises(TokenExpired):
        await verifier.verify(token)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
async def test_a_token_from_the_future_is_refused(issuer, claim):
    verifier = issuer.verifier(leeway_seconds=10)

    assert await verifier.verify(issuer.token(**{claim: START + 10}))
    with pytest.raises(TokenNotYetValid):
        await verifier.verify(issuer.token(**{claim: START + 11}))


@pytest.mark.parametrize("leeway", [-1, 61, 3600])
def test_the_leeway_is_bounded(leeway):
    with pytest.raises(ValueError, match="between 0 and 60"):
        Verifier(ISSUER, AUDIENCE, leeway_seconds=leeway)


@pytest.mark.parametrize(("iss", "aud"), [("", AUDIENCE), (ISSUER, "")])
def test_a_verifier_needs_an_issuer_and_an_audience(iss, aud):
    with pytest.raises(ValueError, match="needed"):
        Verifier(iss, aud)


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "jti"])
async def test_every_required_claim_is_required(issuer, claim):
    with pytest.raises(TokenClaimsMalformed):
        await issuer.verifier().verify(issuer.token(**{claim: None}))


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": ""},
        {"jti": ""},
        {"sub": 5},
        {"jti": ["a"]},
        {"iss": [ISSUER]},
        {"aud": {"a": AUDIENCE}},
        {"aud": [AUDIENCE, 5]},
        {"exp": "1900000000"},
        {"exp": True},
        {"exp": 1900000000.5},
        {"iat": "now"},
        {"nbf": "0"},
        {"scope": ["orders:read"]},
        {"client_id": 5},
    ],
)
async def test_a_claim_of_the_wrong_type_is_refused(issuer, changes):
    with pytest.raises(TokenClaimsMalformed):
        await issuer.verifier().verify(issuer.token(**changes))


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b'"x"', b"{", b"\xff"])
async def test_claims_that_are_no_object_are_refused(issuer, payload):
    with pytest.raises(TokenClaimsMalformed):
        await issuer.verifier().verify(issuer.token_with_header(payload))


async def test_a_claim_that_comes_twice_is_refused(issuer):
    payload = json.dumps(issuer.claims()).encode()[:-1] + b',"sub":"agt_admin"}'

    with pytest.raises(TokenClaimsMalformed, match="twice"):
        await issuer.verifier().verify(issuer.token_with_header(payload))


async def test_a_bound_token_is_not_taken_from_a_bearer(issuer):
    with pytest.raises(TokenBound):
        await issuer.verifier().verify(issuer.token(cnf={"jkt": "x"}))


async def test_a_missing_scope_is_named(issuer):
    verifier = issuer.verifier(required_scope="orders:read orders:refund")

    with pytest.raises(InsufficientScope) as caught:
        await verifier.verify(issuer.token())
    assert caught.value.missing == ("orders:refund",)
    assert caught.value.required == ("orders:read", "orders:refund")
    assert caught.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize("scope", [None, "", "orders:readx", "orders", "ORDERS:READ"])
async def test_a_scope_is_matched_whole(issuer, scope):
    with pytest.raises(InsufficientScope):
        await issuer.verifier(required_scope="orders:read").verify(issuer.token(scope=scope))


async def test_a_refused_token_is_not_remembered(issuer):
    verifier = issuer.verifier(required_scope="admin")
    token = issuer.token()
    for _ in range(2):
        with pytest.raises(InsufficientScope):
            await verifier.verify(token)
    assert verifier.verify_cached(token) is None


async def test_a_remembered_token_is_answered_without_waiting(issuer):
    verifier = issuer.verifier()
    token = issuer.token()

    assert verifier.verify_cached(token) is None
    verified = await verifier.verify(token)
    assert verifier.verify_cached(token) is verified
    assert await verifier.verify(token) is verified


async def test_a_remembered_token_can_be_revoked(issuer):
    revoked = set()
    verifier = issuer.verifier(check_revocation=lambda token: token.jti in revoked)
    token = issuer.token()
    assert await verifier.verify(token)

    revoked.add("aat_1")
    assert verifier.verify_cached(token) is None
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)


async def test_a_remembered_token_waits_for_its_keys_to_be_fresh(issuer):
    issuer.cache_control = "max-age=60"
    issuer.publish()
    verifier = issuer.verifier()
    token = issuer.token()
    await verifier.verify(token)

    issuer.clock.advance(60)
    assert verifier.verify_cached(token) is None
    assert await verifier.verify(token)
    assert issuer.jwks_fetches == 2


async def test_a_withdrawn_key_takes_its_tokens_along(issuer):
    verifier = issuer.verifier()
    token = issuer.token(exp=START + 100_000)
    await verifier.verify(token)

    issuer.rotate()
    issuer.entries = [issuer.entry(issuer.key)]
    issuer.publish()
    issuer.clock.advance(3600)
    with pytest.raises(TokenKeyUnknown):
        await verifier.verify(token)
    assert verifier.verify_cached(token) is None
    assert await verifier.verify(issuer.token())


async def test_a_key_added_leaves_the_remembered_tokens_alone(issuer):
    verifier = issuer.verifier()
    token = issuer.token()
    await verifier.verify(token)

    issuer.rotate()
    issuer.entries.append(issuer.entry(issuer.key))
    issuer.publish()
    issuer.clock.advance(60)
    assert await verifier.verify(issuer.token())
    assert verifier.verify_cached(token)


def test_the_memory_is_bounded_and_keeps_what_is_used():
    memory = _Memory(100)
    memory.put("often", "used")
    for number in range(10_000):
        memory.put(str(number), number)
        assert memory.get("often") == "used"
        assert len(memory._young) + len(memory._old) <= 101
    assert memory.get("0") is None
    assert memory.get("9999") == 9999


def test_every_refusal_has_a_code_of_its_own():
    def below(error):
        for child in error.__subclasses__():
            yield child
            yield from below(child)

    classes = [error for error in below(VerificationError) if error.__module__ == "smartagent.sdk.errors"]
    assert len({error.code for error in classes}) == len(classes)
    assert all(error.kind is Kind.UNAUTHENTICATED for error in below(InvalidToken))


async def test_an_error_does_not_repeat_the_token(issuer):
    token = issuer.token(aud="https://secret.example")
    with pytest.raises(TokenAudienceWrong) as caught:
        await issuer.verifier().verify(token)
    assert "secret" not in str(caught.value)
