# SPDX-License-Identifier: Apache-2.0
"""A house that tells people, and receivers that remember what they got."""

import asyncio

from smartagent.kernel import Secret, Work
from smartagent.keyset import Keyset
from smartagent.notices import Means, NoticeKind, Notices, notices_routes
from tests.unit.identity.world import ISSUER, World

HOOK = "https://hooks.example/in"


class Receivers:
    """Takes notices, in a channel's own time, and fails when it is told to."""

    def __init__(self) -> None:
        self.got = []
        self.secrets = {}
        self.failing: dict[str, list[Exception]] = {}
        self.slow: dict[str, asyncio.Event] = {}
        self.dies_after_taking = False
        self.taken = asyncio.Event()

    async def send(self, channel, notice, secret) -> None:
        if channel.name in self.slow:
            await self.slow[channel.name].wait()
        if self.failing.get(channel.name):
            raise self.failing[channel.name].pop(0)
        self.got.append((channel.name, notice))
        self.taken.set()
        self.secrets[channel.name] = secret.reveal()
        if self.dies_after_taking:
            raise asyncio.CancelledError

    def titles(self, channel: str) -> list[str]:
        return [notice.title for name, notice in self.got if name == channel]

    def ids(self, channel: str) -> list[str]:
        return [notice.id for name, notice in self.got if name == channel]


class Turns:
    """Whose turn it is, among the nodes of one house."""

    def __init__(self) -> None:
        self.holder = ""

    def of(self, name: str) -> "Turn":
        return Turn(self, name)


class Turn:
    def __init__(self, turns: Turns, name: str) -> None:
        self._turns, self._name = turns, name

    async def acquire(self) -> bool:
        self._turns.holder = self._turns.holder or self._name
        return self._turns.holder == self._name

    async def release(self) -> None:
        if self._turns.holder == self._name:
            self._turns.holder = ""


class NoticesWorld(World):
    """One node that delivers."""

    def __init__(self, clock=None, store=None, name="one", receivers=None, turns=None, *, mail=True) -> None:
        super().__init__(clock, store, name)
        self.receivers = receivers or Receivers()
        self.turns = turns or Turns()
        self.notices = Notices(
            Means(
                clock=self.clock,
                entropy=self.entropy,
                ids=self.ids,
                database=self.store,
                ledger=self.store,
                turn=self.turns.of(name),
                sealing=Keyset(self.store, Secret(b"r" * 32), self.entropy),
                issuer=ISSUER,
                webhooks=self.receivers,
                mail=self.receivers if mail else None,
            )
        )
        self.open(notices_routes(self.notices))

    def another_node(self, name: str) -> "NoticesWorld":
        return NoticesWorld(self.clock, self.store, name, self.receivers, self.turns)

    async def tell(self, title="look", kind=NoticeKind.APPROVALS, subject="apr_1", lines=(), link="/x"):
        await self.store.commit(
            Work((), writes=(self.notices.tell(kind, subject, title, list(lines), link),))
        )

    async def deliver(self) -> None:
        """Send everything that is due at this instant."""
        await self.notices.deliverer.step()
        await self.notices.deliverer.settle()

    def events(self, name: str) -> list:
        return [record for record in self.store.records if record.event == name]
