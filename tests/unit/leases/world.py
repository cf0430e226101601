# SPDX-License-Identifier: Apache-2.0
"""A house with leases, and a provider that remembers what lives there and fails when it is told to."""

import asyncio
from collections.abc import Mapping

from smartagent.approvals import ApprovalPending, Obtained, demand_of
from smartagent.crypto import seal, unseal
from smartagent.kernel import Change, Denied, NeedsApproval, Permitted, Secret
from smartagent.leases import (
    Credential,
    Ended,
    Leases,
    Made,
    MalformedCredential,
    MalformedProvider,
    Means,
    Order,
    Provider,
    ProviderFailed,
    leases_routes,
)
from smartagent.leases.backends.secret import SecretBackend
from smartagent.policy import Grants
from tests.unit.identity.world import GATEWAY, ISSUER, World

ROOT = Secret(b"r" * 32)
LEASING = Grants((), 900, ("credential:db", "credential:db-admin", "credential:fixed", "credential:key"))
PASSWORD = "made-password-" + "7c1f"
ADMIN = b"broker-password-" + b"9a2b"


class FakeProvider:
    """Where credentials live in a test."""

    kind = "fake"
    renewable = True
    fields = ("username", "password")

    def __init__(self) -> None:
        self.alive: dict[str, int] = {}
        self.orders: list[tuple[str, Order]] = []
        self.failing: dict[str, Exception] = {}
        self.half_made = False
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()
        self.dies_early = 0
        self.outlives = 0
        self.keeps: Secret[bytes] | None = None
        self.kept_at_the_end: list[bytes | None] = []

    def check_provider(self, provider: Provider) -> None:
        if set(provider.secrets) != {"password"}:
            raise MalformedProvider("secrets", "password")
        if provider.settings:
            raise MalformedProvider("settings", "none")

    def check_credential(self, provider: Provider, credential: Credential) -> None:
        for name in credential.grant.keys() - {"table"}:
            raise MalformedCredential(f"grant.{name}", "no")

    def handle_of(self, lease_id: str) -> str:
        return "u_" + lease_id[4:]

    async def issue(self, order: Order) -> Made:
        await self._enter("issue", order)
        if not self.half_made:
            self._fail("issue")
        self.alive[order.handle] = order.expires_at
        self._fail("issue")
        fields = {"username": Secret(order.handle), "password": Secret(PASSWORD)}
        dies_at = order.expires_at - self.dies_early if self.dies_early else 0
        return Made(fields, dies_at=dies_at, kept=self.keeps, facts={"table": "orders"})

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:
        await self._enter("renew", order)
        self._fail("renew")
        self.alive[order.handle] = order.expires_at
        return 0

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:
        await self._enter("revoke", order)
        self._fail("revoke")
        self.kept_at_the_end.append(None if kept is None else kept.reveal())
        self.alive.pop(order.handle, None)
        return Ended(outlives_until=self.outlives, severed=2)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        self._fail("probe")

    async def _enter(self, verb: str, order: Order) -> None:
        self.orders.append((verb, order))
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()

    def _fail(self, verb: str) -> None:
        if verb in self.failing:
            raise self.failing[verb]

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.orders]


class Fixed(FakeProvider):
    """Makes what cannot be renewed."""

    kind = "fixed"
    renewable = False


class Turn:
    """Held by whoever the test says."""

    def __init__(self) -> None:
        self.mine = True

    async def acquire(self) -> bool:
        return self.mine

    async def release(self) -> None:
        self.mine = False


class Sealing:
    def __init__(self, entropy) -> None:
        self._entropy = entropy

    def seal(self, plaintext: Secret[bytes], identity: str) -> bytes:
        return seal(plaintext, ROOT, identity, self._entropy)

    def open(self, envelope: bytes, identity: str) -> Secret[bytes]:
        return unseal(envelope, ROOT, identity)


