# SPDX-License-Identifier: Apache-2.0
"""Versions: all are kept, any two can be compared, and any can come into force again."""

import pytest

from smartagent.edge import Inbound, MalformedRequest
from smartagent.policy import (
    GrantsEverything,
    MalformedReason,
    MalformedRoleFile,
    PolicyChanged,
    VersionNotFound,
)
from smartagent.policy.model import RuleKind
from smartagent.policy.versions.model import Version, digest_of
from smartagent.policy.versions.store import add_version
from smartagent.policy.versions.wording import difference
from tests.unit.policy.fakes import NOW, body_of
from tests.unit.policy.test_book import NO_SEVEN, READER
from tests.unit.policy.test_routes import ask, desk

ONE = "/v1/roles/{name}"
ALL = "/v1/roles/{name}/versions"
TEXT = "/v1/roles/{name}/versions/{version}"
DIFF = "/v1/roles/{name}/versions/{version}/diff"
BACK = "/v1/roles/{name}/rollback"
NARROW = """name = "order-reader"
[[allow]]
scope = "orders:read"
upstream = "orders"
methods = ["GET"]
paths = ["/orders/*"]
"""


async def do(store, book, table, route, body=b"", name="order-reader"):
    outcome = await ask(table, *route, body, name=name)
    store.apply(*outcome.writes)
    await book.reload_roles([change.key for change in outcome.changes if change.topic == "roles"])
    await book.reload_policies([change.key for change in outcome.changes if change.topic == "policies"])
    return outcome


async def two_versions(store):
    book, table = await desk(store)
    for text, reason in ((READER, "the first"), (NARROW, "less is enough")):
        await do(store, book, table, ("PUT", ONE), {"role_file": text, "reason": reason})
    return book, table


async def test_the_history_says_who_wrote_what_when_and_why(store):
    _, table = await two_versions(store)

    listed = body_of(await ask(table, "GET", ALL, name="order-reader"))["versions"]

    assert [(each["version"], each["reason"], each["in_force"]) for each in listed] == [
        (2, "less is enough", True),
        (1, "the first", False),
    ]
    assert listed[1] | {"in_force": True} == {
        "version": 1,
        "digest": digest_of(READER),
        "allow_broad": False,
        "deleted": False,
        "reason": "the first",
        "changed_at": "2026-05-28T20:26:40Z",
        "changed_by": "opr_1",
        "in_force": True,
    }
    shown = body_of(await ask(table, "GET", TEXT, name="order-reader", version="1"))
    assert (shown["text"], shown["version"]["version"]) == (READER, 1)


async def test_a_difference_is_told_as_lines_and_in_words(store):
    _, table = await two_versions(store)

    found = body_of(await ask(table, "GET", DIFF, name="order-reader", version="2"))

    assert (found["old"], found["new"]) == (1, 2)
    assert found["diff"].startswith("--- order-reader, version 1\n+++ order-reader, version 2\n")
    assert "GET /orders/* on orders, with the scope orders:read" in found["comes"]
    assert any("with the scope orders:write" in line for line in found["goes"])
    first = body_of(await ask(table, "GET", DIFF, name="order-reader", version="1"))
    assert (first["old"], first["goes"]) == (0, [])


async def test_going_back_is_a_new_version_with_the_old_text(store):
    book, table = await two_versions(store)

    outcome = await do(store, book, table, ("POST", BACK), {"version": 1, "reason": "it broke the export"})

    assert (book.role("order-reader").version, book.role("order-reader").role_file) == (3, READER)
    assert outcome.detail == {"version": 3, "of": 1, "reason": "it broke the export"}
    newest = body_of(await ask(table, "GET", ALL, name="order-reader"))["versions"][0]
    assert (newest["version"], newest["reason"], newest["digest"]) == (
        3,
        "it broke the export",
        digest_of(READER),
    )


