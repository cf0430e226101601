# SPDX-License-Identifier: Apache-2.0
"""A foreign checker of SCIM servers against the real authority."""

import asyncio

import pytest

tester = pytest.importorskip("scim2_tester", reason="needs scim2-tester")
engines = pytest.importorskip("scim2_client.engines.httpx2", reason="needs scim2-client[httpx2]")
httpx2 = pytest.importorskip("httpx2", reason="needs httpx2")

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("interop")]


async def test_scim2_tester_finds_nothing_wrong(authority):
    made = await authority.api("PUT", "/v1/scim-sources/checker", {})

    def check():
        headers = {"authorization": f"Bearer {made['token']}"}
        with httpx2.Client(base_url=made["base_url"], headers=headers) as client:
            return tester.check_server(engines.SyncSCIMClient(client))

    results = await asyncio.to_thread(check)
    wrong = [
        f"{result.title} ({result.resource_type}): {result.reason}"
        for result in results
        if result.status not in {tester.Status.SUCCESS, tester.Status.SKIPPED}
    ]
    assert wrong == []
    assert len([result for result in results if result.status is tester.Status.SUCCESS]) > 40
