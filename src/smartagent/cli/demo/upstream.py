# SPDX-License-Identifier: Apache-2.0
"""A shop's order API, as its own process: it wants its bearer key, and knows nothing of SmartAgent.

Run as `python -m smartagent.cli.demo.upstream`: reads the key from the first line of standard
input, prints the port it listens on, and serves until standard input closes.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

ORDERS: Final = {
    "7": {"id": "7", "customer": "Ada", "items": ["lamp", "chair"], "total_minor": 12_900},
    "8": {"id": "8", "customer": "Grace", "items": ["desk"], "total_minor": 45_000},
}
_TICK_SECONDS: Final = 0.2


class Shop(ThreadingHTTPServer):
    """The server, and the key it demands."""

    daemon_threads = True

    def __init__(self, key: str) -> None:
        super().__init__(("127.0.0.1", 0), ShopHandler)
        self.key = key
        self.closing = threading.Event()


class ShopHandler(BaseHTTPRequestHandler):
    """Answers `GET /orders/<id>`, `/orders/mirror` and `/orders/events`, and `POST /refunds`."""

    protocol_version = "HTTP/1.1"
    server: Shop  # type: ignore[mutable-override]  # http.server says that each handler knows its own server

    def do_GET(self) -> None:
        """Serve an order, an echo of the request's headers, or an endless stream of events."""
        if self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._send(401, {"error": "this shop wants its API key"})
            return
        match self.path.split("/"):
            case ["", "orders", "mirror"]:
                self._send(200, {"you_sent": dict(self.headers.items())})
            case ["", "orders", "events"]:
                self._stream()
            case ["", "orders", number] if number in ORDERS:
                self._send(200, ORDERS[number])
            case _:
                self._send(404, {"error": "no such order"})

    def do_POST(self) -> None:
        """Pay an order back."""
        wanted = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._send(401, {"error": "this shop wants its API key"})
        elif self.path == "/refunds":
            self._send(201, {"refunded": json.loads(wanted)["amount_minor"]})
        else:
            self._send(404, {"error": "nothing is taken there"})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it
        """Say nothing: the story has the stage."""

    def _send(self, status: int, body: object) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        number = 0
        while not self.server.closing.wait(_TICK_SECONDS):
            number += 1
            try:
                self.wfile.write(b"data: order %d is on its way\n\n" % number)
            except OSError:
                return


def main() -> None:
    """Serve until standard input closes."""
    shop = Shop(sys.stdin.readline().strip())
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    sys.stdout.write(f"{shop.server_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    shop.closing.set()
    shop.shutdown()


if __name__ == "__main__":
    main()
