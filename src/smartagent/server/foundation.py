# SPDX-License-Identifier: Apache-2.0
"""What every room stands on."""

from typing import NamedTuple

from smartagent.crypto import SystemClock
from smartagent.kernel import Ids, Secret
from smartagent.keyset import Keyset
from smartagent.server.settings import Settings
from smartagent.storage import Store


class Foundation(NamedTuple):
    """What every room stands on."""

    settings: Settings
    clock: SystemClock
    ids: Ids
    root: Secret[bytes]
    store: Store
    keyset: Keyset
