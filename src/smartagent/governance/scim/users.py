# SPDX-License-Identifier: Apache-2.0
"""People, as a directory tells of them.  Who becomes inactive or is deleted has left, in the same commit.

Words that come twice or in another order do no harm: who left has left, and somebody who comes back answers for no
agent by that alone; agents that were suspended stay so until an operator resumes them.
"""

from typing import Final

import msgspec
from msgspec import structs

from smartagent.edge import Inbound, Outcome, Reply
from smartagent.governance.errors import ScimNotFound
from smartagent.governance.leaving import EVENT, Leaving, Left
from smartagent.governance.means import Means
from smartagent.governance.people.model import Person
from smartagent.governance.people.store import (
    count_people,
    leave_groups,
    person_named,
    put_person,
    read_people,
    read_person,
    read_source,
)
from smartagent.governance.scim.answers import (
    Kept,
    Query,
    answer,
    check_version,
    listed,
    parse_body,
    parse_query,
    represented,
)
from smartagent.governance.scim.documents import taken
from smartagent.governance.scim.filters import equal_to, parse_filter
from smartagent.governance.scim.patching import patched
from smartagent.governance.scim.schemas import USERS, Document
from smartagent.governance.scim.sources import source_name
from smartagent.kernel import Caller, IdPrefix, Write

PAGE: Final = 500


class Users:
    """The acts on people."""

    def __init__(self, means: Means, leaving: Leaving) -> None:
        self._means = means
        self._leaving = leaving

    async def create(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take in a person.

        Raises:
            ScimMalformed: The body is no user.
            ScimTaken: The directory calls somebody so already.
        """
        query = parse_query(inbound.query)
        document = taken(parse_body(inbound), USERS)
        now = int(self._means.clock.now())
        person = Person(
            id=self._means.ids.new(IdPrefix.PERSON),
            source=source_name(caller),
            user_key=str(document["userName"]).lower(),
            external_id=str(document.get("externalId", "")),
            active=int(document.setdefault("active", True) is True),
            document=msgspec.json.encode(document).decode(),
            version=1,
            created_at=now,
            changed_at=now,
        )
        return Outcome(
            answer(201, self._shown(person), query),
            subject=person.id,
            target=f"scim/{person.source}",
            detail={"active": person.active},
            writes=(put_person(person),),
        )

    async def list_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a page of the directory's people.

        Raises:
            ScimMalformed: The filter or a parameter is none.
        """
        query = parse_query(inbound.query)
        source = source_name(caller)
        if not query.filter:
            total = await count_people(self._means.database, source)
            page = await read_people(
                self._means.database, source, start=query.start - 1, most=max(query.count, 0)
            )
            return Outcome(listed([self._shown(each) for each in page], total, query))
        found = [
            shown for shown in await self._candidates(source, query) if parse_filter(query.filter)(shown)
        ]
        page_of = found[query.start - 1 : query.start - 1 + query.count]
        return Outcome(listed(page_of, len(found), query))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show one person.

        Raises:
            ScimNotFound: The directory knows nobody of this id.
        """
        person = await self._known(caller, inbound)
        reply = answer(200, self._shown(person), parse_query(inbound.query))
        return Outcome(reply, subject=person.id)

    async def replace(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write all of a person anew.

        Raises:
            ScimNotFound: The directory knows nobody of this id.
            ScimMalformed: The body is no user.
            ScimTaken: The directory calls somebody else so.
            ScimStale: The person is of another version.
        """
        person = await self._known(caller, inbound)
        document = taken(parse_body(inbound), USERS)
        document.setdefault("active", True)
        return await self._changed(person, document, inbound)

    async def patch(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Change some of a person.

        Raises:
            ScimNotFound: The directory knows nobody of this id.
            ScimMalformed: The body is no PATCH, or what comes of it is no user.
            ScimTaken: The directory calls somebody else so.
            ScimStale: The person is of another version.
        """
        person = await self._known(caller, inbound)
        before = msgspec.json.decode(person.document, type=dict[str, object])
        document = patched(before, parse_body(inbound), USERS)
        return await self._changed(person, document, inbound)

    async def delete(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Let a person have left for good.

        Raises:
            ScimNotFound: The directory knows nobody of this id.
            ScimStale: The person is of another version.
        """
        person = await self._known(caller, inbound)
        check_version(inbound, person.version)
        now = self._means.clock.now()
        gone = structs.replace(
            person,
            # The name is free for somebody else from now on.
            user_key=f"deleted:{person.id}",
            active=0,
            version=person.version + 1,
            changed_at=int(now),
            deleted_at=int(now),
        )
        left = await self._left(gone, now)
        return _outcome(Reply(204), gone, left, (put_person(gone), leave_groups(gone.id)))

    async def _changed(self, person: Person, document: Document, inbound: Inbound) -> Outcome:
        check_version(inbound, person.version)
        now = self._means.clock.now()
        changed = structs.replace(
            person,
            user_key=str(document["userName"]).lower(),
            external_id=str(document.get("externalId", "")),
            active=int(document.get("active", True) is True),
            document=msgspec.json.encode(document).decode(),
            version=person.version + 1,
            changed_at=int(now),
        )
        left = None if changed.active else await self._left(changed, now)
        reply = answer(200, self._shown(changed), parse_query(inbound.query))
        return _outcome(reply, changed, left, (put_person(changed),))

    async def _left(self, person: Person, now: float) -> Left:
        source = await read_source(self._means.database, person.source)
        return await self._leaving.of(person, source, now)

    async def _candidates(self, source: str, query: Query) -> list[Document]:
        """Return who might be meant: one person where the filter names one, all of the directory else."""
        named = equal_to(query.filter)
        if named is not None and named[0] == "username":
            person = await person_named(self._means.database, source, named[1].lower())
            return [] if person is None else [self._shown(person)]
        found: list[Document] = []
        while True:
            page = await read_people(self._means.database, source, start=len(found), most=PAGE)
            found += [self._shown(each) for each in page]
            if len(page) < PAGE:
                return found

    async def _known(self, caller: Caller, inbound: Inbound) -> Person:
        person = await read_person(self._means.database, inbound.params["id"])
        if person is None or person.deleted_at or person.source != source_name(caller):
            raise ScimNotFound("no user has this id")
        return person

    def _shown(self, person: Person) -> Document:
        document = msgspec.json.decode(person.document, type=dict[str, object])
        kept = Kept(person.id, person.version, person.created_at, person.changed_at)
        return represented(kept, document, USERS, self._means.issuer)


def _outcome(reply: Reply, person: Person, left: Left | None, writes: tuple[Write, ...]) -> Outcome:
    return Outcome(
        reply,
        event=EVENT if left is not None else "",
        subject=person.id,
        target=f"scim/{person.source}",
        detail={"active": person.active} if left is None else {"active": 0, "agents": left.agents},
        writes=writes if left is None else (*writes, *left.writes),
        changes=() if left is None else left.changes,
    )
