# SPDX-License-Identifier: Apache-2.0
"""The acts: what they answer, and what they ask the ledger to write."""

import msgspec
import pytest

from smartagent.edge import Inbound, Proof
from smartagent.policy import (
    MalformedPolicy,
    MalformedRoleFile,
    Permission,
    PolicyChanged,
    PolicyNotFound,
    RoleNotFound,
    routes,
)
from tests.unit.policy.fakes import OPERATOR, FakeClock, body_of, book_of, policy, role
from tests.unit.policy.test_book import NO_SEVEN, READER


def checked(role, role_file):
    """Refuse roles that narrow anything: there is nothing here."""
    if role.resources:
        raise MalformedRoleFile("there is no such credential", field="files[0]", line=2)


async def desk(store, *stored):
    book = await book_of(store, *stored)
    role_of = {"agt_1": ("order-reader", ""), "agt_2": ("order-reader", "elv_1")}.get
    made = routes(book, FakeClock(), role_of, store, checked, lambda _: "normal")
    return book, {(route.method, route.path): route for route in made}


async def ask(table, method, path, body=b"", **params):
    if not isinstance(body, bytes):
        body = msgspec.json.encode(body)
    return await table[method, path].act(OPERATOR, Inbound("req_1", method, path, body=body, params=params))


async def test_every_route_needs_an_access_token_and_a_permission_that_exists(store):
    _, table = await desk(store)

    assert {route.proof for route in table.values()} == {Proof.ACCESS_TOKEN}
    assert {route.permission for route in table.values()} <= set(Permission)


async def test_a_role_is_written_shown_changed_and_deleted(store):
    book, table = await desk(store)

    put = await ask(table, "PUT", "/v1/roles/{name}", {"role_file": READER}, name="order-reader")
    store.apply(*put.writes)
    await book.reload_roles([change.key for change in put.changes])

    assert put.reply.status == 201
    assert (put.target, put.detail) == ("role/order-reader", {"version": 1, "allow_broad": 0})
    shown = body_of(await ask(table, "GET", "/v1/roles/{name}", name="order-reader"))
    assert shown["scopes"] == ["orders:read", "orders:write"]
    assert shown["cedar"].startswith('@id("role/order-reader/1")\npermit (')
    assert (shown["changed_at"], shown["changed_by"], shown["version"]) == (
        "2026-05-28T20:26:40Z",
        "opr_1",
        1,
    )
    assert body_of(await ask(table, "GET", "/v1/roles"))["roles"] == [shown]

    again = await ask(table, "PUT", "/v1/roles/{name}", {"role_file": READER}, name="order-reader")
    store.apply(*again.writes)
    await book.reload_roles(["order-reader"])
    assert (again.reply.status, book.role("order-reader").version) == (200, 2)

    gone = await ask(table, "DELETE", "/v1/roles/{name}", name="order-reader")
    store.apply(*gone.writes)
    await book.reload_roles(["order-reader"])
    assert gone.reply.status == 204
    with pytest.raises(RoleNotFound):
        await ask(table, "GET", "/v1/roles/{name}", name="order-reader")


async def test_a_policy_is_written_shown_changed_and_deleted(store):
    book, table = await desk(store)

    for version, status in ((1, 201), (2, 200)):
        put = await ask(table, "PUT", "/v1/policies/{name}", {"cedar": NO_SEVEN}, name="closed")
        store.apply(*put.writes)
        await book.reload_policies([change.key for change in put.changes])
        assert (put.reply.status, put.reply.body.version) == (status, version)

    listed = body_of(await ask(table, "GET", "/v1/policies"))
    assert [one["name"] for one in listed["policies"]] == ["closed"]
    assert "house/operators" in listed["house"]
    assert body_of(await ask(table, "GET", "/v1/policies/{name}", name="closed"))["cedar"] == NO_SEVEN

    gone = await ask(table, "DELETE", "/v1/policies/{name}", name="closed")
    store.apply(*gone.writes)
    await book.reload_policies(["closed"])
    with pytest.raises(PolicyNotFound):
        await ask(table, "GET", "/v1/policies/{name}", name="closed")


async def test_whoever_writes_second_loses_and_nothing_of_theirs_stays(store):
    _, table = await desk(store)
    first = await ask(table, "PUT", "/v1/roles/{name}", {"role_file": READER}, name="order-reader")
    second = await ask(table, "PUT", "/v1/roles/{name}", {"role_file": READER}, name="order-reader")
    store.apply(*first.writes)

    with pytest.raises(PolicyChanged):
        store.apply(*second.writes)


async def test_a_stale_change_or_deletion_loses(store):
    _, table = await desk(store, role(READER), policy("closed", NO_SEVEN))
    stale = [
        await ask(table, "PUT", "/v1/roles/{name}", {"role_file": READER}, name="order-reader"),
        await ask(table, "DELETE", "/v1/roles/{name}", name="order-reader"),
    ]
    change = await ask(table, "PUT", "/v1/roles/{name}", {"role_file": READER}, name="order-reader")
    store.apply(*change.writes)

    for outcome in stale:
        with pytest.raises(PolicyChanged):
            store.apply(*outcome.writes)


async def test_a_role_that_names_what_is_not_there_is_not_written(store):
    _, table = await desk(store)
    text = 'name = "x"\n[[files]]\ncredential = "disk"\nread = ["/srv"]\n'

    with pytest.raises(MalformedRoleFile, match="line 2"):
        await ask(table, "PUT", "/v1/roles/{name}", {"role_file": text}, name="x")


async def test_the_name_in_the_path_and_in_the_file_must_agree(store):
    _, table = await desk(store)

    with pytest.raises(MalformedRoleFile, match="says 'order-reader', but is written to 'admin'"):
        await ask(table, "PUT", "/v1/roles/{name}", {"role_file": READER}, name="admin")


async def test_no_policy_takes_the_place_of_explain(store):
    _, table = await desk(store)

    with pytest.raises(MalformedPolicy, match="taken"):
        await ask(table, "PUT", "/v1/policies/{name}", {"cedar": NO_SEVEN}, name="explain")


@pytest.mark.parametrize(
    ("asked", "decision"),
    [
        ({}, "permit"),
        ({"scopes": []}, "deny"),
        ({"client_ip": "11.0.0.1"}, "deny"),
        ({"agent": "agt_unknown"}, "deny"),
    ],
)
async def test_explain_answers_for_an_agent_as_it_stands(store, asked, decision):
    _, table = await desk(store, role(READER))
    question = {
        "agent": "agt_1",
        "upstream": "orders",
        "method": "GET",
        "path": "/orders/7",
        "client_ip": "10.0.0.1",
    }

    outcome = await ask(table, "POST", "/v1/policies/explain", question | asked)

    assert body_of(outcome)["decision"] == decision
    assert body_of(outcome)["elevation"] == ""
    assert outcome.detail == {"decision": decision}


async def test_explain_names_the_elevation_by_which_an_agent_has_its_role(store):
    _, table = await desk(store, role(READER))
    question = {"agent": "agt_2", "upstream": "orders", "method": "GET", "path": "/orders/7"}

    outcome = await ask(table, "POST", "/v1/policies/explain", question)

    assert body_of(outcome)["elevation"] == "elv_1"
