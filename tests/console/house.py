# SPDX-License-Identifier: Apache-2.0
"""A house for the console's tests: claimed in a browser, furnished, with agents of all sorts; and what a page is held to."""

import re
import shutil
from pathlib import Path

import aiohttp
from playwright.async_api import async_playwright

from smartagent.crypto import SigningKey, system_entropy
from smartagent.sdk import Agent, Holder, Operator, claim_house, enrol
from tests.e2e.site import Shop, Site, call, furnish

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / "tests" / "console" / "shots"
AXE = ROOT / "tests" / "interop" / "node" / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = '<script>document.title="owned"</script><img src=x onerror=alert(1)>'
DESK = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
NARROW = {"width": 360, "height": 740}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Browser:
    """One person's browser: what it complains of is kept."""

    def __init__(self, context, page, url):
        self.context, self.page, self.url = context, page, url
        self.complaints = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    @classmethod
    async def open(cls, chromium, url, **options):
        context = await chromium.new_context(viewport=DESK, base_url=url, **options)
        return cls(context, await context.new_page(), url)

    async def with_authenticator(self):
        """Give the browser a device that verifies its person, as phones and key rings do."""
        self.cdp = await self.context.new_cdp_session(self.page)
        await self.cdp.send("WebAuthn.enable")
        made = await self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        self.authenticator = made["authenticatorId"]
        return self

    async def go(self, path):
        return await self.page.goto(self.url + path)

    async def violations(self):
        """Return what axe finds wrong with the page."""
        await self.page.evaluate(AXE.read_text())
        found = await self.page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", RULES
        )
        return [
            f"{rule['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for rule in found["violations"]
            for node in rule["nodes"][:3]
        ]

    async def overflow(self):
        """Return by how many pixels the page is wider than the window."""
        return await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")

    async def shoot(self, name):
        SHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True, animations="disabled")


class House:
    """One server, and everybody who is there."""

    def __init__(self, folder):
        self.site = Site(folder)
        self.site.issuer = self.site.url = f"http://localhost:{self.site.port}"
        self.closing = []

    async def start(self):
        self.shop = await Shop().start()
        await self.site.start()
        self.playwright = await async_playwright().start()
        self.chromium = await self.playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        self.ada = await (await Browser.open(self.chromium, self.site.url)).with_authenticator()
        await self.claim()
        await self.furnish()
        return self

    async def close(self):
        for client in self.closing:
            await client.close()
        await self.chromium.close()
        await self.playwright.stop()
        await self.site.kill()
        await self.shop.close()

    async def claim(self):
        """Become the first operator in the browser alone, from an empty folder."""
        page = self.ada.page
        await page.goto(await self.site.claim_link())
        self.claim_page = page.url, await page.inner_text("main")
        await self.ada.shoot("claim")
        await page.get_by_label("Your name").fill("Ada Lovelace")
        await page.get_by_role("button", name="Claim, and make a passkey").click()
        await page.wait_for_url("**/console")
        self.first_page = await page.inner_text("main")
        await self.ada.shoot("first-run")

    async def invite(self, name):
        """Make an operator with a key of the command line, by a link that the console made."""
        await self.ada.go("/console/operators")
        await self.ada.page.get_by_role("button", name="Make a claim link").click()
        text = await self.ada.page.locator(".command.once code").inner_text()
        holder = Holder(SigningKey.generate(system_entropy))
        link = re.search(r"http\S+claim#[^'\s]+", text).group()
        operator = Operator(await claim_house(holder, link, name))
        self.closing.append(operator)
        return operator

    async def furnish(self):
        self.bob = await self.invite("Bob")
        await furnish(self.bob, self.shop)
        self.worker = await self.agent("order-bot")
        self.helper = await self.agent("helper")
        self.doomed = await self.agent("runaway")
        self.idle = [await self.agent(f"spare-{number}") for number in range(3)]
        self.hostile = await self.agent(HOSTILE)
        body = {
            "from": self.id(self.worker),
            "to": self.id(self.helper),
            "reason": "a helper",
            "scope": "read",
        }
        await self.bob.request("POST", "/v1/delegations", body)
        known = {"source": "a list", "agents": [{"reference": "job-17", "name": "nightly"}]}
        await self.bob.request("POST", "/v1/discoveries", known)
        for path in ("/shop/x", "/shop/y", "/nowhere/x"):
            await call(self.site.gateway, await self.worker.token(), path)
        await call(self.site.gateway, await self.doomed.token(), "/shop/z")

    async def agent(self, name):
        answer = await self.bob.request("POST", "/v1/enrolments", {"role": "reader"})
        token = re.search(rb'"enrolment_token":"([^"]+)"', answer).group(1).decode()
        holder = await enrol(Holder(SigningKey.generate(system_entropy)), self.site.url, token, name)
        agent = Agent(holder, gateway=self.site.gateway)
        self.closing.append(agent)
        return agent

    def id(self, agent):
        return agent._holder.principal

    async def code_of(self, operator):
        raw = await operator.request("POST", "/v1/sign-in-codes", {})
        return re.search(rb'"code":"([^"]+)"', raw).group(1).decode()

    async def signed_in(self, operator, **options):
        """Return another browser in which an operator signed in with a code."""
        browser = await Browser.open(self.chromium, self.site.url, **options)
        await browser.go("/console")
        await browser.page.get_by_label("Code").fill(await self.code_of(operator))
        await browser.page.get_by_role("button", name="Sign in with the code").click()
        await browser.page.wait_for_url("**/console")
        browser.complaints.clear()
        return browser

    async def metric(self, name):
        async with aiohttp.ClientSession() as session, session.get(f"{self.site.url}/metrics") as answer:
            text = await answer.text()
        return float(re.search(rf"(?m)^{name} (\S+)$", text).group(1))
