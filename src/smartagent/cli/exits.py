# SPDX-License-Identifier: Apache-2.0
"""How a command ends: an exit code a script can branch on, and a sentence a person can read."""

import sys
from collections.abc import Callable
from typing import Final, NoReturn

from smartagent.kernel import SmartAgentError

REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 130


class Exit(Exception):
    """Ends the command with `code`, after `text` was shown."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def guarded(run: Callable[[], object]) -> NoReturn:
    """Run a command line, and turn every way it can fail into an exit code and readable lines."""
    try:
        run()
    except Exit as ended:
        complain(str(ended))
        sys.exit(ended.code)
    except SmartAgentError as error:
        complain(told(error))
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(REFUSED)
    sys.exit(0)


def told(error: SmartAgentError) -> str:
    """Return what happened as one line: the title, and what varies."""
    detail = str(error)
    return f"{error.title.rstrip('.')}: {detail}." if detail else error.title


def complain(text: str) -> None:
    """Write `text` to standard error."""
    if text:
        sys.stderr.write(text.rstrip() + "\n")
