# SPDX-License-Identifier: Apache-2.0
"""What the room is given."""

from collections.abc import Awaitable, Callable

import msgspec

from smartagent.edge import Inbound, Outcome
from smartagent.identity import Directory
from smartagent.kernel import Caller, Clock
from smartagent.leases import Lease


class Means(msgspec.Struct, frozen=True):
    """What the room is given.

    `revoke` is the verb that revokes an agent; `revoked_at_ms` says until when what it got is dead (Unix
    milliseconds, 0: nothing is), `leases_of` reads its leases, and `sign` makes a JWS of a type and a payload.
    """

    clock: Clock
    directory: Directory
    issuer: str
    revoke: Callable[[Caller, Inbound], Awaitable[Outcome]]
    revoked_at_ms: Callable[[str], int]
    leases_of: Callable[[str], Awaitable[list[Lease]]]
    sign: Callable[[str, bytes], str]
