# SPDX-License-Identifier: Apache-2.0
"""How a lease goes from one state to the next: (state, now, input) -> state.  Times are Unix seconds."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import structs

from smartagent.kernel import Caller
from smartagent.leases.errors import (
    LeaseOver,
    LeaseTooLong,
    MalformedCredential,
    MalformedLease,
    MalformedProvider,
)
from smartagent.leases.model import NEVER, Credential, Ended, Lease, LeaseState, Made, Provider

ISSUE_SECONDS: Final = 10
"""How long making a credential may take.  Who takes longer is cut off."""
SETTLE_SECONDS: Final = 25
"""When a lease that was asked for is ended, if nothing was heard of it: nobody can still be making it then."""
REVOKE_SECONDS: Final = 20
CLAIM_SECONDS: Final = 30
"""How long whoever ends a lease has it for themselves.  After a crash somebody else tries again."""
MAX_TTL_SECONDS: Final = 7 * 86_400
LONGEST_PAUSE_SECONDS: Final = 300
KEPT_SECONDS: Final = 30 * 86_400
"""How long a dead lease is shown.  The log has it for good."""
MAX_ENTRY_BYTES: Final = 16_384
_MAX_ATTEMPTS: Final = 1_000_000
_MAX_ENV: Final = 32


def check_credential(credential: Credential, fields: tuple[str, ...]) -> None:
    """Check what does not depend on the kind of provider.

    Args:
        credential: As it was written.
        fields: What the provider makes; empty when that depends on the provider's entry.

    Raises:
        MalformedCredential: A time is out of bounds, or a variable cannot be set.
    """
    if not 0 < credential.ttl_seconds <= credential.max_ttl_seconds:
        raise MalformedCredential("ttl_seconds", "1 to max_ttl_seconds")
    if credential.max_ttl_seconds > MAX_TTL_SECONDS:
        raise MalformedCredential("max_ttl_seconds", f"at most {MAX_TTL_SECONDS}")
    if len(credential.env) > _MAX_ENV:
        raise MalformedCredential("env", f"at most {_MAX_ENV} variables")
    for variable, field in credential.env.items():
        if not is_variable(variable):
            raise MalformedCredential(
                "env", "a variable is A-Z, 0-9 and _, does not begin with a digit, and is not the loader's"
            )
        if fields and field not in fields:
            raise MalformedCredential(
                "env", f"there is no field {field[:64]!r}; there are {', '.join(fields)}"
            )
    if _size(credential.grant) > MAX_ENTRY_BYTES:
        raise MalformedCredential("grant", f"at most {MAX_ENTRY_BYTES} bytes of JSON")


def check_provider(provider: Provider) -> None:
    """Check what does not depend on the kind of provider.

    Raises:
        MalformedProvider: It is too large.
    """
    if _size(provider.settings) > MAX_ENTRY_BYTES:
        raise MalformedProvider("settings", f"at most {MAX_ENTRY_BYTES} bytes of JSON")


def is_variable(name: str) -> bool:
    """Say whether `name` may be set in a child's environment: a program's own, none that change how programs run."""
    if not name.isascii() or not name.isidentifier() or name != name.upper() or len(name) > 64:  # noqa: PLR2004 -- long enough
        return False
    return name not in {"PATH", "HOME", "SHELL", "IFS", "ENV"} and not name.startswith(
        ("LD_", "DYLD_", "PYTHON", "NODE_", "BASH")
    )


def ends_at(asked_seconds: int | None, credential: Credential, *, now: int, not_after: int) -> int:
    """Return when a new lease ends.

    Args:
        asked_seconds: What the caller would like; None takes the credential's own.
        credential: What is leased.
        now: What time it is.
        not_after: When the token ends with which it is asked for.

    Raises:
        LeaseTooLong: More was asked for than the credential's maximum.
        MalformedLease: It is not a time, or the token is over.
    """
    wanted = credential.ttl_seconds if asked_seconds is None else asked_seconds
    if wanted > credential.max_ttl_seconds:
        raise LeaseTooLong(credential.max_ttl_seconds)
    if wanted < 1:
        raise MalformedLease("ttl_seconds is at least 1")
    until = min(now + wanted, not_after)
    if until <= now:
        raise MalformedLease("the token ends now, and a lease never outlives it")
    return until


def activated(lease: Lease, made: Made, kept: bytes) -> Lease:
    """The credential was made.  When it dies by itself before the lease would end, the lease ends then."""
    until = min(lease.expires_at, made.dies_at) if made.dies_at else lease.expires_at
    return structs.replace(
        lease, state=LeaseState.ACTIVE, expires_at=until, due_at=until, kept=kept,
        outlives_until=made.dies_at, version=lease.version + 1,
    )  # fmt: skip


def extended(lease: Lease, asked_seconds: int | None, *, now: int, not_after: int) -> Lease:
    """Put the end off; never beyond the lease's maximum or the token's end, and never nearer than it is.

    Raises:
        LeaseOver: It is not active.
        LeaseTooLong: More was asked for than there could be of it at all.
        MalformedLease: It is not a time.
    """
    if lease.state is not LeaseState.ACTIVE or lease.expires_at <= now:
        raise LeaseOver("ask for a new one")
    most = lease.max_expires_at - lease.created_at
    wanted = lease.ttl_seconds if asked_seconds is None else asked_seconds
    if wanted > most:
        raise LeaseTooLong(most)
    if wanted < 1:
        raise MalformedLease("ttl_seconds is at least 1")
    until = max(lease.expires_at, min(now + wanted, not_after, lease.max_expires_at))
    return structs.replace(
        lease, expires_at=until, due_at=until, renewals=lease.renewals + 1, version=lease.version + 1
    )


def prolonged(lease: Lease, dies_at: int) -> Lease:
    """The provider has put the end off, to `dies_at` at most (0: it knows no end)."""
    until = min(lease.expires_at, dies_at) if dies_at else lease.expires_at
    return structs.replace(lease, expires_at=until, due_at=until, outlives_until=dies_at)


def claimed(lease: Lease, *, now: int) -> Lease:
    """Somebody ends it now, and nobody else for a while."""
    why = lease.ended_why or ("never made" if lease.state is LeaseState.REQUESTED else "expired")
    return structs.replace(
        lease, state=LeaseState.REVOKING, ended_why=why, due_at=now + CLAIM_SECONDS, version=lease.version + 1
    )


def given_up(lease: Lease, why: str, *, due_at: int) -> Lease:
    """It could not be made, or nobody got it: what there may be of it is ended at `due_at`."""
    return structs.replace(
        lease, state=LeaseState.REVOKING, ended_why=why, due_at=due_at, version=lease.version + 1
    )


def put_off(lease: Lease, reason: str, *, now: int) -> Lease:
    """It could not be ended; again later, twice as long each time.  It is not given up."""
    pause = min(2 ** min(lease.attempts, 16), LONGEST_PAUSE_SECONDS)
    attempts = min(lease.attempts + 1, _MAX_ATTEMPTS)
    return structs.replace(
        lease, failure=reason, attempts=attempts, due_at=now + pause, version=lease.version + 1
    )


def buried(lease: Lease, ended: Ended, *, now: int) -> Lease:
    """It is dead.  `outlives_until` says until when the outside does not know."""
    outlives = ended.outlives_until if ended.outlives_until > now else 0
    return structs.replace(
        lease, state=LeaseState.DEAD, ended_at=now, outlives_until=outlives, due_at=NEVER, failure="", kept=b"",
        version=lease.version + 1,
    )  # fmt: skip


def ties_of(caller: Caller) -> tuple[str, ...]:
    """Return everything that a lease of `caller` hangs on: when one of these ends, so does the lease."""
    hung = (caller.principal, caller.subject, caller.session, caller.jti, *caller.actors, *caller.lineage)
    return tuple(dict.fromkeys(tie for tie in hung if tie))


def sealed_as(lease_id: str) -> str:
    """Return the identity that what is kept of a lease is sealed under."""
    return f"lse/{lease_id}"


def _size(value: Mapping[str, object]) -> int:
    return len(msgspec.json.encode(value))