async def test_a_text_that_is_refused_today_does_not_come_back(store):
    _, table = await two_versions(store)
    old = Version(RuleKind.ROLE, "order-reader", 9, "name = 7", 0, 0, "", NOW, "opr_1")
    broad = READER.replace("/orders/**", "/**").replace('["GET"]', '["*"]')
    wide = Version(RuleKind.ROLE, "order-reader", 10, broad, 0, 0, "", NOW, "opr_1")
    store.apply(add_version(old), add_version(wide))

    with pytest.raises(MalformedRoleFile, match="name"):
        await ask(table, "POST", BACK, {"version": 9, "reason": "why not"}, name="order-reader")
    with pytest.raises(GrantsEverything):
        await ask(table, "POST", BACK, {"version": 10, "reason": "why not"}, name="order-reader")


@pytest.mark.parametrize("reason", ["", "   ", "two\nlines", "x" * 256])
async def test_nobody_goes_back_without_saying_why(store, reason):
    _, table = await two_versions(store)

    with pytest.raises(MalformedReason):
        await ask(table, "POST", BACK, {"version": 1, "reason": reason}, name="order-reader")


async def test_of_two_who_go_back_at_once_one_does(store):
    _, table = await two_versions(store)
    first, second = [
        await ask(table, "POST", BACK, {"version": 1, "reason": "both"}, name="order-reader")
        for _ in range(2)
    ]
    store.apply(*first.writes)

    with pytest.raises(PolicyChanged):
        store.apply(*second.writes)


async def test_numbers_go_on_after_a_deletion_and_what_was_deleted_can_come_back(store):
    book, table = await two_versions(store)

    gone = await ask(table, "DELETE", ONE, name="order-reader")
    store.apply(*gone.writes)
    await book.reload_roles(["order-reader"])
    with pytest.raises(VersionNotFound, match="there was none"):
        await ask(table, "POST", BACK, {"version": 3, "reason": "it is missed"}, name="order-reader")
    await do(store, book, table, ("POST", BACK), {"version": 2, "reason": "it is missed"})

    assert book.role("order-reader").version == 4
    listed = body_of(await ask(table, "GET", ALL, name="order-reader"))["versions"]
    assert [each["deleted"] for each in listed] == [False, True, False, False]
    removed = body_of(await ask(table, "GET", DIFF, name="order-reader", version="3"))
    assert (removed["comes"], bool(removed["goes"])) == ([], True)


async def test_policies_have_versions_too(store):
    book, table = await desk(store)
    open_again = NO_SEVEN.replace("/orders/7", "/orders/8")
    for text in (NO_SEVEN, open_again):
        await do(store, book, table, ("PUT", "/v1/policies/{name}"), {"cedar": text}, name="closed")

    path = "/v1/policies/{name}/versions/{version}/diff"
    found = body_of(await ask(table, "GET", path, name="closed", version="2"))
    await do(
        store, book, table, ("POST", "/v1/policies/{name}/rollback"), {"version": 1, "reason": "no"}, "closed"
    )

    assert len(found["comes"]) == len(found["goes"]) == 1
    assert found["comes"][0].startswith('@id("seven is closed") forbid')
    assert (book.policy("closed").version, book.policy("closed").cedar) == (3, NO_SEVEN)


@pytest.mark.parametrize("version", ["9", "x", "-1", "1" * 13])
async def test_a_version_that_never_was_is_not_found(store, version):
    _, table = await two_versions(store)

    for path in (TEXT, DIFF):
        with pytest.raises(VersionNotFound):
            await ask(table, "GET", path, name="order-reader", version=version)
    with pytest.raises(VersionNotFound, match="never was"):
        await ask(table, "GET", ALL, name="other")
    with pytest.raises(MalformedRequest):
        await table["DELETE", ONE].act(None, inbound_with("why=x"))


def inbound_with(query):
    return Inbound("req_1", "DELETE", ONE, query=query, params={"name": "order-reader"})


def test_members_without_words_of_their_own_are_told_as_they_are():
    found = difference(RuleKind.ROLE, NARROW, f'ttl = "5m"\nnetworks = ["10.0.0.0/8"]\n{NARROW}', ("a", "b"))

    assert found.comes == ("ttl_seconds: 300", 'networks: ["10.0.0.0/8"]')
    assert found.goes == ("ttl_seconds: 900",)
