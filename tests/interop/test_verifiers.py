# SPDX-License-Identifier: Apache-2.0
"""Tokens of the running authority in foreign hands: its key set, and libraries that nobody here wrote.

Each reads an access token (Ed25519) and an id_token of every algorithm that a client can choose.
"""

import subprocess
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import pytest_asyncio
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError

from smartagent.crypto import b64u
from tests.interop import issuer
from tests.interop.authority import NODE, REDIRECT, RESOURCE

pytestmark = [
    pytest.mark.needs("node", "go"),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("verifiers"),
    pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning"),
]
ALGS = ("EdDSA", "ES256", "RS256")
VERIFIER = "a-verifier-of-forty-three-characters-or-more-4711"


class Given:
    """A token, and what it must be taken as."""

    def __init__(self, token, keys, authority, audience, typ):
        self.token, self.keys, self.typ = token, keys, typ
        self.issuer, self.audience = authority.issuer, audience

    def having(self, token):
        other = object.__new__(Given)
        other.__dict__ = {**self.__dict__, "token": token}
        return other


def pyjwt(given):
    keys = jwt.PyJWKSet.from_dict(given.keys)
    header = jwt.get_unverified_header(given.token)
    try:
        return jwt.decode(
            given.token,
            keys[header["kid"]],
            algorithms=list(ALGS),
            issuer=given.issuer,
            audience=given.audience,
            options={"require": ["exp", "iat", "sub"]},
        )
    except jwt.InvalidTokenError:
        return None


def joserfc(given):
    keys = joserfc_jwk.KeySet.import_key_set(given.keys)
    registry = joserfc_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": given.issuer}, aud={"essential": True, "value": given.audience}
    )
    try:
        read = joserfc_jwt.decode(given.token, keys, algorithms=list(ALGS))
        registry.validate(read.claims)
    except JoseError:
        return None
    return read.claims


def node_jose(given):
    question = {"algorithms": [*ALGS, "Ed25519"], "required": []}
    return issuer.ask(["node", "jose.mjs", "verify"], asked(given) | question, cwd=NODE)


def go(given):
    return issuer.ask([str(go.program), "token"], asked(given))


def asked(given):
    return {
        "token": given.token,
        "jwks": given.keys,
        "issuer": given.issuer,
        "audience": given.audience,
        "typ": given.typ,
    }


VERIFIERS = [pyjwt, joserfc, node_jose, go]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def given(authority, tmp_path_factory):
    """An access token, and an id_token of each algorithm, by their names."""
    go.program = tmp_path_factory.mktemp("go") / "verify"
    subprocess.run(["go", "build", "-o", str(go.program), "."], cwd=Path(__file__).parent / "go", check=True)  # noqa: ASYNC221 -- nothing else runs meanwhile
    person, keys, found = authority.person(), await authority.jwks(), {}
    for alg in ALGS:
        client = await authority.client(id_token_signed_response_alg=alg)
        tokens = await signed_in(authority, person, client)
        found[alg] = Given(tokens["id_token"], keys, authority, client, "JWT")
        found["access"] = Given(tokens["access_token"], keys, authority, RESOURCE, "at+jwt")
    return found


async def signed_in(authority, person, client):
    request = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": REDIRECT,
        "scope": "openid orders:read",
        "resource": RESOURCE,
        "state": "s",
        "code_challenge": b64u(sha256(VERIFIER.encode()).digest()),
        "code_challenge_method": "S256",
    }
    away = await person.visit(f"{authority.issuer}/oauth/authorize?{urlencode(request)}")
    code = {
        "grant_type": "authorization_code",
        "client_id": client,
        "redirect_uri": REDIRECT,
        "resource": RESOURCE,
        "code_verifier": VERIFIER,
        "code": parse_qs(urlsplit(away).query)["code"][0],
    }
    status, tokens = await authority.form("/oauth/token", code)
    assert status == 200, tokens
    return tokens


@pytest.mark.parametrize("kind", ["access", *ALGS])
@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda each: each.__name__)
async def test_a_foreign_library_takes_the_token_of_the_running_authority(given, verifier, kind):
    claims = verifier(given[kind])
    assert claims["iss"] == given[kind].issuer
    assert claims["sub"].startswith("opr_")


@pytest.mark.parametrize("kind", ["access", *ALGS])
@pytest.mark.parametrize("verifier", VERIFIERS, ids=lambda each: each.__name__)
async def test_a_foreign_library_refuses_it_when_one_bit_is_another(given, verifier, kind):
    assert verifier(given[kind].having(issuer.forged(given[kind].token))) is None


@pytest.mark.parametrize("alg", ALGS)
async def test_an_id_token_is_signed_as_its_client_asked(given, alg):
    header = jwt.get_unverified_header(given[alg].token)
    assert (header["alg"], header["typ"]) == (alg, "JWT")
