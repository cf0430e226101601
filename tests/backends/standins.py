# SPDX-License-Identifier: Apache-2.0
"""An HTTP service that says what a test wants, on a free loopback port."""

import contextlib
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

Answer = Callable[[str, str, Mapping[str, str], bytes], tuple[int, object]]


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    """Give the process what a library looks for in its environment, as a machine's owner would."""
    before = {name: os.environ.get(name) for name in values}  # noqa: TID251 -- what the libraries read
    os.environ.update(values)  # noqa: TID251 -- as above
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)  # noqa: TID251 -- as above
            if value is not None:
                os.environ[name] = value  # noqa: TID251 -- as above


class StandIn:
    """Answers each request with a status and a JSON value (or bytes), and remembers what it was asked."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                outer.asked.append((self.command, self.path, body))
                status, value = answer(self.command, self.path, self.headers, body)
                raw = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _answer  # noqa: N815 -- the library's names

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
