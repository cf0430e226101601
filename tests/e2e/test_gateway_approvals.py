# SPDX-License-Identifier: Apache-2.0
"""Calls that somebody has to approve, on real sockets: held, let go, refused, and never leaking what they wait with."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from smartagent.approvals import Said
from smartagent.gateway.preference import Preference, preference_in
from smartagent.kernel import Denied, NeedsApproval, Permitted
from tests.e2e.test_forward_proxy import tunneled
from tests.unit.approvals.world import FOUR_EYES, TWO, ApprovalsWorld
from tests.unit.gateway.fakes import SECRET, FakeDoors
from tests.unit.gateway.http2_client import Client, fields
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b"refunded")
BODY = b'{"order":"7","amount":1200}'
JSON = "Content-Type: application/json\r\n"
YES, NO = Said(approve=True), Said(approve=False)
AT_ONCE = 0.1


class AskingDoors(FakeDoors):
    """The house, which asks people before anything is posted."""

    def __init__(self, *entries):
        super().__init__(*entries)
        self.verdict = FOUR_EYES
        self.house = ApprovalsWorld()
        self.minted = []
        self._recorded = asyncio.Event()

    def decide(self, caller, asked):
        verdict = super().decide(caller, asked)
        asks = asked.method == "POST" and isinstance(verdict, Permitted)
        return self.verdict if asks else verdict

    async def approve(self, caller, needs, wish, is_secret):
        return await self.house.approvals.obtain(caller, needs, wish, is_secret)

    async def secret(self, upstream):
        self.minted.append(upstream.name)
        return await super().secret(upstream)

    async def commit(self, work, caller, holder=None):
        await self.house.store.commit(work)
        committed = await super().commit(work, caller, holder)
        self._recorded.set()
        return committed

    async def refused_for(self, outcome):
        """Return when the newest record says this."""
        while not self.committed or self.committed[-1].outcome != outcome:
            self._recorded.clear()
            await self._recorded.wait()


@asynccontextmanager
async def asking(script=None):
    async with world(script or always(OK), doors=AskingDoors) as here:
        await here.doors.house.start()
        try:
            yield here
        finally:
            here.doors.house.store.close()


async def held(here, fields="", body=BODY, path="/crm/refunds"):
    """Make a call, and return it with the id of what it waits for."""
    agent = await here.agent()
    agent.ask(path, "POST", fields=JSON + fields, body=body)
    return agent, await here.doors.house.filed()


@on_both_loops
async def test_a_call_is_held_until_somebody_approves_it_and_works_once():
    async with asking() as here:
        agent, asked = await held(here)
        assert here.origin.requests == []
        assert here.doors.minted == []
        await here.doors.house.decide(asked, "opr_1", YES)
        assert (await agent.answer()).body == b"refunded"
        intent = here.doors.committed[-1]
        assert (intent.detail["approval"], intent.detail["approved_by"]) == (asked, "opr_1")
        assert intent.rule == "policy/refunds/1"
        assert SECRET.decode() in here.origin.requests[0].raw.decode("latin-1")
        answer = await agent.call(
            "/crm/refunds", "POST", fields=JSON + "Prefer: respond-async\r\n", body=BODY
        )
        assert answer.status == 202
        assert len(here.origin.requests) == 1


@on_both_loops
async def test_a_call_that_does_not_wait_is_told_where_to_look():
    async with asking() as here:
        agent = await here.agent()
        answer = await agent.call(
            "/crm/refunds", "POST", fields=JSON + "Prefer: respond-async\r\n", body=BODY
        )
        told = json.loads(answer.body)
        asked = told["approval"]
        assert (answer.status, told["type"]) == (202, "urn:smartagent:error:approval-pending")
        assert answer.headers["location"] == f"https://auth.example/v1/approvals/{asked}"
        assert answer.headers["retry-after"] == "5"
        assert answer.headers["preference-applied"] == "respond-async"
        assert here.doors.committed[-1].outcome == "approval-pending"
        await here.doors.house.decide(asked, "opr_1", YES)
        named = JSON + f"SmartAgent-Approval: {asked}\r\n"
        other = await agent.call("/crm/refunds", "POST", fields=named, body=BODY.replace(b"1200", b"9900"))
        assert (other.status, json.loads(other.body)["type"]) == (
            403,
            "urn:smartagent:error:approval-mismatch",
        )
        assert (await agent.call("/crm/refunds?x=1", "POST", fields=named, body=BODY)).status == 403
        assert here.origin.requests == []
        assert (await agent.call("/crm/refunds", "POST", fields=named, body=BODY)).body == b"refunded"
        assert "smartagent-approval" not in here.origin.requests[0].raw.decode("latin-1").lower()


async def test_a_call_waits_as_long_as_it_says():
    async with asking() as here:
        agent = await here.agent()
        answer = await agent.call("/crm/refunds", "POST", fields=JSON + "Prefer: wait=0\r\n", body=BODY)
        assert (answer.status, answer.headers["preference-applied"]) == (202, "wait=0")


@on_both_loops
async def test_a_no_is_an_answer_and_nothing_leaves():
    async with asking() as here:
        agent, asked = await held(here)
        await here.doors.house.decide(asked, "opr_1", NO)
        answer = await agent.answer()
        assert (answer.status, json.loads(answer.body)["type"]) == (
            403,
            "urn:smartagent:error:approval-denied",
        )
        assert here.origin.requests == here.doors.minted == []
        assert here.doors.committed[-1].outcome == "approval-denied"


@on_both_loops
async def test_a_revocation_ends_what_is_held_at_once():
    async with asking() as here:
        agent, asked = await held(here)
        began = asyncio.get_running_loop().time()
        here.doors.revoke("agt_1")
        assert (await agent.answer()).status == 401
        assert asyncio.get_running_loop().time() - began < AT_ONCE
        await here.doors.house.decide(asked, "opr_1", YES)
        assert here.origin.requests == here.doors.minted == []


@on_both_loops
async def test_an_agent_that_leaves_takes_its_call_with_it():
    async with asking() as here:
        agent, asked = await held(here)
        agent.writer.close()
        await agent.writer.wait_closed()
        await here.doors.refused_for("call-abandoned")
        await here.doors.house.decide(asked, "opr_1", YES)
        assert here.origin.requests == here.doors.minted == []
        # What it asked for waits for its next attempt.
        assert (await (await here.agent()).call("/crm/refunds", "POST", fields=JSON, body=BODY)).status == 200


@on_both_loops
async def test_whoever_has_closed_their_side_is_not_waited_for():
    async with asking() as here:
        agent = await here.agent()
        agent.ask("/crm/refunds", "POST", fields=JSON, body=BODY)
        agent.writer.write_eof()
        answer = await agent.answer()
        assert (answer.status, json.loads(answer.body)["type"]) == (
            504,
            "urn:smartagent:error:call-abandoned",
        )
        assert here.origin.requests == here.doors.minted == []


@on_both_loops
async def test_rules_that_changed_to_a_no_while_it_was_held_are_a_no():
    async with asking() as here:
        agent, asked = await held(here)
        here.doors.verdict = Denied("not any more", "shop:POST /refunds")
        here.doors.change()
        assert (await agent.answer()).status == 403
        await here.doors.house.decide(asked, "opr_1", YES)
        assert here.origin.requests == here.doors.minted == []


async def test_rules_that_changed_unheard_are_asked_again_before_anything_leaves():
    async with asking() as here:
        agent, asked = await held(here)
        here.doors.verdict = Denied("not any more", "shop:POST /refunds")
        await here.doors.house.decide(asked, "opr_1", YES)
        assert (await agent.answer()).status == 403
        assert here.origin.requests == []


async def test_rules_that_ask_for_more_meanwhile_ask_again():
    async with asking() as here:
        agent, asked = await held(here)
        here.doors.verdict = TWO
        here.doors.change()
        await here.doors.house.decide(asked, "opr_1", YES)
        more = await here.doors.house.filed(other_than=asked)
        await here.doors.house.decide(more, "opr_1", YES)
        await here.doors.house.decide(more, "opr_2", YES)
        assert (await agent.answer()).body == b"refunded"


async def test_rules_that_ask_nobody_any_more_let_it_go():
    async with asking() as here:
        agent, asked = await held(here)
        here.doors.verdict = Permitted(("role/reader/1",))
        await here.doors.house.decide(asked, "opr_1", YES)
        assert (await agent.answer()).body == b"refunded"
        assert "approval" not in here.doors.committed[-1].detail


@on_both_loops
async def test_an_approved_call_flows_on_while_the_rules_still_ask_and_is_cut_by_a_no():
    arrived = asyncio.Event()

    async def endless(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await writer.drain()
        arrived.set()
        await reader.read()

    async with asking(endless) as here:
        agent, asked = await held(here)
        await here.doors.house.decide(asked, "opr_1", YES)
        await agent.reader.readuntil(b"first")
        here.doors.change()
        await arrived.wait()
        assert here.gateway.open_connections == 1
        here.doors.verdict = NeedsApproval("more", people=2)
        here.doors.change()
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await agent.reader.readuntil(b"never")
        assert here.doors.later[-1].outcome == "not-permitted"


async def test_an_upstream_that_leads_elsewhere_meanwhile_is_not_called():
    async with asking() as here:
        agent, asked = await held(here)
        entry = here.doors.entries["crm"]
        here.doors.entries["crm"] = type(entry)("crm", "http://127.0.0.1:1")
        await here.doors.house.decide(asked, "opr_1", YES)
        assert (await agent.answer()).status == 503
        assert here.origin.requests == []


async def test_a_body_with_a_secret_is_shown_to_nobody():
    async with asking() as here:
        agent = await here.agent()
        body = json.dumps({"note": SECRET.decode()}).encode()
        assert (await agent.call("/crm/refunds", "POST", fields=JSON, body=body)).status == 403
        assert here.doors.house.waiting() == []


async def test_a_body_that_is_longer_than_people_are_asked_about_is_refused():
    async with asking() as here:
        agent = await here.agent()
        answer = await agent.call("/crm/refunds", "POST", fields=JSON, body=b"x" * 300_000)
        assert answer.status == 413
        assert "must be known beforehand" in json.loads(answer.body)["detail"]


async def test_what_is_not_asked_about_is_not_held():
    async with asking() as here:
        assert (await (await here.agent()).call("/crm/orders")).body == b"refunded"
        assert here.doors.house.waiting() == []


@on_both_loops
async def test_a_node_that_stops_tells_whose_call_it_holds():
    async with asking() as here:
        agent, asked = await held(here)
        await here.gateway.drain()
        assert (await agent.answer()).status == 504
        await here.doors.refused_for("call-abandoned")
        await here.doors.house.decide(asked, "opr_1", YES)
        assert here.origin.requests == here.doors.minted == []


@on_both_loops
async def test_in_http_2_one_stream_is_held_and_the_others_are_not():
    async with asking() as here:
        raw = await here.agent()
        agent = Client(raw.reader, raw.writer)
        more = [("content-type", "application/json")]
        stream = agent.ask(fields("/crm/refunds", "POST", more=more), BODY)
        asked = await here.doors.house.filed()
        assert (await agent.answer(agent.ask())).status == 200
        assert len(here.origin.requests) == 1
        await here.doors.house.decide(asked, "opr_1", YES)
        assert (await agent.answer(stream)).body == b"refunded"


@on_both_loops
async def test_a_stream_that_is_given_up_while_it_is_held_is_not_called():
    async with asking() as here:
        raw = await here.agent()
        agent = Client(raw.reader, raw.writer)
        stream = agent.ask(fields("/crm/refunds", "POST"), BODY)
        asked = await here.doors.house.filed()
        agent.h2.reset_stream(stream)
        agent.flush()
        await here.doors.refused_for("call-abandoned")
        await here.doors.house.decide(asked, "opr_1", YES)
        assert (await agent.answer(agent.ask())).status == 200
        assert [each.method for each in here.origin.requests] == ["GET"]


async def test_a_call_in_a_tunnel_is_held_like_any_other(tmp_path):
    async with tunneled(tmp_path, always(OK), doors=AskingDoors) as rig:
        await rig.doors.house.start()
        agent = await rig.tunnel()
        rig.ask(agent, "/refunds", fields=JSON + "Content-Length: 0\r\n", method="POST")
        asked = await rig.doors.house.filed()
        card = (await rig.doors.house.approvals.find(asked)).card
        assert card.title == f"POST https://{rig.host}/refunds (crm)"
        assert rig.here.origin.requests == []
        await rig.doors.house.decide(asked, "opr_1", YES)
        assert (await agent.answer()).body == b"refunded"
        rig.doors.house.store.close()


@pytest.mark.parametrize(
    ("field", "seconds", "applied"),
    [
        ("", 60.0, ""),
        ("respond-async", 0.0, "respond-async"),
        ("respond-async, wait=10", 0.0, "respond-async"),
        ("wait=10", 10.0, "wait=10"),
        ('Wait="10"; x=y, handling=lenient', 10.0, "wait=10"),
        ("wait=61", 60.0, ""),
        ("wait=-1", 60.0, ""),
        ("wait=1, wait=30", 1.0, "wait=1"),
        ("wait=" + "9" * 400, 60.0, ""),
        ("return=minimal", 60.0, ""),
    ],
)
def test_a_preference_is_honoured_as_far_as_it_goes(field, seconds, applied):
    assert preference_in(field, 60.0) == Preference(seconds, applied)
