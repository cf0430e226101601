# SPDX-License-Identifier: Apache-2.0
"""RFC 8628, section by section."""

import json
from urllib.parse import urlencode

import msgspec
import pytest

from smartagent.crypto import SigningKey
from tests.unit.decoupled.house import DEVICE_GRANT, FORM, Asker, Elsewhere, claims_of, dpop, metadata, read
from tests.unit.identity.world import ISSUER

PATH = "/oauth/device_authorization"


@pytest.fixture
async def house():
    house = await Elsewhere.start()
    yield house
    house.world.store.close()


@pytest.fixture
async def ada(house):
    return await house.world.operator()


@pytest.fixture
async def bot(house, ada):
    return Asker(house, await house.world.agent(ada))


@pytest.fixture
def tv(house):
    house.register("clt_tv", name="Television", role="order-reader")
    return Asker(house, "clt_tv")


async def decide(house, ada, user_code, decision="allow"):
    fields = {"user_code": user_code, "decision": decision, "confirmed": "yes"}
    reply = await house.page("POST", "/oauth/device", await house.sign_in(ada), fields)
    assert reply.status == 200


async def raw(house, fields):
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    return await house.world.send(house.world.inbound("POST", PATH, body, FORM))


@pytest.mark.requirement("RFC8628-3.1-1")
async def test_only_a_client_that_is_known_and_proves_itself_gets_a_code(house, bot, tv):
    assert (await tv.device())[0] == 200
    assert (await bot.device())[0] == 200
    for fields in ({}, {"client_id": "clt_nobody"}, {"client_id": bot.who.id}):
        status, answer = await house.form(PATH, fields)
        assert (status, answer["error"]) == (401, "invalid_client")


@pytest.mark.requirement("RFC8628-3.1-2")
async def test_parameters_are_read_as_oauth_reads_them(house, tv):
    assert (await raw(house, b"client_id=clt_tv&scope=&unknown=thing")).status == 200
    reply = await raw(house, b"client_id=clt_tv&scope=orders%3Aread&scope=orders%3Aread")
    assert reply.status == 400
    assert msgspec.to_builtins(reply.body)["error"] == "invalid_request"


@pytest.mark.requirement("RFC8628-3.2-1", "RFC8628-3.2-2")
async def test_the_answer_has_all_that_a_device_needs(house, tv):
    reply = await raw(house, {"client_id": "clt_tv"})
    assert (reply.status, reply.media_type) == (200, "application/json")
    assert ("cache-control", "no-store") in reply.headers
    view = json.loads(msgspec.json.encode(reply.body))
    assert view["verification_uri"] == f"{ISSUER}/oauth/device"
    assert view["verification_uri_complete"].endswith(f"?user_code={view['user_code']}")
    assert (view["expires_in"], view["interval"]) == (600, 5)
    assert view["device_code"]


@pytest.mark.requirement("RFC8628-3.3-1", "RFC8628-5.4-1")
async def test_a_person_signs_in_and_sees_who_asks_before_they_decide(house, ada, tv):
    _, view = await tv.device(scope="orders:read")
    assert (await house.page("GET", "/oauth/device")).status == 303
    assert (await house.page("POST", "/oauth/device", "", {"user_code": view["user_code"]})).status == 401
    cookie = await house.sign_in(ada)
    first = read(await house.page("GET", "/oauth/device", cookie))
    assert "Did somebody send you a code" in first.text
    shown = read(await house.page("POST", "/oauth/device", cookie, {"user_code": view["user_code"]}))
    for what in ("Television", "clt_tv", "orders:read", "10.0.0.1"):
        assert what in shown.text
    assert {button.get("value") for button in shown.of("button")} >= {"allow", "deny"}


@pytest.mark.requirement("RFC8628-3.3.1-1")
async def test_a_link_with_a_code_decides_nothing_until_the_code_was_compared(house, ada, tv):
    _, view = await tv.device()
    cookie = await house.sign_in(ada)
    link = view["verification_uri_complete"].removeprefix(ISSUER)
    assert view["user_code"] in str((await house.page("GET", link, cookie)).body)
    unconfirmed = {"user_code": view["user_code"], "decision": "allow"}
    assert (await house.page("POST", "/oauth/device", cookie, unconfirmed)).status == 400
    assert (await tv.poll_device(view["device_code"]))[1]["error"] == "authorization_pending"


