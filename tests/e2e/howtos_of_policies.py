# SPDX-License-Identifier: Apache-2.0
"""Readers of the pages about policies, for `test_howtos`."""

import json

from tests.e2e.site import furnish

WIDE = 'name = "wide"\n[[allow]]\nscope = "all"\nupstream = "shop"\nmethods = ["*"]\npaths = ["/**"]\n'


async def calling(reader, *paths):
    """Have an agent call the shop, so that there is a history; return its id."""
    await furnish(reader.authority.operator, reader.authority.shop)
    agent = await reader.enrol("caller")
    await reader.shell.run("TOKEN=$(smartagentctl agent token --key-file caller.key)")
    for path in paths:
        await reader.shell.run(
            f'curl -s -o /dev/null -H "Authorization: Bearer $TOKEN" {reader.authority.gateway}/shop{path}; echo done'
        )
    return agent


async def replay(reader):
    await calling(reader, "/orders/1", "/orders/7", "/customers/1")
    assert "GET /orders/* on shop" in await reader.do()
    shifts = json.loads(await reader.do())["shifts"]
    assert {shift["path"] for shift in shifts} >= {"/orders/*"}
    assert "policy/closed/1 forbids it" in {shift["by"] for shift in shifts}


async def blast_radius(reader):
    agent = await calling(reader)
    other = await reader.enrol("helper")
    await reader.authority.api(
        "POST", "/v1/delegations", {"from": agent, "to": other, "reason": "a helper", "scope": "read"}
    )
    await reader.set("AGENT_ID", agent)
    tree = await reader.do()
    assert "upstream shop at http://127.0.0.1" in tree
    assert "with the secret shop-key (bearer)" in tree
    assert f"helper {other}" in tree
    assert "shop-key" in await reader.do()


async def lint(reader):
    await calling(reader)
    await reader.authority.api("PUT", "/v1/roles/wide", {"role_file": WIDE, "allow_broad": True})
    assert "role/wide:2: error: too-broad: role/wide/1" in await reader.do()
    assert "roles/clerk.toml:7: warning: shadowed: role/clerk/2" in await reader.do()
    assert [each["line"] for each in json.loads(await reader.do())] == [7]


async def policy_tests(reader):
    await furnish(reader.authority.operator, reader.authority.shop)
    assert "2 passed, 0 failed." in await reader.do()
    assert '"passed": true' in await reader.do()


async def decisions(reader):
    await furnish(reader.authority.operator, reader.authority.shop)
    await reader.set("AGENT_ID", await reader.enrol("caller"))
    await reader.do()
    assert json.loads(await reader.do()) == {"decision": True, "context": {"rules": ["role/reader/1"]}}
    several = await reader.do()
    assert several.count('"decision":true') == 1
    assert several.count('"decision":false') == 1
    assert "access_evaluations_endpoint" in several


async def shrink(reader):
    agent = await calling(reader, "/orders/1", "/orders/2", "/customers")
    await reader.set("AGENT_ID", agent)
    proposed = await reader.do()
    assert "DOUBT: The history is too short" in proposed
    assert '-paths = ["/**"]' in proposed
    for_one = await reader.do()
    assert 'paths = ["/customers", "/orders/*"]' in for_one
    assert "drops the methods POST (role/reader/1): nobody used it" in for_one
    assert "0 would be refused instead of allowed" in await reader.do()
    await furnish(reader.authority.operator, reader.authority.shop)
