# SPDX-License-Identifier: Apache-2.0
"""The SQLite writer as the supervisor hosts it, with the log's sequencer as its job."""

from collections.abc import Callable
from pathlib import Path

from smartagent.audit import Sequencer
from smartagent.crypto import SystemClock
from smartagent.server.rootkey import read_root_key
from smartagent.server.rootkeys import log_signer
from smartagent.server.settings import Settings
from smartagent.storage import run_writer


async def write(settings: Settings, ready: Callable[[], None]) -> None:
    """Own the store until cancelled.

    Raises:
        SmartAgentError: The store or the root key is not as it must be.
    """
    clock = SystemClock()
    sequencer = Sequencer(log_signer(read_root_key(settings)), clock)
    await run_writer(Path(settings.store), clock=clock, jobs=(sequencer,), ready=ready)
