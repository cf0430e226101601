# SPDX-License-Identifier: Apache-2.0
"""npm's `jose` takes our tokens, and we take its.  Install it with `npm ci` in tests/interop/node."""

import json
from pathlib import Path

import pytest

from smartagent.crypto import b64u, parse_compact
from tests.interop import issuer

pytestmark = pytest.mark.needs("node")
HERE = Path(__file__).parent / "node"


@pytest.fixture(scope="module")
def node():
    if not (HERE / "node_modules" / "jose").is_dir():
        pytest.skip("needs npm's jose: run npm ci in tests/interop/node")

    def run(task, **question):
        return issuer.ask(["node", "jose.mjs", task], question, cwd=HERE)

    return run


def verify(node, token):
    return node("verify", token=token, jwks=issuer.JWKS, issuer=issuer.ISSUER, audience=issuer.AUDIENCE)


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_jose_verifies_our_token(node, alg):
    assert verify(node, issuer.token(alg)) == issuer.CLAIMS


def test_jose_refuses_what_is_not_ours(node):
    assert verify(node, issuer.forged(issuer.token())) is None
    assert verify(node, issuer.token(aud="https://other.example")) is None
    assert verify(node, issuer.token(typ="JWT")) is None


def test_jose_computes_the_same_thumbprint(node):
    assert node("thumbprint", jwk=issuer.KEY.public.jwk()) == issuer.KEY.public.thumbprint


@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_we_verify_what_jose_signs(node, alg):
    private = {**issuer.KEY.public.jwk(), "d": b64u(issuer.KEY.seed().reveal())}
    token = node("sign", jwk=private, alg=alg, claims=issuer.CLAIMS)

    jws = parse_compact(token)
    assert json.loads(jws.verified_payload(issuer.KEY.public)) == issuer.CLAIMS
    assert jws.header.alg == alg
