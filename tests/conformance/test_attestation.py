# SPDX-License-Identifier: Apache-2.0
"""Tokens of outside issuers: RFC 7517, 7519, 7523 and 8725, OpenID Connect Core and Discovery.

Each is shown to the house as an attestation, with a key of its own, and must be refused in the one
public way; then nobody became an agent.
"""

import pytest

from smartagent.edge import AuthenticationFailed
from smartagent.federation import FetchRefused, Purpose, SafeFetch
from tests.unit.federation.fakes import (
    CONFIGURATION,
    KEYS_URL,
    OUTSIDE,
    RSA,
    OutsideIssuer,
    ec_key,
    ed_key,
    unsigned,
)
from tests.unit.federation.world import FederatedWorld
from tests.unit.identity.world import ISSUER, START


@pytest.fixture
async def world():
    world = await FederatedWorld().start()
    yield world
    world.store.close()


@pytest.fixture
async def idp(world, ada):
    await world.trust(ada)
    return OutsideIssuer(world.web)


async def refused(world, token):
    before = len(world.identity.directory)
    status, problem = await world.attest(token)
    assert (status, problem["type"].rpartition(":")[2]) == (401, "unauthenticated")
    assert len(world.identity.directory) == before
    return world.store.records[-1].reason


async def accepted(world, token):
    status, view = await world.attest(token)
    assert status == 201, view


@pytest.mark.requirement("RFC8725-3.1-attest")
@pytest.mark.parametrize("alg", ["ES256", "EdDSA", "Ed25519"])
async def test_the_algorithm_is_the_entrys_and_the_keys(world, idp, alg):
    idp.keys |= {"new": ec_key() if alg == "ES256" else ed_key()}
    idp.publish()
    # Published and sound, but not what the entry says; and then the name of another algorithm over it.
    await refused(world, idp.token(kid="new", header={"alg": alg}))
    await refused(world, idp.token(kid="new", header={"alg": "RS256"}))
    await accepted(world, idp.token())


@pytest.mark.requirement("RFC8725-3.2-attest")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS512", "PS256"])
async def test_an_unsigned_token_attests_nothing(world, idp, alg):
    claims = {"iss": OUTSIDE, "sub": "x", "aud": ISSUER, "iat": START, "exp": START + 60, "team": "billing"}
    await refused(world, unsigned({"alg": alg, "kid": "rsa-1"}, claims))


@pytest.mark.requirement("RFC8725-3.8-attest-iss")
async def test_keys_are_those_of_the_issuer_that_is_configured(world, idp):
    stranger = OutsideIssuer(world.web, "https://evil.example", "https://evil.example/keys")
    stranger.keys = {"rsa-1": ed_key("evil")}
    stranger.publish()
    await refused(world, stranger.token())
    await refused(world, stranger.token(iss=OUTSIDE, header={"alg": "RS256"}))
    for issuer in (OUTSIDE + "/", "https://IDP.example", None, [OUTSIDE]):
        await refused(world, idp.token(iss=issuer))
    assert not any("evil" in url for url in world.web.asked)


@pytest.mark.requirement("RFC8725-3.8-attest-sub")
async def test_whom_no_rule_admits_stays_outside(world, ada, idp):
    await refused(world, idp.token(team="shipping"))
    await refused(world, idp.token(team=["shipping"]))
    await refused(world, idp.token(sub=None))
    rule = {"claims": {"sub": "system:serviceaccount:agents:billing"}, "role": "order-reader"}
    await world.trust(ada, kind="kubernetes", rules=[rule])
    await refused(world, idp.kubernetes_token(account="default"))
    await refused(world, idp.kubernetes_token(account="admin", sub="system:serviceaccount:agents:billing"))
    await accepted(world, idp.kubernetes_token())
    rule = {"claims": {"repository": "acme/shop", "ref": "refs/heads/main"}, "role": "order-reader"}
    await world.trust(ada, kind="github-actions", rules=[rule])
    await refused(world, idp.github_token(ref="refs/heads/feature"))
    await refused(world, idp.github_token(repository="acme/shop/evil"))
    await accepted(world, idp.github_token())


@pytest.mark.requirement("RFC8725-3.9-attest", "RFC7519-4.1.3-attest")
@pytest.mark.parametrize(
    "aud",
    [
        None,
        "",
        "https://other.example",
        ISSUER + "/",
        [],
        [ISSUER, "https://other.example"],
        7,
        {ISSUER: 1},
        [7],
    ],
)
async def test_a_token_for_somebody_else_attests_nothing(world, idp, aud):
    await refused(world, idp.token(aud=aud))
    await accepted(world, idp.token(aud=[ISSUER]))


@pytest.mark.requirement("RFC8725-3.10-attest-header")
async def test_a_key_that_the_token_brings_is_never_used(world, idp):
    own = ed_key("evil")
    for header in (
        {"jwk": own.public.jwk()},
        {"jku": "https://evil.example/k"},
        {"x5u": "https://evil.example/c"},
    ):
        await refused(world, idp.token(key=own, header=header))
        await refused(world, idp.token(header=header))
    assert not any("evil" in url for url in world.web.asked)


@pytest.mark.requirement("RFC8725-3.10-attest-ssrf")
@pytest.mark.parametrize(
    "url",
    [
        "http://idp.example/k", "https://127.0.0.1/k", "https://169.254.169.254/k", "https://[::1]/k", "https://2130706433/k",
        "https://[64:ff9b::a9fe:a9fe]/k", "https://0177.0.0.1/k", "https://user@idp.example/k", "file:///etc/passwd",
    ],
)  # fmt: skip
async def test_an_address_inside_is_never_called(url):
    async def resolve(host, port):
        raise AssertionError

    with pytest.raises(FetchRefused):
        await SafeFetch(resolve)(url)


