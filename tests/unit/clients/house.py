# SPDX-License-Identifier: Apache-2.0
"""A house with real clients, and an outside that answers what it was told to."""

import json

from smartagent.clients import Clients, Means, clients_routes
from smartagent.federation import Fetched, FetchFailed
from smartagent.tokens import RevocationKind, revocation_of
from tests.unit.identity.world import ISSUER, World

APP = "https://app.example/oauth/client.json"
REDIRECT = "https://app.example/callback"


class Outside:
    """Documents by their URLs; remembers what was asked."""

    def __init__(self):
        self.documents = {}
        self.asked = []
        self.gate = None

    async def get(self, url, *, accept="application/json", max_bytes=65_536):
        self.asked.append(url)
        if self.gate is not None:
            await self.gate.wait()
        found = self.documents.get(url)
        if found is None:
            raise FetchFailed("the answer's status is 404")
        body, max_age = found
        if len(body) > max_bytes:
            raise FetchFailed(f"the answer has more than {max_bytes} bytes")
        return Fetched(body, max_age)

    def put(self, url, document, max_age=None):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.documents[url] = (body, max_age)

    def describe(self, url=APP, max_age=None, **changes):
        said = {"client_id": url, "client_name": "App", "redirect_uris": [REDIRECT], **changes}
        self.put(url, {name: value for name, value in said.items() if value is not None}, max_age)


class House:
    """One node over a store; `another` is a second one."""

    def __init__(self, world, outside, **settings):
        self.world, self.outside = world, outside
        self.clients = Clients(
            Means(
                clock=world.clock,
                entropy=world.entropy,
                ids=world.ids,
                database=world.store,
                fetch=outside,
                issuer=ISSUER,
                known_role=world.roles.__contains__,
                **settings,
            ),
            lambda client_id, now: revocation_of(RevocationKind.CLIENT, client_id, now=now),
        )
        self.clients.follow(world.store)
        world.open(clients_routes(self.clients), self.clients.authenticators())

    @staticmethod
    async def start(**settings):
        house = House(World(), Outside(), **settings)
        await house.world.start()
        return house

    async def another(self):
        node = House(self.world.another_node("two"), self.outside)
        await node.world.start()
        return node

    def later(self, seconds):
        self.world.clock.at += seconds

    async def register(self, **changes):
        said = {"client_name": "App", "redirect_uris": [REDIRECT], **changes}
        return await self.world.call(
            "POST", "/oauth/register", {name: value for name, value in said.items() if value is not None}
        )

    async def manage(self, method, view, body=None, token=None):
        headers = {"authorization": f"Bearer {token or view['registration_access_token']}"}
        path = view["registration_client_uri"].removeprefix(ISSUER)
        return await self.world.call(method, path, body, headers)
