# SPDX-License-Identifier: Apache-2.0
"""What an outside token proves, and every way it proves nothing."""

import json

import pytest

from smartagent.crypto import b64u, hmac_sha256, sign_compact
from smartagent.edge import AuthenticationFailed
from smartagent.federation import Purpose, person_id
from smartagent.kernel import IdPrefix, Secret, parse_id
from tests.unit.federation.fakes import KEYS_URL, OUTSIDE, RSA, OutsideIssuer, ec_key, ed_key, unsigned
from tests.unit.identity.world import ISSUER, START


@pytest.fixture
async def trusted(world, ada, idp):
    await world.trust(ada)
    return idp


async def refused(world, token, reason, purpose=Purpose.WORKLOAD):
    with pytest.raises(AuthenticationFailed) as caught:
        await world.verify(token, purpose)
    assert reason in caught.value.reason
    return caught.value


async def test_a_good_token_says_who_and_what_it_admits(world, ada, trusted):
    foreign = await world.verify(trusted.token())
    assert (foreign.issuer.name, foreign.sub, foreign.role, foreign.rule) == (
        "idp",
        "workload-7",
        "order-reader",
        1,
    )
    assert foreign.configured_by == ada.id
    assert foreign.claims["team"] == "billing"
    assert foreign.jti == "jti-1"
    assert foreign.once.expires_at == foreign.expires_at == START + 600 + 60


async def test_who_is_not_configured_is_not_asked(world, ada, trusted):
    stranger = OutsideIssuer(world.web, "https://evil.example", "https://evil.example/keys")
    for issuer in ("https://evil.example", OUTSIDE + "/", OUTSIDE.upper(), "", 7, None, [OUTSIDE]):
        await refused(world, stranger.token(iss=issuer), "is not trusted")
    await refused(world, trusted.token(header={"jku": "https://evil.example/keys"}), "does not do")
    await refused(world, trusted.token(header={"x5u": "https://evil.example/keys"}), "does not do")
    assert world.web.asked == []


async def test_a_signature_of_somebody_else_does_not_hold(world, trusted):
    good = trusted.token()
    head, payload, signature = good.split(".")
    await refused(world, trusted.token(key=ec_key(), header={"alg": "RS256"}), "not signed by that key")
    await refused(world, f"{head}.{payload}.{signature[:-4]}AAAA", "not signed by that key")
    changed = b64u(json.dumps({"iss": OUTSIDE, "sub": "admin"}).encode())
    await refused(world, f"{head}.{changed}.{signature}", "not signed by that key")
    await refused(world, f"{head}.{payload}.", "not signed by that key")


@pytest.mark.parametrize(
    "alg", ["none", "None", "NONE", "nOnE", "", "HS256", "RS512", "PS256", "ES384", "rs256", 7]
)
async def test_no_other_algorithm_is_done_here(world, trusted, alg):
    await refused(world, unsigned({"alg": alg, "kid": "rsa-1"}, {"iss": OUTSIDE}), "the outside token")


async def test_the_public_key_is_no_shared_secret(world, trusted):
    claims = {"iss": OUTSIDE, "sub": "x", "aud": ISSUER, "iat": START, "exp": START + 60}
    header = json.dumps({"alg": "HS256", "kid": "rsa-1"}).encode()
    signing_input = f"{b64u(header)}.{b64u(json.dumps(claims).encode())}"
    mac = hmac_sha256(Secret(json.dumps(RSA.public.jwk()).encode()), signing_input.encode())
    await refused(world, f"{signing_input}.{b64u(mac)}", "alg is none that is done here")


