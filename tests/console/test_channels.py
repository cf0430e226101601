# SPDX-License-Identifier: Apache-2.0
"""Channels at the console: added, tried, changed and deleted; a secret is shown once."""

import pytest
from playwright.async_api import expect

from tests.console.seeing import look_at

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("console"),
    pytest.mark.asyncio(loop_scope="session"),
]


async def add(browser, shop, name):
    await browser.go("/console/channels/new")
    await browser.page.get_by_label("Name").fill(name)
    await browser.page.get_by_label("Webhook", exact=True).fill(f"{shop.url}/hook")
    await browser.page.get_by_label("Alarms").check()
    await browser.page.get_by_label("The webhook is in a network of our own").check()
    await browser.page.get_by_role("button", name="Add the channel").click()


async def test_a_channel_is_added_tried_changed_and_deleted(house, ada):
    for scheme in ("light", "dark"):
        await look_at(ada, "/console/channels", "channels-none", scheme)
        await look_at(ada, "/console/channels/new", "channel-new", scheme)
    await add(ada, house.shop, "ops")
    secret = await ada.page.locator(".command.once code").inner_text()
    assert secret.startswith("whsec_")
    assert await ada.violations() == []
    await ada.shoot("channel-made")
    await ada.page.get_by_role("button", name="Send a test notice").click()
    await expect(ada.page.get_by_text("The test did not come through ops")).to_be_visible()
    assert secret not in await ada.page.content()
    for scheme in ("light", "dark"):
        await look_at(ada, "/console/channels", "channels", scheme)
        await look_at(ada, "/console/channels/ops/edit", "channel", scheme)
    assert await ada.page.get_by_label("Alarms").is_checked()
    await ada.page.get_by_label("Reviews").check()
    await ada.page.get_by_role("button", name="Change the channel").click()
    await expect(ada.page.get_by_text("The channel was written.")).to_be_visible()
    await expect(ada.page.get_by_text("alarms, reviews")).to_be_visible()
    await ada.page.get_by_role("button", name="Delete: ops").click()
    await expect(ada.page.get_by_role("heading", name="Delete ops?")).to_be_visible()
    assert await ada.violations() == []
    await ada.page.get_by_role("button", name="Delete").click()
    await expect(ada.page.get_by_text("The channel was deleted.")).to_be_visible()
    await expect(ada.page.get_by_text("Nobody hears of anything yet")).to_be_visible()
    assert ada.complaints == []


async def test_a_form_that_says_too_little_or_what_is_hostile_comes_back_with_what_was_written(house, ada):
    await ada.go("/console/channels/new")
    await ada.page.get_by_label("Name").fill('"><img src=x onerror=alert(1)>')
    await ada.page.get_by_role("button", name="Add the channel").click()
    await expect(ada.page.get_by_role("alert")).to_be_visible()
    assert await ada.page.get_by_label("Name").input_value() == '"><img src=x onerror=alert(1)>'
    assert await ada.page.locator("main img").count() == 0
    assert await ada.violations() == []
    ada.complaints.clear()


async def test_it_works_without_scripts(house):
    browser = await house.signed_in(house.bob, java_script_enabled=False)
    await add(browser, house.shop, "plain")
    await expect(browser.page.get_by_text("It is shown once.")).to_be_visible()
    await browser.page.get_by_role("button", name="Delete: plain").click()
    await browser.page.get_by_role("button", name="Delete").click()
    await expect(browser.page.get_by_text("The channel was deleted.")).to_be_visible()
    await browser.context.close()
