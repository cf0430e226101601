# SPDX-License-Identifier: Apache-2.0
"""Every page of the console: seen in light and dark and on a phone, held to WCAG, and broken into."""

import re
import urllib.parse

import pytest

from tests.console.house import DESK, HOSTILE, NARROW, PHONE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("console"),
    pytest.mark.asyncio(loop_scope="session"),
]
PAGES = {
    "agents": "/console/agents",
    "agents-none": "/console/agents?q=nobody-is-called-so",
    "agents-new": "/console/agents/new",
    "agent": "/console/agents/{worker}",
    "agent-stop": "/console/agents/{worker}/stop",
    "audit": "/console/audit",
    "audit-none": "/console/audit?event=no.such.event",
    "audit-all": "/console/audit?subject={worker}&reads=yes",
    "token": "/console/audit/tokens/{jti}",
    "verify": "/console/audit/verify",
    "operators": "/console/operators",
    "account": "/console/account",
    "overview": "/console",
}


async def address(house, name):
    worker = house.id(house.worker)
    found = await house.bob.request("GET", f"/v1/log/search?subject={worker}&event=token.issued")
    jti = re.search(rb'"jti":"(aat_[^"]+)"', found).group(1).decode()
    return PAGES[name].format(worker=worker, jti=jti)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
async def test_a_page_can_be_used_by_everybody_and_breaks_no_rule(house, ada, name, scheme):
    await ada.page.emulate_media(color_scheme=scheme)
    assert (await ada.go(await address(house, name))).status == 200
    assert await ada.violations() == []
    await ada.shoot(f"{name}-{scheme}")
    for size in (PHONE, NARROW):
        await ada.page.set_viewport_size(size)
        assert await ada.overflow() <= 0
    await ada.page.set_viewport_size(PHONE)
    assert await ada.violations() == []
    await ada.shoot(f"{name}-{scheme}-phone")
    await ada.page.set_viewport_size(DESK)
    assert ada.complaints == []


async def test_a_page_is_light(house, ada):
    for name in PAGES:
        reply = await ada.go(await address(house, name))
        assert len(await reply.body()) < 150_000, name


async def test_a_hostile_name_is_text_wherever_it_stands(house, ada):
    hostile = house.id(house.hostile)
    for path in ("/console/agents?q=script", f"/console/agents/{hostile}", f"/console/agents/{hostile}/stop"):
        await ada.go(path)
        assert "owned" not in (await ada.page.title()).replace(HOSTILE, "")
        assert HOSTILE in await ada.page.inner_text("main")
        assert await ada.page.locator("main img, main script").count() == 0
    assert ada.complaints == []


async def test_what_turns_text_around_is_shown_as_what_it_is(ada):
    await ada.go("/console/audit?subject=" + urllib.parse.quote("\u202eknab ruoY\u0000"))
    shown = await ada.page.input_value("#subject")
    assert shown == "[U+202E]knab ruoY[U+0000]"


@pytest.mark.parametrize(
    "path", ["/console/agents/{}", "/console/audit/tokens/{}", "/console/agents?cursor={}"]
)
async def test_an_id_of_ten_kilobytes_is_an_error_in_plain_words(ada, path):
    reply = await ada.go(path.format("x" * 7000))
    assert 400 <= reply.status < 500
    assert len(await reply.body()) < 20_000
    ada.complaints.clear()


async def test_no_page_broke_its_policy_and_one_that_does_is_counted(house, ada):
    assert await house.metric("smartagent_console_csp_reports") == 0
    async with ada.page.expect_request("**/console/csp-reports"):
        await ada.page.evaluate(
            "() => { const s = document.createElement('style'); s.textContent = 'p{}'; document.head.append(s); }"
        )
    await ada.page.evaluate(
        "() => { try { document.body.innerHTML = '<p>'; } catch (error) { document.title = error.name; } }"
    )
    assert await ada.page.title() == "TypeError"
    assert "order-bot" in await ada.page.inner_text("main")
    ada.complaints.clear()


async def test_no_page_is_shown_in_somebody_elses_frame(house, ada):
    other = await ada.context.new_page()
    await other.set_content(f'<iframe src="{house.site.url}/console/agents"></iframe>')
    frames = [frame for frame in other.frames if frame.parent_frame is not None]
    texts = [await frame.evaluate("document.body ? document.body.innerText : ''") for frame in frames]
    assert all("order-bot" not in text for text in texts)
    await other.close()