async def test_the_algorithm_is_the_entrys_and_the_keys(world, ada, trusted):
    trusted.keys |= {"ec": ec_key(), "ed": ed_key()}
    trusted.publish()
    # The key is published, but the entry says RS256 only.
    await refused(world, trusted.token(kid="ec"), "does not sign with that algorithm")
    await world.trust(ada, algorithms=["ES256", "EdDSA"])
    assert await world.verify(trusted.token(kid="ec"))
    assert await world.verify(trusted.token(kid="ed"))
    await refused(world, trusted.token(kid="rsa-1"), "does not sign with that algorithm")
    await refused(
        world, trusted.token(kid="ed", header={"alg": "Ed25519"}), "does not sign with that algorithm"
    )
    # An EC signature under an Ed25519 key's name: the key is for another algorithm.
    await refused(world, trusted.token(kid="ed", key=trusted.keys["ec"]), "no key of that name")


async def test_a_key_in_the_token_is_not_believed(world, trusted):
    own = ed_key("attacker")
    token = trusted.token(key=own, header={"kid": None, "jwk": own.public.jwk()})
    await refused(world, token, "brings its own key")


@pytest.mark.parametrize(
    "kid", ["", "rsa-2", "../../keys", "rsa-1' OR '1'='1", "http://evil.example/k", "k" * 257]
)
async def test_a_kid_only_looks_up_known_keys(world, trusted, kid):
    trusted.keys["other"] = trusted.keys["rsa-1"]
    trusted.publish()
    with pytest.raises(AuthenticationFailed):
        await world.verify(trusted.token(header={"kid": kid}))
    assert set(world.web.asked) <= {KEYS_URL, OUTSIDE + "/.well-known/openid-configuration"}


OUR_TYPES = [
    "at+jwt", "application/at+jwt", "AT+JWT", "logout+jwt", "secevent+jwt", "oauth-id-jag+jwt", "statuslist+jwt",
    "txn_token", "dpop+jwt", "client-authentication+jwt", "token-introspection+jwt", "wit+jwt", "at+JWT", "x",
]  # fmt: skip


@pytest.mark.parametrize("typ", OUR_TYPES)
@pytest.mark.parametrize("purpose", [Purpose.WORKLOAD, Purpose.PERSON])
async def test_a_token_of_another_type_is_no_attestation_and_no_id_token(world, ada, idp, typ, purpose):
    await world.trust(ada, purposes=["workload", "person"])
    await refused(world, idp.token(header={"typ": typ}), "of another type", purpose)


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "JOSE", "application/jwt"])
async def test_a_plain_token_is_an_attestation(world, trusted, typ):
    assert await world.verify(trusted.token(header={"typ": typ}))


async def test_an_identity_assertion_has_its_type_one_audience_and_no_other_use(world, ada, idp):
    await world.trust(ada, purposes=["id-jag"], rules=[])
    good = {"typ": "oauth-id-jag+jwt"}
    assert (await world.verify(idp.token(header=good), Purpose.ID_JAG)).role == ""
    assert await world.verify(idp.token(header=good, aud=[ISSUER]), Purpose.ID_JAG)
    await refused(world, idp.token(), "of another type", Purpose.ID_JAG)
    await refused(world, idp.token(header={"typ": "at+jwt"}), "of another type", Purpose.ID_JAG)
    await refused(world, idp.token(header=good, aud=[ISSUER, ISSUER]), "one audience", Purpose.ID_JAG)
    await refused(world, idp.token(), "is not trusted for this")
    await refused(world, idp.token(), "is not trusted for this", Purpose.PERSON)


@pytest.mark.parametrize(
    ("aud", "reason"),
    [
        (None, "another audience"), ("", "another audience"), ("https://other.example", "another audience"), ([], "another audience"),
        (ISSUER + "/", "another audience"), (7, "another audience"), ([7, None], "another audience"), ({ISSUER: 1}, "another audience"),
        ([ISSUER, "https://other.example"], "other audiences too"), ([ISSUER, 7], "other audiences too"),
    ],
)  # fmt: skip
async def test_a_token_for_somebody_else_is_refused(world, trusted, aud, reason):
    await refused(world, trusted.token(aud=aud), reason)


