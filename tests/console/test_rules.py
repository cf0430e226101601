# SPDX-License-Identifier: Apache-2.0
"""Roles and policies at the console: read in words, written with a check, tried on the past, staged and taken back."""

import json

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.console.house import HOSTILE
from tests.console.seeing import look_at

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("console"),
    pytest.mark.asyncio(loop_scope="session"),
]
FIRST = """\
name = "cook"
description = "looks at orders"
ttl = "10m"

[[allow]]
scope = "read"
upstream = "shop"
methods = ["GET"]
paths = ["/orders/**"]
"""
SECOND = FIRST.replace('"/orders/**"', '"/orders/**", "/menus/*"')


@pytest_asyncio.fixture(loop_scope="session")
async def cook(house):
    """A role with two versions, of which the first one is in force again when the test is over."""
    for text in (FIRST, SECOND):
        body = {"role_file": text, "reason": "the test"}
        await house.bob.request("PUT", "/v1/roles/cook", body)


async def role(house, name):
    return json.loads(await house.bob.request("GET", f"/v1/roles/{name}"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_can_be_used_by_everybody(house, ada, cook, scheme):
    versions = json.loads(await house.bob.request("GET", "/v1/roles/cook/versions"))["versions"]
    for name, path in (
        ("roles", "roles"),
        ("role", "roles/cook"),
        ("policies", "policies"),
        ("role-version", f"rules/roles/cook/versions/{versions[0]['version']}"),
        ("editor", "editor/roles?name=cook"),
        ("editor-new", "editor/policies"),
        ("why", f"why?agent={house.id(house.worker)}&upstream=shop&method=GET&path=/x"),
        ("why-empty", "why"),
    ):
        await look_at(ada, f"/console/{path}", name, scheme)


async def test_a_role_is_said_in_words_with_who_has_it_and_how_it_came_to_it(ada, cook):
    await ada.go("/console/roles/cook")
    await expect(ada.page.get_by_text("Read /orders/**, /menus/* at shop")).to_be_visible()
    await expect(ada.page.get_by_text("No agent.")).to_be_visible()
    await ada.page.get_by_role("link", name="Version", exact=False).first.click()
    await expect(ada.page.locator(".diff .comes")).to_contain_text("/menus/*")
    await ada.go("/console/roles/reader")
    await expect(ada.page.get_by_role("link", name="order-bot")).to_be_visible()
    assert ada.complaints == []


async def test_a_draft_is_checked_while_it_is_written(house, ada, cook):
    await ada.go("/console/editor/roles?name=cook")
    text = ada.page.get_by_label("Role file")
    await text.fill(SECOND.replace("methods", "mothods"))
    await expect(ada.page.locator("#verdict").get_by_role("alert")).to_be_visible()
    assert await ada.violations() == []
    await text.fill(SECOND.replace("/menus/*", "/soups/*"))
    await expect(ada.page.get_by_text("It can be read.")).to_be_visible()
    await expect(ada.page.locator(".diff .comes")).to_contain_text("/soups/*")
    assert await ada.page.evaluate("document.activeElement.id") == "text"
    await text.fill(HOSTILE)
    await expect(ada.page.locator("#verdict").get_by_role("alert")).to_be_visible()
    assert await ada.page.locator("main img, main script").count() == 0
    assert (await role(house, "cook"))["role_file"] == SECOND
    assert ada.complaints == []


async def test_a_draft_is_tried_on_the_past_before_it_is_staged_and_taken_into_force(house, ada):
    present = (await role(house, "reader"))["role_file"]
    await ada.go("/console/editor/roles?name=reader")
    await ada.page.get_by_label("Role file").fill(present.replace('"/**"', '"/x"'))
    await ada.page.get_by_role("button", name="Try on the past week").click()
    await expect(ada.page.get_by_text("recorded decisions")).to_be_visible()
    await expect(ada.page.locator("#checked tbody tr").first).to_contain_text("deny")
    assert await ada.violations() == []
    await ada.shoot("editor-replayed")
    await ada.page.get_by_role("button", name="Stage as a draft").click()
    await expect(ada.page.get_by_text("Staged as a draft. It decides nothing yet.")).to_be_visible()
    await ada.page.get_by_label("Next step").select_option("shadow")
    await ada.page.get_by_role("button", name="Take the step").click()
    await expect(ada.page.get_by_text("The step was taken.")).to_be_visible()
    await expect(ada.page.locator("#staged .badge")).to_have_text("shadow")
    assert await ada.violations() == []
    await ada.shoot("role-staged")
    await ada.page.get_by_label("Next step").select_option("dropped")
    await ada.page.get_by_role("button", name="Take the step").click()
    await expect(ada.page.get_by_text("What was staged was dropped.")).to_be_visible()
    assert (await role(house, "reader"))["role_file"] == present


async def test_a_new_policy_is_written_and_rolled_back_without_scripts(house):
    browser = await house.signed_in(house.bob, java_script_enabled=False)
    await browser.go("/console/roles")
    await browser.page.get_by_role("link", name="Write a role").click()
    await browser.page.get_by_label("Name").fill("waiter")
    await browser.page.get_by_label("Role file").fill("name = ")
    await browser.page.get_by_role("button", name="Check").click()
    await expect(browser.page.get_by_role("alert")).to_be_visible()
    for text in (FIRST, SECOND):
        await browser.go("/console/editor/roles?name=waiter")
        await browser.page.get_by_label("Name").fill("waiter")
        await browser.page.get_by_label("Role file").fill(text.replace("cook", "waiter"))
        await browser.page.get_by_label("Why").fill("the test")
        await browser.page.get_by_role("button", name="Put into force").click()
        await expect(browser.page.get_by_text("It is in force.")).to_be_visible()
    await browser.page.get_by_role("link", name="Version 1").click()
    await browser.page.get_by_label("Why").fill("it was better")
    await browser.page.get_by_role("button", name="Roll back to version 1").click()
    await expect(browser.page.get_by_text("as a new version.")).to_be_visible()
    assert (await role(house, "waiter"))["version"] == 3
    assert "/menus/*" not in (await role(house, "waiter"))["role_file"]
    await browser.context.close()


@pytest.mark.parametrize(
    "path",
    [
        "approvals/{}",
        "approvals?cursor={}",
        "roles/{}",
        "policies/{}",
        "editor/{}",
        "secrets/{}",
        "channels/{}/edit",
    ],
)
async def test_a_name_of_seven_kilobytes_breaks_nothing(ada, path):
    reply = await ada.go(f"/console/{path.format('x' * 7000)}")
    assert reply.status < 500
    assert len(await reply.body()) < 20_000
    ada.complaints.clear()


async def test_a_form_that_somebody_made_up_is_an_error_in_plain_words(house, ada, cook):
    await ada.go("/console/roles/cook")
    statuses = await ada.page.evaluate(
        """async () => {
            const csrf = document.querySelector("input[name=csrf]").value;
            const post = (path, fields) => fetch(path, {method: "POST", body: new URLSearchParams({csrf, ...fields})});
            const answers = await Promise.all([
                post("/console/rules/roles/cook/rollback", {version: "9".repeat(500), reason: "x"}),
                post("/console/rules/roles/cook/stage", {to: "canary", percent: "many"}),
                post("/console/rules/roles/cook/stage", {to: "nowhere"}),
                post("/console/rules/agents/cook/rollback", {version: "1", reason: "x"}),
                post("/console/editor/roles", {name: "cook", text: "x", act: "burn"}),
                post("/console/approvals/apr_1/decide", {decision: "maybe"}),
            ]);
            return answers.map(answer => answer.status);
        }"""
    )
    assert statuses == [400] * len(statuses)
    assert (await role(house, "cook"))["role_file"] == SECOND
    ada.complaints.clear()


async def test_why_a_call_is_allowed_or_not_is_said_by_the_rule_that_decides(house, ada):
    worker = house.id(house.worker)
    await ada.go(f"/console/why?agent={worker}&upstream=shop&method=GET&path=/x")
    await expect(ada.page.get_by_role("status").filter(has_text="Permit.")).to_contain_text("reader")
    await ada.go(f"/console/why?agent={worker}&upstream=nowhere&method=GET&path=/x")
    await expect(ada.page.get_by_role("status").filter(has_text="Deny.")).to_be_visible()
    await ada.go("/console/why?agent=nobody&upstream=shop&method=GET&path=/x")
    await expect(ada.page.get_by_role("status").filter(has_text="Deny.")).to_be_visible()
    assert ada.complaints == []
