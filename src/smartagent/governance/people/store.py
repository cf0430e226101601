# SPDX-License-Identifier: Apache-2.0
"""The tables `scim_sources`, `people`, `people_groups` and `group_members`, and everything that is said to them.

Of a directory's token only the hash is kept.
"""

from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from smartagent.governance.errors import GovernanceChanged, ScimStale, ScimTaken, SourceNotFound
from smartagent.governance.people.model import Group, Person, Source
from smartagent.kernel import Scalar, Write
from smartagent.storage import Database, metadata, new_values

scim_sources: Final = Table(
    "scim_sources",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("entry", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
)
people: Final = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("user_key", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("active", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger, nullable=False),
    UniqueConstraint("source", "user_key"),
    Index("people_external_id", "source", "external_id"),
)
people_groups: Final = Table(
    "people_groups",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
group_members: Final = Table(
    "group_members",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("person", Text, primary_key=True),
    Index("group_members_person", "person"),
)


class _SourceRow(msgspec.Struct, array_like=True):
    name: str
    token_hash: bytes
    entry: str
    version: int


_SOURCES: Final = select(scim_sources).order_by(scim_sources.c.name)
_SOURCE: Final = select(scim_sources).where(scim_sources.c.name == bindparam("old_name"))
_BY_TOKEN: Final = select(scim_sources).where(scim_sources.c.token_hash == bindparam("old_token_hash"))
_ADD_SOURCE: Final = insert(scim_sources).values(new_values(*_SourceRow.__struct_fields__))
_SET_SOURCE: Final = (
    update(scim_sources)
    .where(scim_sources.c.name == bindparam("old_name"), scim_sources.c.version == bindparam("old_version"))
    .values(new_values(*("token_hash", "entry", "version")))
)
_DROP_SOURCE: Final = delete(scim_sources).where(scim_sources.c.name == bindparam("old_name"))

_PERSON: Final = select(people).where(people.c.id == bindparam("old_id"))
_PERSON_BY_KEY: Final = select(people).where(
    people.c.source == bindparam("old_source"), people.c.user_key == bindparam("old_user_key")
)
_HERE: Final = select(people.c.id).where(people.c.active == 1, people.c.deleted_at == 0)
_GONE: Final = select(people).where((people.c.active == 0) | (people.c.deleted_at > 0))
_PEOPLE: Final = (
    select(people)
    .where(people.c.source == bindparam("old_source"), people.c.deleted_at == 0)
    .order_by(people.c.id)
    .limit(bindparam("most", type_=BigInteger()))
    .offset(bindparam("start", type_=BigInteger()))
)
_COUNT_PEOPLE: Final = (
    select(func.count())
    .select_from(people)
    .where(people.c.source == bindparam("old_source"), people.c.deleted_at == 0)
)
_ADD_PERSON: Final = insert(people).values(new_values(*Person.__struct_fields__))
_PERSON_FIELDS: Final = tuple(
    name for name in Person.__struct_fields__ if name not in {"id", "source", "created_at"}
)
_SET_PERSON: Final = (
    update(people)
    .where(people.c.id == bindparam("old_id"), people.c.version == bindparam("old_version"))
    .values(new_values(*_PERSON_FIELDS))
)

_GROUP: Final = select(people_groups).where(people_groups.c.id == bindparam("old_id"))
_GROUPS: Final = (
    select(people_groups)
    .where(people_groups.c.source == bindparam("old_source"))
    .order_by(people_groups.c.id)
    .limit(bindparam("most", type_=BigInteger()))
    .offset(bindparam("start", type_=BigInteger()))
)
_ADD_GROUP: Final = insert(people_groups).values(new_values(*Group.__struct_fields__))
_SET_GROUP: Final = (
    update(people_groups)
    .where(people_groups.c.id == bindparam("old_id"), people_groups.c.version == bindparam("old_version"))
    .values(new_values(*("external_id", "document", "version", "changed_at")))
)
_DROP_GROUP: Final = delete(people_groups).where(
    people_groups.c.id == bindparam("old_id"), people_groups.c.version == bindparam("old_version")
)
_MEMBERS: Final = (
    select(group_members.c.person)
    .where(group_members.c.group_id == bindparam("old_group"))
    .order_by(group_members.c.person)
)
_ADD_MEMBER: Final = insert(group_members).values(new_values(*("group_id", "person")))
_DROP_MEMBER: Final = delete(group_members).where(
    group_members.c.group_id == bindparam("old_group"), group_members.c.person == bindparam("old_person")
)
_DROP_MEMBERS: Final = delete(group_members).where(group_members.c.group_id == bindparam("old_group"))
_LEAVE_GROUPS: Final = delete(group_members).where(group_members.c.person == bindparam("old_person"))


def _source(row: _SourceRow) -> Source:
    return msgspec.json.decode(row.entry, type=Source)


async def read_sources(database: Database) -> list[Source]:
    """Read all directories by name.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [_source(row) for row in msgspec.convert(await database.fetch(_SOURCES), list[_SourceRow])]


async def read_source(database: Database, name: str) -> Source | None:
    """Read one directory.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = msgspec.convert(await database.fetch(_SOURCE, {"old_name": name}), list[_SourceRow])
    return _source(rows[0]) if rows else None


async def source_of_token(database: Database, token_hash: bytes) -> Source | None:
    """Read the directory whose token hashes to `token_hash`.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = msgspec.convert(await database.fetch(_BY_TOKEN, {"old_token_hash": token_hash}), list[_SourceRow])
    return _source(rows[0]) if rows else None


def put_source(source: Source, token_hash: bytes) -> Write:
    """Write a directory, with a new token, over the version before it."""
    values: dict[str, Scalar] = {
        "new_token_hash": token_hash,
        "new_entry": msgspec.json.encode(source).decode(),
        "new_version": source.version,
    }
    lost = GovernanceChanged(source.name)
    if source.version == 1:
        return Write(_ADD_SOURCE, values | {"new_name": source.name}, lost)
    return Write(_SET_SOURCE, values | {"old_name": source.name, "old_version": source.version - 1}, lost)


def drop_source(name: str) -> Write:
    """Take a directory no more word from; the people it told of stay."""
    return Write(_DROP_SOURCE, {"old_name": name}, SourceNotFound(name))


async def read_person(database: Database, person: str) -> Person | None:
    """Read one person, also one who was deleted.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_PERSON, {"old_id": person}), list[Person])
    return found[0] if found else None


