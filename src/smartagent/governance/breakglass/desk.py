# SPDX-License-Identifier: Apache-2.0
"""Opening in an emergency, confirming it, ending it, and recording what nobody ended.

The commit that puts a break-glass in force holds its elevation, and the review that must follow: nobody has to think of
it.  The role's own rules, and the policies that forbid, hold as ever.
"""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.governance.breakglass.keys import RecoveryKeys
from smartagent.governance.breakglass.model import BreakGlass, RecoveryKey, State
from smartagent.governance.breakglass.store import (
    add_break_glass,
    break_glass_changed,
    close_break_glass,
    confirm_break_glass,
    read_break_glass,
    read_newest,
    read_open,
    use_key,
)
from smartagent.governance.breakglass.telling import told_of
from smartagent.governance.breakglass.views import (
    BreakGlassList,
    BreakGlassRequest,
    break_glass_view,
)
from smartagent.governance.elevation.granting import beginning, eligible, ending
from smartagent.governance.elevation.model import Elevation
from smartagent.governance.elevation.store import elevation_changed, read_elevation
from smartagent.governance.errors import (
    BreakGlassNotFound,
    BreakGlassOver,
    GovernanceError,
    MalformedBreakGlass,
    SamePerson,
)
from smartagent.governance.means import Means
from smartagent.identity import Agent, parse_reason
from smartagent.kernel import Caller, Change, Decision, Detail, IdPrefix, Record, Work, Write, parse_id

MIN_SECONDS: Final = 60
MAX_SECONDS: Final = 3600
MIN_REASON_CHARS: Final = 12
ENDED: Final = "break-glass.ended"
LAPSED: Final = "break-glass.lapsed"


Afterwards = Callable[[BreakGlass, Agent, int], tuple[Write, ...]]
"""Makes the review of a break-glass that begins at an instant, in Unix seconds."""


