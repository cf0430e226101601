# SPDX-License-Identifier: Apache-2.0
"""The same JWT attacks on tokens of outside issuers that are trusted: workloads, people, identity assertions."""

import pytest

from smartagent.edge import AuthenticationFailed
from smartagent.federation import Purpose
from tests.conformance.forging import Original, forged, mismade, mistimed
from tests.unit.federation.fakes import OutsideIssuer, alg_of, ec_key, ed_key
from tests.unit.federation.world import FederatedWorld
from tests.unit.identity.world import ISSUER, START

pytestmark = pytest.mark.requirement("RFC7515-5.2-1", "RFC8725-3.1-2", "RFC8725-3.10-1", "RFC8725-3.10-2")
NOW = int(START)
TYPES = {Purpose.WORKLOAD: "JWT", Purpose.PERSON: "JWT", Purpose.ID_JAG: "oauth-id-jag+jwt"}
KINDS = (
    "at+jwt",
    "statuslist+jwt",
    "secevent+jwt",
    "oauth-id-jag+jwt",
    "txntoken+jwt",
    "token-introspection+jwt",
    "dpop+jwt",
    "client-authentication+jwt",
    "logout+jwt",
)
# It may be longer than ours, and a header may repeat what is not read.
TAKEN = {"more bytes than are read"}


@pytest.fixture
async def world():
    world = await FederatedWorld().start()
    yield world
    world.store.close()


@pytest.fixture(params=["rsa-1", "ec", "ed"])
async def idp(request, world):
    idp = OutsideIssuer(world.web)
    idp.keys |= {"ec": ec_key(), "ed": ed_key()}
    idp.publish()
    idp.kid = request.param
    return idp


@pytest.fixture(params=Purpose, ids=lambda each: each.value)
async def purpose(request, world, idp):
    entry = {"purposes": [request.param.value]}
    await world.trust(await world.operator(), algorithms=["RS256", "ES256", "EdDSA", "Ed25519"], **entry)
    return request.param


def original(idp, purpose):
    key = idp.keys[idp.kid]
    claims = {
        "iss": idp.issuer,
        "sub": "workload-7",
        "aud": ISSUER,
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "jti-of-it",
        "client_id": "agt_x",
        "team": "billing",
    }
    return Original({"alg": alg_of(key), "kid": idp.kid, "typ": TYPES[purpose]}, claims, key)


async def taken(world, token, purpose):
    try:
        await world.verify(token, purpose)
    except AuthenticationFailed:
        return False
    return True


async def test_no_outside_token_works_that_is_forged_or_can_be_read_twice(world, idp, purpose):
    good = original(idp, purpose)
    assert await taken(world, good.sign(), purpose)
    published = {kid: key.public for kid, key in idp.keys.items()}
    attacks = forged(good, published) | mismade(good) | mistimed(good)
    attacks |= {f"typ {typ}": good.with_header(typ=typ) for typ in KINDS if typ != good.header["typ"]}
    asked = len(world.web.asked)
    assert [name for name, token in attacks.items() if await taken(world, token, purpose)] == sorted(TAKEN)
    # Nothing that a token says of itself is an address that is asked.
    assert set(world.web.asked[asked:]) <= {idp.jwks_uri, f"{idp.issuer}/.well-known/openid-configuration"}


@pytest.mark.requirement("RFC8725-3.1-2")
async def test_what_our_own_keys_sign_is_nobody_elses(world, idp, purpose):
    active = world.tokens.ring.active
    good = original(idp, purpose)
    header = {"alg": "EdDSA", "kid": active.kid, "typ": good.header["typ"]}
    for issuer in (good.claims["iss"], ISSUER):
        claims = {**good.claims, "iss": issuer}
        assert not await taken(world, Original(header, claims, active.key).sign(), purpose)