class LeasesWorld(World):
    """One node of a house with leases."""

    def __init__(self, clock=None, store=None, name="one", provider: FakeProvider | None = None) -> None:
        super().__init__(clock, store, name)
        self.roles["leaser"] = LEASING
        self.asked_about, self.agreed, self.wishes = set(), False, []
        self.leasable = {"leaser": ("db", "db-admin", "fixed", "key")}
        self.provider = provider or FakeProvider()
        self.fixed = Fixed()
        self.narrowed = {}
        self.turn = Turn()
        self.secrets = {"broker": ADMIN, "static": b"static-value"}
        kinds = (self.provider, self.fixed, SecretBackend())
        self.leases = Leases(
            Means(
                clock=self.clock,
                ids=self.ids,
                database=self.store,
                ledger=self.store,
                turn=self.turn,
                sealing=Sealing(self.entropy),
                backends={each.kind: each for each in kinds},
                decide=self.decide,
                granted=lambda role: self.leasable.get(role, ()),
                narrowed=lambda caller, name: self.narrowed.get((caller.role, name)),
                approve=self.approve,
                live=lambda caller: not self.tokens.revocations.is_revoked(caller),
                secret=self.secret,
                secret_exists=self.secrets.__contains__,
            )
        )
        self.leases.follow(self.store)
        self.tokens.revocations.on_revocation(lambda each: self.leases.sweeper.revoked(each.id))
        self.identity.directory.on_change(self.leases.sweeper.look)
        self.open(leases_routes(self.leases))

    def decide(self, caller, name):
        if name in self.asked_about:
            return NeedsApproval("somebody looks first", rules=("policy/careful/1",), people=1)
        if name in self.leasable.get(caller.role, ()) and f"credential:{name}" in caller.scopes:
            return Permitted(("test",))
        return Denied("the role does not have it", f"credential:{name}")

    async def approve(self, caller, needs, wish):
        self.wishes.append(wish)
        if not self.agreed:
            raise ApprovalPending("apr_1", f"{ISSUER}/v1/approvals/apr_1")
        return Obtained("apr_1", demand_of(needs), ("opr_2",), (), (Change("approvals", "apr_1"),))

    async def secret(self, name: str) -> Secret[bytes]:
        return Secret(self.secrets[name])

    def another_node(self, name: str) -> "LeasesWorld":
        return LeasesWorld(self.clock, self.store, name, self.provider)

    async def furnish(self, ada) -> None:
        fake = {"kind": "fake", "settings": {}, "secrets": {"password": "broker"}}
        env = {"DB_USER": "username", "DB_PASSWORD": "password"}
        for path, body in (
            ("/v1/providers/orders", fake),
            ("/v1/providers/rigid", fake | {"kind": "fixed"}),
            ("/v1/providers/keys", {"kind": "secret", "secrets": {"api_key": "static"}}),
            ("/v1/credentials/db", {"provider": "orders", "grant": {"table": "orders"}, "env": env}),
            ("/v1/credentials/db-admin", {"provider": "orders"}),
            ("/v1/credentials/fixed", {"provider": "rigid"}),
            ("/v1/credentials/key", {"provider": "keys", "env": {"API_KEY": "api_key"}}),
        ):
            status, view = await ada.call("PUT", path, body)
            assert status == 201, view

    async def settle(self) -> None:
        """Do what the background would, until there is nothing to do."""
        await self.leases.sweeper.step()
        await self.leases.sweeper.settle()

    async def leaser(self, ada) -> "Leaser":
        agent = await self.agent(ada, "leaser")
        leaser = Leaser(self, agent)
        await leaser.begin()
        return leaser

    async def state(self, ada, lease_id: str) -> dict:
        status, view = await ada.call("GET", f"/v1/leases/{lease_id}")
        assert status == 200, view
        return view


class Leaser:
    """An agent in a session."""

    def __init__(self, world: LeasesWorld, agent) -> None:
        self.world = world
        self.agent = agent
        self.id = agent.id

    async def begin(self, **more: str) -> dict:
        session = await self.agent.session(audience=GATEWAY, **more)
        self.session = session["session_id"]
        self.headers = {"authorization": f"Bearer {session['access_token']}"}
        return session

    async def call(self, method: str, target: str, body: object = None) -> tuple[int, dict]:
        return await self.world.call(method, target, body, self.headers)

    async def lease(self, credential: str = "db", **more: object) -> dict:
        status, view = await self.call("POST", "/v1/leases", {"credential": credential, **more})
        assert status == 201, view
        return view


def failed(reason: str = "42501") -> ProviderFailed:
    return ProviderFailed(reason)


def code_of(problem: dict) -> str:
    return problem["type"].rpartition(":")[2]
