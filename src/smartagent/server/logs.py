# SPDX-License-Identifier: Apache-2.0
"""The process's own log: one line an event, as text or as JSON, with the request id where there is one.

It tells how the process fares.  What callers did stands in the audit log, not here.
"""

import logging
import sys
import traceback
from typing import Final

import msgspec

from smartagent.kernel import SmartAgentError
from smartagent.server.settings import Settings

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Render `record`; fields given as `extra` become members."""
        line: dict[str, object] = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        line |= _extras(record)
        if record.exc_info:
            line["trace"] = _trace(record)
        return msgspec.json.encode(line, enc_hook=repr).decode()


class TextLines(logging.Formatter):
    """One readable line; a trace follows where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Render `record`."""
        at = self.formatTime(record, "%H:%M:%S")
        extras = "".join(f" {name}={value}" for name, value in _extras(record).items())
        line = f"{at} {record.levelname.lower():<7} {record.name}: {record.getMessage()}{extras}"
        return line + "\n" + _trace(record) if record.exc_info else line


def configure(settings: Settings) -> None:
    """Send the process's log to standard error in the form that `settings` wants."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # uvicorn warns of every malformed request that anybody sends: that is not ours to act on.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    for noisy in ("asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _extras(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _trace(record: logging.LogRecord) -> str:
    """Return where it happened, without the exception's own text or any value.

    An unforeseen exception's text can hold what the caller sent, a secret too: only its type
    and the lines of code are written, and the text of our own errors, which is safe to show.
    """
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    lines = []
    error: BaseException | None = record.exc_info[1]
    while error is not None:
        lines.append(f"{type(error).__module__}.{type(error).__qualname__}{_safe_text(error)}")
        lines += [f"  {f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)]
        error = error.__cause__ or error.__context__
    return "\n".join(lines)


def _safe_text(error: BaseException) -> str:
    if isinstance(error, SmartAgentError):
        return f": {error}"
    return f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
