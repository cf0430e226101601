# SPDX-License-Identifier: Apache-2.0
"""Readers of the pages about what agents are under, for `test_howtos`."""

import json


async def owner_of(reader):
    """Return the id of the operator who reads the page."""
    operators = (await reader.authority.api("GET", "/v1/operators"))["operators"]
    return next(each["id"] for each in operators if each["name"] == reader.name)


async def govern(reader):
    bot, owner = await reader.enrol("bot"), await owner_of(reader)
    await reader.do()
    named = {"opr_...": owner, "agt_...": bot}
    assert "owner name" in await reader.do(also=named)
    assert "is active" in await reader.do(also=named)
    assert "2031" in await reader.do(also=named)
    assert "live tokens" in await reader.do(also=named)
    assert "2 agents are discovered" in await reader.do()
    listed = json.loads(await reader.shell.run("smartagentctl agent list --state discovered --json"))
    assert "set_" in await reader.do(also={"agt_...": listed[0]["id"]})


async def leavers(reader):
    made = await reader.do(also={"hr": reader.name})
    base, token = (line.split()[-1] for line in made.splitlines())
    assert reader.name in await reader.do()
    await reader.set("BASE", base)
    await reader.set("TOKEN", token)
    assert json.loads(await reader.do())["totalResults"] == 0


async def elevate(reader):
    bot = await reader.enrol("bot")
    await reader.authority.api("PUT", "/v1/roles/deployer", {"role_file": 'name = "deployer"\n'})
    assert "deployer" in await reader.do(also={"agt_...": bot})
    assert "own role again" in await reader.do(also={"agt_...": bot})


async def review(reader):
    """The page's three items are three agents of one role; others' pages have agents of their own."""
    await reader.authority.api(
        "PUT", "/v1/roles/reviewed", {"role_file": 'name = "reviewed"\nscopes = ["read"]\n'}
    )
    await reader.authority.api("PUT", "/v1/roles/viewer", {"role_file": 'name = "viewer"\n'})
    for number in range(3):
        await reader.enrol(f"bot-{number}", "reviewed")
    shown = await reader.do(also={"--due": "--role reviewed --due"})
    assert shown.count("role/reviewed") == 3
    assert "remove" in await reader.do()
    listed = json.loads(await reader.shell.run("smartagentctl agent list --json"))
    reviewed = sorted(each["status"] for each in listed if each["name"].startswith("bot-"))
    assert reviewed == ["active", "active", "suspended"]
    assert "lines to evidence.jsonl" in await reader.do()
    entries = await reader.shell.run("cat evidence.jsonl")
    assert entries.count("review.decided") >= 3