class BreakGlasses:
    """The acts on break-glasses."""

    def __init__(self, means: Means, keys: RecoveryKeys, review: Afterwards) -> None:
        self._means = means
        self._keys = keys
        self._review = review

    async def open(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Open a break-glass: it waits for another operator, or a recovery key stands for one.

        Raises:
            AgentNotFound: There is no such agent.
            MalformedElevation: It is not active, or the role is none or its own.
            MalformedBreakGlass: The time or the reason is none.
            BreakGlassOpen: The agent has one already.
            ElevatedAlready: With a key: the agent has an elevation.
            RecoveryKeyRefused: The key is none, or was used or revoked.
            SamePerson: The opener made the key.
        """
        asked = parse_json(inbound.body, BreakGlassRequest)
        agent = await eligible(self._means, asked.agent, asked.role)
        now = int(self._means.clock.now())
        opened = BreakGlass(
            id=self._means.ids.new(IdPrefix.BREAK_GLASS),
            agent=agent.id,
            role=asked.role,
            reason=_parse_reason(asked.reason),
            seconds=_parse_seconds(asked.seconds),
            opened_by=caller.principal,
            opened_at=now,
        )
        cleared = await self._cleared(agent.id, now)
        if not asked.recovery_key:
            return self._outcome(201, opened, (*cleared, add_break_glass(opened)))
        key = await self._keys.find(asked.recovery_key, caller.principal)
        begun = structs.replace(opened, key=key.id, until=now + opened.seconds)
        writes = (*cleared, add_break_glass(begun), _used(key, begun, now))
        return self._outcome(201, begun, (*writes, *await self._in_force(agent, begun)))

    async def confirm(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Put a break-glass in force that another operator opened within the last ten minutes.

        Raises:
            BreakGlassNotFound: There is none with this id.
            BreakGlassOver: It does not wait.
            SamePerson: Who confirms opened it.
            MalformedElevation: The agent is not active any more, or the role is gone.
            ElevatedAlready: The agent has an elevation.
        """
        opened = await self._known(inbound)
        now = self._means.clock.now()
        if opened.state(now) is not State.WAITING:
            raise BreakGlassOver("open another")
        if caller.principal == opened.opened_by:
            raise SamePerson("another operator confirms")
        agent = await eligible(self._means, opened.agent, opened.role)
        begun = structs.replace(opened, confirmed_by=caller.principal, until=int(now) + opened.seconds)
        writes = (confirm_break_glass(begun, now=int(now)), *await self._in_force(agent, begun))
        return self._outcome(200, begun, writes)

    async def end(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """End a break-glass early with all that was given under it, or give one up that waits.  Again is no error.

        Raises:
            BreakGlassNotFound: There is none with this id.
            BreakGlassOver: It was confirmed or ended by somebody else at the same instant.
        """
        found = await self._known(inbound)
        now = self._means.clock.now()
        if found.closed_at:
            return self._outcome(200, found, ())
        ended = structs.replace(found, closed_at=int(now))
        writes: tuple[Write, ...] = (close_break_glass(found, now=int(now)),)
        changes: tuple[Change, ...] = ()
        elevation = await read_elevation(self._means.database, found.id)
        if elevation is not None and not elevation.ended_at:
            more, changes = ending(elevation, now)
            writes += more
        return self._outcome(200, ended, writes, changes)

    async def show_all(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List the newest break-glasses, also those that are over."""
        now = self._means.clock.now()
        found = await read_newest(self._means.database)
        return Outcome(Reply(200, BreakGlassList([break_glass_view(each, now) for each in found])))

    async def tend(self, now: float) -> None:
        """Record the end of break-glasses whose time is over at `now`, or that a revocation or somebody ended.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        for found in await read_open(self._means.database):
            if found.state(now) is State.WAITING or await self._holds(found, now):
                continue
            record = Record(
                event=ENDED if found.until else LAPSED,
                at_ms=int(now * 1000),
                request="",
                subject=found.agent,
                target=f"break-glass/{found.id}",
                decision=Decision.PERMIT,
                rule="governance",
                detail=_detail(found),
            )
            closed = structs.replace(found, closed_at=int(now))
            writes = (close_break_glass(found, now=int(now)), told_of(self._means.tell, closed, now))
            try:
                await self._means.ledger.commit(
                    Work((record,), writes=writes, changes=(break_glass_changed(found.id),))
                )
            except GovernanceError:
                # Somebody ended it at this instant.
                continue

    async def _holds(self, found: BreakGlass, now: float) -> bool:
        if not found.until:
            return False
        elevation = await read_elevation(self._means.database, found.id)
        revoked_at_ms = self._means.revocations.revoked_at_ms(found.agent)
        return elevation is not None and elevation.is_in_force(now, revoked_at_ms=revoked_at_ms)

    async def _cleared(self, agent: str, now: int) -> tuple[Write, ...]:
        """Let one that is over, and whose end is not recorded yet, not stand in the way."""
        found = await read_open(self._means.database, agent)
        over = [
            each
            for each in found
            if each.state(now) is not State.WAITING and not await self._holds(each, now)
        ]
        return tuple(close_break_glass(each, now=now) for each in over)

    async def _in_force(self, agent: Agent, begun: BreakGlass) -> tuple[Write, ...]:
        """Return the elevation, and the review that must follow."""
        elevation = Elevation(
            id=begun.id,
            agent=begun.agent,
            role=begun.role,
            reason=begun.reason,
            created_by=begun.opened_by,
            created_at_ms=int(self._means.clock.now() * 1000),
            until=begun.until,
        )
        review = self._review(begun, agent, int(self._means.clock.now()))
        return (*await beginning(self._means, elevation), *review)

    async def _known(self, inbound: Inbound) -> BreakGlass:
        found = await read_break_glass(
            self._means.database, parse_id(inbound.params["id"], IdPrefix.BREAK_GLASS)
        )
        if found is None:
            raise BreakGlassNotFound("look at the list")
        return found

    def _outcome(
        self, status: int, found: BreakGlass, writes: tuple[Write, ...], changes: tuple[Change, ...] = ()
    ) -> Outcome:
        """Return what every act on a break-glass ends with; whoever is to hear of it is told from here."""
        now = self._means.clock.now()
        told = (break_glass_changed(found.id), elevation_changed(found.agent)) if writes else ()
        notice = (told_of(self._means.tell, found, now),) if writes else ()
        return Outcome(
            Reply(status, break_glass_view(found, now)),
            subject=found.agent,
            target=f"break-glass/{found.id}",
            detail=_detail(found),
            writes=(*writes, *notice),
            changes=(*told, *changes),
        )


def _used(key: RecoveryKey, begun: BreakGlass, now: int) -> Write:
    return use_key(key.id, begun.opened_by, begun.id, now=now)


def _detail(found: BreakGlass) -> dict[str, Detail]:
    detail: dict[str, Detail] = {
        "role": found.role,
        "reason": found.reason,
        "opened_by": found.opened_by,
        "seconds": found.seconds,
    }
    said: dict[str, Detail] = {
        "confirmed_by": found.confirmed_by,
        "key": found.key,
        "until": found.until,
    }
    return detail | {name: value for name, value in said.items() if value}


def _parse_reason(raw: str) -> str:
    reason = parse_reason(raw)
    if len(reason.strip()) < MIN_REASON_CHARS:
        raise MalformedBreakGlass(
            "reason", f"at least {MIN_REASON_CHARS} characters, for those who review it"
        )
    return reason


def _parse_seconds(raw: int) -> int:
    if not MIN_SECONDS <= raw <= MAX_SECONDS:
        raise MalformedBreakGlass("seconds", f"{MIN_SECONDS} to {MAX_SECONDS}")
    return raw
