# SPDX-License-Identifier: Apache-2.0
"""The tables `signing_keys` and `revocations`, and everything that is said to them.

Every step of a ring names in its WHERE the state it saw.  `slot` is unique: "active" and
"pending" for the key in that state (with the algorithm behind it, when it is not Ed25519), the
kid for every other; so two nodes can never both publish a pending key, or both promote one.
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

from smartagent.kernel import Algorithm, Change, Scalar, Write
from smartagent.keyset import envelopes_in
from smartagent.storage import Database, metadata, new_values
from smartagent.tokens.errors import KeysChanged, RevocationRaced
from smartagent.tokens.model import KeyState, Revocation, StoredKey, sealed_as

KEYS_TOPIC: Final = "signing-keys"
REVOCATIONS_TOPIC: Final = "revocations"

signing_keys: Final = Table(
    "signing_keys",
    metadata,
    Column("kid", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("activated_at", BigInteger),
    Column("retiring_at", BigInteger),
    Column("retired_at", BigInteger),
    Column("sealed_seed", LargeBinary, nullable=False),
    Column("slot", Text, nullable=False, unique=True),
    Column("algorithm", Text, nullable=False, server_default=Algorithm.EDDSA.value),
)
SEALED_SEEDS: Final = envelopes_in(
    "signing_keys", "sealed_seed", ("kid",), lambda key: sealed_as(str(key[0]))
)
revocations: Final = Table(
    "revocations",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("revoked_at_ms", BigInteger, nullable=False),
    Column("until", BigInteger, nullable=False),
)


_ALL_KEYS: Final = select(
    signing_keys.c.kid,
    signing_keys.c.state,
    signing_keys.c.public_key,
    signing_keys.c.created_at,
    signing_keys.c.activated_at,
    signing_keys.c.retiring_at,
    signing_keys.c.retired_at,
    signing_keys.c.sealed_seed,
    signing_keys.c.algorithm,
).order_by(signing_keys.c.created_at, signing_keys.c.kid)
_ADD_KEY: Final = insert(signing_keys).values(new_values(*StoredKey.__struct_fields__, "slot"))
_SEEN: Final = (signing_keys.c.kid == bindparam("old_kid"), signing_keys.c.state == bindparam("old_state"))
_ACTIVATE: Final = (
    update(signing_keys)
    .where(*_SEEN)
    .values(
        state=KeyState.ACTIVE.value,
        slot=bindparam("new_slot", type_=Text()),
        activated_at=bindparam("new_activated_at", type_=BigInteger()),
    )
)
_START_RETIRING: Final = (
    update(signing_keys)
    .where(*_SEEN)
    .values(
        state=KeyState.RETIRING.value,
        slot=signing_keys.c.kid,
        retiring_at=bindparam("new_retiring_at", type_=BigInteger()),
    )
)
_RETIRE: Final = (
    update(signing_keys)
    .where(*_SEEN)
    .values(
        state=KeyState.RETIRED.value,
        slot=signing_keys.c.kid,
        retired_at=bindparam("new_retired_at", type_=BigInteger()),
        # What is never used again need not be kept.
        sealed_seed=b"",
    )
)

_ADD_REVOCATION: Final = insert(revocations).values(new_values(*Revocation.__struct_fields__))
_DROP_REVOCATION: Final = delete(revocations).where(
    revocations.c.kind == bindparam("old_kind"), revocations.c.id == bindparam("old_id")
)
_DROP_OVER: Final = delete(revocations).where(revocations.c.until < bindparam("before"))
_ALL_REVOCATIONS: Final = select(revocations)
_ONE_REVOCATION: Final = select(revocations).where(
    revocations.c.kind == bindparam("old_kind"), revocations.c.id == bindparam("old_id")
)


async def read_keys(database: Database) -> list[StoredKey]:
    """Read all signing keys, oldest first."""
    return msgspec.convert(await database.fetch(_ALL_KEYS), list[StoredKey])


def add_key(key: StoredKey) -> Write:
    """Add a pending or active key; lost when there is one in that state."""
    values: dict[str, Scalar] = {
        "new_kid": key.kid,
        "new_state": key.state.value,
        "new_public_key": key.public_key,
        "new_created_at": key.created_at,
        "new_activated_at": key.activated_at,
        "new_retiring_at": key.retiring_at,
        "new_retired_at": key.retired_at,
        "new_sealed_seed": key.sealed_seed,
        "new_slot": _slot(key.algorithm, key.state),
        "new_algorithm": key.algorithm.value,
    }
    return Write(_ADD_KEY, values, lost=KeysChanged(key.kid))


def activate(kid: str, algorithm: Algorithm, *, now: int) -> Write:
    """Let the pending key sign; the key that was active must have left that slot before."""
    seen: dict[str, Scalar] = {
        "old_kid": kid,
        "old_state": KeyState.PENDING.value,
        "new_activated_at": now,
        "new_slot": _slot(algorithm, KeyState.ACTIVE),
    }
    return Write(_ACTIVATE, seen, lost=KeysChanged(kid))


def _slot(algorithm: Algorithm, state: KeyState) -> str:
    return state.value if algorithm is Algorithm.EDDSA else f"{state.value}/{algorithm.value}"


def start_retiring(kid: str, *, now: int) -> Write:
    """Let the active key sign no more."""
    seen: dict[str, Scalar] = {"old_kid": kid, "old_state": KeyState.ACTIVE.value, "new_retiring_at": now}
    return Write(_START_RETIRING, seen, lost=KeysChanged(kid))


def retire(kid: str, state: KeyState, *, now: int) -> Write:
    """Take the key, seen in `state`, out of the key set for good, and forget its seed."""
    seen: dict[str, Scalar] = {"old_kid": kid, "old_state": state.value, "new_retired_at": now}
    return Write(_RETIRE, seen, lost=KeysChanged(kid))


def keys_changed(kid: str) -> Change:
    """Tell every node that the ring is not what it was."""
    return Change(KEYS_TOPIC, kid)


async def read_revocations(database: Database) -> list[Revocation]:
    """Read all revocations."""
    return msgspec.convert(await database.fetch(_ALL_REVOCATIONS), list[Revocation])


async def read_revocation(database: Database, kind: str, subject: str) -> Revocation | None:
    """Read one revocation."""
    found = await database.fetch(_ONE_REVOCATION, {"old_kind": kind, "old_id": subject})
    return msgspec.convert(found[0], Revocation) if found else None


def put_revocation(revocation: Revocation, *, forget_before: int) -> tuple[Write, ...]:
    """Write a revocation over an earlier one of the same, and forget those that concern nothing any more."""
    lost = RevocationRaced(revocation.id)
    same: dict[str, Scalar] = {"old_kind": revocation.kind.value, "old_id": revocation.id}
    values: dict[str, Scalar] = {
        "new_kind": revocation.kind.value,
        "new_id": revocation.id,
        "new_revoked_at_ms": revocation.revoked_at_ms,
        "new_until": revocation.until,
    }
    return (
        Write(_DROP_OVER, {"before": forget_before}, lost=lost, rows=None),
        Write(_DROP_REVOCATION, same, lost=lost, rows=None),
        Write(_ADD_REVOCATION, values, lost=lost),
    )


def revocation_changed(revocation: Revocation) -> Change:
    """Tell every node of a revocation."""
    return Change(REVOCATIONS_TOPIC, f"{revocation.kind.value}:{revocation.id}")
