# SPDX-License-Identifier: Apache-2.0
"""Time goes on where the log ends, also when the machine's clock was set back while nothing ran."""

import logging
from typing import Final

from smartagent.crypto import SystemClock
from smartagent.kernel import Record
from smartagent.storage import Database, read_leaves, read_size

log: Final = logging.getLogger("smartagent.clock")

WORTH_A_WARNING_SECONDS: Final = 5.0


async def catch_up_with_the_log(clock: SystemClock, database: Database) -> None:
    """Have `clock` go on from the newest record, when that is later than what the machine says.

    What expired or was used up before a restart then stays so after it.
    """
    size = await read_size(database)
    leaves = await read_leaves(database, size - 1, 1) if size else []
    for leaf in leaves:
        behind_seconds = clock.catch_up(Record.decode(leaf).at_ms / 1000)
        if behind_seconds > WORTH_A_WARNING_SECONDS:
            log.warning(
                "the machine's clock is behind the log; time goes on from the newest record",
                extra={"behind_seconds": int(behind_seconds)},
            )
