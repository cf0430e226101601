# SPDX-License-Identifier: Apache-2.0
"""A desk to put secrets on: the room's routes over a store with memory."""

import itertools

import msgspec

from smartagent.accounts import AccountNotFound
from smartagent.drivers import read_place
from smartagent.edge import Inbound
from smartagent.kernel import Caller, CallerKind, Secret
from smartagent.keyset import Keyset
from smartagent.vault import Elsewhere, Placeholders, Vault, routes
from smartagent.vault.store import honeytokens, secret_versions, secrets, upstreams
from tests.unit.policy.fakes import FakeClock, FakeStore

ROOT = Secret(bytes(range(32)))
OPERATOR = Caller("opr_1", CallerKind.OPERATOR)
ORDERS = {"base_url": "https://orders.example", "secret": "orders-key"}
RAW = "application/octet-stream"


class FakeEntropy:
    """Never the same bytes twice, and the same ones in every run."""

    def __init__(self):
        self._counter = itertools.count(1)

    def __call__(self, size_bytes):
        return b"".join(next(self._counter).to_bytes(4) for _ in range(size_bytes // 4 + 1))[:size_bytes]


async def no_account(provider, name):
    """Say that there is none."""
    raise AccountNotFound(f"{provider}/{name}")


def vault_store():
    return FakeStore(secrets, secret_versions, upstreams, honeytokens)


class Desk:
    def __init__(self, store, root=ROOT, read=read_place):
        self.store = store
        sealing = Keyset(store, root, FakeEntropy())
        self.vault = Vault(store, sealing, Elsewhere(FakeClock(), no_account, read))
        self.placeholders = Placeholders(Secret(b"a key for placeholders"), store)
        made = routes(self.vault, self.placeholders, sealing, None, FakeClock(), FakeEntropy())
        self.routes = {(route.method, route.path): route for route in made}

    async def decide(self, method, path, body=b"", media_type="application/json", **params):
        """What an act comes to, before anything of it is written."""
        if not isinstance(body, bytes):
            body = msgspec.json.encode(body)
        inbound = Inbound(
            "req_1", method, path, headers={"content-type": media_type}, body=body, params=params
        )
        return await self.routes[method, path].act(OPERATOR, inbound)

    async def settle(self, outcome):
        """Write it, and let memory follow, as the ledger and the feed do."""
        self.store.apply(*outcome.writes)
        for change in outcome.changes:
            reload = {
                "secrets": self.vault.reload_secrets,
                "upstreams": self.vault.reload_upstreams,
                "honeytokens": self.placeholders.reload,
            }[change.topic]
            await reload([change.key])
        return outcome

    async def put_secret(self, name, value):
        return await self.settle(await self.decide("PUT", "/v1/secrets/{name}", value, RAW, name=name))

    async def put_upstream(self, name, entry):
        return await self.settle(await self.decide("PUT", "/v1/upstreams/{name}", entry, name=name))


def shown(outcome):
    return msgspec.json.decode(msgspec.json.encode(outcome.reply.body))
