# SPDX-License-Identifier: Apache-2.0
"""Ends the session when `smartagent run` can not: when it was killed.

It reads lines from its standard input, a pipe whose other end only `smartagent run` holds: where the session ends,
with which token, and which processes belong to it.  At the end of the pipe without a goodbye it kills them, and
ends the session.  What it knows is in its memory alone.
"""

import contextlib
import http.client
import json
import os
import signal
import ssl
import sys
import time
from urllib.parse import urlsplit

from smartagent.cli.run.process import keep_to_oneself

_ATTEMPTS = 30
_PAUSE_SECONDS = 2.0
_TIMEOUT_SECONDS = 10.0
_BUSY = 500


def main() -> None:
    """Watch until the pipe ends."""
    keep_to_oneself()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    latest: dict[str, object] = {}
    for line in sys.stdin:
        said = json.loads(line)
        if said.get("goodbye"):
            return
        latest |= said
    _end(latest)


def _end(latest: dict[str, object]) -> None:
    child, group = latest.get("child"), latest.get("group")
    if isinstance(child, int):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if group:
                os.killpg(child, signal.SIGKILL)
            else:
                os.kill(child, signal.SIGKILL)
    url, token = latest.get("url"), latest.get("token")
    if not isinstance(url, str) or not isinstance(token, str):
        return
    for _ in range(_ATTEMPTS):
        if _ended(url, token):
            return
        time.sleep(_PAUSE_SECONDS)


def _ended(url: str, token: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port, timeout=_TIMEOUT_SECONDS, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("DELETE", parts.path, headers={"authorization": f"Bearer {token}"})
        return connection.getresponse().status < _BUSY
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    main()
