# SPDX-License-Identifier: Apache-2.0
"""Clients that operators register, resources, and what is forgotten."""

import pytest

from smartagent.clients import ClientKind, TooManyRegistrations, client_used, shown_name
from smartagent.clients.throttle import PER_ADDRESS, Throttle
from smartagent.kernel import Work
from tests.unit.clients.house import REDIRECT

API = "https://orders.example/api"
HOUR = 3600


async def add(ada, **changes):
    return await ada.call(
        "POST", "/v1/clients", {"client_name": "Desk", "redirect_uris": [REDIRECT], **changes}
    )


async def test_an_operator_registers_shows_lists_and_removes_a_client(house, ada):
    status, view = await add(ada, role="order-reader", legacy_audience=True)
    assert (status, view["kind"], view["role"], view["owner"]) == (201, "registered", "order-reader", ada.id)
    assert view["metadata"]["redirect_uris"] == [REDIRECT]
    client = await house.clients.find(view["id"])
    assert (client.kind, client.legacy_audience) == (ClientKind.REGISTERED, True)
    assert (await ada.call("GET", f"/v1/clients/{view['id']}"))[1] == view
    assert (await ada.call("GET", "/v1/clients"))[1] == {"clients": [view], "next_cursor": ""}
    assert (await ada.call("DELETE", f"/v1/clients/{view['id']}"))[0] == 204
    assert await house.clients.find(view["id"]) is None
    assert house.world.tokens.revocations.is_dead(view["id"])
    for method in ("GET", "DELETE"):
        assert (await ada.call(method, f"/v1/clients/{view['id']}"))[0] == 404


async def test_a_client_of_a_role_that_does_not_exist_is_refused(ada):
    status, view = await add(ada, role="nobody")
    assert (status, view["type"]) == (400, "urn:smartagent:error:client-metadata-invalid")
    assert view["field"] == "role"


async def test_agents_register_nobody(house, ada):
    bot = await house.world.agent(ada)
    token = (await bot.session())["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    for method, path in (("POST", "/v1/clients"), ("GET", "/v1/clients"), ("GET", "/v1/resources")):
        body = {"client_name": "x"} if method == "POST" else None
        assert (await house.world.call(method, path, body, headers))[0] == 403


async def test_clients_are_listed_a_page_at_a_time(house, ada):
    for n in range(120):
        house.later(0.001)
        await add(ada, client_name=f"c{n}")
        if n % 50 == 0:
            await ada.login()
    _, first = await ada.call("GET", "/v1/clients")
    _, second = await ada.call("GET", f"/v1/clients?cursor={first['next_cursor']}")
    names = [view["metadata"]["client_name"] for view in (*first["clients"], *second["clients"])]
    assert (len(first["clients"]), len(names), len(set(names))) == (100, 120, 120)
    assert second["next_cursor"] == ""


async def test_a_change_reaches_the_memory_of_every_node(house):
    _, view = await house.register()
    other = await house.another()
    assert (await other.clients.find(view["client_id"])).name == "App"
    body = {"client_id": view["client_id"], "client_name": "New", "redirect_uris": [REDIRECT]}
    await house.manage("PUT", view, body)
    assert (await other.clients.find(view["client_id"])).name == "New"


async def test_resources_are_written_over_listed_and_removed(house, ada):
    entry = {"identifier": API, "name": "Orders", "scopes": ["orders:read"], "introspectors": ["agt_x"]}
    assert (await ada.call("PUT", "/v1/resources", entry))[0] == 200
    assert house.clients.resource(API).scopes == ("orders:read",)
    await ada.call(
        "PUT", "/v1/resources", entry | {"scopes": ["orders:read", "orders:write"], "dpop_required": True}
    )
    assert house.clients.resource(API).dpop_required
    _, page = await ada.call("GET", "/v1/resources")
    assert [each["identifier"] for each in page["resources"]] == [API]
    assert (await ada.call("DELETE", f"/v1/resources?identifier={API}"))[0] == 204
    assert house.clients.resource(API) is None
    assert (await ada.call("DELETE", f"/v1/resources?identifier={API}"))[0] == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"identifier": "orders"},
        {"identifier": "http://orders.example"},
        {"identifier": "https://orders.example/#x"},
        {"identifier": "https://user@orders.example"},
        {"identifier": "ftp://127.0.0.1/x"},
        {"scopes": ['a"b']},
        {"scopes": ["a b"]},
        {"name": "a\nb"},
        {"name": "n" * 101},
    ],
)
async def test_a_resource_that_cannot_be_meant_is_refused(ada, changes):
    status, view = await ada.call("PUT", "/v1/resources", {"identifier": API, **changes})
    assert (status, view["type"]) == (400, "urn:smartagent:error:malformed-resource")


async def test_a_client_that_was_never_given_anything_is_forgotten_after_a_day(house):
    _, unused = await house.register()
    _, used = await house.register()
    now = int(house.world.clock.now())
    await house.world.store.commit(Work((), (), (client_used(used["client_id"], now=now),)))
    house.later(25 * HOUR)
    await house.clients.sweep(house.world.store)
    assert (await house.manage("GET", unused))[0] == 401
    assert (await house.manage("GET", used))[0] == 200


async def test_whoever_registers_very_many_is_told_to_wait(house):
    for _ in range(PER_ADDRESS):
        assert (await house.register())[0] == 201
    status, view = await house.register()
    assert (status, view["error"]) == (429, "temporarily_unavailable")
    house.later(60)
    assert (await house.register())[0] == 201


def test_many_addresses_together_are_bounded_too():
    throttle = Throttle(per_address=5, per_node=12)
    for n in range(12):
        throttle.admit(f"10.0.0.{n}", 0.0)
    with pytest.raises(TooManyRegistrations) as refused:
        throttle.admit("10.0.1.1", 0.0)
    assert refused.value.retry_after_seconds == 6
    throttle.admit("10.0.1.1", 6.0)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("App", "App"),
        ("  A \t\n b ", "A b"),
        ("\u202eknaB", "knaB"),
        ("A\0\x1b[31mB", "A[31mB"),
        ("\N{ZERO WIDTH SPACE}" * 5, ""),
        ("x" * 500, "x" * 100),
        ("\N{GRINNING FACE}", "\N{GRINNING FACE}"),
    ],
)
def test_a_strangers_name_is_one_visible_line(raw, shown):
    assert shown_name(raw) == shown
