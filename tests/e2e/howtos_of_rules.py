# SPDX-License-Identifier: Apache-2.0
"""Readers of the pages about versions, stages, circumstances and prompt files, for `test_howtos`."""

import json

from tests.e2e.howtos_of_policies import calling
from tests.e2e.site import furnish


async def going_back(reader):
    await furnish(reader.authority.operator, reader.authority.shop)
    assert "Wrote the role reader, version " in await reader.do()
    history = await reader.do()
    assert "only orders are needed" in history
    assert "GET /orders/* on shop, with the scope read" in history
    assert "reader says again what it said in version 1" in await reader.do()


async def staging(reader):
    agent = await calling(reader, "/orders/1", "/orders/7")
    await reader.set("AGENT_ID", agent)
    drafted = await reader.do()
    assert "draft" in drafted
    assert "policy/closed/1 forbids it" in drafted
    assert "shadow" in await reader.do()
    assert "It decided nothing otherwise" in await reader.do()
    assert "staged" in await reader.do()
    on = await reader.do()
    assert "on" in on
    assert "Nothing is staged." in await reader.shell.run("smartagentctl policy staged")
    explained = await reader.shell.run('smartagentctl policy explain "$AGENT_ID" shop GET /orders/7 --json')
    assert json.loads(explained)["rules"] == ["policy/closed/1"]
    await reader.shell.run("smartagentctl policy delete closed")


async def circumstances(reader):
    await furnish(reader.authority.operator, reader.authority.shop)
    await reader.set("AGENT_ID", await reader.enrol("caller"))
    assert "Wrote the role office" in await reader.do()
    said = await reader.do()
    assert "watched" in said
    assert "policy/careful/1 (who is watched only reads)" in said
    await reader.shell.run("TOKEN=$(smartagentctl agent token --key-file caller.key)")
    posted = await reader.shell.run(
        'curl -s -o /dev/null -w "%{http_code}" -X POST -H "Authorization: Bearer $TOKEN" '
        f"{reader.authority.gateway}/shop/orders; echo"
    )
    assert posted == "403"
    await reader.shell.run("smartagentctl policy delete careful")


async def prompts(reader):
    await furnish(reader.authority.operator, reader.authority.shop)
    made = await reader.do()
    assert 'paths = ["/orders/**", "/customers/*"]' in made
    assert "# line 4: Read is the program's own tool" in made
    assert "# Wrote the role order-clerk." in await reader.do()
    await reader.enrol("caller", "order-clerk")
    assert json.loads(await reader.do())["expires_in"] == 600
    refused = await reader.shell.run("smartagentctl agent token --key-file caller.key || true")
    assert "prompt-not-reviewed" in refused or "prompt file" in refused
    reviewed = await reader.do()
    assert '+prompt = "' in reviewed
    assert "The role order-clerk is for this file now." in reviewed
