# SPDX-License-Identifier: Apache-2.0
"""The room's routes, as a caller meets them."""

import json

import pytest

from smartagent.audit import CustodyNotFound, NotInLog
from smartagent.audit.routes import routes
from smartagent.edge import Inbound, MalformedRequest, Proof, Router
from smartagent.sdk.receipts import verify_custody, verify_export
from tests.unit.audit.small_store import VKEY
from tests.unit.audit.story import ANN, BOB, OPERATOR, Story


class Front:
    """The router and the acts behind it, without a pipeline."""

    def __init__(self, story: Story) -> None:
        self._router = Router(routes(story.custodian(), story.store.reader()))

    async def get(self, target, caller=OPERATOR):
        path, _, query = target.partition("?")
        match = self._router.match("GET", path)
        return await match.route.act(caller, Inbound("req_x", "GET", path, query, params=match.params))


async def front() -> Front:
    story = Story()
    for _ in range(300):
        story.use()
    await story.store.settle()
    return Front(story)


def test_every_route_wants_a_token_and_a_permission():
    found = routes(Story().custodian(), Story().store.reader())

    assert {(route.proof, route.permission) for route in found} == {
        (Proof.ACCESS_TOKEN, "audit.read"),
        (Proof.ACCESS_TOKEN, "audit.log"),
    }
    assert all(route.method == "GET" and route.summary for route in found)
    assert {route.path for route in found if route.permission == "audit.read"} == {
        "/v1/audit",
        "/v1/audit/{jti}",
    }


async def test_custody_is_served_as_it_is_verified():
    outcome = await (await front()).get("/v1/audit/aat_1?limit=1000", ANN)

    assert outcome.reply.status == 200
    assert outcome.target == "aat_1"
    assert verify_custody(outcome.reply.body, VKEY).gaps == ()


async def test_custody_is_paged():
    served = await front()
    first = json.loads((await served.get("/v1/audit/aat_1?limit=5")).reply.body)
    second = json.loads((await served.get(f"/v1/audit/aat_1?limit=5&cursor={first['next']}")).reply.body)

    assert [len(page["entries"]) for page in (first, second)] == [7, 5]
    assert second["begin"] == first["next"]


async def test_a_trail_is_served():
    trail = json.loads((await (await front()).get("/v1/audit?subject=agt_bob", BOB)).reply.body)

    assert [entry["record"]["event"] for entry in trail["entries"]] == [
        "agent.enrolled",
        "challenge.issued",
        "token.issued",
    ]


async def test_the_log_is_served_as_tiles():
    served = await front()
    note = (await served.get("/v1/log/checkpoint")).reply
    size = int(note.body.split(b"\n")[1])

    assert note.media_type.startswith("text/plain")
    assert len((await served.get("/v1/log/tile/0/000")).reply.body) == 8192
    assert len((await served.get(f"/v1/log/tile/0/002.p/{size - 512}")).reply.body) == 32 * (size - 512)
    assert len((await served.get("/v1/log/tile/1/000.p/2")).reply.body) == 64
    assert (await served.get("/v1/log/entries/000")).reply.body.startswith(b"\x00")


async def test_a_consistency_proof_is_served():
    proof = json.loads((await (await front()).get("/v1/log/proof?from=5&to=600")).reply.body)

    assert (proof["from"], proof["to"]) == (5, 600)
    assert proof["proof"]


async def test_a_range_is_exported():
    body = (await (await front()).get("/v1/log/export?from=100&to=300")).reply.body

    assert verify_export(body.splitlines(keepends=True), VKEY).indexes == range(100, 300)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("/v1/audit/aat_1?limit=0", MalformedRequest),
        ("/v1/audit/aat_1?limit=1001", MalformedRequest),
        ("/v1/audit/aat_1?limit=-1", MalformedRequest),
        ("/v1/audit/aat_1?cursor=x", MalformedRequest),
        ("/v1/audit/aat_1?cursor=9999999999999999", MalformedRequest),
        ("/v1/audit/aat_1?cursor=%D9%A1", MalformedRequest),
        ("/v1/audit/aat_1?pretty=1", MalformedRequest),
        ("/v1/audit", MalformedRequest),
        ("/v1/log/proof", MalformedRequest),
        ("/v1/log/proof?from=1", MalformedRequest),
        ("/v1/log/proof?from=1&to=99999", NotInLog),
        ("/v1/log/checkpoint?x=1", MalformedRequest),
        ("/v1/log/tile/64/000", NotInLog),
        ("/v1/log/tile/00/000", NotInLog),
        ("/v1/log/tile/0/003", NotInLog),
        ("/v1/log/entries/002", NotInLog),
        ("/v1/log/export?from=600&to=100", NotInLog),
        ("/v1/log/export?from=999999", NotInLog),
        ("/v1/audit/aat_9", CustodyNotFound),
    ],
)
async def test_what_cannot_be_answered_says_so(target, error):
    served = await front()
    with pytest.raises(error):
        await served.get(target)


async def test_an_agent_is_not_shown_others():
    served = await front()

    for target in ("/v1/audit/aat_1", "/v1/audit?subject=agt_ann"):
        with pytest.raises(CustodyNotFound):
            await served.get(target, BOB)