@pytest.mark.requirement("RFC8725-3.10-attest-ssrf")
@pytest.mark.parametrize(
    "inside", ["10.0.0.1", "::ffff:127.0.0.1", "fd00:ec2::254", "100.64.0.1", "198.18.0.1"]
)
async def test_a_name_with_one_address_inside_is_never_called(inside):
    async def resolve(host, port):
        return ("93.184.216.34", inside)

    with pytest.raises(FetchRefused):
        await SafeFetch(resolve)("https://idp.example/k")


@pytest.mark.requirement("RFC8725-3.11-attest")
@pytest.mark.parametrize(
    "typ",
    [
        "at+jwt", "application/at+jwt", "oauth-id-jag+jwt", "logout+jwt", "secevent+jwt", "statuslist+jwt", "dpop+jwt",
        "txntoken+jwt", "client-authentication+jwt", "token-introspection+jwt",
    ],
)  # fmt: skip
async def test_a_token_of_another_kind_attests_nothing(world, idp, typ):
    await refused(world, idp.token(header={"typ": typ}))


@pytest.mark.requirement("RFC8725-3.11-attest")
async def test_our_own_tokens_attest_nothing(world, ada, idp):
    bot = await world.agent(ada)
    await refused(world, (await bot.session())["access_token"])


@pytest.mark.requirement("RFC7519-4.1.4-attest")
async def test_a_token_dies_at_its_end(world, idp):
    token, later = idp.token(), idp.token()
    world.clock.at = START + 600 + 59.9
    await accepted(world, token)
    world.clock.at = START + 600 + 60
    await refused(world, later)
    for exp in (None, "1800000600", True, -1, 1e300):
        await refused(world, idp.token(world.clock.at, exp=exp))


@pytest.mark.requirement("RFC7519-4.1.5-attest")
async def test_a_token_is_not_good_before_its_time(world, idp):
    await refused(world, idp.token(START + 61))
    await refused(world, idp.token(nbf=START + 61))
    await accepted(world, idp.token(START + 60, nbf=START + 60))


@pytest.mark.requirement("RFC7523-3-attest-life")
async def test_a_token_that_lives_for_long_attests_nothing(world, idp):
    await refused(world, idp.token(exp=START + 3600 + 61))
    await refused(world, idp.token(iat=None))
    await accepted(world, idp.token(exp=START + 3600))


@pytest.mark.requirement("RFC7523-3-attest-once")
@pytest.mark.parametrize("jti", ["one", None])
async def test_an_attestation_works_once_over_all_nodes(world, idp, jti):
    other = world.another_node("two")
    await other.store.start()
    token = idp.token(jti=jti)
    await accepted(world, token)
    for node in (world, other):
        assert await refused(node, token) == "the outside token was used"


@pytest.mark.requirement("RFC7523-3.1-attest")
async def test_every_refusal_looks_alike_and_is_recorded(world, idp):
    world.web.failing = True
    tokens = [
        idp.token(),
        idp.token(iss="https://evil.example"),
        "a.b.c",
        idp.token(key=ec_key(), header={"alg": "RS256"}),
    ]
    answers = [await world.attest(token) for token in tokens]
    shown = [{**problem, "instance": ""} for _, problem in answers]
    assert shown == [shown[0]] * 4
    reasons = [record.reason for record in world.store.records[-4:]]
    assert all(reasons)
    assert len(set(reasons)) >= 3


@pytest.mark.requirement("RFC7517-5-attest")
async def test_a_key_that_is_not_understood_spoils_no_other(world, idp):
    strange = [
        7,
        {"kty": "oct", "k": "AA"},
        {"kty": "PQC", "kid": "rsa-1"},
        {"kid": "rsa-1"},
        {**RSA.public.jwk(), "n": "AQAB"},
    ]
    idp.publish(extra=strange)
    await accepted(world, idp.token())


@pytest.mark.requirement("RFC7517-5-attest-rotation")
async def test_keys_rotate_without_anybodys_doing(world, ada, idp):
    await world.trust(ada, algorithms=["RS256", "ES256"])
    await accepted(world, idp.token())
    old = idp.token()
    idp.keys["ec-2"] = ec_key()
    idp.publish()
    asked = len(world.web.asked)
    for number in range(20):
        await refused(world, idp.token(header={"kid": f"made-up-{number}"}))
    assert len(world.web.asked) == asked
    world.clock.at += 60
    await accepted(world, idp.token(world.clock.at, kid="ec-2"))
    del idp.keys["rsa-1"]
    idp.publish()
    world.clock.at += 300
    await refused(world, old)


@pytest.mark.requirement("OIDCDISCOVERY-4.3-attest")
@pytest.mark.parametrize("issuer", [OUTSIDE + "/", "https://evil.example", "https://IDP.example", None])
async def test_a_discovery_document_of_another_issuer_is_not_believed(world, idp, issuer):
    world.web.publish(CONFIGURATION, {"issuer": issuer, "jwks_uri": KEYS_URL})
    await refused(world, idp.token())
    assert world.web.asked == [CONFIGURATION]


@pytest.mark.requirement("OIDCCORE-3.1.3.7-attest-azp")
async def test_an_id_token_for_several_names_us_as_its_party(world, ada, idp):
    await world.trust(ada, purposes=["person"], rules=[], audiences=["client-1"])
    both = ["client-1", "https://api.example"]
    await world.verify(idp.token(aud=both, azp="client-1"), Purpose.PERSON)
    for azp in (None, "client-2", ["client-1"]):
        with pytest.raises(AuthenticationFailed):
            await world.verify(idp.token(aud=both, azp=azp), Purpose.PERSON)
