# SPDX-License-Identifier: Apache-2.0
"""Exports: a range of the log as JSON lines that prove themselves.

    {"log": "smartagent/v1", "begin": 512, "end": 1024, "before": [...], "consistency": [...], "checkpoint": "..."}
    {"index": 512, "record": {...}}
    ...

`before` are the complete subtrees to the left of the range.  With them and the entries the
root at `end` can be computed, and `consistency` ties that root to the signed checkpoint.  So a
reader sees that nothing is changed, and nothing missing from within the range or from its
tail; and that one export goes on where the one before ended.
"""

from collections.abc import AsyncIterator
from typing import Final

import msgspec

from smartagent.audit.errors import NotInLog
from smartagent.audit.reader import LogReader
from smartagent.crypto import b64u

FORMAT: Final = "smartagent/v1"
_STEP: Final = 1024


class ExportHead(msgspec.Struct, frozen=True):
    """The first line.  Hashes are in base64url."""

    log: str
    begin: int
    end: int
    before: list[str]
    consistency: list[str]
    checkpoint: str


class ExportLine(msgspec.Struct, frozen=True):
    """Every other line; `record` is, byte for byte, what was hashed."""

    index: int
    record: msgspec.Raw


async def export(log: LogReader, begin: int, end: int | None = None) -> AsyncIterator[bytes]:
    """Yield the lines of the entries `begin` to `end` (not included; None: to the newest checkpoint).

    Raises:
        NotInLog: The range is empty, or reaches past the newest checkpoint.
    """
    newest = await log.checkpoint()
    end = newest.size if end is None else end
    if not 0 <= begin < end <= newest.size:
        raise NotInLog("give a range within the newest checkpoint")
    before = [b64u(node) for node in await log.nodes_before(begin)]
    consistency = [b64u(node) for node in await log.consistency(end, newest.size)]
    encode = msgspec.json.Encoder().encode
    yield encode(ExportHead(FORMAT, begin, end, before, consistency, newest.note)) + b"\n"
    for first in range(begin, end, _STEP):
        leaves = await log.leaves(first, min(_STEP, end - first))
        yield b"".join(
            [
                encode(ExportLine(index, msgspec.Raw(leaf))) + b"\n"
                for index, leaf in enumerate(leaves, start=first)
            ]
        )
