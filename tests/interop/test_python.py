# SPDX-License-Identifier: Apache-2.0
"""PyJWT and joserfc take our tokens, and we take theirs."""

import json

import jwt
import pytest
from joserfc import jwk as joserfc_jwk
from joserfc import jws as joserfc_jws
from joserfc import jwt as joserfc_jwt
from joserfc.errors import BadSignatureError

from smartagent.crypto import b64u, parse_compact
from tests.interop import issuer

# joserfc warns on each use of the name that RFC 9864 deprecates, and that most verifiers need.
pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
PRIVATE_JWK = {**issuer.KEY.public.jwk(), "d": b64u(issuer.KEY.seed().reveal())}


def with_pyjwt(token):
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(issuer.JWKS).keys}
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return jwt.decode(
        token,
        key,
        algorithms=["EdDSA"],
        issuer=issuer.ISSUER,
        audience=issuer.AUDIENCE,
        options={"require": ["exp", "iat", "sub", "jti"]},
    )


def with_joserfc(token, alg):
    read = joserfc_jwt.decode(token, joserfc_jwk.KeySet.import_key_set(issuer.JWKS), algorithms=[alg])
    joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer.ISSUER}, aud={"essential": True, "value": issuer.AUDIENCE}
    ).validate(read.claims)
    return read.claims


def test_pyjwt_verifies_our_token():
    assert with_pyjwt(issuer.token()) == issuer.CLAIMS


def test_pyjwt_refuses_what_is_not_ours():
    with pytest.raises(jwt.InvalidSignatureError):
        with_pyjwt(issuer.forged(issuer.token()))
    with pytest.raises(jwt.InvalidAudienceError):
        with_pyjwt(issuer.token(aud="https://other.example"))
    with pytest.raises(jwt.ExpiredSignatureError):
        with_pyjwt(issuer.token(exp=1))


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_joserfc_verifies_our_token(alg):
    assert with_joserfc(issuer.token(alg), alg) == issuer.CLAIMS


def test_joserfc_refuses_what_is_not_ours():
    with pytest.raises(BadSignatureError):
        with_joserfc(issuer.forged(issuer.token()), "EdDSA")


def test_joserfc_computes_the_same_thumbprint():
    key = joserfc_jwk.OKPKey.import_key(issuer.KEY.public.jwk())

    assert key.thumbprint() == issuer.KEY.public.thumbprint


def test_we_verify_what_pyjwt_signs():
    token = jwt.encode(issuer.CLAIMS, jwt.PyJWK(PRIVATE_JWK, "EdDSA"), "EdDSA", headers={"kid": "a"})

    jws = parse_compact(token)
    assert json.loads(jws.verified_payload(issuer.KEY.public)) == issuer.CLAIMS
    assert (jws.header.kid, jws.header.typ) == ("a", "JWT")


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_we_verify_what_joserfc_signs(alg):
    key = joserfc_jwk.OKPKey.import_key(PRIVATE_JWK)
    token = joserfc_jws.serialize_compact({"alg": alg, "typ": "dpop+jwt"}, b"{}", key, algorithms=[alg])

    assert parse_compact(token).verified_payload(issuer.KEY.public) == b"{}"