@pytest.mark.requirement("RFC8628-3.4-1")
async def test_a_poll_names_its_code(house, tv):
    status, answer = await house.form("/oauth/token", tv.proven(grant_type=DEVICE_GRANT))
    assert (status, answer["error"]) == (400, "invalid_request")


@pytest.mark.requirement("RFC8628-3.4-2", "RFC8628-3.5-5")
async def test_a_code_gives_its_client_one_token_response(house, ada, bot, tv):
    _, view = await tv.device()
    await decide(house, ada, view["user_code"])
    status, answer = await bot.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")
    status, token = await tv.poll_device(view["device_code"])
    assert status == 200
    assert token.keys() == {"access_token", "token_type", "expires_in", "scope"}
    status, answer = await tv.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "invalid_grant")


@pytest.mark.requirement("RFC8628-3.4-3")
async def test_a_code_that_is_bound_to_a_key_is_redeemed_with_it(house, ada, tv):
    key = SigningKey.generate(house.world.entropy)
    _, view = await tv.device(dpop(house, key, PATH, "one"))
    await decide(house, ada, view["user_code"])
    assert (await tv.poll_device(view["device_code"]))[1]["error"] == "invalid_grant"
    _, token = await tv.poll_device(view["device_code"], headers=dpop(house, key, "/oauth/token", "two"))
    assert claims_of(token["access_token"])["cnf"]["jkt"] == key.public.thumbprint


@pytest.mark.requirement("RFC8628-3.5-1", "RFC8628-3.5-2")
async def test_polls_are_pending_and_slowed_down_for_good(house, tv):
    _, view = await tv.device()
    answers = []
    for wait in (0, 1, 7, 15, 20, 20):
        house.later(wait)
        status, answer = await tv.poll_device(view["device_code"])
        assert status == 400
        answers.append(answer["error"])
    pending, slower = "authorization_pending", "slow_down"
    # 5 s; too early: 10; too early: 15; kept; kept; kept.
    assert answers == [pending, slower, slower, pending, pending, pending]


@pytest.mark.requirement("RFC8628-3.5-3")
async def test_a_no_is_told_as_access_denied(house, ada, tv):
    _, view = await tv.device()
    await decide(house, ada, view["user_code"], "deny")
    status, answer = await tv.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "access_denied")


@pytest.mark.requirement("RFC8628-3.5-4")
async def test_what_took_too_long_is_told_as_expired(house, tv):
    _, view = await tv.device()
    house.later(view["expires_in"])
    status, answer = await tv.poll_device(view["device_code"])
    assert (status, answer["error"]) == (400, "expired_token")


@pytest.mark.requirement("RFC8628-4-1")
async def test_metadata_names_the_endpoint(house):
    said = metadata(house)
    assert said["device_authorization_endpoint"] == ISSUER + PATH
    assert DEVICE_GRANT in said["grant_types_supported"]


@pytest.mark.requirement("RFC8628-5.1-1")
async def test_guessing_a_code_ends_after_a_few_tries(house, ada):
    cookie = await house.sign_in(ada)
    tries = [await house.page("POST", "/oauth/device", cookie, {"user_code": "BCDFGHJK"}) for _ in range(7)]
    assert [reply.status for reply in tries] == [400] * 5 + [429] * 2


@pytest.mark.requirement("RFC8628-5.2-1")
async def test_a_device_code_has_256_bits_and_is_not_kept(house, tv):
    codes = {(await tv.device())[1]["device_code"] for _ in range(20)}
    assert len(codes) == 20
    assert {len(code) for code in codes} == {4 + 43}
    kept = repr(house.world.store._connection.execute("SELECT * FROM decoupled_requests").fetchall())
    assert not [code for code in codes if code in kept]


@pytest.mark.requirement("RFC8628-6.1-1")
async def test_a_user_code_is_typed_as_people_type(house, ada, tv):
    cookie = await house.sign_in(ada)
    for spell in (str.lower, lambda code: code.replace("-", ""), lambda code: code.replace("-", " . ")):
        _, view = await tv.device()
        assert not set(view["user_code"]) & set("AEIOUY0123456789")
        fields = {"user_code": spell(view["user_code"])}
        assert (await house.page("POST", "/oauth/device", cookie, fields)).status == 200
