# SPDX-License-Identifier: Apache-2.0
"""The table `decoupled_requests`, and everything that is said to it.

Every step names in its WHERE what it saw, so of two that meet one is lost.  `user_code_mac` is unique, and
emptied by the decision: from then on the code is nobody's.
"""

from typing import Final

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from smartagent.decoupled.errors import (
    CodeCollided,
    ConsentRequestChanged,
    UserCodeUnknown,
)
from smartagent.decoupled.model import Channel, ConsentRequest, Evidence, State
from smartagent.kernel import Scalar, SmartAgentError, Write
from smartagent.storage import Database, metadata, new_values

MOST_SHOWN: Final = 100

decoupled_requests: Final = Table(
    "decoupled_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("client_name", Text, nullable=False),
    Column("code_hash", LargeBinary, nullable=False, unique=True),
    Column("user_code_mac", LargeBinary, unique=True),
    Column("person", Text, nullable=False, index=True),
    Column("scope", Text, nullable=False),
    Column("resource", Text, nullable=False),
    Column("binding_message", Text, nullable=False),
    Column("jkt", Text, nullable=False),
    Column("client_ip", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("interval_seconds", Integer, nullable=False),
    Column("polled_at", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
    Column("auth_time", BigInteger, nullable=False),
    Column("acr", Text, nullable=False),
    Column("amr", Text, nullable=False),
    Column("approval", Text, nullable=False, server_default=""),
)
_C: Final = decoupled_requests.c


_SELECTED: Final = select(*(_C[name] for name in ConsentRequest.__struct_fields__))
_BY_CODE: Final = _SELECTED.where(_C.code_hash == bindparam("code_hash"))
_BY_USER_CODE: Final = _SELECTED.where(_C.user_code_mac == bindparam("user_code_mac"))
_BY_ID: Final = _SELECTED.where(_C.id == bindparam("id"))
_OPEN_OF: Final = (
    _SELECTED.where(
        _C.person == bindparam("person"),
        _C.state == State.PENDING.value,
        _C.expires_at > bindparam("now", type_=BigInteger()),
    )
    .order_by(_C.created_at, _C.id)
    .limit(MOST_SHOWN)
)
_IS_GIVEN: Final = or_(_C.state == State.ALLOWED.value, _C.state == State.REDEEMED.value)
_GIVEN_BY: Final = (
    _SELECTED.where(_C.person == bindparam("person"), _IS_GIVEN)
    .order_by(_C.decided_at.desc(), _C.id)
    .limit(MOST_SHOWN)
)
_COUNT_OPEN: Final = select(func.count()).where(
    _C.person == bindparam("person"),
    _C.client_id == bindparam("client_id"),
    _C.channel == bindparam("channel"),
    _C.state == State.PENDING.value,
    _C.expires_at > bindparam("now", type_=BigInteger()),
)
_ADD: Final = insert(decoupled_requests).values(new_values(*ConsentRequest.__struct_fields__))
_DROP_OVER: Final = delete(decoupled_requests).where(_C.expires_at < bindparam("before", type_=BigInteger()))
_IS_PENDING: Final = (_C.id == bindparam("old_id"), _C.state == State.PENDING.value)
_POLLED: Final = (
    update(decoupled_requests)
    .where(*_IS_PENDING)
    # Added up by the store: of polls that meet on two nodes, each counts.
    .values(
        polled_at=bindparam("new_polled_at", type_=BigInteger()),
        interval_seconds=_C.interval_seconds + bindparam("slower_by", type_=Integer()),
    )
)
_ENTER: Final = (
    update(decoupled_requests)
    .where(*_IS_PENDING, or_(_C.person == "", _C.person == bindparam("old_person")))
    .values(new_values("person"))
)
_DECIDE: Final = (
    update(decoupled_requests)
    .where(
        *_IS_PENDING,
        _C.person == bindparam("old_person"),
        _C.expires_at > bindparam("now", type_=BigInteger()),
    )
    .values(
        new_values("state", "decided_at", "auth_time", "acr", "amr"),
    )
    .values(user_code_mac=None)
)
_REDEEM: Final = (
    update(decoupled_requests)
    .where(_C.id == bindparam("old_id"), _C.state == State.ALLOWED.value)
    .values(state=State.REDEEMED.value)
)
_END: Final = (
    update(decoupled_requests)
    .where(
        _C.id == bindparam("old_id"),
        _C.person == bindparam("old_person"),
        _IS_GIVEN,
    )
    .values(state=State.ENDED.value)
)


async def read_by_code(database: Database, code_hash: bytes) -> ConsentRequest | None:
    """Read the request whose device code or `auth_req_id` has this hash."""
    return _one(await database.fetch(_BY_CODE, {"code_hash": code_hash}))


async def read_by_user_code(database: Database, user_code_mac: bytes) -> ConsentRequest | None:
    """Read the request that nobody decided yet and whose user code has this MAC."""
    return _one(await database.fetch(_BY_USER_CODE, {"user_code_mac": user_code_mac}))


async def read_request(database: Database, request_id: str) -> ConsentRequest | None:
    """Read one request."""
    return _one(await database.fetch(_BY_ID, {"id": request_id}))


async def read_open_of(database: Database, person: str, *, now: int) -> list[ConsentRequest]:
    """Read what waits for `person` to decide, the oldest first."""
    found = await database.fetch(_OPEN_OF, {"person": person, "now": now})
    return msgspec.convert(found, list[ConsentRequest])


async def read_given_by(database: Database, person: str) -> list[ConsentRequest]:
    """Read what `person` allowed and did not take back, the newest first."""
    return msgspec.convert(await database.fetch(_GIVEN_BY, {"person": person}), list[ConsentRequest])


async def count_open(database: Database, person: str, client_id: str, *, now: int) -> int:
    """Count what `client_id` asked `person` by CIBA and is not decided."""
    values: dict[str, Scalar] = {
        "person": person,
        "client_id": client_id,
        "channel": Channel.CIBA.value,
        "now": now,
    }
    (row,) = await database.fetch(_COUNT_OPEN, values)
    return msgspec.convert(row[0], int)


def add_request(request: ConsentRequest, *, forget_before: int) -> tuple[Write, ...]:
    """Add a request, and forget those that were over before that instant (Unix seconds)."""
    lost = CodeCollided("chance made a code that is in use")
    values: dict[str, Scalar] = {
        f"new_{name}": value for name, value in msgspec.structs.asdict(request).items()
    }
    values |= {"new_channel": request.channel.value, "new_state": request.state.value}
    return (
        Write(_DROP_OVER, {"before": forget_before}, lost, rows=None),
        Write(_ADD, values, lost),
    )


def polled(seen: ConsentRequest, *, now: int, slower_by: int) -> Write:
    """Note a poll, and how much longer than before the client must wait from now on (seconds)."""
    values: dict[str, Scalar] = {"old_id": seen.id, "new_polled_at": now, "slower_by": slower_by}
    # When it was decided meanwhile, there is nothing to wait for.
    return Write(_POLLED, values, ConsentRequestChanged("poll again"), rows=None)


def enter(seen: ConsentRequest, person: str) -> Write:
    """Let `person`, who entered the code, be the one who decides."""
    values: dict[str, Scalar] = {"old_id": seen.id, "old_person": person, "new_person": person}
    return Write(_ENTER, values, UserCodeUnknown("somebody else entered it meanwhile"))


def decide(seen: ConsentRequest, state: State, evidence: Evidence, *, now: int) -> Write:
    """Note what the person decided, and how they had proved who they are."""
    values: dict[str, Scalar] = {
        "old_id": seen.id,
        "old_person": seen.person,
        "now": now,
        "new_state": state.value,
        "new_decided_at": now,
        "new_auth_time": evidence.auth_time,
        "new_acr": evidence.acr,
        "new_amr": " ".join(evidence.amr),
    }
    return Write(_DECIDE, values, ConsentRequestChanged("list the open ones again"))


def redeem(seen: ConsentRequest, lost: SmartAgentError) -> Write:
    """Use up what was allowed; `lost` when somebody else just did."""
    return Write(_REDEEM, {"old_id": seen.id}, lost)


def end(seen: ConsentRequest) -> Write:
    """Take back what was allowed; twice is once."""
    values: dict[str, Scalar] = {"old_id": seen.id, "old_person": seen.person}
    return Write(_END, values, ConsentRequestChanged("list what you allowed again"))


def _one(rows: list[tuple[Scalar, ...]]) -> ConsentRequest | None:
    return msgspec.convert(rows[0], ConsentRequest) if rows else None
