# SPDX-License-Identifier: Apache-2.0
"""Approvals through a real authority, its gateway and the command line."""

import asyncio
import json
import os
import pty
import select
import sys

import aiohttp
import msgspec
import pytest

from tests.e2e.site import furnish, post_form, token_form

pytestmark = pytest.mark.e2e
ROLE = """\
name = "reader"
ttl = "10m"

[[allow]]
scope = "read"
upstream = "shop"
methods = ["GET"]
paths = ["/**"]

[[allow]]
scope = "refund"
upstream = "shop"
methods = ["POST"]
paths = ["/refunds/**"]
ask = "{ask}"
"""
REFUND = {"order": "7", "amount": 1200, "currency": "EUR", "api_key": "canary-" + "77f0"}
AT_ONCE = 0.1
COMMAND = (sys.executable, "-c", "from smartagent.cli.smartagentctl import main; main()")


class Desk:
    """An operator at their command line."""

    def __init__(self, site, folder):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMARTAGENT_")}  # noqa: TID251 -- what the child inherits
        self.environment = {**kept, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
        self.site = site

    async def log_in(self, operator, name):
        link = msgspec.json.decode(await operator.request("POST", "/v1/claim-links", {}))["link"]
        await self.run("login", link, "--name", name)
        return self

    async def run(self, *words, ends=0):
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *words, env=self.environment, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(40):
            said = (await process.communicate())[0].decode()
        assert process.returncode == ends, said
        return said

    async def waiting(self):
        """Return what waits, once anything does."""
        async with asyncio.timeout(20):
            while not (rows := json.loads(await self.run("approvals", "--json"))):
                pass
        return [row["id"] for row in rows]


class Clerk:
    """An agent that refunds."""

    def __init__(self, site, token):
        self.site, self.token = site, token

    async def refund(self, body, *, at=None, path="/refunds/7", **headers):
        sent = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{(at or self.site).gateway}/shop{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=json.dumps(body), headers=sent) as answer,
        ):
            raw = await answer.read()
            told = json.loads(raw) if answer.content_type.endswith("json") else raw
            return answer.status, told, answer.headers


@pytest.fixture
async def stage(sites, shop, closing, tmp_path):
    async def furnished(ask="four-eyes", site=None, **settings):
        site = site or await sites(**settings).start()
        operator = await site.operator()
        closing(operator)
        await furnish(operator, shop)
        await operator.request("PUT", "/v1/roles/reader", {"role_file": ROLE.format(ask=ask)})
        token = await token_of(site, operator)
        desk = await Desk(site, tmp_path / "ada").log_in(operator, "Ada at the desk")
        return site, operator, desk, Clerk(site, token)

    return furnished


async def token_of(site, operator):
    holder = (await site.agent(operator))[1]
    return (await post_form(site.url, token_form(holder, site.issuer)))[1]["access_token"]


def posts(shop):
    return [body for head, body in shop.seen if head.startswith("POST")]


async def test_a_refund_is_held_shown_approved_and_made_once(stage, shop):
    site, operator, desk, clerk = await stage()
    held = asyncio.create_task(clerk.refund(REFUND))
    (asked,) = await desk.waiting()
    card = await desk.run("approvals", "show", asked)
    assert f"POST {shop.url}/refunds/7 (shop)" in card
    assert "1200" in card
    assert "canary-77f0" not in card
    assert posts(shop) == []
    assert "is approved" in await desk.run(
        "approvals", "approve", asked, "--yes", "--reason", "seen the order"
    )
    assert (await held)[0] == 200
    assert json.loads(posts(shop)[0]) == REFUND
    # The same call again, and another amount, are other calls.
    status, told, headers = await clerk.refund(REFUND, prefer="respond-async")
    assert (status, headers["preference-applied"]) == (202, "respond-async")
    assert headers["location"] == f"{site.issuer}/v1/approvals/{told['approval']}"
    await desk.run("approvals", "approve", told["approval"], "--yes")
    named = {"SmartAgent_Approval": told["approval"]}
    assert (await clerk.refund(REFUND | {"amount": 9900}, **named))[0] == 403
    assert (await clerk.refund(REFUND, **named))[0] == 200
    assert (await clerk.refund(REFUND, **named))[0] == 409
    assert len(posts(shop)) == 2
    assert "2" in await desk.run("approvals", "--stats")
    assert "canary-77f0" not in site.output.read_text()
    log = await operator.request("GET", "/v1/log/export?from=0")
    assert b"canary-77f0" not in log
    assert log.count(b'"approval.approved"') == 2


