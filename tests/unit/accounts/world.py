# SPDX-License-Identifier: Apache-2.0
"""Nodes that share accounts, and a provider that rotates refresh tokens and remembers which were used."""

import asyncio
import json
from urllib.parse import parse_qs

from smartagent.accounts import Accounts, Means, accounts_routes
from smartagent.drivers import DriverUnreachable, WebAnswer
from smartagent.kernel import Ids, Secret
from smartagent.keyset import Keyset
from smartagent.storage import StoreUnavailable
from tests.unit.identity.memory import FakeEntropy
from tests.unit.identity.world import World

ENDPOINT = "https://idp.example/token"
ENTRY = {
    "token_endpoint": ENDPOINT,
    "client_id": "house",
    "client_secret": "idp-client",
    "refresh_token": "rt-1",
}


class Provider:
    """Rotates: each refresh token works once.  One that was used before ends the whole family."""

    def __init__(self):
        self.good = "rt-1"
        self.number = 1
        self.used = []
        self.life = 3600
        self.rotates = True
        self.answers = []
        self.asked = []
        self.gate = None
        self.broken = False

    async def send(self, method, url, headers, body=b""):
        form = {name: value for name, (value,) in parse_qs(body.decode()).items()}
        self.asked.append((method, url, dict(headers), form))
        if self.gate is not None:
            await self.gate.wait()
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            return WebAnswer(answer[0], {}, answer[1])
        if self.broken:
            raise DriverUnreachable("timeout")
        token = form["refresh_token"]
        if token != self.good:
            return WebAnswer(400, {}, b'{"error": "invalid_grant", "error_description": "secret words"}')
        self.used.append(token)
        self.number += 1
        told = {"access_token": f"at-{self.number}-opaque", "token_type": "Bearer", "expires_in": self.life}
        if self.rotates:
            self.good = f"rt-{self.number}"
            told["refresh_token"] = self.good
        return WebAnswer(200, {}, json.dumps(told).encode())


class Turn:
    mine = True

    async def acquire(self):
        return self.mine

    async def release(self):
        self.mine = False


class FailingLedger:
    """The store's ledger, which may fail before or after it has written."""

    def __init__(self, store):
        self._store = store
        self.before, self.after = 0, 0

    async def commit(self, work):
        refreshed = any(record.event == "account.refreshed" for record in work.records)
        if refreshed and self.before:
            self.before -= 1
            raise StoreUnavailable("down")
        done = await self._store.commit(work)
        if refreshed and self.after:
            self.after -= 1
            raise StoreUnavailable("who knows")
        return done


class AccountsWorld(World):
    """One node that has accounts."""

    def __init__(self, clock=None, store=None, name="one", provider=None):
        super().__init__(clock, store, name)
        self.provider = provider or Provider()
        self.turn = Turn()
        self.ledger = FailingLedger(self.store)
        self.keyset = Keyset(self.store, Secret(b"r" * 32), FakeEntropy(name))
        self.accounts = Accounts(
            Means(
                clock=self.clock,
                ids=Ids(self.clock, FakeEntropy(name)),
                database=self.store,
                ledger=self.ledger,
                turn=self.turn,
                sealing=self.keyset,
                fetch=self.provider,
                secret=self.secret,
                secret_exists=lambda name: name == "idp-client",
                node=name,
                pause=self.pause,
            )
        )
        self.open(accounts_routes(self.accounts))

    async def secret(self, name):
        return Secret(b"client secret")

    async def pause(self, seconds):
        self.clock.at += seconds
        await asyncio.sleep(0)

    def another_node(self, name):
        return AccountsWorld(self.clock, self.store, name, self.provider)

    async def token(self):
        return (await self.accounts.access("idp", "ada")).token.reveal()

    async def shown(self, ada):
        return (await ada.call("GET", "/v1/accounts/idp/ada"))[1]

    def events(self):
        return [record.event for record in self.store.records if record.event.startswith("account.")]
