# SPDX-License-Identifier: Apache-2.0
"""Passkeys: what an authenticator has to show, and what is none."""

import json

import pytest

from smartagent.console import Passkeys
from smartagent.crypto import SigningKey, b64u, claim_message
from tests.unit.console.house import KEY, Authenticator, cookie_of
from tests.unit.identity.world import ISSUER


@pytest.fixture
async def known(house, cookie, ring):
    assert (await house.add_passkey(cookie, ring)).status == 201
    return ring


async def use(house, ring, options=None):
    answer = ring.use(options or house.passkeys.request())
    return await house.post("/console/sign-in/passkey", {"answer": answer})


async def test_a_passkey_signs_its_operator_in(house, ada, known):
    reply = await use(house, known)
    assert reply.status == 204
    page = await house.page("GET", "/console/account", cookie_of(reply))
    assert page.status == 200
    assert b"by passkey" in page.body
    assert (house.last.caller, house.last.event) == (ada.id, "console.shown")


async def test_an_id_token_says_that_it_was_a_passkey(house, known):
    cookie = cookie_of(await use(house, known))
    inbound = house.world.inbound("GET", "/oauth/authorize", headers={"cookie": cookie})
    person = await house.consent.people.signed_in(inbound)
    assert person.acr == "urn:smartagent:acr:passkey"
    assert "mfa" in person.amr


async def test_a_challenge_works_once_and_for_five_minutes(house, known):
    options = house.passkeys.request()
    assert (await use(house, known, options)).status == 204
    assert (await use(house, known, options)).status == 403
    late = house.passkeys.request()
    house.later(300)
    assert (await use(house, known, late)).status == 403
    assert "too old" in house.last.reason


async def test_a_challenge_of_somebody_else_is_none(house, known):
    foreign = Passkeys(
        clock=house.world.clock,
        entropy=house.world.entropy,
        database=house.world.store,
        issuer=ISSUER,
        form_key=type(KEY)(b"x" * 32),
    )
    assert (await use(house, known, foreign.request())).status == 403
    assert "none of ours" in house.last.reason
    assert (await use(house, known, {**house.passkeys.request(), "challenge": "AAAA"})).status == 403


async def test_an_answer_for_another_place_is_none(house, known):
    known.origin = "https://auth.example.evil.example"
    assert (await use(house, known)).status == 403
    known.origin = ISSUER
    assert (await use(house, known, {**house.passkeys.request(), "rpId": "evil.example"})).status == 403
    assert (await use(house, known)).status == 204


async def test_a_person_has_to_be_verified(house, cookie, ring):
    ring.verifies = False
    assert (await house.add_passkey(cookie, ring)).status == 403
    ring.verifies = True
    assert (await house.add_passkey(cookie, ring)).status == 201
    ring.verifies = False
    assert (await use(house, ring)).status == 403
    assert "verif" in house.last.reason.lower()


async def test_a_counter_that_goes_backwards_is_a_copy(house, known):
    assert (await use(house, known)).status == 204
    known.counter = 0
    assert (await use(house, known)).status == 403
    assert "copy" in house.last.reason


async def test_one_that_does_not_count_is_taken(house, known):
    for _ in range(2):
        known.counter = -1
        assert (await use(house, known)).status == 204


async def test_a_signature_of_another_key_is_none(house, known):
    known.key = SigningKey.generate(house.world.entropy)
    assert (await use(house, known)).status == 403


async def test_an_unknown_passkey_is_told_nothing_else(house, known):
    stranger = Authenticator(house.world.entropy)
    unknown, wrong = await use(house, stranger), None
    known.key = stranger.key
    wrong = await use(house, known)
    assert {key: unknown.body[key] for key in ("title", "detail")} == {
        key: wrong.body[key] for key in ("title", "detail")
    }


@pytest.mark.parametrize(
    "answer", [{}, {"id": "x"}, {"id": 1, "response": {}}, {"id": "x", "response": {"clientDataJSON": "%"}}]
)
async def test_what_is_no_answer_is_refused(house, answer):
    assert (await house.post("/console/sign-in/passkey", {"answer": answer})).status == 403


async def test_a_passkey_is_not_taken_twice(house, cookie, known):
    assert (await house.add_passkey(cookie, known)).status == 403


async def test_a_passkey_is_listed_and_removed_by_its_owner_alone(house, ada, known):
    status, listed = await ada.call("GET", "/v1/passkeys")
    assert status == 200
    (passkey,) = listed["passkeys"]
    assert (passkey["name"], passkey["used_at"]) == ("Phone", "")
    bob = await house.world.operator("Bob")
    assert (await bob.call("DELETE", f"/v1/passkeys/{passkey['id']}"))[0] == 404
    assert (await ada.call("DELETE", f"/v1/passkeys/{passkey['id']}"))[0] == 204
    assert (await use(house, known)).status == 403


async def test_another_site_cannot_use_a_passkey_here(house, known):
    answer = known.use(house.passkeys.request())
    headers = {"origin": "https://evil.example"}
    assert (await house.post("/console/sign-in/passkey", {"answer": answer}, headers)).status == 401


@pytest.mark.parametrize(
    ("issuer", "possible"),
    [
        ("https://auth.example", True),
        ("http://localhost:8700", True),
        ("http://127.0.0.1:8700", False),
        ("http://[::1]:8700", False),
    ],
)
def test_browsers_have_passkeys_for_names_only(house, issuer, possible):
    passkeys = Passkeys(
        clock=house.world.clock,
        entropy=house.world.entropy,
        database=house.world.store,
        issuer=issuer,
        form_key=KEY,
    )
    assert passkeys.possible is possible


async def claimed(house, ring, code, **changes):
    key = SigningKey.generate(house.world.entropy)
    signature = key.sign(claim_message(ISSUER, code, key.public.raw))
    body = {
        "code": code,
        "name": "Grace",
        "public_key": b64u(key.public.raw),
        "signature": b64u(signature),
        "answer": ring.make(house.passkeys.creation("new", "Grace")),
        **changes,
    }
    return await house.post("/console/claim", body)


async def code_of(house):
    link = await house.world.identity.claiming.first_claim(house.world.store)
    return link.reveal().partition("#")[2]


async def test_a_claim_link_makes_an_operator_a_passkey_and_a_session_in_one_commit(house, ring):
    code = await code_of(house)
    before = len(house.world.store.records)
    reply = await claimed(house, ring, code)
    assert reply.status == 201
    assert len(house.world.store.records) == before + 1
    assert house.last.event == "operator.claimed"
    assert code not in json.dumps(repr(house.world.store.records))
    assert (await house.page("GET", "/console/account", cookie_of(reply))).status == 200
    assert (await use(house, ring)).status == 204
    assert (await claimed(house, Authenticator(house.world.entropy), code)).status == 401


async def test_a_claim_whose_passkey_is_not_good_uses_nothing_up(house, ring):
    code = await code_of(house)
    ring.origin = "https://evil.example"
    assert (await claimed(house, ring, code)).status == 403
    assert not house.world.identity.directory.has_operators
    ring.origin = ISSUER
    assert (await claimed(house, ring, code, signature="A" * 86)).status == 401
    assert (await claimed(house, ring, code)).status == 201
