# SPDX-License-Identifier: Apache-2.0
"""What operators write about providers and credentials."""

import pytest

from tests.unit.leases.world import code_of, failed

FAKE = {"kind": "fake", "settings": {}, "secrets": {"password": "broker"}}


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("UPPER", FAKE, "name"),
        ("x", FAKE | {"kind": "oracle"}, "kind"),
        ("x", FAKE | {"secrets": {}}, "secrets"),
        ("x", FAKE | {"secrets": {"password": "missing"}}, "secrets.password"),
        ("x", FAKE | {"settings": {"a": "b" * 20_000}}, "settings"),
        ("orders", FAKE | {"kind": "fixed"}, "kind"),
    ],
)
async def test_a_provider_that_is_none_is_refused_with_the_field(ada, name, body, field):
    status, problem = await ada.call("PUT", f"/v1/providers/{name}", body)
    assert (status, code_of(problem)) == (400, "malformed-provider")
    assert problem["detail"].startswith(f"{field}:")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ttl_seconds": 0}, "ttl_seconds"),
        ({"ttl_seconds": 4000}, "ttl_seconds"),
        ({"max_ttl_seconds": 10**9}, "max_ttl_seconds"),
        ({"env": {"db": "username"}}, "env"),
        ({"env": {"LD_PRELOAD": "username"}}, "env"),
        ({"env": {"PATH": "username"}}, "env"),
        ({"env": {"A=B": "username"}}, "env"),
        ({"env": {"USER": "nothing"}}, "env"),
        ({"env": {f"V{n}": "username" for n in range(40)}}, "env"),
        ({"grant": {"bad": True}}, "grant.bad"),
        ({"grant": {"a": "b" * 20_000}}, "grant"),
    ],
)
async def test_a_credential_that_is_none_is_refused_with_the_field(ada, change, field):
    status, problem = await ada.call("PUT", "/v1/credentials/x", {"provider": "orders", **change})
    assert (status, code_of(problem)) == (400, "malformed-credential")
    assert problem["detail"].startswith(f"{field}:")


async def test_a_credential_needs_its_provider(ada):
    status, problem = await ada.call("PUT", "/v1/credentials/x", {"provider": "nowhere"})
    assert (status, code_of(problem)) == (404, "provider-not-found")


async def test_entries_are_versioned_shown_and_listed(ada):
    assert (await ada.call("PUT", "/v1/providers/orders", FAKE))[1]["version"] == 2
    assert (await ada.call("GET", "/v1/providers/orders"))[1]["secrets"] == {"password": "broker"}
    listed = (await ada.call("GET", "/v1/providers"))[1]["providers"]
    assert [each["name"] for each in listed] == ["keys", "orders", "rigid"]
    assert (await ada.call("GET", "/v1/credentials/db"))[1]["grant"] == {"table": "orders"}
    listed = (await ada.call("GET", "/v1/credentials"))[1]["credentials"]
    assert [each["name"] for each in listed] == ["db", "db-admin", "fixed", "key"]
    assert (await ada.call("GET", "/v1/providers/none"))[0] == 404
    assert (await ada.call("GET", "/v1/credentials/none"))[0] == 404


async def test_a_provider_goes_when_nothing_comes_from_it_and_nothing_lives_there(world, ada, bot):
    view = await bot.lease("fixed")
    assert (await ada.call("DELETE", "/v1/providers/rigid"))[1]["type"].rpartition(":")[
        2
    ] == "provider-in-use"
    assert (await ada.call("DELETE", "/v1/credentials/fixed"))[0] == 204
    assert (await ada.call("DELETE", "/v1/providers/rigid"))[1]["type"].rpartition(":")[
        2
    ] == "provider-in-use"
    await bot.call("DELETE", f"/v1/leases/{view['lease_id']}")
    await world.settle()
    assert (await ada.call("DELETE", "/v1/providers/rigid"))[0] == 204
    assert (await ada.call("GET", "/v1/providers/rigid"))[0] == 404


async def test_a_changed_credential_leaves_leases_what_they_were(world, ada, bot):
    await bot.lease()
    await ada.call("PUT", "/v1/credentials/db", {"provider": "orders", "grant": {"table": "secret"}})
    world.clock.at += 3600
    await world.settle()
    assert world.provider.orders[-1][1].grant == {"table": "orders"}


async def test_a_probe_says_whether_credentials_could_be_made(world, ada):
    assert (await ada.call("POST", "/v1/providers/orders/probe", {}))[1] == {"ok": True, "reason": ""}
    world.provider.failing["probe"] = failed("no-createrole")
    assert (await ada.call("POST", "/v1/providers/orders/probe", {}))[1] == {
        "ok": False,
        "reason": "no-createrole",
    }


async def test_leases_are_listed_by_filters_and_pages(world, ada, bot):
    made = sorted([(await bot.lease())["lease_id"] for _ in range(3)])
    await bot.lease("db-admin")
    world.clock.at += 1
    _, page = await ada.call("GET", f"/v1/leases?credential=db&agent={bot.id}")
    assert [each["lease_id"] for each in page["leases"]] == made
    assert page["next"] == ""
    _, page = await ada.call("GET", f"/v1/leases?after={made[0]}&credential=db")
    assert [each["lease_id"] for each in page["leases"]] == made[1:]
    _, page = await ada.call("GET", "/v1/leases?prefix=db")
    assert len(page["leases"]) == 4
    assert (await ada.call("GET", "/v1/leases?state=dead"))[1]["leases"] == []
    assert (await ada.call("GET", "/v1/leases?colour=red"))[0] == 400
    assert (await ada.call("GET", "/v1/leases?agent=' OR 1=1 --"))[0] in {200, 400}


@pytest.mark.parametrize(
    "body", [{"by": "agent", "value": "", "reason": "x"}, {"by": "agent", "value": "a", "reason": " "}]
)
async def test_ending_many_needs_what_and_why(ada, body):
    status, problem = await ada.call("POST", "/v1/lease-revocations", body)
    assert (status, code_of(problem)) == (400, "malformed-lease")


async def test_agents_write_nothing_and_end_only_what_is_theirs(bot):
    assert (await bot.call("PUT", "/v1/providers/x", FAKE))[0] == 403
    assert (await bot.call("PUT", "/v1/credentials/x", {"provider": "orders"}))[0] == 403
    assert (await bot.call("GET", "/v1/providers"))[0] == 403
    body = {"by": "role", "value": "leaser", "reason": "x"}
    assert (await bot.call("POST", "/v1/lease-revocations", body))[0] == 403
