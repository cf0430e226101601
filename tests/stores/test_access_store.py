# SPDX-License-Identifier: Apache-2.0
"""What is said to the table of requests for access, on both engines."""

import pytest
from msgspec import structs

from smartagent.governance.access.model import AccessRequest
from smartagent.governance.access.store import (
    add_request,
    ask_again,
    close_request,
    granted_is_gone,
    read_granting,
    read_request,
    read_requests,
)
from smartagent.governance.errors import AccessRequestNotFound
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

ASKED = AccessRequest("req_1", "agt_1", "worker", "GET /x on orders", "because", 2**40)


async def test_a_request_is_open_until_somebody_decides_and_only_one_does(engine):
    second = structs.replace(ASKED, id="req_2", agent="agt_2", wish='{"kind":"lease"}')
    await engine.apply(add_request(ASKED), add_request(second))
    assert await read_requests(engine) == [ASKED, second]
    assert await read_requests(engine, "agt_2") == [second]
    closed = structs.replace(ASKED, closed_at=9, closed_by="opr_1", decision="refused", note="no")
    await engine.apply(close_request(closed))
    assert await read_requests(engine) == [second]
    assert await read_request(engine, "req_1") == closed
    for late in (close_request(closed), ask_again("req_1")):
        with pytest.raises(AccessRequestNotFound):
            await engine.apply(late)


async def test_asking_again_counts(engine):
    await engine.apply(add_request(ASKED), ask_again("req_1"))
    assert await read_requests(engine) == [structs.replace(ASKED, times=2)]
    assert await read_request(engine, "req_9") is None


async def test_a_role_that_was_made_is_taken_away_once(engine):
    granted = structs.replace(ASKED, closed_at=9, decision="accepted", elevation="elv_1", granted="worker-1")
    await engine.apply(add_request(ASKED), close_request(granted))
    assert await read_granting(engine) == [granted]
    await engine.apply(granted_is_gone("req_1"))
    assert await read_granting(engine) == []
    with pytest.raises(AccessRequestNotFound):
        await engine.apply(granted_is_gone("req_1"))
