# SPDX-License-Identifier: Apache-2.0
"""Asking for access, and deciding about it.

Accepting is one commit with what it gives: a new version of the role, or a role of its own and an elevation to it.
Of two who decide at once, one does.
"""

from typing import Final

import msgspec
from msgspec import structs

from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_form, parse_json
from smartagent.governance.access.drafting import draft_of, named_anew, wish_of
from smartagent.governance.access.looking import Looking, wished
from smartagent.governance.access.model import EXPIRY_SECONDS, AccessRequest, Decided, Wish
from smartagent.governance.access.store import (
    add_request,
    ask_again,
    close_request,
    granted_is_gone,
    read_granting,
    read_request,
    read_requests,
)
from smartagent.governance.access.views import (
    AccessAsked,
    AccessDecision,
    AccessRequestList,
    AskedView,
    RefusalReason,
    request_view,
)
from smartagent.governance.elevation.desk import MAX_SECONDS, MIN_SECONDS
from smartagent.governance.elevation.granting import active_agent, beginning
from smartagent.governance.elevation.model import Elevation
from smartagent.governance.elevation.store import elevation_changed, read_elevation
from smartagent.governance.errors import (
    AccessRequestNotFound,
    GovernanceError,
    MalformedAccessRequest,
    NotDenied,
    TooManyRequests,
)
from smartagent.governance.means import Means
from smartagent.identity import parse_reason, read_agent
from smartagent.kernel import (
    Caller,
    CallerKind,
    Change,
    Decision,
    Detail,
    IdPrefix,
    Record,
    SmartAgentError,
    Work,
    Write,
    made_at_ms,
    parse_id,
)
from smartagent.notices import NoticeKind
from smartagent.policy import PolicyError, Wording

MAX_TEXT_CHARS: Final = 1000
MAX_OPEN: Final = 20
DENIED_WITHIN_SECONDS: Final = 86_400
EXPIRED: Final = "access-request.expired"
TAKEN: Final = "access-request.role-taken-away"
_MAX_ROLE_CHARS: Final = 40


class Prepared(msgspec.Struct, frozen=True):
    """A request that is to be written, or one that was open and is asked for once more."""

    request: AccessRequest
    writes: tuple[Write, ...]

    @property
    def view(self) -> AskedView:
        """What the agent is told."""
        request = self.request
        return AskedView(request.id, request.wanted, request.times, "waits for an operator")


