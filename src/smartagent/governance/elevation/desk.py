# SPDX-License-Identifier: Apache-2.0
"""Elevating an agent, ending it early, and recording its end.

No token outlives the elevation under which it was issued, nor does anything that derives from one; so at its end
nothing has to be done.  Each such token names the elevation in its lineage (`lin`): ending it early revokes that.
"""

from typing import Final

import msgspec

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.governance.elevation.granting import beginning, eligible, ending
from smartagent.governance.elevation.model import Elevation
from smartagent.governance.elevation.register import Register
from smartagent.governance.elevation.store import (
    elevation_changed,
    end_elevation,
    read_elevation,
    read_open,
)
from smartagent.governance.errors import ElevationNotFound, GovernanceChanged, MalformedElevation
from smartagent.governance.means import Means
from smartagent.identity import parse_reason
from smartagent.kernel import Caller, Decision, IdPrefix, Record, Work, parse_id, rfc3339

MIN_SECONDS: Final = 60
MAX_SECONDS: Final = 86_400
ENDED: Final = "elevation.ended"


class ElevationRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/elevations`."""

    agent: str
    role: str
    seconds: int
    reason: str


class ElevationView(msgspec.Struct, frozen=True):
    """An elevation, as shown."""

    id: str
    agent: str
    role: str
    reason: str
    created_by: str
    created_at: str
    until: str
    in_force: bool


class ElevationList(msgspec.Struct, frozen=True):
    """The elevations in force."""

    elevations: list[ElevationView]


class Elevations:
    """The acts on elevations."""

    def __init__(self, means: Means, register: Register) -> None:
        self._means = means
        self._register = register

    async def begin(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Let an agent have another role for a while, instead of its own.

        Raises:
            AgentNotFound: There is no such agent.
            MalformedElevation: The role, the time or the reason is none, or the agent is not active.
            ElevatedAlready: The agent has another elevation.
        """
        asked = parse_json(inbound.body, ElevationRequest)
        reason = parse_reason(asked.reason)
        agent = await eligible(self._means, asked.agent, asked.role)
        if not MIN_SECONDS <= asked.seconds <= MAX_SECONDS:
            raise MalformedElevation("seconds", f"{MIN_SECONDS} to {MAX_SECONDS}")
        if not reason:
            raise MalformedElevation("reason", "say why")
        now = self._means.clock.now()
        elevation = Elevation(
            id=self._means.ids.new(IdPrefix.ELEVATION),
            agent=agent.id,
            role=asked.role,
            reason=reason,
            created_by=caller.principal,
            created_at_ms=int(now * 1000),
            until=int(now) + asked.seconds,
        )
        return Outcome(
            Reply(201, self._view(elevation)),
            subject=agent.id,
            target=f"elevation/{elevation.id}",
            detail={"role": elevation.role, "from": agent.role, "until": elevation.until, "reason": reason},
            writes=await beginning(self._means, elevation),
            changes=(elevation_changed(agent.id),),
        )

    async def end(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """End an elevation early, and all that was given under it.  Ending it again is no error.

        Raises:
            ElevationNotFound: There is none with this id.
            GovernanceChanged: It was ended by somebody else at the same instant.
        """
        elevation = await read_elevation(
            self._means.database, parse_id(inbound.params["id"], IdPrefix.ELEVATION)
        )
        if elevation is None:
            raise ElevationNotFound("look at the list")
        target = f"elevation/{elevation.id}"
        if elevation.ended_at:
            return Outcome(Reply(204), subject=elevation.agent, target=target)
        now = self._means.clock.now()
        writes, changes = ending(elevation, now)
        return Outcome(
            Reply(204),
            subject=elevation.agent,
            target=target,
            detail={"role": elevation.role},
            writes=writes,
            changes=changes,
        )

    async def show_all(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List the elevations in force."""
        return Outcome(Reply(200, ElevationList([self._view(each) for each in self._register.all()])))

    async def tend(self, now: float) -> None:
        """Record the end of elevations whose time is over at `now` (Unix seconds).

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        for elevation in await read_open(self._means.database):
            if elevation.is_in_force(now, revoked_at_ms=self._revoked_at_ms(elevation.agent)):
                continue
            record = Record(
                event=ENDED,
                at_ms=int(now * 1000),
                request="",
                subject=elevation.agent,
                target=f"elevation/{elevation.id}",
                decision=Decision.PERMIT,
                rule="governance",
                detail={"role": elevation.role, "until": elevation.until},
            )
            work = Work(
                (record,),
                writes=(end_elevation(elevation.id, now=int(now)),),
                changes=(elevation_changed(elevation.agent),),
            )
            try:
                await self._means.ledger.commit(work)
            except GovernanceChanged:
                continue

    def _revoked_at_ms(self, agent: str) -> int:
        return self._means.revocations.revoked_at_ms(agent)

    def _view(self, elevation: Elevation) -> ElevationView:
        in_force = elevation.is_in_force(
            self._means.clock.now(), revoked_at_ms=self._revoked_at_ms(elevation.agent)
        )
        return ElevationView(
            elevation.id,
            elevation.agent,
            elevation.role,
            elevation.reason,
            elevation.created_by,
            rfc3339(elevation.created_at_ms // 1000),
            rfc3339(elevation.until),
            in_force,
        )
