# SPDX-License-Identifier: Apache-2.0
"""What operators say of channels, and what they are shown."""

import base64

import pytest

from smartagent.notices import NotDelivered, ReceiverGone
from tests.unit.notices.world import HOOK, NoticesWorld


def code_of(problem):
    return problem["type"].rpartition(":")[2]


async def put(ada, name, **entry):
    return await ada.call("PUT", f"/v1/channels/{name}", entry)


@pytest.mark.requirement("WH-3")
async def test_a_webhooks_secret_is_shown_once_and_what_it_is_is_sealed(world, ada):
    status, made = await put(ada, "ops", webhook=HOOK)
    assert status == 201
    raw = base64.b64decode(made["secret"].removeprefix("whsec_"), validate=True)
    assert made["secret"].startswith("whsec_")
    assert len(raw) == 32
    _, listed = await ada.call("GET", "/v1/channels")
    assert made["secret"] not in str(listed)
    status, again = await put(ada, "ops", webhook=HOOK, takes=["alarms"])
    assert (status, again["secret"]) == (200, "")
    await world.tell()
    _, tested = await ada.call("POST", "/v1/channels/ops/test", {})
    assert tested["result"] == "delivered"
    assert world.receivers.secrets["ops"] == raw
    rows = await world.store.fetch(_everything())
    assert raw not in b"".join(bytes(str(row), "utf-8") + row[3] for row in rows)
    log = b"".join(record.encode() for record in world.store.records)
    assert made["secret"].encode() not in log
    assert HOOK.encode() not in log


def _everything():
    from sqlalchemy import select

    from smartagent.notices.store import channels

    return select(channels)


@pytest.mark.requirement("WH-3")
async def test_a_new_secret_is_made_when_it_is_asked_for_and_for_every_other_place(world, ada):
    _, first = await put(ada, "ops", webhook=HOOK)
    _, second = await put(ada, "ops", webhook=HOOK, new_secret=True)
    assert second["secret"] not in {"", first["secret"]}
    _, moved = await put(ada, "ops", webhook=HOOK + "/elsewhere")
    assert moved["secret"] not in {"", first["secret"], second["secret"]}
    _, mail = await put(ada, "ops", email="ada@example.com")
    assert mail["secret"] == ""
    _, third = await put(ada, "ops", webhook=HOOK)
    assert third["secret"] not in {"", first["secret"], second["secret"], moved["secret"]}


@pytest.mark.parametrize(
    ("name", "entry", "field"),
    [
        ("Ops", {"webhook": HOOK}, "name"),
        ("ops", {}, "webhook"),
        ("ops", {"webhook": HOOK, "email": "ada@example.com"}, "webhook"),
        ("ops", {"webhook": "http://hooks.example/in"}, "webhook"),
        ("ops", {"webhook": "https://user@hooks.example/in"}, "webhook"),
        ("ops", {"webhook": "https://0x7f.1/in"}, "webhook"),
        ("ops", {"webhook": "ftp://hooks.example/in", "allow_private": True}, "webhook"),
        ("ops", {"webhook": HOOK, "takes": ["approval"]}, "takes"),
        ("ops", {"webhook": HOOK, "takes": ["test"]}, "takes"),
        ("ops", {"email": "ada"}, "email"),
        ("ops", {"email": "Ada <ada@example.com>"}, "email"),
        ("ops", {"email": "ada@example.com\r\nBcc: eve@example.com"}, "email"),
        ("ops", {"email": '"a b"@example.com'}, "email"),
        ("ops", {"email": "zoë@example.com"}, "email"),
        ("ops", {"email": "a" * 65 + "@example.com"}, "email"),
        ("ops", {"email": "ada@" + ".".join(["a" * 60] * 5)}, "email"),
        ("ops", {"email": "ada@example.com", "allow_private": True}, "allow_private"),
    ],
)
async def test_what_is_no_channel_is_refused_with_its_field(ada, name, entry, field):
    status, problem = await put(ada, name, **entry)
    assert (status, code_of(problem)) == (400, "malformed-channel")
    assert problem["detail"].startswith(f"{field}: ")


async def test_a_private_webhook_may_be_without_tls(ada):
    assert (await put(ada, "ops", webhook="http://10.0.0.7:8080/in", allow_private=True))[0] == 201


async def test_mail_needs_a_mail_server(world, ada):
    bare = NoticesWorld(world.clock, world.store, "bare", mail=False)
    await bare.start()
    ada.world = bare
    status, problem = await put(ada, "ada", email="ada@example.com")
    assert status == 400
    assert "SMARTAGENT_SMTP_URL" in problem["detail"]


async def test_channels_are_listed_with_what_they_take_and_deleted(ada):
    await put(ada, "b", email="ada@example.com", takes=["reviews", "approvals"])
    await put(ada, "a", webhook=HOOK)
    _, listed = await ada.call("GET", "/v1/channels")
    shown = [(each["name"], each["email"], each["takes"], each["state"]) for each in listed["channels"]]
    assert shown == [("a", "", [], "working"), ("b", "ada@example.com", ["approvals", "reviews"], "working")]
    assert (await ada.call("DELETE", "/v1/channels/a"))[0] == 204
    status, problem = await ada.call("DELETE", "/v1/channels/a")
    assert (status, code_of(problem)) == (404, "channel-not-found")


@pytest.mark.parametrize("error", [NotDelivered("status 500"), ReceiverGone("status 410")])
async def test_a_test_says_what_came_of_it_and_is_not_sent_again(world, ada, error):
    await put(ada, "ops", webhook=HOOK)
    world.receivers.failing["ops"] = [error]
    status, tested = await ada.call("POST", "/v1/channels/ops/test", {})
    assert status == 200
    assert (tested["result"], tested["reason"]) == ("failed", error.reason)
    await world.deliver()
    assert world.receivers.got == []
    assert (await ada.call("POST", "/v1/channels/none/test", {}))[0] == 404


async def test_an_agent_has_nothing_to_say_here(world, ada):
    bot = await world.agent(ada)
    session = await bot.session()
    headers = {"authorization": f"Bearer {session['access_token']}"}
    for method, path in (("GET", "/v1/channels"), ("PUT", "/v1/channels/a"), ("DELETE", "/v1/channels/a")):
        assert (await world.call(method, path, {"webhook": HOOK}, headers))[0] in {401, 403}
