# SPDX-License-Identifier: Apache-2.0
"""What completes the three: private data, untrusted content, and a way out."""

from types import SimpleNamespace

import pytest

from smartagent.kernel import Caller, CallerKind
from smartagent.mcp.errors import McpFlowStopped
from smartagent.mcp.flow import AGAIN_SECONDS, MET_SECONDS, Asking, Flow, completes, labels_of
from smartagent.mcp.model import Label, McpServer
from smartagent.mcp.store import mcp_labels_met
from smartagent.policy import Role
from tests.unit.policy.fakes import FakeStore

READS, MEETS, SENDS = Label.READS_PRIVATE, Label.UNTRUSTED_CONTENT, Label.SENDS_OUTSIDE
AGENT = Caller("agt_1", CallerKind.AGENT, role="worker")
SERVER = McpServer(
    "all",
    url="https://a.example",
    labels={"read_*": (READS,), "*_web": (MEETS,), "send": (SENDS,), "browse": (READS, MEETS, SENDS)},
)


class World:
    def __init__(self, flow="shadow"):
        self.at = 10_000
        self.store = FakeStore(mcp_labels_met)
        self.number = 0
        self.flow = Flow(
            SimpleNamespace(
                clock=self,
                database=self.store,
                book=SimpleNamespace(known_role=lambda name: SimpleNamespace(role=Role(name, flow=flow))),
            )
        )

    def now(self):
        return self.at

    async def call(self, name, caller=AGENT):
        self.number += 1
        judged = await self.flow.judge(caller, SERVER, name, Asking(f"req_{self.number}", 7))
        self.store.apply(*judged.writes)
        return judged.detail.get("flow", "")


@pytest.mark.parametrize(
    ("labels", "met", "stops"),
    [
        ({SENDS}, {READS, MEETS}, True),
        ({SENDS, READS}, {MEETS}, True),
        ({SENDS, READS, MEETS}, set(), True),
        ({SENDS}, {READS}, False),
        ({SENDS}, {MEETS, SENDS}, False),
        ({READS}, {MEETS, SENDS}, False),
        (set(), {READS, MEETS}, False),
    ],
)
def test_only_a_way_out_completes_the_three(labels, met, stops):
    assert completes(frozenset(labels), {each.value: 1 for each in met}) == stops


def test_labels_are_found_by_every_pattern_that_fits():
    assert labels_of(SERVER, "read_web") == {READS, MEETS}
    assert labels_of(SERVER, "write") == frozenset()


async def test_in_the_shadow_it_is_recorded_and_goes_on():
    world = World()
    assert [await world.call(name) for name in ("read_x", "send", "x_web", "send", "write")] == [
        "", "", "", "would-have-stopped", "",
    ]  # fmt: skip


async def test_switched_on_it_is_refused_and_nothing_is_met_by_it():
    world = World("stop")
    await world.call("read_x")
    await world.call("x_web")
    with pytest.raises(McpFlowStopped) as stopped:
        await world.call("send")
    assert stopped.value.rpc_id == 7
    with pytest.raises(McpFlowStopped):
        await world.call("browse")


async def test_one_agents_labels_are_not_anothers():
    world = World()
    await world.call("read_x")
    await world.call("x_web")
    assert await world.call("send", Caller("agt_2", CallerKind.AGENT, role="worker")) == ""


async def test_what_was_met_is_forgotten_after_an_hour_without_it():
    world = World()
    await world.call("read_x")
    await world.call("x_web")
    world.at += MET_SECONDS
    assert await world.call("send") == "would-have-stopped"
    world.at += 1
    assert await world.call("send") == ""


async def test_what_is_met_again_and_again_is_written_now_and_then():
    world = World()
    for _ in range(10):
        await world.call("read_x")
    world.at += AGAIN_SECONDS + 1
    await world.call("read_x")
    assert len(await world.store.fetch(mcp_labels_met.select())) == 2
