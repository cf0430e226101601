# SPDX-License-Identifier: Apache-2.0
"""Approvals at the console: what waits is seen, decided with the mouse, the keyboard or neither, and stays what was said."""

import itertools
import json
import re

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.console.house import HOSTILE, Browser
from tests.console.seeing import Clerk, look_at

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("console"),
    pytest.mark.asyncio(loop_scope="session"),
]


# What was denied is not asked again for a while, so each refund is another one.
COUNT = itertools.count(10)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clerk(house):
    return await Clerk.hired(house)


@pytest_asyncio.fixture(loop_scope="session")
async def asked(clerk):
    """Two refunds that wait; the test decides them, or they are denied."""
    clerk.numbers = next(COUNT), next(COUNT)
    ids = [(await clerk.refund(number))[1] for number in clerk.numbers]
    yield ids
    for each in ids:
        if await state_of(clerk.house, each) == "pending":
            await decide(clerk.house, each, "deny")


async def state_of(house, approval):
    return json.loads(await house.bob.request("GET", f"/v1/approvals/{approval}"))["state"]


async def decide(house, approval, decision):
    await house.bob.request("POST", f"/v1/approvals/{approval}/decide", {"decision": decision})


async def becomes(ada, name, role):
    await ada.go("/console/operators")
    await ada.page.get_by_label(f"Role of {name}").select_option(role)
    await ada.page.locator("tr", has_text=name).get_by_role("button", name="Change").click()
    await expect(ada.page.get_by_text("The operator's role was changed.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_can_be_used_by_everybody(ada, asked, scheme):
    await look_at(ada, "/console/approvals", "approvals", scheme)
    await look_at(ada, f"/console/approvals/{asked[0]}", "approval", scheme)
    for decision in ("approve", "deny"):
        path = f"/console/approvals/{asked[0]}/decide?decision={decision}"
        await look_at(ada, path, f"approval-{decision}", scheme)
    for name, path in (("history", "approvals?state=denied"), ("expired", "approvals?state=expired")):
        await look_at(ada, f"/console/{path}", f"approvals-{name}", scheme)


async def test_a_card_shows_what_is_sent_who_asks_and_who_is_missing(clerk, ada, asked):
    await ada.go("/console/approvals")
    card, number = ada.page.locator(f"#{asked[0]}"), clerk.numbers[0]
    for text in (
        f"/refunds/{number}",
        f"A-{number}",
        str(1200 + number),
        "EUR",
        "refund-bot",
        "clerk",
        "1 more person",
    ):
        await expect(card).to_contain_text(text)


async def test_a_yes_by_keyboard_is_asked_about_and_lets_the_call_through_once(house, clerk, ada, asked):
    await ada.go("/console/approvals")
    await ada.page.keyboard.press("j")
    await ada.page.keyboard.press("j")
    await ada.page.keyboard.press("k")
    chosen, number = await ada.page.evaluate("document.activeElement.id"), clerk.numbers[1]
    assert chosen == asked[1]
    await ada.page.keyboard.press("a")
    await expect(ada.page.get_by_role("heading", name="Approve this?")).to_be_visible()
    await expect(ada.page.get_by_text(f"A-{number}")).to_be_visible()
    assert await state_of(house, asked[1]) == "pending"
    await ada.page.keyboard.press("Enter")
    await expect(ada.page.get_by_text("Approved. The agent goes on.")).to_be_visible()
    assert (await clerk.refund(number))[0] == 200
    status, again = await clerk.refund(number)
    assert status == 202
    await decide(house, again, "deny")
    assert ada.complaints == []


async def test_a_no_by_keyboard_is_said_with_a_reason_that_stands_in_the_history(house, ada, asked):
    await ada.go(f"/console/approvals/{asked[0]}")
    await ada.page.keyboard.press("d")
    await ada.page.get_by_label("Why").fill(f"no such order {HOSTILE}"[:200])
    await ada.page.get_by_role("button", name="Deny").click()
    await expect(ada.page.get_by_text("Denied. The call is not made.")).to_be_visible()
    assert await state_of(house, asked[0]) == "denied"
    await ada.go("/console/approvals?state=denied")
    await ada.page.locator(f"a[href$='{asked[0]}']").click()
    await expect(ada.page.get_by_text("no such order <script>")).to_be_visible()
    await expect(ada.page.get_by_text("Ada Lovelace", exact=True).last).to_be_visible()
    assert ada.complaints == []


async def test_a_yes_for_a_pattern_is_in_force_until_somebody_ends_it(house, clerk, ada, asked):
    await ada.go(f"/console/approvals/{asked[0]}/decide?decision=approve")
    await ada.page.get_by_label("Calls that fit a pattern").check()
    await ada.page.get_by_label("Paths").fill("/elsewhere/*")
    await ada.page.get_by_role("button", name="Approve").click()
    await expect(ada.page.get_by_role("alert")).to_contain_text("does not cover the call")
    assert await ada.violations() == []
    ada.complaints.clear()
    await ada.page.get_by_label("Paths").fill("/refunds/*")
    await ada.page.get_by_role("button", name="Approve").click()
    await expect(ada.page.get_by_text("Approved. The agent goes on.")).to_be_visible()
    assert (await clerk.refund(next(COUNT)))[0] == 200
    for scheme in ("light", "dark"):
        await look_at(ada, "/console/approval-grants", "approval-grants", scheme)
    await expect(ada.page.get_by_text("/refunds/*")).to_be_visible()
    await ada.page.get_by_role("button", name=re.compile("End it")).click()
    await expect(ada.page.get_by_text("The grant was ended.")).to_be_visible()
    status, again = await clerk.refund(next(COUNT))
    assert status == 202
    await decide(house, again, "deny")


async def test_what_comes_and_what_is_decided_shows_without_loading_the_page_again(house, clerk, ada):
    await ada.go("/console/approvals")
    await ada.page.evaluate("() => { window.untouched = true; }")
    await ada.page.locator("body[data-following]").wait_for()
    _, approval = await clerk.refund(next(COUNT))
    card = ada.page.locator(f"#{approval}")
    await expect(card).to_be_visible(timeout=10_000)
    await ada.page.keyboard.press("j")
    await decide(house, approval, "deny")
    await expect(card).to_have_count(0, timeout=10_000)
    assert await ada.page.evaluate("window.untouched")
    assert ada.complaints == []


async def test_who_decides_about_what_somebody_decided_meanwhile_is_told_so(house, ada, asked):
    await ada.go(f"/console/approvals/{asked[0]}/decide?decision=approve")
    await decide(house, asked[0], "deny")
    await ada.page.get_by_role("button", name="Approve").click()
    await expect(ada.page.get_by_text("It waits for nobody any more: it is denied.")).to_be_visible()
    ada.complaints.clear()


async def test_who_is_led_to_an_approval_signs_in_and_comes_back_to_it(house, asked):
    browser = await Browser.open(house.chromium, house.site.url)
    await browser.go(f"/console/approvals/{asked[0]}")
    await browser.page.get_by_label("Code").fill(await house.code_of(house.bob))
    await browser.page.get_by_role("button", name="Sign in with the code").click()
    await browser.page.wait_for_url(f"**/console/approvals/{asked[0]}")
    await expect(browser.page.get_by_text("/refunds/").first).to_be_visible()
    await browser.context.close()


async def test_an_approver_decides_without_scripts_and_a_viewer_only_looks(house, clerk, ada, asked):
    carol = await house.invite("Carol")
    await becomes(ada, "Carol", "approver")
    browser = await house.signed_in(carol, java_script_enabled=False)
    await browser.go("/console/approvals")
    await browser.page.locator(f"#{asked[0]}").get_by_role("link", name="Approve").click()
    await browser.page.get_by_role("button", name="Approve").click()
    await expect(browser.page.get_by_text("Approved. The agent goes on.")).to_be_visible()
    assert await state_of(house, asked[0]) == "approved"
    await becomes(ada, "Carol", "viewer")
    await browser.go("/console/approvals")
    await expect(browser.page.get_by_text("You may look at it, and not decide.").first).to_be_visible()
    assert await browser.page.get_by_role("link", name="Approve", exact=True).count() == 0
    await browser.go(f"/console/approvals/{asked[1]}/decide?decision=approve")
    await browser.page.get_by_role("button", name="Approve").click()
    await expect(browser.page.get_by_role("alert")).to_be_visible()
    assert await state_of(house, asked[1]) == "pending"
    await browser.context.close()


async def test_hostile_arguments_are_text_on_the_card(clerk, ada, house):
    _, approval = await clerk.refund(next(COUNT), note=HOSTILE, to="\u202egnp.exe")
    await ada.go("/console/approvals")
    text = await ada.page.inner_text(f"#{approval}")
    assert "<script>" in text
    assert "[U+202E]gnp.exe" in text
    assert await ada.page.locator("main img, main script").count() == 0
    await decide(house, approval, "deny")
    assert ada.complaints == []
