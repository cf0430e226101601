# SPDX-License-Identifier: Apache-2.0
"""Nothing happens before the intent is durable, nothing is answered before the outcome is."""

import asyncio
import json

import pytest

from smartagent.edge import AuthenticationFailed
from smartagent.kernel import Caller, CallerKind
from smartagent.mcp import McpServerUnreachable
from smartagent.mcp.answering import MAX_WAITING, Answers, Asked, RemoteError
from smartagent.storage import StoreUnavailable

CALLER = Caller("agt_1", CallerKind.AGENT, session="ses_1", jti="aat_1")
ASKED = Asked(CALLER, "req_1", "mcp/files/tool/read", "mcp.call", 7, "p")


class World:
    """What `Answers` needs of the room's means, with a memory of what became durable."""

    def __init__(self):
        self.records, self.dead, self.fails = [], set(), None
        self.clock = self.ledger = self

    def now(self):
        return 5.0

    def monotonic(self):
        return 1.0

    async def commit(self, work, caller):
        self.records += work.records
        if self.fails is not None:
            raise self.fails

    def commit_later(self, work):
        self.records += work.records

    def live(self, caller):
        return caller.principal not in self.dead


def read(chunk):
    lines = dict(line.split(": ", 1) for line in chunk.decode().splitlines() if line)
    assert lines["event"] == "message"
    return json.loads(lines["data"])


async def whole(answers, serve):
    return [read(chunk) async for chunk in answers.stream(ASKED, serve)]


@pytest.fixture
def world():
    return World()


@pytest.fixture
def answers(world):
    return Answers(world)


async def test_nothing_is_done_until_the_stream_is_read(world, answers):
    done = []

    async def serve(progress):
        done.append(len(world.records))
        return {"a": 1}

    stream = answers.stream(ASKED, serve)
    await asyncio.sleep(0)
    assert done == []
    assert read(await anext(stream)) == {"jsonrpc": "2.0", "id": 7, "result": {"a": 1}}
    assert done == [0]
    (record,) = world.records
    assert (record.event, record.outcome, record.request, record.target) == (
        "mcp.done",
        "ok",
        "req_1",
        ASKED.target,
    )
    assert len(record.detail["result"]) == 64


async def test_progress_goes_before_the_response_and_only_to_who_asked(answers):
    async def serve(progress):
        await progress(1, 2, "half")
        await progress(2, None, None)
        return {}

    notes = await whole(answers, serve)
    assert [each.get("params") for each in notes] == [
        {"progressToken": "p", "progress": 1, "total": 2, "message": "half"},
        {"progressToken": "p", "progress": 2},
        None,
    ]
    silent = Asked(CALLER, "req_1", "t", "mcp.call", 7)
    assert len([chunk async for chunk in answers.stream(silent, serve)]) == 1


async def test_a_flood_of_progress_is_cut_short(answers):
    async def serve(progress):
        for number in range(10 * MAX_WAITING):
            await progress(number, None, None)
        return {}

    notes = await whole(answers, serve)
    assert len(notes) == MAX_WAITING + 1
    assert "result" in notes[-1]


@pytest.mark.parametrize(
    ("error", "outcome", "said"),
    [
        (
            RemoteError(-32050, "no luck", {"x": 1}),
            "rpc-error",
            {"code": -32050, "message": "no luck", "data": {"x": 1}},
        ),
        (
            McpServerUnreachable("why"),
            "mcp-server-unreachable",
            {"code": "mcp-server-unreachable", "request": "req_1"},
        ),
        (
            UnicodeEncodeError("utf-8", "the secret", 0, 1, "x"),
            "bug",
            {"code": "internal", "request": "req_1"},
        ),
        (ValueError("the secret"), "bug", {"code": "internal", "request": "req_1"}),
    ],
)
async def test_what_fails_is_answered_and_recorded(world, answers, error, outcome, said):
    async def serve(progress):
        raise error

    (answer,) = await whole(answers, serve)
    assert said in (answer["error"], answer["error"]["data"])
    assert "secret" not in json.dumps(answer)
    assert [each.outcome for each in world.records] == [outcome]


async def test_a_result_that_no_json_can_carry_is_an_error_and_no_silence(world, answers):
    async def serve(progress):
        return {"a": "\ud800"}

    (answer,) = await whole(answers, serve)
    assert answer["error"]["data"]["code"] == "internal"
    assert [each.outcome for each in world.records] == ["bug"]


@pytest.mark.parametrize(
    ("error", "code"),
    [(StoreUnavailable("down"), "store-unavailable"), (AuthenticationFailed("x"), "unauthenticated")],
)
async def test_what_cannot_be_recorded_or_is_not_theirs_any_more_is_not_answered(world, answers, error, code):
    async def serve(progress):
        return {"private": True}

    world.fails = error
    (answer,) = await whole(answers, serve)
    assert answer["error"]["data"]["code"] == code
    assert "private" not in json.dumps(answer)


async def test_who_leaves_ends_what_they_asked_for(world, answers):
    ended = asyncio.Event()

    async def serve(progress):
        await progress(1, None, None)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    stream = answers.stream(ASKED, serve)
    await anext(stream)
    await stream.aclose()
    assert ended.is_set()
    assert [each.outcome for each in world.records] == ["abandoned"]


async def test_who_is_revoked_is_told_so_at_once_and_others_are_not(world, answers):
    going = asyncio.Event()

    async def serve(progress):
        going.set()
        await asyncio.Event().wait()

    other = Asked(Caller("agt_2", CallerKind.AGENT), "req_2", "t", "mcp.call", 8)
    streams = [answers.stream(each, serve) for each in (ASKED, other)]
    first, second = [asyncio.ensure_future(anext(each)) for each in streams]
    await going.wait()
    world.dead.add("agt_1")
    answers.cut_revoked()
    assert read(await first)["error"]["data"]["code"] == "unauthenticated"
    assert not second.done()
    assert [each.outcome for each in world.records] == ["revoked"]
    second.cancel()
    await asyncio.wait((second,))
    await streams[0].aclose()
    assert [each.outcome for each in world.records] == ["revoked", "abandoned"]
