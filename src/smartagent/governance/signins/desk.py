# SPDX-License-Identifier: Apache-2.0
"""Issuers whose groups say who can answer for agents, and people who sign in with their ID tokens.

A person is here while their newest ID token names one of the groups, and for so many days after it: whoever does not
come again has left.
"""

from typing import Final

import msgspec
from msgspec import structs

from smartagent.crypto import sha256
from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.federation import Foreign, Purpose, person_id
from smartagent.governance.errors import (
    GovernanceError,
    IssuerNotFollowed,
    MalformedSource,
)
from smartagent.governance.leaving import EVENT, Leaving
from smartagent.governance.means import Means
from smartagent.governance.model import DAY_SECONDS
from smartagent.governance.owners import Owners
from smartagent.governance.people.model import OnLeave, Person, Source
from smartagent.governance.people.store import (
    put_person,
    put_source,
    read_people,
    read_person,
    read_source,
    read_sources,
)
from smartagent.governance.signins.rules import Step, groups_in, issued_at, name_in, step_of
from smartagent.identity import AgentChanged
from smartagent.kernel import Caller, Decision, Record, Work
from smartagent.policy import parse_name

JOINED: Final = "owner.joined"
MAX_FRESH_DAYS: Final = 366
LOOK_SECONDS: Final = 30.0
_MAX_TEXT: Final = 255
_MAX_GROUPS: Final = 64
_PAGE: Final = 500
_HASHED_BYTES: Final = 32


class GroupSourceRequest(msgspec.Struct, frozen=True):
    """The body of `PUT /v1/group-sources/{name}`: whoever is in one of `groups` can answer for agents.

    `issuer` is trusted for people.  `claim` is where its ID tokens name groups.
    """

    issuer: str
    groups: tuple[str, ...]
    claim: str = "groups"
    on_leave: OnLeave = OnLeave.SUSPEND
    heir: str = ""
    fresh_days: int = 30


class GroupSourceView(msgspec.Struct, frozen=True):
    """An issuer whose groups are followed, as shown."""

    name: str
    issuer: str
    groups: tuple[str, ...]
    claim: str
    on_leave: OnLeave
    heir: str
    fresh_days: int


class SignInRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/people/sign-ins`."""

    id_token: str

    def __repr__(self) -> str:
        return "SignInRequest(********)"


class SignInView(msgspec.Struct, frozen=True):
    """What came of a sign-in.  `here` says whether the person can answer for agents."""

    person: str
    here: bool
    step: Step


class SignIns:
    """The acts on group sources and sign-ins."""

    def __init__(self, means: Means, owners: Owners, leaving: Leaving) -> None:
        self._means = means
        self._owners = owners
        self._leaving = leaving
        self._look_at = 0.0

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Let an issuer's groups say who can answer for agents.

        Raises:
            MalformedSource: A member is none, or the name or the issuer is another source's.
            GovernanceChanged: Somebody else changed it meanwhile.
        """
        asked = parse_json(inbound.body, GroupSourceRequest)
        name = inbound.params["name"]
        known = await self._checked(name, asked)
        now = int(self._means.clock.now())
        source = Source(
            name=name,
            on_leave=asked.on_leave,
            heir=asked.heir,
            issuer=asked.issuer,
            expires_at=0,
            version=known.version + 1 if known is not None else 1,
            changed_at=now,
            changed_by=caller.principal,
            groups=asked.groups,
            claim=asked.claim,
            fresh_seconds=asked.fresh_days * DAY_SECONDS,
        )
        # Nobody has a token that hashes to this: no directory sends anything here.
        nobodys = sha256(self._means.entropy(_HASHED_BYTES))
        return Outcome(
            Reply(200 if known is not None else 201, _view(source)),
            target=f"group-source/{name}",
            detail={"issuer": source.issuer, "groups": ", ".join(source.groups)[:_MAX_TEXT]},
            writes=(put_source(source, nobodys),),
        )

    async def sign_in(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Take what an ID token says of its person's groups.

        Raises:
            AuthenticationFailed: It is no ID token of an issuer that is trusted for people.
            IssuerNotFollowed: Its issuer's groups say nothing here.
            MalformedSignIn: It names no groups, or not when it was made.
            ScimStale: The person signed in somewhere else at this instant.
        """
        asked = parse_json(inbound.body, SignInRequest)
        now = self._means.clock.now()
        foreign = await self._means.outside(asked.id_token, purpose=Purpose.PERSON, now=now)
        source = await self._following(foreign.issuer.issuer)
        groups, at = groups_in(foreign.claims, source.claim), issued_at(foreign.claims)
        known = await read_person(self._means.database, person_id(source.issuer, foreign.sub))
        step = step_of(source, known, groups, at)
        person = _person_of(source, foreign, known, at, is_here=step is not Step.LEAVE)
        if step is Step.NONE:
            here = known is not None and known.is_here
            return self._outcome(source, structs.replace(person, active=int(here)), step)
        outcome = self._outcome(source, person, step)
        if step is not Step.LEAVE:
            return structs.replace(outcome, writes=(put_person(person),))
        left = await self._leaving.of(person, _unlinked(source), now)
        return structs.replace(
            outcome,
            detail={**outcome.detail, "agents": left.agents},
            writes=(put_person(person), *left.writes),
            changes=left.changes,
        )

    async def tend(self, now: float) -> None:
        """Let whoever did not sign in for too long have left, at `now` (Unix seconds).

        Raises:
            StoreUnavailable: The store cannot be asked.
        """
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        for source in await read_sources(self._means.database):
            start = 0
            while source.groups and (
                page := await read_people(self._means.database, source.name, start=start, most=_PAGE)
            ):
                start += len(page)
                for person in page:
                    if person.is_here and now >= person.changed_at + source.fresh_seconds:
                        await self._lapse(source, person, now)

    async def _lapse(self, source: Source, person: Person, now: float) -> None:
        gone = structs.replace(person, active=0, version=person.version + 1)
        left = await self._leaving.of(gone, _unlinked(source), now)
        record = Record(
            event=EVENT,
            at_ms=int(now * 1000),
            request="",
            subject=person.id,
            target=f"group-source/{source.name}",
            decision=Decision.PERMIT,
            rule="governance",
            detail={"agents": left.agents, "reason": "no sign-in"},
        )
        try:
            await self._means.ledger.commit(
                Work((record,), writes=(put_person(gone), *left.writes), changes=left.changes)
            )
        except (GovernanceError, AgentChanged):
            # They signed in, or somebody changed an agent, at this instant: it is looked at again.
            return

    async def _following(self, issuer: str) -> Source:
        for source in await read_sources(self._means.database):
            if source.groups and source.issuer == issuer:
                return source
        raise IssuerNotFollowed("an operator says which groups count")

    async def _checked(self, name: str, asked: GroupSourceRequest) -> Source | None:
        """Return the source of this name, when it may be written so."""
        try:
            parse_name(name)
        except ValueError as error:
            raise MalformedSource("name", str(error)) from None
        texts = (asked.issuer, asked.claim, *asked.groups)
        if not all(0 < len(text) <= _MAX_TEXT and text.isprintable() for text in texts):
            raise MalformedSource("groups", f"issuer, claim and groups have 1 to {_MAX_TEXT} characters")
        if not 0 < len(asked.groups) <= _MAX_GROUPS:
            raise MalformedSource("groups", f"1 to {_MAX_GROUPS} of them")
        if not 1 <= asked.fresh_days <= MAX_FRESH_DAYS:
            raise MalformedSource("fresh_days", f"1 to {MAX_FRESH_DAYS}")
        await self._check_heir(asked)
        known = await read_source(self._means.database, name)
        if known is not None and not known.groups:
            raise MalformedSource("name", "a directory that speaks SCIM has this name")
        others = await read_sources(self._means.database)
        if any(each.groups and each.issuer == asked.issuer and each.name != name for each in others):
            raise MalformedSource("issuer", "its groups are followed under another name")
        return known

    async def _check_heir(self, asked: GroupSourceRequest) -> None:
        if (asked.on_leave is OnLeave.REASSIGN) != bool(asked.heir):
            raise MalformedSource("heir", "somebody, where agents are reassigned, and nobody else")
        if asked.heir and not await self._owners.is_owner(asked.heir):
            raise MalformedSource("heir", "an operator, or a person who has not left")

    def _outcome(self, source: Source, person: Person, step: Step) -> Outcome:
        return Outcome(
            Reply(200, SignInView(person.id, person.is_here, step)),
            subject=person.id,
            target=f"group-source/{source.name}",
            detail={"step": step.value},
        )


def _person_of(source: Source, foreign: Foreign, known: Person | None, at: int, *, is_here: bool) -> Person:
    name = name_in(foreign.claims, foreign.sub)
    return Person(
        id=person_id(source.issuer, foreign.sub),
        source=source.name,
        user_key=foreign.sub,
        external_id=foreign.sub,
        active=int(is_here),
        document=msgspec.json.encode({"userName": foreign.sub, "displayName": name}).decode(),
        version=known.version + 1 if known is not None else 1,
        created_at=known.created_at if known is not None else at,
        changed_at=at,
    )


def _unlinked(source: Source) -> Source:
    # The person's id is the issuer's for them: what they gave others ends with it, and need not be named twice.
    return structs.replace(source, issuer="")


def _view(source: Source) -> GroupSourceView:
    return GroupSourceView(
        source.name,
        source.issuer,
        source.groups,
        source.claim,
        source.on_leave,
        source.heir,
        source.fresh_seconds // DAY_SECONDS,
    )