async def test_a_no_a_grant_and_its_end(stage, shop):
    _, _, desk, clerk = await stage()
    held = asyncio.create_task(clerk.refund(REFUND))
    (asked,) = await desk.waiting()
    await desk.run("approvals", "deny", asked)
    assert (await held)[0] == 403
    assert (await clerk.refund(REFUND))[0] == 403
    held = asyncio.create_task(clerk.refund({"amount": 5}))
    (asked,) = await desk.waiting()
    said = await desk.run("approvals", "approve", asked, "--yes", "--pattern", "/refunds/*", "--for", "24h")
    assert "Less than you said: seconds: 28800 instead of 86400." in said
    assert (await held)[0] == 200
    assert (await clerk.refund({"amount": 6}, path="/refunds/8"))[0] == 200
    (grant,) = json.loads(await desk.run("approvals", "grants", "--json"))
    assert grant["uses"] in {0, 1}
    await desk.run("approvals", "revoke", grant["id"])
    assert (await clerk.refund({"amount": 6}, path="/refunds/8", prefer="wait=0"))[0] == 202


async def test_two_people_and_two_nodes_make_one_refund(stage, sites, shop, tmp_path, postgres_site):
    address = postgres_site.url
    first = await sites("one", store=address).start()
    shared = {"store": address, "issuer": first.issuer, "gateway": first.audience}
    (tmp_path / "two").mkdir(mode=0o700)
    key = (tmp_path / "one" / "root.key").read_bytes()
    with (tmp_path / "two" / "root.key").open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(key)
    second = await sites("two", **shared).start()
    _, operator, desk, clerk = await stage("two-person", site=first)
    other = await Desk(first, tmp_path / "bo").log_in(operator, "Bo")
    held = [asyncio.create_task(clerk.refund(REFUND, at=node)) for node in (first, second)]
    (asked,) = await desk.waiting()
    assert "it waits for more" in await desk.run("approvals", "approve", asked, "--yes")
    assert "is approved" in await other.run("approvals", "approve", asked, "--yes")
    statuses = sorted([(await each)[0] for each in held])
    assert statuses == [200, 409]
    assert len(posts(shop)) == 1


async def test_a_node_that_is_killed_while_it_holds_a_call_lets_nothing_out(stage, shop):
    site, _, desk, clerk = await stage()
    held = asyncio.create_task(clerk.refund(REFUND))
    (asked,) = await desk.waiting()
    await site.kill()
    with pytest.raises(aiohttp.ClientError):
        await held
    await site.start()
    await desk.run("approvals", "approve", asked, "--yes")
    assert posts(shop) == []
    assert (await clerk.refund(REFUND))[0] == 200
    assert len(posts(shop)) == 1


async def test_a_revoked_agent_is_not_held_any_longer_and_cannot_be_approved(stage, shop):
    _, operator, desk, clerk = await stage()
    held = asyncio.create_task(clerk.refund(REFUND))
    (asked,) = await desk.waiting()
    approval = msgspec.json.decode(await operator.request("GET", f"/v1/approvals/{asked}"))
    await operator.request(
        "POST", "/v1/revocations", {"kind": "agent", "id": approval["agent"], "reason": "x"}
    )
    revoked_at = asyncio.get_running_loop().time()
    assert (await held)[0] == 401
    assert asyncio.get_running_loop().time() - revoked_at < AT_ONCE
    await desk.run("approvals", "approve", asked, "--yes", ends=1)
    assert posts(shop) == []


async def test_a_role_that_is_written_anew_ends_what_is_held(stage, shop):
    _, operator, desk, clerk = await stage()
    held = asyncio.create_task(clerk.refund(REFUND))
    await desk.waiting()
    narrower = ROLE.format(ask="four-eyes").partition('[[allow]]\nscope = "refund"')[0]
    await operator.request("PUT", "/v1/roles/reader", {"role_file": narrower})
    assert (await held)[0] == 403
    assert posts(shop) == []


async def test_who_watches_decides_with_one_key(stage, shop):
    _, _, desk, clerk = await stage()
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "approvals", "watch", env=desk.environment, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    held = asyncio.create_task(clerk.refund(REFUND))
    printed = await asyncio.to_thread(until_said, ours, b"q ends: ")
    assert b"1200" in printed
    await asyncio.to_thread(until_said, ours, b" is approved.", b"a")
    assert (await held)[0] == 200
    denied = asyncio.create_task(clerk.refund({"amount": 1}))
    await asyncio.to_thread(until_said, ours, b"q ends: ")
    await asyncio.to_thread(until_said, ours, b" is denied.", b"d")
    assert (await denied)[0] == 403
    process.kill()
    await process.wait()
    os.close(ours)


def until_said(terminal, mark, key=b""):
    """Read until `mark` is on the terminal, and press `key` whenever nothing happens: what is typed early is lost."""
    said = b""
    for _ in range(60):
        if mark in said:
            return said
        if select.select([terminal], [], [], 0.5)[0]:
            said += os.read(terminal, 4096)
        elif key:
            os.write(terminal, key)
    raise AssertionError(said)
