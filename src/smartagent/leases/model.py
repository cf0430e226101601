# SPDX-License-Identifier: Apache-2.0
"""What a provider, a credential and a lease are.

    provider     a place where credentials are made: a database, an account at a cloud, a CA
    credential   what one lease gives there, for how long at most, and how it is delivered
    lease        one of it, made for one session of one agent

A role names credentials, and a token needs the scope `credential:<name>` for each: `policy` decides.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from smartagent.kernel import Secret

NEVER: Final = 2**62
"""When something is due that is not (Unix seconds)."""
UNTIL_ROTATED: Final = 253_402_300_799
"""Until when somebody who read a static secret can use it: the end of the year 9999 (Unix seconds)."""


class Provider(msgspec.Struct, frozen=True):
    """A place where credentials are made.

    `settings` are the kind's own, e.g. host and database.  `secrets` say which secret of the vault is used for
    what, e.g. `{"password": "orders-broker"}`.
    """

    name: str
    kind: str
    settings: Mapping[str, object] = {}
    secrets: Mapping[str, str] = {}


class Credential(msgspec.Struct, frozen=True):
    """What one lease gives.

    `grant` is the kind's own: privileges, a policy, principals.  `env` says which variable of a child's
    environment gets which field of what is made, e.g. `{"DATABASE_URL": "url"}`.
    """

    name: str
    provider: str
    grant: Mapping[str, object] = {}
    ttl_seconds: int = 900
    max_ttl_seconds: int = 3600
    env: Mapping[str, str] = {}


class LeaseState(StrEnum):
    """Where a lease stands.

    requested --made--> active --(renewed, again and again)--> active --over--> revoking --gone--> dead
        |                                                                         ^  |
        +--------------- not made in time, or nobody knows ----------------------+  +-- failed: again, later
    """

    REQUESTED = "requested"
    ACTIVE = "active"
    REVOKING = "revoking"
    DEAD = "dead"


class Lease(msgspec.Struct, frozen=True, gc=False):
    """One credential, made for one session of one agent.  Times are Unix seconds.

    `handle` names at the provider what is made, and is known before that is: so what a crash left behind can be
    found.  `due_at` is when something must be done about it next, whoever does it.  `outlives_until` is until
    when the outside may take the credential although the lease is dead here; 0 when it does not.  `kept` is
    what is needed to end it, sealed.
    """

    id: str
    credential: str
    provider: str
    handle: str
    agent: str
    role: str
    session: str
    jti: str
    subject: str
    state: LeaseState
    created_at: int
    expires_at: int
    max_expires_at: int
    due_at: int
    ttl_seconds: int
    version: int
    renewals: int = 0
    attempts: int = 0
    failure: str = ""
    ended_why: str = ""
    ended_at: int = 0
    outlives_until: int = 0
    kept: bytes = b""
    grant: str = "{}"


class Stamp(msgspec.Struct, frozen=True):
    """Which version of an entry it is, and who wrote it when (Unix seconds)."""

    version: int
    changed_at: int
    changed_by: str


class StoredProvider(msgspec.Struct, frozen=True):
    """A provider as the store keeps it."""

    provider: Provider
    stamp: Stamp


class StoredCredential(msgspec.Struct, frozen=True):
    """A credential as the store keeps it."""

    credential: Credential
    stamp: Stamp


class By(StrEnum):
    """What leases can be ended by."""

    LEASE = "lease"
    SESSION = "session"
    AGENT = "agent"
    ROLE = "role"
    CREDENTIAL = "credential"
    PROVIDER = "provider"
    PREFIX = "prefix"
    """The beginning of the credential's name."""


class Order(msgspec.Struct, frozen=True):
    """What a backend is asked about: one lease, and what it needs to know for it.

    `grant` is the credential's as it was when the lease was made.  `secrets` are the provider's, opened.
    `expires_at` is when the lease ends (Unix seconds), `now` what time it is.
    """

    lease_id: str
    handle: str
    provider: Provider
    grant: Mapping[str, object]
    secrets: Mapping[str, Secret[bytes]]
    agent: str
    role: str
    session: str
    expires_at: int
    now: float


class Made(msgspec.Struct, frozen=True):
    """What a backend made.

    `fields` are what the agent gets, e.g. `username`, `password`, `url`.  `dies_at` is when it dies by itself
    at the provider (Unix seconds; 0: never, somebody must end it).  `kept` is what ending it will need, beside
    the handle.  `facts` are for the log: nothing secret.
    """

    fields: Mapping[str, Secret[str]]
    dies_at: int = 0
    kept: Secret[bytes] | None = None
    facts: Mapping[str, str | int] = {}


class Ended(msgspec.Struct, frozen=True):
    """What came of ending a credential.

    `outlives_until` is until when (Unix seconds) the outside may still take it; 0: it is dead everywhere.
    `severed` counts open connections that were cut.
    """

    outlives_until: int = 0
    severed: int = 0