async def test_configured_audiences_are_for_us(world, ada, idp):
    await world.trust(ada, audiences=["smartagent", "other"])
    assert await world.verify(idp.token(aud="smartagent"))
    assert await world.verify(idp.token(aud=["other", "smartagent"]))
    await refused(world, idp.token(), "another audience")


async def test_an_id_token_for_several_says_that_it_was_made_for_us(world, ada, idp):
    await world.trust(ada, purposes=["person"], rules=[], audiences=["client-1"])
    both = ["client-1", "https://api.example"]
    assert await world.verify(idp.token(aud=both, azp="client-1"), Purpose.PERSON)
    await refused(world, idp.token(aud=both), "other audiences too", Purpose.PERSON)
    await refused(world, idp.token(aud=both, azp="client-2"), "other audiences too", Purpose.PERSON)


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", [True, "1800000000", -1, 1e300, [], {}])
async def test_an_instant_that_is_none_is_refused(world, trusted, name, value):
    await refused(world, trusted.token(**{name: value}), f"{name} is missing or no instant")


@pytest.mark.parametrize("name", ["exp", "iat"])
async def test_a_token_that_does_not_say_when_is_refused(world, trusted, name):
    await refused(world, trusted.token(**{name: None}), f"{name} is missing")


async def test_a_token_lives_from_its_issue_to_its_end_give_or_take_a_minute(world, trusted):
    token = trusted.token(START + 100, nbf=START + 100.5)
    world.clock.at = START + 40
    await refused(world, token, "not good yet")
    world.clock.at = START + 41
    assert await world.verify(token)
    world.clock.at = START + 759.9
    assert await world.verify(token)
    world.clock.at = START + 760
    await refused(world, token, "has expired")


async def test_a_token_that_lives_too_long_is_refused(world, ada, trusted):
    assert await world.verify(trusted.token(exp=START + 3660))
    await refused(world, trusted.token(exp=START + 3661), "lives longer than 3600")
    await world.trust(ada, max_life_seconds=60)
    await refused(world, trusted.token(), "lives longer than 60")


@pytest.mark.parametrize("sub", [None, "", 7, "a\nb", "a\x00", "s" * 256, ["x"]])
async def test_a_token_says_readably_whom_it_is_about(world, trusted, sub):
    await refused(world, trusted.token(sub=sub), "sub is missing or malformed")


@pytest.mark.parametrize("jti", [7, "a\nb", "j" * 513, ["x"]])
async def test_a_jti_is_a_text_or_absent(world, trusted, jti):
    await refused(world, trusted.token(jti=jti), "jti is malformed")
    assert (await world.verify(trusted.token(jti=None))).jti == ""


async def test_whom_no_rule_admits_is_refused(world, trusted):
    await refused(world, trusted.token(team="shipping"), "no rule of the issuer idp")
    await refused(world, trusted.token(team=None), "no rule of the issuer idp")


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b", "a.b.c", "a.b.c.d", "....", "é.b.c", "x" * 16_385, "eyJhbGciOiJSUzI1NiJ9.W10.AA"],
)
async def test_what_is_no_token_is_refused(world, trusted, token):
    await refused(world, token, "the outside token")


async def test_claims_that_can_be_read_in_two_ways_are_refused(world, trusted):
    for payload in (b'{"iss": "x", "iss": "https://idp.example"}', b"[]", b"7", b'{"iss": NaN}', b"{"):
        token = sign_compact({"alg": "RS256", "kid": "rsa-1"}, payload, RSA)
        await refused(world, token, "claims")


async def test_keys_that_cannot_be_had_are_the_same_public_answer(world, trusted):
    world.web.failing = True
    away = await refused(world, trusted.token(), "the keys of the issuer idp")
    unknown = await refused(world, trusted.token(iss="https://evil.example"), "is not trusted")
    assert str(away) == str(unknown)


