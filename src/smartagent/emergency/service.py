# SPDX-License-Identifier: Apache-2.0
"""Ending everything of an agent, and telling what became of it."""

from typing import Final

import msgspec
from msgspec import structs

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.emergency.errors import NoEmergency
from smartagent.emergency.means import Means
from smartagent.emergency.model import EmergencyRequest, EmergencyView, Fate, Report, ReportView
from smartagent.emergency.rules import line_of, token_lines
from smartagent.kernel import Caller, rfc3339
from smartagent.leases import LeaseState

REPORT_TYPE: Final = "smartagent-revocation-report+jwt"
_REPORTS: Final = "/v1/emergencies/"


class Emergencies:
    """Ends everything of agents."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def begin(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Revoke an agent: one commit ends its tokens and what derives from them; its leases are ended from then on.

        Raises:
            AgentNotFound: There is no such agent.
        """
        asked = parse_json(inbound.body, EmergencyRequest)
        body = msgspec.json.encode({"kind": "agent", "id": asked.agent, "reason": asked.reason})
        outcome = await self._means.revoke(caller, structs.replace(inbound, body=body))
        view = EmergencyView(asked.agent, rfc3339(self._means.clock.now()), f"{_REPORTS}{asked.agent}")
        return structs.replace(outcome, reply=Reply(201, view), event="agent.ended")

    async def report(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Say what died when, and what is still dying or cannot be killed from here, signed.

        Raises:
            NoEmergency: The agent was not revoked.
        """
        agent = inbound.params["id"]
        revoked_at_ms = self._means.revoked_at_ms(agent)
        known = self._means.directory.agent(agent)
        if not revoked_at_ms or known is None:
            raise NoEmergency("revoke it first")
        report = await self._report(agent, known.name, revoked_at_ms // 1000)
        signed = self._means.sign(REPORT_TYPE, msgspec.json.encode(report))
        return Outcome(
            Reply(200, ReportView(report, signed)), subject=agent, detail={"complete": int(report.complete)}
        )

    async def _report(self, agent: str, name: str, revoked_at: int) -> Report:
        now = int(self._means.clock.now())
        lines = list(token_lines(agent, revoked_at=revoked_at))
        for lease in await self._means.leases_of(agent):
            dead = lease.state is LeaseState.DEAD
            if dead and lease.ended_at < revoked_at and lease.outlives_until <= now:
                continue
            lines.append(
                line_of(
                    credential=lease.credential,
                    lease_id=lease.id,
                    dead=dead,
                    ended_at=lease.ended_at,
                    outlives_until=lease.outlives_until,
                    failure=lease.failure,
                    now=now,
                )
            )
        return Report(
            iss=self._means.issuer,
            agent=agent,
            name=name,
            revoked_at=rfc3339(revoked_at),
            made_at=rfc3339(now),
            complete=not any(line.fate is Fate.DYING for line in lines),
            lines=tuple(lines),
        )
