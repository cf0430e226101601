# SPDX-License-Identifier: Apache-2.0
"""The reader of the page about approvals, for `test_howtos`."""

import asyncio
import re

from tests.e2e.site import furnish


async def waiting(reader):
    """Return the id of what waits, once anything does."""
    async with asyncio.timeout(20):
        while True:
            page = await reader.authority.api("GET", "/v1/approvals?state=pending")
            if page["approvals"]:
                return page["approvals"][0]["id"]


async def approve(reader):
    await furnish(reader.authority.operator, reader.authority.shop)
    assert "clerk" in await reader.do()
    await reader.enrol("clerk", "clerk")
    await reader.shell.run("TOKEN=$(smartagentctl agent token --key-file clerk.key)")
    await reader.do()
    asked = {"apr_...": await waiting(reader)}
    said = await reader.do(also=asked)
    assert "POST http://127.0.0.1" in said
    assert "amount  1200" in said
    assert "is approved." in said
    await reader.do()
    told = await reader.do()
    assert "HTTP/1.1 202" in told
    assert "preference-applied: respond-async" in told
    asked = {"apr_...": re.search("apr_[a-z0-9]+", told).group()}
    answers = await reader.do(also=asked)
    assert answers.count("approval-mismatch") == 1
    await reader.shell.run(
        f'curl -s -o again -X POST {reader.authority.gateway}/shop/refunds/9 -H "Authorization: Bearer $TOKEN"'
        ' -H "Prefer: respond-async" -H "Content-Type: application/json" -d "{}"'
    )
    granted = await reader.do(also={"apr_...": await waiting(reader)})
    grant = re.search("apg_[a-z0-9]+", granted).group()
    ended = await reader.do(also={"apg_...": grant})
    assert f"Ended {grant}." in ended
    assert "decided" in ended
