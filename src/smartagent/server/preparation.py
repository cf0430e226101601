# SPDX-License-Identifier: Apache-2.0
"""What must be in place before anything runs: the root key, and a schema of this release.

    python -m smartagent.server.preparation     is what the supervisor starts, and waits for

A process of its own, so that the migration tool's memory is not the authority's.
"""

import logging
import sys
from pathlib import Path
from typing import Final

import msgspec

from smartagent.crypto import system_entropy
from smartagent.kernel import SmartAgentError
from smartagent.server import logs
from smartagent.server.rootkey import make_root_key, read_root_key
from smartagent.server.settings import Settings
from smartagent.storage import migrate

log: Final = logging.getLogger("smartagent.preparation")


def prepare(settings: Settings) -> None:
    """Make the root key unless it exists, and migrate the store.

    Raises:
        SmartAgentError: The key or the store is not as it must be.
    """
    if make_root_key(settings, system_entropy):
        log.info("made the root key; keep a copy of it off this machine", extra={"path": settings.root_key})
    read_root_key(settings)
    migrate(settings.store if settings.is_postgres else Path(settings.store))


def main() -> int:
    """Prepare what standard input describes; say what is wrong on standard output."""
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    logs.configure(settings)
    try:
        prepare(settings)
    except SmartAgentError as error:
        sys.stdout.write(f"{error.title} {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
