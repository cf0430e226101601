# SPDX-License-Identifier: Apache-2.0
"""The room's tables, and everything that is said to them.

Of codes, sessions and refresh tokens only hashes are kept.  Whatever works once is used by an UPDATE that
names that it is unused, so of many nodes one uses it and the others lose.
"""

from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from smartagent.consent.errors import GrantChanged, RequestGone, SignInFailed
from smartagent.consent.model import Code, Grant, Pending, Refresh, Session
from smartagent.kernel import Scalar, SmartAgentError, Write
from smartagent.storage import Database, metadata, new_values

PAGE: Final = 100

sign_in_codes: Final = Table(
    "sign_in_codes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
browser_sessions: Final = Table(
    "browser_sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("auth_time", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
authorization_requests: Final = Table(
    "authorization_requests",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
authorization_codes: Final = Table(
    "authorization_codes",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("grant_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)
consent_grants: Final = Table(
    "consent_grants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("jkt", Text, nullable=False),
    Column("auth_time", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
)
refresh_tokens: Final = Table(
    "refresh_tokens",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("grant_id", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)


_ADD_SIGN_IN: Final = insert(sign_in_codes).values(new_values("hash", "person", "expires_at"))
_ONE_SIGN_IN: Final = select(sign_in_codes).where(sign_in_codes.c.hash == bindparam("old_hash"))
_USE_SIGN_IN: Final = delete(sign_in_codes).where(sign_in_codes.c.hash == bindparam("old_hash"))
_ADD_SESSION: Final = insert(browser_sessions).values(new_values("hash", *Session.__struct_fields__))
_ONE_SESSION: Final = select(browser_sessions).where(browser_sessions.c.hash == bindparam("old_hash"))
_DROP_SESSION: Final = delete(browser_sessions).where(browser_sessions.c.hash == bindparam("old_hash"))
_ADD_REQUEST: Final = insert(authorization_requests).values(new_values("hash", *Pending.__struct_fields__))
_ONE_REQUEST: Final = select(authorization_requests).where(
    authorization_requests.c.hash == bindparam("old_hash")
)
_USE_REQUEST: Final = delete(authorization_requests).where(
    authorization_requests.c.hash == bindparam("old_hash")
)
_ADD_CODE: Final = insert(authorization_codes).values(new_values("hash", *Code.__struct_fields__))
_ONE_CODE: Final = select(authorization_codes).where(authorization_codes.c.hash == bindparam("old_hash"))
_USE_CODE: Final = (
    update(authorization_codes)
    .where(authorization_codes.c.hash == bindparam("old_hash"), authorization_codes.c.used_at.is_(None))
    .values(used_at=bindparam("new_used_at", type_=BigInteger()))
)
_ADD_GRANT: Final = insert(consent_grants).values(new_values(*Grant.__struct_fields__))
_ONE_GRANT: Final = select(consent_grants).where(consent_grants.c.id == bindparam("old_id"))
_GRANTS: Final = (
    select(consent_grants)
    .where(consent_grants.c.id > bindparam("after"))
    .order_by(consent_grants.c.id)
    .limit(PAGE)
)
_BIND_GRANT: Final = (
    update(consent_grants)
    .where(consent_grants.c.id == bindparam("old_id"), consent_grants.c.ended_at.is_(None))
    .values(jkt=bindparam("new_jkt"))
)
_END_GRANT: Final = (
    update(consent_grants)
    .where(consent_grants.c.id == bindparam("old_id"), consent_grants.c.ended_at.is_(None))
    .values(ended_at=bindparam("new_ended_at", type_=BigInteger()))
)
_ADD_REFRESH: Final = insert(refresh_tokens).values(new_values("hash", *Refresh.__struct_fields__))
_ONE_REFRESH: Final = select(refresh_tokens).where(refresh_tokens.c.hash == bindparam("old_hash"))
_USE_REFRESH: Final = (
    update(refresh_tokens)
    .where(refresh_tokens.c.hash == bindparam("old_hash"), refresh_tokens.c.used_at.is_(None))
    .values(used_at=bindparam("new_used_at", type_=BigInteger()))
)
_FORGET: Final = tuple(
    delete(table).where(table.c.expires_at < bindparam("before"))
    for table in (
        sign_in_codes,
        browser_sessions,
        authorization_requests,
        authorization_codes,
        refresh_tokens,
        consent_grants,
    )
)


async def read_sign_in(database: Database, digest: bytes) -> tuple[str, int] | None:
    """Read whose sign-in code it is, and until when it is good."""
    found = await database.fetch(_ONE_SIGN_IN, {"old_hash": digest})
    return msgspec.convert(found[0][1:], tuple[str, int]) if found else None


async def read_session(database: Database, digest: bytes) -> Session | None:
    """Read a browser's session."""
    found = await database.fetch(_ONE_SESSION, {"old_hash": digest})
    return msgspec.convert(found[0][1:], Session) if found else None


async def read_request(database: Database, digest: bytes) -> Pending | None:
    """Read a request that waits."""
    found = await database.fetch(_ONE_REQUEST, {"old_hash": digest})
    return msgspec.convert(found[0][1:], Pending) if found else None


async def read_code(database: Database, digest: bytes) -> Code | None:
    """Read an authorization code."""
    found = await database.fetch(_ONE_CODE, {"old_hash": digest})
    return msgspec.convert(found[0][1:], Code) if found else None


async def read_grant(database: Database, grant_id: str) -> Grant | None:
    """Read a grant."""
    found = await database.fetch(_ONE_GRANT, {"old_id": grant_id})
    return msgspec.convert(found[0], Grant) if found else None


async def read_grants(database: Database, after: str) -> list[Grant]:
    """Read up to `PAGE` grants whose ids come behind `after`."""
    return msgspec.convert(await database.fetch(_GRANTS, {"after": after}), list[Grant])


async def read_refresh(database: Database, digest: bytes) -> Refresh | None:
    """Read a refresh token."""
    found = await database.fetch(_ONE_REFRESH, {"old_hash": digest})
    return msgspec.convert(found[0][1:], Refresh) if found else None


def add_sign_in(digest: bytes, person: str, expires_at: int) -> Write:
    """Add a sign-in code."""
    values: dict[str, Scalar] = {"new_hash": digest, "new_person": person, "new_expires_at": expires_at}
    return Write(_ADD_SIGN_IN, values, lost=GrantChanged("the code"))


def use_sign_in(digest: bytes) -> Write:
    """Use a sign-in code up."""
    return Write(_USE_SIGN_IN, {"old_hash": digest}, lost=SignInFailed("ask for another"))


def add_session(digest: bytes, session: Session) -> Write:
    """Begin a browser's session."""
    return Write(_ADD_SESSION, _values(digest, session), lost=GrantChanged("the session"))


def drop_session(digest: bytes) -> Write:
    """End a browser's session."""
    return Write(_DROP_SESSION, {"old_hash": digest}, lost=GrantChanged("the session"), rows=None)


def add_request(digest: bytes, pending: Pending) -> Write:
    """Let a request wait."""
    return Write(_ADD_REQUEST, _values(digest, pending), lost=GrantChanged("the request"))


def use_request(digest: bytes) -> Write:
    """Take a request that waits; it works once."""
    return Write(_USE_REQUEST, {"old_hash": digest}, lost=RequestGone("start again where you came from"))


def add_code(digest: bytes, code: Code) -> Write:
    """Add an authorization code."""
    return Write(_ADD_CODE, _values(digest, code), lost=GrantChanged("the code"))


def use_code(digest: bytes, lost: SmartAgentError, *, now: int) -> Write:
    """Use an authorization code up."""
    return Write(_USE_CODE, {"old_hash": digest, "new_used_at": now}, lost=lost)


def add_grant(grant: Grant) -> Write:
    """Add a grant."""
    return Write(_ADD_GRANT, _members(grant), lost=GrantChanged(grant.id))


def bind_grant(grant_id: str, jkt: str, lost: SmartAgentError) -> Write:
    """Bind the refresh tokens of a live grant to a key; an empty one binds to none."""
    return Write(_BIND_GRANT, {"old_id": grant_id, "new_jkt": jkt}, lost=lost)


def end_grant(grant_id: str, *, now: int) -> Write:
    """End a grant; nothing happens when it has ended."""
    values: dict[str, Scalar] = {"old_id": grant_id, "new_ended_at": now}
    return Write(_END_GRANT, values, lost=GrantChanged(grant_id), rows=None)


def add_refresh(digest: bytes, refresh: Refresh) -> Write:
    """Add a refresh token."""
    return Write(_ADD_REFRESH, _values(digest, refresh), lost=GrantChanged("the refresh token"))


def use_refresh(digest: bytes, lost: SmartAgentError, *, now: int) -> Write:
    """Use a refresh token up."""
    return Write(_USE_REFRESH, {"old_hash": digest, "new_used_at": now}, lost=lost)


def forget(before: int) -> tuple[Write, ...]:
    """Forget all that had expired before an instant (Unix seconds)."""
    return tuple(Write(each, {"before": before}, lost=GrantChanged("expired"), rows=None) for each in _FORGET)


def _members(row: Grant | Session | Pending | Code | Refresh) -> dict[str, Scalar]:
    return {f"new_{name}": getattr(row, name) for name in row.__struct_fields__}


def _values(digest: bytes, row: Session | Pending | Code | Refresh) -> dict[str, Scalar]:
    return {"new_hash": digest, **_members(row)}
