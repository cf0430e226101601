# SPDX-License-Identifier: Apache-2.0
"""Clients and resources as this node knows them.

A house may have a hundred thousand clients that registered themselves once; so clients are read when
they are asked for, and only the ones asked for last stay in memory.  Resources are few and all here.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from smartagent.clients.described import Described
from smartagent.clients.desk import Desk
from smartagent.clients.errors import ClientUnusable
from smartagent.clients.means import Means
from smartagent.clients.model import Client, Resource
from smartagent.clients.registration import Kill, Registration
from smartagent.clients.store import (
    CLIENTS_TOPIC,
    RESOURCES_TOPIC,
    drop_unused,
    read_client,
    read_resources,
)
from smartagent.crypto import MalformedKey, VerifyingKey, public_key_from_jwk
from smartagent.edge import Inbound, Proof
from smartagent.federation import FederationError, ForeignKeys, KeySource
from smartagent.kernel import Caller, IdPrefix, Ledger, Work
from smartagent.storage import Feed

Authenticator = Callable[[Inbound], Awaitable[Caller]]

UNUSED_SECONDS: Final = 86_400
_KEPT: Final = 4096
_REGISTERED: Final = f"{IdPrefix.CLIENT.value}_"


class Clients:
    """Finds clients, their keys, and what takes their tokens."""

    def __init__(self, means: Means, kill: Kill) -> None:
        self._means = means
        self._described = Described(means)
        self._keys = ForeignKeys(means.fetch, means.clock)
        self._kept: OrderedDict[str, Client] = OrderedDict()
        self._resources: dict[str, Resource] = {}
        self._generation = 0
        self.registration = Registration(means, kill)
        self.desk = Desk(means, kill)

    def follow(self, feed: Feed) -> None:
        """Keep the memory fresh by the store's feed.  Call it before the store starts."""
        feed.register(CLIENTS_TOPIC, self.reload_clients)
        feed.register(RESOURCES_TOPIC, self.reload_resources)

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {Proof.REGISTRATION_TOKEN: self.registration.by_registration_token}

    async def find(self, client_id: str) -> Client | None:
        """Return the client; None when there is none, or its description cannot be used.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        if self._described.is_one(client_id):
            try:
                return await self._described.find(client_id)
            except ClientUnusable:
                return None
        if not client_id.startswith(_REGISTERED):
            return None
        kept = self._kept.get(client_id)
        if kept is not None:
            return kept
        generation = self._generation
        stored = await read_client(self._means.database, client_id)
        if stored is None:
            return None
        # What was read before a change that came meanwhile must not stay.
        if generation == self._generation:
            self._kept[client_id] = stored.client
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return stored.client

    async def describe(self, client_id: str) -> Client:
        """Return the client that a URL describes, or say why it cannot be used.

        Raises:
            ClientUnusable: The URL is not one that may be an id, the description cannot be had, or is not one.
        """
        return await self._described.find(client_id)

    async def key(self, client: Client, kid: str, alg: str) -> VerifyingKey | None:
        """Return the client's key of that name for that algorithm; without a name there must be no choice.

        Args:
            client: Whose.
            kid: As a token's header claims; empty when it names none.
            alg: The same.
        """
        if client.jwks_uri:
            try:
                return await self._keys.find(KeySource(client.id, client.jwks_uri), kid, alg)
            except FederationError:
                return None
        named = [each for each in client.jwks if kid in ("", each.get("kid"))]
        if len(named) != 1:
            return None
        try:
            key = public_key_from_jwk(named[0])
        except MalformedKey:
            return None
        return key if alg in key.algorithms else None

    def resource(self, identifier: str) -> Resource | None:
        """Return the protected resource."""
        return self._resources.get(identifier)

    def takes_bound_only(self, identifier: str) -> bool:
        """Say whether a resource takes no bearer tokens."""
        resource = self._resources.get(identifier)
        return resource is not None and resource.dpop_required

    def resources(self) -> Sequence[Resource]:
        """Return all protected resources, by identifier."""
        return [self._resources[name] for name in sorted(self._resources)]

    async def reload_clients(self, client_ids: Sequence[str]) -> None:
        """Forget these clients; with no ids, all of them."""
        self._generation += 1
        if not client_ids:
            self._kept.clear()
        for client_id in client_ids:
            self._kept.pop(client_id, None)

    async def reload_resources(self, _identifiers: Sequence[str]) -> None:
        """Read the resources again; they are few, so always all of them.

        Raises:
            StoreUnavailable: The store cannot be read; the memory is as it was.
        """
        self._resources = {each.identifier: each for each in await read_resources(self._means.database)}

    async def sweep(self, ledger: Ledger) -> None:
        """Remove clients that registered themselves a day ago and were never given anything.

        Raises:
            StoreUnavailable: The store cannot be written.
        """
        before = int(self._means.clock.now()) - UNUSED_SECONDS
        await ledger.commit(Work((), (), (drop_unused(before),)))
