# SPDX-License-Identifier: Apache-2.0
"""Directories: what operators say of them, and how one proves who it is.

A directory's token is made by an operator and shown once; a new one ends the one before.
"""

from typing import Final

import msgspec

from smartagent.crypto import b64u, sha256
from smartagent.edge import AuthenticationFailed, Inbound, Outcome, Reply, parse_json
from smartagent.governance.errors import MalformedSource, SourceNotFound
from smartagent.governance.means import Means
from smartagent.governance.model import DAY_SECONDS
from smartagent.governance.owners import Owners, shown_name
from smartagent.governance.people.model import OnLeave, Source
from smartagent.governance.people.store import (
    drop_source,
    put_source,
    read_people,
    read_source,
    read_sources,
    source_of_token,
)
from smartagent.governance.scim.schemas import BASE
from smartagent.kernel import Caller, CallerKind, rfc3339
from smartagent.policy import parse_name

PRINCIPAL: Final = "scim/"
TOKEN_PREFIX: Final = "sdt_"  # noqa: S105 -- how one begins, not one
MAX_DAYS: Final = 730
_TOKEN_BYTES: Final = 32
_PAGE: Final = 500
_MAX_ISSUER_CHARS: Final = 512


class SourceRequest(msgspec.Struct, frozen=True):
    """The body of `PUT /v1/scim-sources/{name}`.

    `heir` is the owner whom leavers' agents are reassigned to.  `issuer` is the outside issuer of the same people.
    """

    on_leave: OnLeave = OnLeave.SUSPEND
    heir: str = ""
    issuer: str = ""
    days: int = 365


class SourceView(msgspec.Struct, frozen=True):
    """A directory, as shown; never its token.  With `groups` it is an issuer, and has none."""

    name: str
    on_leave: OnLeave
    heir: str
    issuer: str
    expires_at: str
    changed_at: str
    changed_by: str
    groups: tuple[str, ...]


class MadeView(msgspec.Struct, frozen=True):
    """A directory with its token, shown once, and where the directory is to send."""

    source: SourceView
    token: str
    base_url: str


class SourceList(msgspec.Struct, frozen=True):
    """All directories by name."""

    sources: list[SourceView]


class PersonView(msgspec.Struct, frozen=True):
    """Somebody who can answer for agents, or could before they left."""

    id: str
    name: str
    source: str
    active: bool
    external_id: str


class PeopleList(msgspec.Struct, frozen=True):
    """All people of all directories who were not deleted."""

    people: list[PersonView]


class Sources:
    """The acts on directories."""

    def __init__(self, means: Means, owners: Owners) -> None:
        self._means = means
        self._owners = owners

    async def by_token(self, inbound: Inbound) -> Caller:
        """Authenticate a directory.

        Raises:
            AuthenticationFailed: The token is unknown, or its time is over.
        """
        scheme, _, token = inbound.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(TOKEN_PREFIX):
            raise AuthenticationFailed("no token of a directory")
        source = await source_of_token(self._means.database, sha256(token.encode()))
        if source is None:
            raise AuthenticationFailed("the directory's token is unknown")
        if self._means.clock.now() >= source.expires_at:
            raise AuthenticationFailed("the directory's token has expired")
        return Caller(
            principal=PRINCIPAL + source.name, kind=CallerKind.DIRECTORY, client_ip=inbound.client_ip
        )

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Let a directory tell of people, with a new token; what becomes of leavers' agents is said here.

        Raises:
            MalformedSource: The name, the days or the heir is none.
            GovernanceChanged: Somebody else changed it meanwhile.
        """
        asked = parse_json(inbound.body, SourceRequest)
        name = inbound.params["name"]
        await self._check(name, asked)
        known = await read_source(self._means.database, name)
        if known is not None and known.groups:
            raise MalformedSource("name", "an issuer whose groups are followed has this name")
        now = int(self._means.clock.now())
        source = Source(
            name=name,
            on_leave=asked.on_leave,
            heir=asked.heir,
            issuer=asked.issuer,
            expires_at=now + asked.days * DAY_SECONDS,
            version=known.version + 1 if known is not None else 1,
            changed_at=now,
            changed_by=caller.principal,
        )
        token = TOKEN_PREFIX + b64u(self._means.entropy(_TOKEN_BYTES))
        return Outcome(
            Reply(
                201,
                MadeView(_view(source), token, self._means.issuer + BASE),
                headers=(("cache-control", "no-store"),),
            ),
            target=f"scim/{name}",
            detail={"on_leave": source.on_leave.value, "heir": source.heir, "expires_at": source.expires_at},
            writes=(put_source(source, sha256(token.encode())),),
        )

    async def show_all(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List the directories."""
        return Outcome(
            Reply(200, SourceList([_view(each) for each in await read_sources(self._means.database)]))
        )

    async def drop(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Take no more word from a directory.  The people it told of stay as they are.

        Raises:
            SourceNotFound: There is none of this name.
        """
        name = inbound.params["name"]
        if await read_source(self._means.database, name) is None:
            raise SourceNotFound("look at the list")
        return Outcome(Reply(204), target=f"scim/{name}", writes=(drop_source(name),))

    async def people(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """List the people who can answer for agents, and those who left and were not deleted."""
        found: list[PersonView] = []
        for source in await read_sources(self._means.database):
            start = 0
            while page := await read_people(self._means.database, source.name, start=start, most=_PAGE):
                start += len(page)
                found += [
                    PersonView(
                        each.id, shown_name(each.document), source.name, each.is_here, each.external_id
                    )
                    for each in page
                ]
        return Outcome(Reply(200, PeopleList(found)))

    async def _check(self, name: str, asked: SourceRequest) -> None:
        try:
            parse_name(name)
        except ValueError as error:
            raise MalformedSource("name", str(error)) from None
        if not 1 <= asked.days <= MAX_DAYS:
            raise MalformedSource("days", f"1 to {MAX_DAYS}")
        if len(asked.issuer) > _MAX_ISSUER_CHARS:
            raise MalformedSource("issuer", f"at most {_MAX_ISSUER_CHARS} characters")
        if (asked.on_leave is OnLeave.REASSIGN) != bool(asked.heir):
            raise MalformedSource("heir", "somebody, where agents are reassigned, and nobody else")
        if asked.heir and not await self._owners.is_owner(asked.heir):
            raise MalformedSource("heir", "an operator, or a person who has not left")


def source_name(caller: Caller) -> str:
    """Return which directory calls."""
    return caller.principal.removeprefix(PRINCIPAL)


def _view(source: Source) -> SourceView:
    return SourceView(
        source.name,
        source.on_leave,
        source.heir,
        source.issuer,
        rfc3339(source.expires_at) if source.expires_at else "",
        rfc3339(source.changed_at),
        source.changed_by,
        source.groups,
    )