async def person_named(database: Database, source: str, user_key: str) -> Person | None:
    """Read the person whom a directory calls so.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    parameters = {"old_source": source, "old_user_key": user_key}
    found = msgspec.convert(await database.fetch(_PERSON_BY_KEY, parameters), list[Person])
    return found[0] if found else None


async def read_people(database: Database, source: str, *, start: int, most: int) -> list[Person]:
    """Read a page of a directory's people in the order of their ids, after the first `start`.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    parameters: dict[str, Scalar] = {"old_source": source, "start": start, "most": most}
    return msgspec.convert(await database.fetch(_PEOPLE, parameters), list[Person])


async def count_people(database: Database, source: str) -> int:
    """Count a directory's people.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    rows = await database.fetch(_COUNT_PEOPLE, {"old_source": source})
    return msgspec.convert(rows[0][0], int)


async def read_here(database: Database) -> frozenset[str]:
    """Read the ids of all people who can answer for agents.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return frozenset(str(row[0]) for row in await database.fetch(_HERE))


async def read_gone(database: Database) -> list[Person]:
    """Read all people who have left.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return msgspec.convert(await database.fetch(_GONE), list[Person])


def put_person(person: Person) -> Write:
    """Write a person over the version before them; version 1 is a new one.  Lost when the name is another's."""
    values: dict[str, Scalar] = {f"new_{name}": getattr(person, name) for name in _PERSON_FIELDS}
    if person.version == 1:
        more: dict[str, Scalar] = {
            "new_id": person.id,
            "new_source": person.source,
            "new_created_at": person.created_at,
        }
        return Write(_ADD_PERSON, values | more, ScimTaken())
    seen: dict[str, Scalar] = {"old_id": person.id, "old_version": person.version - 1}
    return Write(_SET_PERSON, values | seen, ScimStale("read it again"))


def leave_groups(person: str) -> Write:
    """Take a person out of every group."""
    return Write(_LEAVE_GROUPS, {"old_person": person}, ScimStale("read it again"), rows=None)


async def read_group(database: Database, group: str) -> Group | None:
    """Read one group.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    found = msgspec.convert(await database.fetch(_GROUP, {"old_id": group}), list[Group])
    return found[0] if found else None


async def read_groups(database: Database, source: str, *, start: int, most: int) -> list[Group]:
    """Read a page of a directory's groups in the order of their ids, after the first `start`.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    parameters: dict[str, Scalar] = {"old_source": source, "start": start, "most": most}
    return msgspec.convert(await database.fetch(_GROUPS, parameters), list[Group])


async def read_members(database: Database, group: str) -> list[str]:
    """Read the ids of a group's people.

    Raises:
        StoreUnavailable: The store cannot be read.
    """
    return [str(row[0]) for row in await database.fetch(_MEMBERS, {"old_group": group})]


def put_group(group: Group, before: frozenset[str], after: frozenset[str]) -> tuple[Write, ...]:
    """Write a group over the version before it, and let its people be `after`."""
    stale = ScimStale("read it again")
    values: dict[str, Scalar] = {
        "new_external_id": group.external_id,
        "new_document": group.document,
        "new_version": group.version,
        "new_changed_at": group.changed_at,
    }
    if group.version == 1:
        more: dict[str, Scalar] = {
            "new_id": group.id,
            "new_source": group.source,
            "new_created_at": group.created_at,
        }
        kept = Write(_ADD_GROUP, values | more, stale)
    else:
        seen: dict[str, Scalar] = {"old_id": group.id, "old_version": group.version - 1}
        kept = Write(_SET_GROUP, values | seen, stale)
    gone = (
        Write(_DROP_MEMBER, {"old_group": group.id, "old_person": each}, stale, rows=None)
        for each in sorted(before - after)
    )
    come = (
        Write(_ADD_MEMBER, {"new_group_id": group.id, "new_person": each}, stale)
        for each in sorted(after - before)
    )
    return (kept, *gone, *come)


def drop_group(group: Group) -> tuple[Write, ...]:
    """Delete the version of a group that was seen."""
    stale = ScimStale("read it again")
    return (
        Write(_DROP_GROUP, {"old_id": group.id, "old_version": group.version}, stale),
        Write(_DROP_MEMBERS, {"old_group": group.id}, stale, rows=None),
    )
