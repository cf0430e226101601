# SPDX-License-Identifier: Apache-2.0
"""Secrets at the console: names, versions, what uses them and when they are rotated; never a value."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.console.seeing import look_at
from tests.e2e.site import UPSTREAM_KEY

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("console"),
    pytest.mark.asyncio(loop_scope="session"),
]
PATHS = {
    "secrets": "/console/secrets",
    "secret": "/console/secrets/shop-key",
    "rotations": "/console/rotations",
}


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def unused(house):
    await house.bob.request("PUT", "/v1/secrets/unused", {"value": "never-seen-value"})


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_pages_can_be_used_by_everybody_and_show_no_value(ada, scheme):
    for name, path in PATHS.items():
        await look_at(ada, path, name, scheme)
        content = await ada.page.content()
        assert UPSTREAM_KEY not in content
        assert "never-seen-value" not in content


async def test_a_secret_says_what_uses_it_and_who_wrote_it(ada):
    await ada.go("/console/secrets")
    await expect(ada.page.locator("tr", has_text="unused")).to_contain_text("nothing")
    await ada.page.get_by_role("link", name="shop-key").click()
    await expect(ada.page.get_by_text("upstream")).to_be_visible()
    await expect(ada.page.get_by_text("by Bob")).to_be_visible()
    assert ada.complaints == []


async def test_it_works_without_scripts(house):
    browser = await house.signed_in(house.bob, java_script_enabled=False)
    await browser.go("/console/secrets")
    await browser.page.get_by_role("link", name="Calendar of rotations").click()
    await expect(browser.page.get_by_role("heading", name="Rotations")).to_be_visible()
    await browser.context.close()
