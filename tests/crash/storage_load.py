# SPDX-License-Identifier: Apache-2.0
"""A worker process that commits without pause: `python storage_load.py STORE NAME`.

Prints "ack NAME INDEX" for each work that it was told is durable.  A work whose fate it was
not told it tries again, with the same claim, until it is told: "ack" or "gone" (it had
happened).  Ends when its input does.
"""

import asyncio
import sys
from pathlib import Path
from typing import ClassVar

import uvloop

from smartagent.crypto import claim_key
from smartagent.kernel import Claim, Kind, Record, SmartAgentError, Work
from smartagent.storage import SqliteStore, StoreUnavailable


class Happened(SmartAgentError):
    code: ClassVar[str] = "happened"
    kind: ClassVar[Kind] = Kind.CONFLICT
    title: ClassVar[str] = "It happened before."


def work(name: str) -> Work:
    claim = Claim(claim_key("load", name), 4_000_000_000, Happened(name))
    return Work((Record(event="load", at_ms=1, request=name),), (claim,))


async def settle(store: SqliteStore, name: str) -> None:
    while True:
        try:
            committed = await store.ledger.commit(work(name))
        except StoreUnavailable:
            await asyncio.sleep(0.005)
        except Happened:
            sys.stdout.write(f"gone {name}\n")
            return
        else:
            sys.stdout.write(f"ack {name} {committed.index}\n")
            return


async def main() -> None:
    store = SqliteStore(Path(sys.argv[1]))
    await store.start()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

    async def keep_on(lane: int) -> None:
        number = 0
        while not ended.done():
            await settle(store, f"{sys.argv[2]}-{lane}-{number}")
            number += 1

    await asyncio.gather(*[keep_on(lane) for lane in range(16)])
    await store.close()


if __name__ == "__main__":
    uvloop.run(main())
