# SPDX-License-Identifier: Apache-2.0
"""Groups of people, as a directory tells of them."""

from typing import Final

import msgspec
from msgspec import structs

from smartagent.edge import Inbound, Outcome, Reply
from smartagent.governance.errors import ScimMalformed, ScimNotFound
from smartagent.governance.means import Means
from smartagent.governance.people.model import Group
from smartagent.governance.people.store import (
    drop_group,
    put_group,
    read_group,
    read_groups,
    read_members,
    read_person,
)
from smartagent.governance.scim.answers import (
    Kept,
    answer,
    check_version,
    listed,
    parse_body,
    parse_query,
    represented,
)
from smartagent.governance.scim.documents import taken
from smartagent.governance.scim.filters import parse_filter
from smartagent.governance.scim.patching import patched
from smartagent.governance.scim.schemas import BASE, GROUPS, USERS, Document
from smartagent.governance.scim.sources import source_name
from smartagent.kernel import Caller, IdPrefix

MAX_MEMBERS: Final = 10_000
_PAGE: Final = 500


class Groups:
    """The acts on groups."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def create(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take in a group.

        Raises:
            ScimMalformed: The body is no group, or somebody in it is nobody of the directory.
        """
        now = int(self._means.clock.now())
        document = taken(parse_body(inbound), GROUPS)
        group = Group(
            id=self._means.ids.new(IdPrefix.GROUP),
            source=source_name(caller),
            external_id=str(document.get("externalId", "")),
            document="",
            version=1,
            created_at=now,
            changed_at=now,
        )
        return await self._written(201, group, document, frozenset(), inbound)

    async def list_all(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a page of the directory's groups.

        Raises:
            ScimMalformed: The filter or a parameter is none.
        """
        query = parse_query(inbound.query)
        test = parse_filter(query.filter) if query.filter else None
        found: list[Document] = []
        start = 0
        while True:
            page = await read_groups(self._means.database, source_name(caller), start=start, most=_PAGE)
            start += len(page)
            for group in page:
                shown = await self._shown(group)
                if test is None or test(shown):
                    found.append(shown)
            if len(page) < _PAGE:
                break
        wanted = found[query.start - 1 : query.start - 1 + query.count]
        return Outcome(listed(wanted, len(found), query))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show one group.

        Raises:
            ScimNotFound: The directory has no group of this id.
        """
        group = await self._known(caller, inbound)
        return Outcome(answer(200, await self._shown(group), parse_query(inbound.query)), subject=group.id)

    async def replace(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Write all of a group anew.

        Raises:
            ScimNotFound: The directory has no group of this id.
            ScimMalformed: The body is no group, or somebody in it is nobody of the directory.
            ScimStale: The group is of another version.
        """
        group = await self._known(caller, inbound)
        return await self._changed(group, taken(parse_body(inbound), GROUPS), inbound)

    async def patch(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Change some of a group.

        Raises:
            ScimNotFound: The directory has no group of this id.
            ScimMalformed: The body is no PATCH, or what comes of it is no group.
            ScimStale: The group is of another version.
        """
        group = await self._known(caller, inbound)
        before = msgspec.json.decode(group.document, type=dict[str, object])
        members = [{"value": each} for each in await read_members(self._means.database, group.id)]
        if members:
            before["members"] = members
        return await self._changed(group, patched(before, parse_body(inbound), GROUPS), inbound)

    async def delete(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Forget a group; its people stay.

        Raises:
            ScimNotFound: The directory has no group of this id.
            ScimStale: The group is of another version.
        """
        group = await self._known(caller, inbound)
        check_version(inbound, group.version)
        return Outcome(Reply(204), subject=group.id, target=f"scim/{group.source}", writes=drop_group(group))

    async def _changed(self, group: Group, document: Document, inbound: Inbound) -> Outcome:
        check_version(inbound, group.version)
        changed = structs.replace(
            group,
            external_id=str(document.get("externalId", "")),
            version=group.version + 1,
            changed_at=int(self._means.clock.now()),
        )
        before = frozenset(await read_members(self._means.database, group.id))
        return await self._written(200, changed, document, before, inbound)

    async def _written(
        self, status: int, group: Group, document: Document, before: frozenset[str], inbound: Inbound
    ) -> Outcome:
        after = await self._members(group.source, document.pop("members", None), before)
        written = structs.replace(group, document=msgspec.json.encode(document).decode())
        shown = self._represented(written, sorted(after))
        return Outcome(
            answer(status, shown, parse_query(inbound.query)),
            subject=group.id,
            target=f"scim/{group.source}",
            detail={"members": len(after)},
            writes=put_group(written, before, after),
        )

    async def _members(self, source: str, members: object, before: frozenset[str]) -> frozenset[str]:
        """Return the ids of those who are to be members; who is new must be known.

        Raises:
            ScimMalformed: They are too many, or somebody is not known.
        """
        named = members if isinstance(members, list) else []
        if len(named) > MAX_MEMBERS:
            raise ScimMalformed(f"a group has at most {MAX_MEMBERS} members", "tooMany")
        ids = frozenset(str(each.get("value", "")) for each in named if isinstance(each, dict))
        for each in sorted(ids - before):
            person = await read_person(self._means.database, each)
            if person is None or person.deleted_at or person.source != source:
                raise ScimMalformed("a member is a user of this directory", "invalidValue")
        return ids

    async def _known(self, caller: Caller, inbound: Inbound) -> Group:
        group = await read_group(self._means.database, inbound.params["id"])
        if group is None or group.source != source_name(caller):
            raise ScimNotFound("no group has this id")
        return group

    async def _shown(self, group: Group) -> Document:
        return self._represented(group, await read_members(self._means.database, group.id))

    def _represented(self, group: Group, members: list[str]) -> Document:
        document = msgspec.json.decode(group.document, type=dict[str, object])
        if members:
            users = f"{self._means.issuer}{BASE}{USERS.endpoint}/"
            document["members"] = [
                {"value": each, "$ref": users + each, "type": USERS.name} for each in members
            ]
        kept = Kept(group.id, group.version, group.created_at, group.changed_at)
        return represented(kept, document, GROUPS, self._means.issuer)
