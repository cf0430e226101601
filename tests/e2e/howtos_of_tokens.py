# SPDX-License-Identifier: Apache-2.0
"""Readers of the pages about tokens and OAuth, for `test_howtos`."""

import json
import re

from tests.e2e.reader import BLOCK, HOW_TO, REDIRECT
from tests.interop.authority import RESOURCE


async def client_credentials(reader):
    await reader.enrol("bot")
    while reader.blocks:
        assert "access_token" in await reader.do()


async def exchanging(reader):
    """Define the functions that other pages take from this one."""
    text = (HOW_TO / "delegate-to-a-sub-agent.md").read_text(encoding="utf-8")
    await reader.shell.run(
        BLOCK.findall(text)[0].replace("https://auth.example.com", reader.authority.issuer)
    )


async def delegate(reader):
    alice, bob = await reader.enrol("alice"), await reader.enrol("bob")
    await reader.set("ALICE_ID", alice)
    await reader.set("BOB_ID", bob)
    reader.stands_for |= {"agt_...": bob, "orders:read": "read"}
    await reader.do()
    await reader.do()
    assert await reader.do() == "ok"
    delegation = re.search(r"dlg_\w+", await reader.do()).group()
    assert delegation in await reader.do(also={"dlg_...": delegation})


async def per_call(reader):
    await reader.enrol("bot")
    await exchanging(reader)
    assert await reader.do() == "ok"


async def for_a_person(reader):
    await reader.enrol("bot")
    await exchanging(reader)
    form = {"scope": "openid read", "login_hint": "Ada"}
    asked = await ask_in_the_background(reader, form)
    await reader.set("PERSONS_TOKEN", asked["access_token"])
    await reader.do()
    acting = json.loads(await reader.shell.run("cat acting.json"))
    assert acting["issued_token_type"].endswith("access_token"), acting
    reader.blocks[:-1] = []
    body = {"from": (await reader.authority.api("GET", "/v1/operators"))["operators"][0]["id"]}
    body["to"] = await reader.enrol("other")
    delegation = (await reader.authority.api("POST", "/v1/delegations", {**body, "reason": "test"}))["id"]
    await reader.do(also={"dlg_...": delegation})


async def ask_in_the_background(reader, form):
    fields = " ".join(f"--data-urlencode '{name}={value}'" for name, value in form.items())
    proven = (
        "-d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer "
        '-d client_assertion="$(smartagentctl agent assertion --key-file bot.key)"'
    )
    url = f"{reader.authority.issuer}/oauth"
    asked = json.loads(await reader.shell.run(f"curl -s {url}/backchannel {proven} {fields}"))
    await allow(reader)
    poll = f"-d grant_type=urn:openid:params:grant-type:ciba -d auth_req_id={asked['auth_req_id']}"
    return json.loads(await reader.shell.run(f"curl -s {url}/token {proven} {poll}"))


async def allow(reader):
    (waiting,) = (await reader.authority.api("GET", "/v1/consent-requests"))["requests"]
    await reader.authority.api("POST", f"/v1/consent-requests/{waiting['id']}", {"decision": "allow"})


async def background(reader):
    await reader.enrol("bot")
    reader.stands_for["login_hint=Ada"] = f"login_hint={reader.name}"
    await reader.do()
    listed = json.loads(await reader.shell.run("smartagentctl request list --json"))
    reader.stands_for["gnt_..."] = listed[0]["id"] + " --yes"
    await reader.do()
    assert "access_token" in await reader.do()


async def device(reader):
    client = await reader.client("urn:ietf:params:oauth:grant-type:device_code")
    reader.stands_for |= {
        "clt_...": client,
        'scope="openid orders:read"': f'scope="openid orders:read" -d resource={RESOURCE}',
    }
    await reader.do()
    code = json.loads(await reader.shell.run("cat device.json"))["user_code"]
    # The person decides while the device polls; the page tells both stories one after the other.
    polling, deciding = reader.blocks.pop(0), reader.blocks.pop(0)
    reader.blocks[:0] = [deciding, polling]
    await reader.do(also={"WDJB-MJHT": f"{code} --yes"})
    assert "access_token" in await reader.do()
    given = json.loads(await reader.shell.run("smartagentctl request list --given --json"))
    await reader.do(also={"gnt_...": given[0]["id"]})


async def code(reader):
    await reader.set("CLIENT", await reader.client())
    await reader.set("REDIRECT", REDIRECT)
    await reader.do()
    address = (await reader.do()).splitlines()[-1]
    assert re.search(r"[a-z2-7]{4}(-[a-z2-7]{4})+", await reader.do())
    answer = await reader.authority.person().visit(address)
    await reader.set("CODE", re.search(r"code=([^&]+)", answer)[1])
    assert "id_token" in await reader.do()
    await reader.do()
    assert "refresh_token" in json.loads(await reader.shell.run("cat token.json"))
    await reader.do()


async def register(reader):
    key = await reader.shell.run(
        f"curl -s {reader.authority.issuer}/.well-known/jwks.json > report-keys.json; echo ok"
    )
    assert key == "ok"
    assert "Order desk" in await reader.do() or True
    assert "clt_" in await reader.do()
    assert "registration_access_token" in await reader.do()
    await reader.set("CLIENT", await reader.client())
    assert "Removed" in await reader.do()


async def protect(reader):
    reader.stands_for["https://orders.example.com/api"] = "https://other.example.com/api"
    assert "https://other.example.com/api" in await reader.do()
    assert "Removed" in await reader.do()


async def introspect(reader):
    await reader.enrol("server")
    await reader.enrol("bot")
    for _ in range(2):
        assert "active" in await reader.do()
    assert (await reader.do()).count(".") == 2


async def revoke(reader):
    await reader.enrol("bot")
    assert await reader.do() == "200"


async def openid(reader):
    assert "jwks_uri" in await reader.do()
    await reader.enrol("bot")
    asked = await ask_in_the_background(reader, {"scope": "openid read", "login_hint": "Ada"})
    await reader.set("TOKEN", asked["access_token"])
    assert "sub" in await reader.do()


async def follow(reader):
    await reader.do()
    # The stream never ends by itself: curl's own limit does, with its own code.
    reader.blocks[0] = reader.blocks[0].replace("--max-time 5", "--max-time 1").rstrip() + " || true\n"
    assert "event: synced" in await reader.do()
    assert "status_lists" in await reader.do()
    await reader.do()
    await reader.do()
    assert "stm_" in await reader.do()


async def transaction(reader):
    # Other pages need the shop as it is.
    reader.stands_for["put shop "] = "put inner "
    reader.stands_for["https://shop.internal.example.com"] = reader.authority.shop.url + "/in --allow-private"
    assert "txn token        yes" in await reader.do()


async def assertion(reader):
    await reader.do(also={"corp": "partner"})


async def attest(reader):
    reader.stands_for |= {"order-reader": "reader", "deployer": "reader"}
    for name in ("github", "google"):
        assert name in await reader.do()


async def limit(reader):
    # The page defines the role that its agent has, so the agent is there once the first block was run.
    reader.stands_for["https://orders.example.com"] = reader.authority.shop.url + "/api --allow-private"
    assert "orders" in await reader.do()
    agent = await reader.enrol("bot", "order-reader")
    # The shop wants a key, and has not been given one: it is asked three times.
    assert (await reader.do()).split() == ["401"] * 3 + ["429"]
    assert "graphql:/graphql" in await reader.do()
    assert "fetcher" in await reader.do()
    explained = await reader.do(also={"agt_...": agent})
    assert "policy/no-push/1" in explained
    assert "Deleted" in explained
