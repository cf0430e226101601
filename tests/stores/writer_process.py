# SPDX-License-Identifier: Apache-2.0
"""A writer process for tests: `python writer_process.py STORE`.  Says "ready" when workers can connect."""

import asyncio
import signal
import sys
from pathlib import Path

import uvloop

from smartagent.crypto import SystemClock
from smartagent.storage import run_writer


def ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


async def main() -> None:
    writer = asyncio.ensure_future(run_writer(Path(sys.argv[1]), clock=SystemClock(), ready=ready))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, writer.cancel)
    await asyncio.wait([writer])


if __name__ == "__main__":
    uvloop.run(main())