class Access:
    """The acts on requests for access."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._looking = Looking(means)

    async def prepare(self, caller: Caller, asked: AccessAsked) -> Prepared:
        """Say what is to be written so that `caller` has asked.  The same wish joins one that is open.

        Raises:
            MalformedAccessRequest: It says nothing, too much, or both of what it may say.
            NotDenied: No request of the caller has this id that a rule denied within the last day.
            TooManyRequests: So many of the caller's wait already.
        """
        _check(asked)
        agent = await read_agent(self._means.database, caller.principal)
        if caller.kind is not CallerKind.AGENT or agent is None:
            raise MalformedAccessRequest("request", "agents ask for access, and nobody else")
        wish, circumstances = Wish(), "{}"
        if asked.request:
            wish, circumstances = await self._denied(agent.id, asked.request)
        wanted = asked.wanted or str(wish)
        waiting = await read_requests(self._means.database, agent.id)
        for each in waiting:
            if (each.role, each.wanted, wished(each)) == (agent.role, wanted, wish):
                return Prepared(structs.replace(each, times=each.times + 1), (ask_again(each.id),))
        if len(waiting) >= MAX_OPEN:
            raise TooManyRequests(MAX_OPEN)
        request = AccessRequest(
            id=self._means.ids.new(IdPrefix.REQUEST),
            agent=agent.id,
            role=agent.role,
            wanted=wanted,
            reason=asked.reason,
            created_at=int(self._means.clock.now()),
            request=asked.request,
            wish=msgspec.json.encode(wish).decode(),
            circumstances=circumstances,
        )
        return Prepared(request, (add_request(request), self._told(request)))

    async def ask(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Ask for access to what was denied.

        Raises:
            SmartAgentError: As `prepare`.
        """
        prepared = await self.prepare(caller, parse_json(inbound.body, AccessAsked))
        return Outcome(
            Reply(201 if prepared.request.times == 1 else 200, prepared.view),
            subject=caller.principal,
            target=_target(prepared.request),
            writes=prepared.writes,
        )

    async def show_all(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List what agents ask for."""
        found = await read_requests(self._means.database)
        return Outcome(Reply(200, AccessRequestList([request_view(each) for each in found])))

    async def show(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show a request, with the role file that would allow it; `path` in the query is a wider pattern.

        Raises:
            AccessRequestNotFound: There is none with this id.
            MalformedRequest: The query has another field.
        """
        request = await self._known(inbound)
        fields = parse_form(inbound.query.encode("utf-8", "replace"))
        if fields.keys() - {"path"}:
            raise MalformedRequest("the query is `path`, a pattern")
        detail = await self._looking.detail_of(request, fields.get("path", ""))
        return Outcome(Reply(200, detail), subject=request.agent, target=_target(request))

    async def accept(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Give what is asked for, or what the operator makes of it: for good, or for a while.

        Raises:
            AccessRequestNotFound: None is open by this id, or somebody decided at this instant.
            NoDraft: There is none, and no role file is given.
            RoleNotFound: The role is gone.
            MalformedRoleFile: The role file is none.
            GrantsEverything: It does, and the role before it does not.
            PolicyChanged: Somebody else changed the role meanwhile.
            MalformedElevation: The time is none, or the agent is not active.
            ElevatedAlready: The agent has another elevation.
        """
        asked = parse_json(inbound.body, AccessDecision)
        request = await self._open(inbound)
        stored = self._means.book.role(request.role)
        text = asked.role_file or draft_of(stored.role_file, wished(request), asked.path)
        closed = self._closed(request, Decided.ACCEPTED, caller, asked.reason)
        why = f"access request {request.id}: {asked.reason}"[:255]
        wording = Wording(text, stored.allow_broad, why)
        if asked.seconds:
            return await self._for_a_while(closed, wording, caller, asked.seconds)
        accepted = await self._means.roles.accept(request.role, wording, caller.principal, stored.version)
        detail: dict[str, Detail] = {"role": request.role, "version": accepted.stored.version}
        return _decided(closed, detail, accepted.writes, accepted.changes)

    async def refuse(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Give nothing.

        Raises:
            AccessRequestNotFound: None is open by this id, or somebody decided at this instant.
        """
        asked = parse_json(inbound.body or b"{}", RefusalReason)
        request = await self._open(inbound)
        return _decided(self._closed(request, Decided.REFUSED, caller, asked.reason), {}, (), ())

    async def tend(self, now: float) -> None:
        """Close what nobody decided for a week, and take roles away whose elevation is over.

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        for request in await read_requests(self._means.database):
            if now >= request.created_at + EXPIRY_SECONDS:
                expired = structs.replace(request, closed_at=int(now), decision=Decided.EXPIRED.value)
                await self._commit(EXPIRED, request, (close_request(expired),), (), now)
        for request in await read_granting(self._means.database):
            elevation = await read_elevation(self._means.database, request.elevation)
            if elevation is not None and not elevation.ended_at:
                continue
            writes: tuple[Write, ...] = (granted_is_gone(request.id),)
            changes: tuple[Change, ...] = ()
            if self._means.book.known_role(request.granted) is not None:
                gone = self._means.roles.retire(request.granted, "its elevation is over", request.closed_by)
                writes, changes = (*writes, *gone.writes), gone.changes
            await self._commit(TAKEN, request, writes, changes, now)

    async def _for_a_while(
        self, closed: AccessRequest, wording: Wording, caller: Caller, seconds: int
    ) -> Outcome:
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise MalformedAccessRequest("seconds", f"{MIN_SECONDS} to {MAX_SECONDS}; 0: for good")
        name = f"{closed.role[:_MAX_ROLE_CHARS].rstrip('-')}-{closed.id[-8:]}"
        own = structs.replace(wording, text=named_anew(wording.text, name))
        accepted = await self._means.roles.accept(name, own, caller.principal, 0)
        agent = await active_agent(self._means, closed.agent)
        now = self._means.clock.now()
        elevation = Elevation(
            id=self._means.ids.new(IdPrefix.ELEVATION),
            agent=agent.id,
            role=name,
            reason=wording.reason,
            created_by=caller.principal,
            created_at_ms=int(now * 1000),
            until=int(now) + seconds,
        )
        closed = structs.replace(closed, elevation=elevation.id, granted=name)
        detail: dict[str, Detail] = {"role": name, "elevation_id": elevation.id, "until": elevation.until}
        writes = (*accepted.writes, *await beginning(self._means, elevation))
        return _decided(closed, detail, writes, (*accepted.changes, elevation_changed(agent.id)))

    async def _denied(self, agent: str, request: str) -> tuple[Wish, str]:
        """Return what was denied to an agent, and under which circumstances."""
        since = int(self._means.clock.now() - DENIED_WITHIN_SECONDS) * 1000
        if _made_at_ms(request) >= since:
            for record in await self._means.records_of(agent, since):
                wish = wish_of(record) if (record.request, record.caller) == (request, agent) else None
                if wish is not None:
                    return wish, msgspec.json.encode(record.detail).decode()
        raise NotDenied("a request of your own that a rule denied within the last day")

    def _told(self, request: AccessRequest) -> Write:
        lines = (
            f"Wanted: {request.wanted}",
            f"Reason: {request.reason}",
            f"smartagentctl access show {request.id}",
        )
        title = f"{request.agent} asks for access that {request.role} does not have"
        link = f"/v1/access-requests/{request.id}"
        return self._means.tell(NoticeKind.APPROVALS, request.id, title, lines, link)

    async def _known(self, inbound: Inbound) -> AccessRequest:
        request = await read_request(self._means.database, inbound.params["id"])
        if request is None:
            raise AccessRequestNotFound("look at the list")
        return request

    async def _open(self, inbound: Inbound) -> AccessRequest:
        request = await self._known(inbound)
        if request.closed_at:
            raise AccessRequestNotFound("it was decided before")
        return request

    def _closed(self, request: AccessRequest, decided: Decided, caller: Caller, reason: str) -> AccessRequest:
        return structs.replace(
            request,
            closed_at=int(self._means.clock.now()),
            closed_by=caller.principal,
            decision=decided.value,
            note=parse_reason(reason),
        )

    async def _commit(
        self,
        event: str,
        request: AccessRequest,
        writes: tuple[Write, ...],
        changes: tuple[Change, ...],
        now: float,
    ) -> None:
        record = Record(
            event=event,
            at_ms=int(now * 1000),
            request="",
            subject=request.agent,
            target=_target(request),
            decision=Decision.PERMIT,
            rule="governance",
            detail={"role": request.granted or request.role},
        )
        try:
            await self._means.ledger.commit(Work((record,), writes=writes, changes=changes))
        except (GovernanceError, PolicyError):
            # Somebody was there at this instant: it is looked at again.
            return


def _decided(
    closed: AccessRequest,
    detail: dict[str, Detail],
    writes: tuple[Write, ...],
    changes: tuple[Change, ...],
) -> Outcome:
    """Return what every decision ends with; whoever is to hear of it is told from here."""
    return Outcome(
        Reply(200, request_view(closed)),
        subject=closed.agent,
        target=_target(closed),
        detail={"decision": closed.decision, "wanted": str(wished(closed)), "reason": closed.note, **detail},
        writes=(close_request(closed), *writes),
        changes=changes,
    )


def _check(asked: AccessAsked) -> None:
    if bool(asked.request) == bool(asked.wanted):
        raise MalformedAccessRequest("request", "the id of a denied request, or `wanted` in your own words")
    for name, text in (("reason", asked.reason), ("wanted", asked.wanted or "x")):
        if not 0 < len(text) <= MAX_TEXT_CHARS:
            raise MalformedAccessRequest(name, f"1 to {MAX_TEXT_CHARS} characters")


def _made_at_ms(request: str) -> int:
    try:
        return made_at_ms(parse_id(request, IdPrefix.REQUEST))
    except SmartAgentError:
        return 0


def _target(request: AccessRequest) -> str:
    return f"access-request/{request.id}"
