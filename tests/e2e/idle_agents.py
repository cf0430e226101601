# SPDX-License-Identifier: Apache-2.0
"""Many agents in a process of their own, each with one connection: idle_agents.py <port> <count> <token>.

Says `served` when each has had its answer, and `swept` when the gateway has ended every connection.
"""

import socket
import sys

PORT, COUNT, TOKEN = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
ASK = f"GET /crm/a HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode()
OK = b"HTTP/1.1 200 "


def read(link, size):
    try:
        return link.recv(size)
    except ConnectionResetError:
        return b""


def ask():
    link = socket.create_connection(("127.0.0.1", PORT))
    link.sendall(ASK)
    return link, read(link, 4096).startswith(OK)


links, answered = zip(*(ask() for _ in range(COUNT)), strict=True)
sys.stdout.write(f"served {sum(answered)}\n")
sys.stdout.flush()
ended = sum(read(link, 1) == b"" for link in links)
sys.stdout.write(f"swept {ended}\n")