async def test_a_key_that_the_issuer_changed_is_found_and_the_old_one_dies(world, trusted):
    old = trusted.token()
    assert await world.verify(old)
    trusted.keys = {"ec-2": ec_key()}
    trusted.publish()
    world.clock.at += 300
    await refused(world, old, "no key of that name")


async def test_an_entry_that_is_written_anew_has_its_keys_fetched_anew(world, ada, trusted):
    await world.verify(trusted.token())
    before = len(world.web.asked)
    await world.trust(ada, jwks_uri=KEYS_URL)
    await world.verify(trusted.token())
    assert world.web.asked[before:] == [KEYS_URL]


async def test_given_keys_are_used_and_nobody_is_asked(world, ada, idp):
    await world.trust(ada, issuer="kubernetes.default", jwks={"keys": idp.jwks()})
    assert await world.verify(idp.token(iss="kubernetes.default"))
    await refused(world, idp.token(iss="kubernetes.default", header={"kid": "other"}), "no key of that name")
    await refused(
        world, idp.token(iss="kubernetes.default", key=ec_key(), header={"alg": "RS256"}), "not signed"
    )
    assert world.web.asked == []


async def test_a_service_accounts_token_is_checked_as_one(world, ada, idp):
    rule = {
        "claims": {"kubernetes.io.namespace": "agents", "kubernetes.io.serviceaccount.name": "billing"},
        "role": "order-reader",
    }
    await world.trust(ada, kind="kubernetes", rules=[rule])
    assert (await world.verify(idp.kubernetes_token())).sub == "system:serviceaccount:agents:billing"
    await refused(
        world, idp.kubernetes_token(sub="system:serviceaccount:agents:admin"), "another service account"
    )
    await refused(world, idp.token(), "not a service account's")
    await refused(world, idp.kubernetes_token(namespace="other"), "no rule")
    await refused(world, idp.kubernetes_token(account="default"), "no rule")


async def test_a_workflows_token_is_checked_as_one(world, ada, idp):
    rule = {"claims": {"repository": "acme/shop", "environment": "production"}, "role": "order-reader"}
    await world.trust(ada, kind="github-actions", rules=[rule])
    assert await world.verify(idp.github_token())
    await refused(world, idp.github_token(repository="acme/shop-evil"), "no rule")
    await refused(world, idp.github_token(environment=None), "no rule")
    await refused(world, idp.github_token(environment="staging"), "no rule")
    await refused(world, idp.github_token(run_id=None), "not a workflow's")


async def test_the_same_token_is_the_same_claim_whatever_its_signature_looks_like(world, ada, idp):
    idp.keys["ec"] = ec_key()
    idp.publish()
    await world.trust(ada, algorithms=["ES256"])
    token = idp.token(kid="ec", jti=None)
    head, payload, signature = token.split(".")
    twin = _other_signature(signature)
    assert twin != signature
    one, other = await world.verify(token), await world.verify(f"{head}.{payload}.{twin}")
    assert one.once.key == other.once.key
    assert (await world.verify(idp.token(kid="ec"))).once.key != one.once.key


def _other_signature(signature):
    # ECDSA: (r, n - s) is as good as (r, s).
    from smartagent.crypto import unb64u

    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    raw = unb64u(signature)
    return b64u(raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32))


async def test_every_node_hears_of_an_entry_and_of_its_end(world, ada, trusted):
    other = world.another_node("two")
    await other.store.start()
    assert await other.verify(trusted.token())
    status, _ = await ada.call("DELETE", "/v1/trusted-issuers/idp")
    assert status == 204
    for node in (world, other):
        assert node.federation.issuer(OUTSIDE) is None
        await refused(node, trusted.token(), "is not trusted")


def test_a_person_has_one_id_for_issuer_and_subject():
    ada = person_id("https://idp.example", "ada")
    assert parse_id(ada, IdPrefix.PERSON) == ada == person_id("https://idp.example", "ada")
    assert len({ada, person_id("https://idp.example", "bob"), person_id("https://other.example", "ada")}) == 3
