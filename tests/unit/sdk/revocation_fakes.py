# SPDX-License-Identifier: Apache-2.0
"""Where a verifier hears of revocations: an issuer's lists, its event feed, its introspection; with a memory."""

import asyncio
import contextlib
import json
import zlib

from smartagent.crypto import JwsSigner, b64u
from smartagent.sdk import Fetched, VerifiedToken
from tests.unit.sdk.fakes import ISSUER, START, FakeIssuer

LIST_URI = f"{ISSUER}/oauth/status/1"


def verified(**changes) -> VerifiedToken:
    values = {
        "issuer": ISSUER,
        "subject": "agt_1",
        "audience": ("https://orders.example",),
        "jti": "aat_1",
        "expires_at": START + 300,
        "issued_at": START,
        "scopes": frozenset(),
        "client_id": "agt_1",
        "session_id": "ses_1",
        **changes,
    }
    return VerifiedToken(**values)


class ListIssuer(FakeIssuer):
    """An issuer with one status list of a thousand entries, two bits each."""

    def __init__(self):
        super().__init__()
        self.values = {}
        self.size = 1000
        self.listed = {}
        self.serve()

    def serve(self, *, uri=LIST_URI, typ="statuslist+jwt", status=200, body=None, **changes):
        now = int(self.clock.now())
        claims = {
            "sub": uri,
            "iat": now,
            "exp": now + 3600,
            "ttl": 60,
            "status_list": {"bits": 2, "lst": b64u(zlib.compress(self.packed(), 9))},
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        token = JwsSigner(self.key, self.kid, typ).sign(json.dumps(claims).encode())
        self.documents[uri] = Fetched(status, token.encode() if body is None else body)

    def packed(self):
        packed = bytearray(self.size * 2 // 8)
        for idx, value in self.values.items():
            packed[idx // 4] |= value << idx % 4 * 2
        return bytes(packed)

    @property
    def list_fetches(self):
        return self.asked.count(LIST_URI)


class FakeFeed:
    """The issuer's end of an event feed: each connection gets what the test says, and its headers are kept."""

    def __init__(self):
        self.status = 200
        self.connections = []
        self.asked = []
        self.opened = asyncio.Event()

    @contextlib.asynccontextmanager
    async def __call__(self, url, headers):
        self.asked.append((url, dict(headers)))
        queue = asyncio.Queue()
        self.connections.append(queue)
        self.opened.set()
        yield FakeStream(self.status, queue)

    async def connected(self, times=1):
        while len(self.connections) < times:
            self.opened.clear()
            await asyncio.wait_for(self.opened.wait(), 5)
        return self.connections[-1]


class FakeStream:
    def __init__(self, status, queue):
        self.status = status
        self._queue = queue

    @property
    def chunks(self):
        return self._read()

    async def _read(self):
        while (chunk := await self._queue.get()) is not None:
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk


def event(name, data, version=None):
    named = "" if version is None else f"id: {version}\n"
    return f"event: {name}\n{named}data: {json.dumps(data)}\n\n".encode()


def revoked(kind, named, version=None, at_ms=START * 1000, until=START + 3900):
    return event("revoked", {"kind": kind, "id": named, "revoked_at_ms": at_ms, "until": until}, version)


async def turns(times=20):
    """Let everybody else have some turns."""
    for _ in range(times):
        await asyncio.sleep(0)
