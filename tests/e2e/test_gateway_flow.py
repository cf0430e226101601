# SPDX-License-Identifier: Apache-2.0
"""Labels of upstreams: what an agent met is kept across them, and a way out is watched, or stopped."""

import pytest

from smartagent.kernel import Caller, CallerKind, Decision
from smartagent.sdk import Holder
from tests.backends.standins import StandIn
from tests.e2e.site import call, post_form, token_form, whole_log
from tests.interop.authority import Authority
from tests.unit.gateway.fakes import TOKEN
from tests.unit.gateway.origin import always, on_both_loops, reply, world

pytestmark = pytest.mark.e2e
OK = reply(b"ok")
ROLE = """\
name = "reader"
ttl = "10m"
flow = "{flow}"

[[allow]]
scope = "read"
upstream = "*"
methods = ["GET", "POST"]
paths = ["/**"]
"""


@on_both_loops
async def test_what_is_judged_stands_in_the_record_of_the_call():
    async with world(always(OK), labels=("reads-private",)) as here:
        agent = await here.agent()
        assert (await agent.call()).status == 200
        assert here.doors.committed[0].detail["flow"] == "reads-private"


@on_both_loops
async def test_a_call_that_is_stopped_is_refused_in_the_log_and_nothing_leaves():
    async with world(always(OK), labels=("sends-outside",)) as here:
        here.doors.callers[TOKEN] = Caller("agt_1", CallerKind.AGENT, "stop", "ses_1", "aat_1")
        agent = await here.agent()
        assert (await agent.call()).status == 403
        (record,) = here.doors.committed
        assert (record.decision, record.outcome) == (Decision.DENY, "flow-stopped")
        assert here.origin.connections == 0


async def test_private_data_and_untrusted_content_close_the_way_out_until_an_operator_opens_it(tmp_path):
    authority = await Authority(tmp_path).start()
    try:
        with StandIn(lambda *_: (200, b"ok")) as upstream:
            for name, label in (
                ("notes", "reads-private"),
                ("web", "untrusted-content"),
                ("mail", "sends-outside"),
            ):
                entry = {"base_url": upstream.url, "allow_private": True, "labels": [label]}
                await authority.api("PUT", f"/v1/upstreams/{name}", entry)

            async def visit(*names):
                return [(await call(authority.gateway, token, f"/{name}/x"))[0] for name in names]

            await authority.api(
                "PUT", "/v1/roles/reader", {"role_file": ROLE.format(flow="shadow"), "allow_broad": True}
            )
            principal, key = await authority.agent()
            holder = Holder(key, authority.issuer, principal)
            token = (await post_form(authority.issuer, token_form(holder, authority.issuer)))[1][
                "access_token"
            ]
            assert await visit("mail", "notes", "mail", "web", "mail") == [200] * 5
            await authority.api(
                "PUT", "/v1/roles/reader", {"role_file": ROLE.format(flow="stop"), "allow_broad": True}
            )
            assert await visit("mail", "notes") == [403, 200]
            await authority.api("DELETE", f"/v1/mcp-flows/{principal}")
            assert await visit("mail") == [200]
        records = await whole_log(authority.site, authority.operator)
        calls = [each for each in records if each["event"] == "gateway.call"]
        shadows = [
            each["subject"] for each in calls if each.get("detail", {}).get("flow") == "would-have-stopped"
        ]
        assert shadows == ["mail"]
    finally:
        await authority.close()
