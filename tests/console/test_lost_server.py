# SPDX-License-Identifier: Apache-2.0
"""A server that is lost shows as such, and comes back by itself."""

import pytest
from playwright.async_api import expect

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("console"),
    pytest.mark.asyncio(loop_scope="session"),
]


async def test_a_lost_server_shows_as_such_and_comes_back_by_itself(house, ada):
    await ada.go("/console/agents")
    await expect(ada.page.locator("#lost")).to_be_hidden()
    await ada.page.evaluate("() => { window.untouched = true; }")
    await ada.page.locator("body[data-following]").wait_for()
    await house.site.kill()
    await expect(ada.page.locator("#lost")).to_be_visible(timeout=20_000)
    await ada.shoot("lost")
    await house.site.start()
    await expect(ada.page.locator("#lost")).to_be_hidden(timeout=30_000)
    await expect(ada.page.get_by_role("link", name="order-bot")).to_be_visible()
    assert await ada.page.evaluate("window.untouched")
    ada.complaints.clear()
