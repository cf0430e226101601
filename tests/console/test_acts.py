# SPDX-License-Identifier: Apache-2.0
"""What operators do at the console: sign in, find, suspend, stop, prove; and what the console does not let happen."""

import json
import re

import pytest
from playwright.async_api import expect

from tests.console.house import Browser
from tests.e2e.site import call

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.xdist_group("console"),
    pytest.mark.asyncio(loop_scope="session"),
]


async def status_of(house, agent):
    return json.loads(await house.bob.request("GET", f"/v1/agents/{house.id(agent)}"))["status"]


async def test_a_new_house_is_claimed_in_the_browser_alone(house):
    address, text = house.claim_page
    assert address == f"{house.site.url}/console/claim"
    assert "scl_" not in address + text
    assert "Welcome. There are no agents yet." in house.first_page


async def test_a_passkey_signs_in_again_and_a_second_one_can_be_added_and_removed(house, ada):
    await ada.page.get_by_role("button", name="Sign out").click()
    await expect(ada.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await ada.go("/console/agents")
    await expect(ada.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await ada.page.get_by_role("button", name="Sign in with a passkey").click()
    await expect(ada.page.get_by_role("heading", name="Agents")).to_be_visible()
    await ada.go("/console/account")
    await ada.page.get_by_label("Name of a new passkey").fill("Key ring")
    await ada.page.get_by_role("button", name="Add a passkey").click()
    await expect(ada.page.get_by_text("Key ring")).to_be_visible()
    await ada.page.get_by_role("button", name="Remove Key ring").click()
    await ada.page.get_by_role("button", name="Remove").click()
    await expect(ada.page.get_by_text("The passkey is forgotten here.")).to_be_visible()
    await expect(ada.page.get_by_text("Key ring", exact=True)).to_have_count(0)
    ada.complaints.clear()


async def test_a_code_that_is_not_good_says_so_and_a_good_one_leads_back(house):
    browser = await Browser.open(house.chromium, house.site.url)
    await browser.go("/console/audit")
    await browser.page.get_by_label("Code").fill("wrong")
    await browser.page.get_by_role("button", name="Sign in with the code").click()
    await expect(browser.page.get_by_role("alert").first).to_contain_text("The code is not good.")
    await browser.go("/console/audit")
    await browser.page.get_by_label("Code").fill(await house.code_of(house.bob))
    await browser.page.get_by_role("button", name="Sign in with the code").click()
    await browser.page.wait_for_url("**/console/audit")
    await browser.context.close()


async def test_agents_are_found_while_typing(house, ada):
    await ada.go("/console/agents")
    await ada.page.keyboard.press("/")
    await ada.page.keyboard.type("spare")
    await expect(ada.page.locator("tbody tr")).to_have_count(3)
    assert ada.page.url.endswith("q=spare")
    await ada.page.get_by_label("Name or id").fill("nobody-is-called-so")
    await expect(ada.page.get_by_text("No agent fits")).to_be_visible()
    assert ada.complaints == []


async def test_an_agent_is_suspended_and_resumed(house, ada):
    agent = house.idle[0]
    await ada.go(f"/console/agents/{house.id(agent)}")
    await ada.page.get_by_role("button", name="Suspend").click()
    await ada.page.get_by_label("Why").fill("a drill")
    await ada.page.get_by_role("button", name="Suspend").click()
    await expect(ada.page.get_by_role("status").filter(has_text="Suspended.")).to_be_visible()
    assert await status_of(house, agent) == "suspended"
    found = await house.bob.request(
        "GET", f"/v1/log/search?subject={house.id(agent)}&event=agent.status-changed"
    )
    record = json.loads(found)["entries"][0]["record"]
    assert (record["detail"]["reason"], record["caller"].split("_")[0]) == ("a drill", "opr")
    assert record["permission"] == "agents.write"
    await ada.page.get_by_role("button", name="Resume").click()
    await expect(ada.page.get_by_role("status").filter(has_text="Resumed.")).to_be_visible()
    assert await status_of(house, agent) == "active"


async def test_several_agents_are_suspended_at_once_after_a_question(house, ada):
    await ada.go("/console/agents?q=spare")
    for agent in house.idle[1:]:
        await ada.page.locator(f'input[value="{house.id(agent)}"]').check()
    await ada.page.get_by_role("button", name="Suspend the chosen agents").click()
    await expect(ada.page.get_by_role("heading", name="Suspend 2 agents?")).to_be_visible()
    assert await ada.violations() == []
    assert [await status_of(house, agent) for agent in house.idle[1:]] == ["active", "active"]
    await ada.page.get_by_role("button", name="Suspend").click()
    await expect(ada.page.get_by_text("The agents that you chose are suspended.")).to_be_visible()
    assert [await status_of(house, agent) for agent in house.idle[1:]] == ["suspended", "suspended"]


async def test_an_agent_that_is_stopped_has_nothing_left_and_the_page_says_what_died(house, ada):
    token = await house.doomed.token()
    assert (await call(house.site.gateway, token, "/shop/x"))[0] == 200
    await ada.go(f"/console/agents/{house.id(house.doomed)}")
    await ada.page.get_by_role("link", name="Stop everything").click()
    await ada.page.get_by_label("Yes, end everything of this agent").check()
    await ada.page.get_by_role("button", name="Stop everything").click()
    await expect(ada.page.get_by_role("heading", name="What died, and when")).to_be_visible()
    await expect(ada.page.get_by_text("every token it was given")).to_be_visible()
    assert await ada.violations() == []
    await ada.shoot("agent-stopped-light")
    assert (await call(house.site.gateway, token, "/shop/x"))[0] == 401
    assert await status_of(house, house.doomed) == "suspended"


async def test_an_agent_is_invited_and_its_token_shown_once(house, ada):
    await ada.go("/console/agents/new")
    await ada.page.get_by_label("Name").fill("newcomer")
    await ada.page.get_by_role("button", name="Make the token").click()
    shown = await ada.page.locator(".command.once code").inner_text()
    assert shown.startswith("set_")
    assert await ada.violations() == []
    await ada.go("/console/agents/new")
    assert shown not in await ada.page.content()


async def test_a_chain_of_custody_is_drawn_and_one_that_was_tampered_with_does_not_hold(house, ada):
    await ada.go(f"/console/audit?subject={house.id(house.worker)}&event=token.issued")
    await ada.page.locator("tbody a[href*='/tokens/']").first.click()
    await expect(ada.page.get_by_role("status").filter(has_text="The receipts hold.")).to_be_visible()
    events = await ada.page.locator(".chain .event").all_inner_texts()
    assert events[0] == "agent.enrolled"
    assert {"token.issued", "gateway.call", "gateway.done"} <= set(events)
    jti = ada.page.url.rpartition("/")[2]
    document = (await house.bob.request("GET", f"/v1/audit/{jti}")).decode()
    for text, said in (
        (document, "It holds."),
        (document.replace("/shop/x", "/shop/q"), "It does not hold."),
    ):
        await ada.go("/console/audit/verify")
        await ada.page.get_by_label("A chain of custody, as JSON").fill(text)
        await ada.page.get_by_role("button", name="Verify").click()
        await expect(ada.page.get_by_role("status").filter(has_text=said)).to_be_visible()


async def test_the_log_is_loaded_down(house, ada):
    await ada.go("/console/audit")
    async with ada.page.expect_download() as loading:
        await ada.page.get_by_role("link", name="Export").click()
    lines = (await (await loading.value).path()).read_text().splitlines()
    assert json.loads(lines[0])["log"] == "smartagent/v1"
    assert len(lines) > 20


async def test_a_change_shows_without_loading_the_page_again(house, ada):
    agent = house.id(house.helper)
    await ada.go(f"/console/agents/{agent}")
    await ada.page.evaluate("() => { window.untouched = true; }")
    await expect(ada.page.locator("h1 .badge")).to_have_text("active")
    await ada.page.locator("body[data-following]").wait_for()
    await house.bob.request("POST", f"/v1/agents/{agent}/status", {"status": "suspended", "reason": "drill"})
    await expect(ada.page.locator("h1 .badge")).to_have_text("suspended", timeout=10_000)
    await house.bob.request("POST", f"/v1/agents/{agent}/status", {"status": "active", "reason": "drill"})
    await expect(ada.page.locator("h1 .badge")).to_have_text("active", timeout=10_000)
    assert await ada.page.evaluate("window.untouched")
    assert ada.complaints == []


async def test_everything_but_what_is_live_works_without_scripts(house):
    browser = await house.signed_in(house.bob, java_script_enabled=False)
    agent = house.idle[0]
    await browser.go("/console/agents")
    await browser.page.get_by_label("Name or id").fill("spare-0")
    await browser.page.get_by_role("button", name="Search").click()
    await expect(browser.page.locator("tbody tr")).to_have_count(1)
    await browser.page.get_by_role("link", name="spare-0").click()
    await browser.page.get_by_role("button", name="Suspend").click()
    await browser.page.get_by_role("button", name="Suspend").click()
    await expect(browser.page.get_by_text("Suspended. What it held")).to_be_visible()
    assert await status_of(house, agent) == "suspended"
    await browser.page.get_by_role("button", name="Resume").click()
    await expect(browser.page.get_by_text("Resumed.")).to_be_visible()
    await browser.page.get_by_role("button", name="Sign out").click()
    await expect(browser.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await browser.context.close()


async def test_the_keyboard_does_it_all(house, ada):
    await ada.page.keyboard.press("Tab")
    assert await ada.page.evaluate("document.activeElement.textContent") == "Skip to the page"
    await ada.page.keyboard.press("Enter")
    assert await ada.page.evaluate("document.activeElement.id") == "main"
    await ada.page.keyboard.press("?")
    await expect(ada.page.get_by_role("dialog")).to_be_visible()
    assert await ada.violations() == []
    await ada.page.keyboard.press("Escape")
    await ada.page.keyboard.press("g")
    await ada.page.keyboard.press("l")
    await ada.page.wait_for_url("**/console/audit")


async def test_light_or_dark_is_remembered(house, ada):
    await ada.page.get_by_role("button", name="Theme").click()
    await ada.go("/console/agents")
    assert await ada.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert await ada.violations() == []
    await ada.page.get_by_role("button", name="Theme").click()
    assert await ada.page.evaluate("document.documentElement.dataset.theme") == "light"
    await ada.page.evaluate("localStorage.clear()")


async def test_a_viewer_sees_everything_and_can_change_nothing(house, ada):
    eve = await house.invite("Eve")
    await ada.go("/console/operators")
    await ada.page.get_by_label("Role of Eve").select_option("viewer")
    await ada.page.locator("tr", has_text="Eve").get_by_role("button", name="Change").click()
    await expect(ada.page.get_by_text("The operator's role was changed.")).to_be_visible()
    browser = await house.signed_in(eve)
    await browser.go(f"/console/agents/{house.id(house.worker)}")
    assert await browser.page.get_by_role("button", name="Suspend").count() == 0
    assert await browser.page.get_by_role("link", name="Stop everything").count() == 0
    # Whoever writes the form themselves gets no further: it is the verb that says no.
    refused = await browser.page.evaluate(
        """async agent => {
            const csrf = document.querySelector("input[name=csrf]").value;
            const body = new URLSearchParams({csrf, status: "suspended", sure: "yes"});
            const answer = await fetch(`/console/agents/${agent}/status`, {method: "POST", body});
            return [answer.status, await answer.text()];
        }""",
        house.id(house.worker),
    )
    assert refused[0] == 403
    assert "agents.write" in refused[1]
    assert await status_of(house, house.worker) == "active"
    await browser.context.close()


async def test_the_last_security_officer_stays_one(house, ada):
    await ada.go("/console/operators")
    await ada.page.get_by_label("Role of Ada Lovelace").select_option("viewer")
    await ada.page.locator("tr", has_text="Ada Lovelace").get_by_role("button", name="Change").click()
    await expect(ada.page.get_by_text("A security officer must be left.")).to_be_visible()
    ada.complaints.clear()


async def test_a_form_of_another_site_or_session_does_nothing(house):
    browser = await house.signed_in(house.bob)
    agent = house.id(house.worker)
    for token in ("", "A" * 43):
        answer = await browser.page.evaluate(
            """async ([agent, csrf]) => {
                const body = new URLSearchParams({csrf, status: "suspended", sure: "yes"});
                return (await fetch(`/console/agents/${agent}/status`, {method: "POST", body})).status;
            }""",
            [agent, token],
        )
        assert answer == 401
    cookies = await browser.context.cookies()
    headers = {
        "origin": "https://evil.example",
        "cookie": "; ".join(f"{each['name']}={each['value']}" for each in cookies),
        "content-type": "application/x-www-form-urlencoded",
    }
    content = await browser.page.content()
    csrf = re.search(r'name="csrf" value="([^"]+)"', content).group(1)
    reply = await browser.context.request.post(
        f"{house.site.url}/console/agents/{agent}/status",
        headers=headers,
        data=f"csrf={csrf}&status=suspended&sure=yes",
    )
    assert reply.status == 401
    assert await status_of(house, house.worker) == "active"
    await browser.context.close()


async def test_a_session_that_is_ended_elsewhere_is_over_at_once_and_its_live_view_too(house):
    first, second = await house.signed_in(house.bob), await house.signed_in(house.bob)
    await first.go("/console/agents")
    await second.go("/console/account")
    rows = second.page.get_by_role("button", name=re.compile("End the session"))
    for _ in range(await rows.count()):
        await rows.first.click()
        await expect(second.page.get_by_text("The session was ended.")).to_be_visible()
    await expect(first.page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=20_000)
    for browser in (first, second):
        await browser.context.close()
