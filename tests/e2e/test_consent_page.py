# SPDX-License-Identifier: Apache-2.0
"""The consent page in a real browser: what a person sees, what a hostile client cannot do, and where it ends."""

import asyncio
import json
import shutil
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from playwright.async_api import async_playwright

from smartagent.crypto import b64u
from tests.e2e.site import claims_of

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
VERIFIER = "a-verifier-of-forty-three-characters-or-more-4711"
RESOURCE = "https://orders.example/api"
HOSTILE = '<script>document.title="owned"</script><img src=x onerror=alert(1)>\u202eknab ruoY'
PHONE = {"width": 375, "height": 667}


class Listener:
    """Where the answers go: remembers the targets it was asked for."""

    async def start(self):
        self.targets = asyncio.Queue()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/callback"
        return self

    async def _serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ")[1]
        if target.startswith("/callback"):
            self.targets.put_nowait(target)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\nconnection: close\r\n\r\ndone"
        )
        await writer.drain()
        writer.close()

    async def answer(self):
        target = await asyncio.wait_for(self.targets.get(), 20)
        return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}

    def close(self):
        self._server.close()


class Desk:
    """A site with a client and a resource, a browser, and what the browser complained of."""

    def __init__(self, site, operator, listener, page):
        self.site, self.operator, self.listener, self.page = site, operator, listener, page
        self.complaints = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    async def client(self, name="Order desk"):
        body = {
            "client_name": name,
            "redirect_uris": [self.listener.url],
            "scope": "orders:read offline_access",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.site.url}/oauth/register", json=body) as answer,
        ):
            assert answer.status == 201
            return (await answer.json())["client_id"]

    def address(self, client, **more):
        fields = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": self.listener.url,
            "scope": "orders:read",
            "resource": RESOURCE,
            "state": "state-4711",
            "code_challenge": b64u(sha256(VERIFIER.encode()).digest()),
            "code_challenge_method": "S256",
            **more,
        }
        return f"{self.site.url}/oauth/authorize?{urlencode(fields)}"

    async def sign_in(self):
        view = json.loads(await self.operator.request("POST", "/v1/sign-in-codes", {}))
        await self.page.get_by_label("Code").fill(view["code"])
        await self.page.get_by_role("button", name="Sign in").click()

    async def overflow(self):
        return await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.fixture
async def desk(sites, closing):
    site = await sites().start()
    operator = await site.operator()
    closing(operator)
    body = {"identifier": RESOURCE, "name": "Orders", "scopes": ["orders:read", "orders:write"]}
    await operator.request("PUT", "/v1/resources", body)
    listener = await Listener().start()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        yield Desk(site, operator, listener, await browser.new_page())
        await browser.close()
    listener.close()


async def test_a_person_signs_in_sees_who_asks_and_allows(desk, tmp_path):
    client = await desk.client()
    await desk.page.goto(desk.address(client))
    assert await desk.page.title() == "Sign in - SmartAgent"
    await desk.page.screenshot(path=tmp_path / "sign-in.png")
    await desk.sign_in()
    shown = await desk.page.inner_text("main")
    host = urlsplit(desk.listener.url).netloc
    for words in (
        "Allow access?",
        "Order desk",
        "nobody has checked this name",
        host,
        "orders:read",
        RESOURCE,
    ):
        assert words in shown
    assert "Any program here could say" in shown
    await desk.page.screenshot(path=tmp_path / "consent.png")
    await desk.page.get_by_role("button", name="Allow").click()
    answer = await desk.listener.answer()
    assert (answer["state"], answer["iss"]) == ("state-4711", desk.site.issuer)
    form = {
        "grant_type": "authorization_code",
        "client_id": client,
        "code": answer["code"],
        "code_verifier": VERIFIER,
        "redirect_uri": desk.listener.url,
        "resource": RESOURCE,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{desk.site.url}/oauth/token", data=form) as got,
    ):
        assert got.status == 200
        claims = claims_of((await got.json())["access_token"])
    assert (claims["aud"], claims["scope"], claims["client_id"]) == (RESOURCE, "orders:read", client)
    assert desk.complaints == []


async def test_a_person_who_denies_sends_the_client_back_with_nothing(desk):
    await desk.page.goto(desk.address(await desk.client()))
    await desk.sign_in()
    await desk.page.get_by_role("button", name="Deny").click()
    answer = await desk.listener.answer()
    assert answer == {"error": "access_denied", "state": "state-4711", "iss": desk.site.issuer}
    assert desk.complaints == []


async def test_a_hostile_name_is_text_and_nothing_else(desk):
    await desk.page.goto(desk.address(await desk.client(HOSTILE)))
    await desk.sign_in()
    assert await desk.page.title() == "Allow access? - SmartAgent"
    assert await desk.page.locator("main img, main script").count() == 0
    shown = await desk.page.inner_text("main")
    assert '<script>document.title="owned"</script>' in shown
    assert "\u202e" not in shown
    assert desk.complaints == []


async def test_the_page_can_be_used_by_keyboard_and_on_a_phone(desk, tmp_path):
    await desk.page.set_viewport_size(PHONE)
    await desk.page.goto(desk.address(await desk.client("A" * 100)))
    assert await desk.overflow() <= 0
    await desk.sign_in()
    assert await desk.overflow() <= 0
    await desk.page.emulate_media(color_scheme="dark")
    await desk.page.screenshot(path=tmp_path / "consent-dark-phone.png", full_page=True)
    await desk.page.keyboard.press("Tab")
    assert await desk.page.evaluate("document.activeElement.value") == "allow"
    await desk.page.keyboard.press("Enter")
    assert "code" in await desk.listener.answer()
    assert desk.complaints == []


async def test_what_cannot_be_trusted_is_told_on_a_page_and_sent_nowhere(desk):
    client = await desk.client()
    for change in ({"client_id": "clt_nobody"}, {"redirect_uri": "https://evil.example/cb"}):
        reply = await desk.page.goto(desk.address(client, **change))
        assert reply.status == 400
        assert "Nothing was sent back to it" in await desk.page.inner_text("main")
    await desk.page.goto(desk.address(client, code_challenge_method="plain"))
    answer = await desk.listener.answer()
    assert (answer["error"], answer["iss"], answer["state"]) == (
        "invalid_request",
        desk.site.issuer,
        "state-4711",
    )


async def test_a_page_is_never_shown_in_somebody_elses_frame(desk):
    address = f"{desk.site.url}/oauth/sign-in"
    await desk.page.set_content(f'<iframe src="{address}"></iframe>')
    await desk.page.wait_for_timeout(0)
    frames = [frame for frame in desk.page.frames if frame.parent_frame is not None]
    texts = [await frame.evaluate("document.body ? document.body.innerText : ''") for frame in frames]
    assert all("Enter it here" not in text and "smartagentctl" not in text for text in texts)
