# SPDX-License-Identifier: Apache-2.0
"""Holding the stored log against what was signed, before the house opens."""

from smartagent.audit.errors import LogDamaged, LogNameChanged
from smartagent.audit.reader import LogReader
from smartagent.audit.store import newest_checkpoint
from smartagent.crypto import BadNote, Checkpoint, open_note
from smartagent.kernel import Clock
from smartagent.storage import Database, read_size


async def check_log(database: Database, clock: Clock, vkey: str) -> int:
    """Return the size of the newest checkpoint (0: none yet), having found nothing wrong.

    It computes the root that the checkpoint signed from the stored tiles.  That every entry is
    the one that was hashed is not looked at here: an export, verified, says that.

    Raises:
        LogDamaged: The log is shorter than what was signed, or another one.
        LogNameChanged: The checkpoint carries another name, or another key signed it.
    """
    newest = await newest_checkpoint(database)
    if newest is None:
        return 0
    origin = vkey.partition("+")[0]
    try:
        signed = open_note(newest.note, vkey)
    except BadNote as error:
        raise LogNameChanged(origin) from error
    if await read_size(database) < newest.size:
        raise LogDamaged("the log is shorter than its newest checkpoint: an old copy was put back")
    root = await LogReader(database, clock).root(newest.size)
    if signed != Checkpoint(origin, newest.size, root).text():
        raise LogDamaged(f"the first {newest.size} entries are not those that were signed")
    return newest.size
