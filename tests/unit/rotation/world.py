# SPDX-License-Identifier: Apache-2.0
"""A house that rotates, and an outside whose keys can be looked at."""

from smartagent.kernel import Change, Secret, Write
from smartagent.keyset import Keyset
from smartagent.rotation import (
    DAY_SECONDS,
    Due,
    MalformedRotation,
    Means,
    RotationFailed,
    Rotations,
    Task,
    rotation_routes,
)
from smartagent.vault import SECRETS_TOPIC, Elsewhere, Placeholders, SecretNotFound, Vault, Writer
from smartagent.vault import routes as vault_routes
from tests.unit.identity.world import World
from tests.unit.vault.fakes import no_account

ROOT = Secret(b"r" * 32)
OLD = b"old-value-" + b"aa11"


class Outside:
    """Knows which keys are good, and fails when it is told to."""

    kind = "fake"
    period_days = 90

    def __init__(self, *, chooses: bool = True) -> None:
        self.chooses = chooses
        self.good = {OLD}
        self.made = 0
        self.verbs: list[str] = []
        self.failing: dict[str, list[Exception]] = {}
        self.after: dict[str, list[Exception]] = {}

    def check(self, rotation) -> None:
        if "bad" in rotation.settings:
            raise MalformedRotation("settings.bad", "no")

    def choose(self) -> Secret[bytes]:
        self.made += 1
        return Secret(b"new-value-%d" % self.made)

    async def rehearse(self, task: Task) -> None:
        self._enter("rehearse")

    async def make(self, task: Task, new):
        self._enter("make")
        if new is None:
            self.made += 1
            new = Secret(b"given-value-%d" % self.made)
        self.good.add(new.reveal())
        self._leave("make")
        return new, f"mark-{self.made}"

    async def verify(self, task: Task, new) -> None:
        self._enter("verify")
        if new.reveal() not in self.good:
            raise RotationFailed("not-good")

    async def undo(self, task: Task, new) -> None:
        self._enter("undo")
        if new is not None:
            self.good.discard(new.reveal())

    async def retire(self, task: Task, former) -> None:
        self._enter("retire")
        assert task.old.reveal() in self.good
        self.good.discard(former.reveal())
        self._leave("retire")

    def _enter(self, verb: str) -> None:
        self.verbs.append(verb)
        if self.failing.get(verb):
            raise self.failing[verb].pop(0)

    def _leave(self, verb: str) -> None:
        if self.after.get(verb):
            raise self.after[verb].pop(0)


class Turn:
    mine = True

    async def acquire(self) -> bool:
        return self.mine

    async def release(self) -> None:
        self.mine = False


class VaultSecrets:
    def __init__(self, vault: Vault, writer: Writer) -> None:
        self._vault, self._writer = vault, writer

    async def read(self, name: str) -> Secret[bytes]:
        return (await self._vault.obtain(name))[0]

    def exists(self, name: str) -> bool:
        try:
            self._vault.secret(name)
        except SecretNotFound:
            return False
        return True

    def replace(self, name, value, by) -> tuple[tuple[Write, ...], tuple[Change, ...]]:
        written = self._writer.put(name, value, by)
        return written.writes, written.changes


class RotationWorld(World):
    """One node that rotates."""

    def __init__(self, clock=None, store=None, name="one", outside: Outside | None = None) -> None:
        super().__init__(clock, store, name)
        self.outside = outside or Outside()
        self.turn = Turn()
        sealing = Keyset(self.store, ROOT, self.entropy)
        self.vault = Vault(self.store, sealing, Elsewhere(self.clock, no_account))
        self.store.register(SECRETS_TOPIC, self.vault.reload_secrets)
        placeholders = Placeholders(Secret(b"a key for placeholders"), self.store)
        self.open(vault_routes(self.vault, placeholders, sealing, None, self.clock, self.entropy))
        self.others: list[Due] = []
        self.rotations = Rotations(
            Means(
                clock=self.clock,
                entropy=lambda size: b"\0" * size,
                database=self.store,
                ledger=self.store,
                turn=self.turn,
                sealing=sealing,
                secrets=VaultSecrets(self.vault, Writer(self.vault, sealing, self.clock, self.entropy)),
                rotators={"fake": self.outside},
                others=self._others,
            )
        )
        self.rotations.follow(self.store)
        self.open(rotation_routes(self.rotations))

    async def _others(self, now: float) -> list[Due]:
        return self.others

    def another_node(self, name: str) -> "RotationWorld":
        return RotationWorld(self.clock, self.store, name, self.outside)

    async def furnish(self, ada, **entry) -> dict:
        assert (await ada.call("PUT", "/v1/secrets/key", {"value": OLD.decode()}))[0] == 201
        body = {
            "kind": "fake",
            "secret": "key",
            "period_seconds": 30 * DAY_SECONDS,
            "overlap_seconds": 600,
            **entry,
        }
        status, view = await ada.call("PUT", "/v1/rotations/key", body)
        assert status == 201, view
        return view

    async def settle(self) -> None:
        while await self.rotations.worker.step():
            pass

    async def in_force(self) -> bytes:
        return (await self.vault.obtain("key"))[0].reveal()

    async def shown(self, ada) -> dict:
        ada._token = ""
        return (await ada.call("GET", "/v1/rotations/key"))[1]

    @property
    def events(self) -> list[str]:
        return [record.event for record in self.store.records if record.event.startswith("rotation.")]
