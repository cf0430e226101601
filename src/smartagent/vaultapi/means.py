# SPDX-License-Identifier: Apache-2.0
"""What the room is given."""

from collections.abc import Awaitable, Callable

import msgspec

from smartagent.edge import Inbound
from smartagent.identity import Directory
from smartagent.kernel import Caller, Clock
from smartagent.leases import Leases
from smartagent.tokens import Tokens


class Means(msgspec.Struct, frozen=True):
    """What the room is given.  `by_client` authenticates a form with a client assertion in it."""

    clock: Clock
    directory: Directory
    tokens: Tokens
    leases: Leases
    by_client: Callable[[Inbound], Awaitable[Caller]]
