# SPDX-License-Identifier: Apache-2.0
"""A house with governance, whose log can be followed and whose turn the test gives away."""

import json

import msgspec

from smartagent.audit import Trail
from smartagent.audit.custody import Entry
from smartagent.edge import AuthenticationFailed
from smartagent.federation import Foreign, IssuerKind, Purpose, TrustedIssuer
from smartagent.governance import Defaults, Governance, Means, governance_routes, is_person_here
from smartagent.kernel import Committed, Record, Work
from smartagent.notices.telling import Teller
from smartagent.policy import ROLES_TOPIC, Book, Keeper, RuleKind
from smartagent.tokens import RevocationKind, revocation_of
from tests.unit.identity.memory import FakeClock, MemoryStore
from tests.unit.identity.world import ISSUER, World
from tests.unit.leases.world import Turn

STRANGE = {"clt_dynamic": "Order desk", "https://app.example/client.json": "An app"}


class LoggingStore(MemoryStore):
    """Keeps the log as the real stores do, so that it can be read back."""

    async def commit(self, work: Work) -> Committed:
        before = len(self.records)
        committed = await super().commit(work)
        self.keep(work.records, before)
        return committed

    def keep(self, records: tuple[Record, ...], first: int) -> None:
        if not records:
            return
        leaves = [record.encode() for record in records]
        entries = b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)
        self._connection.execute(
            "INSERT INTO log_segment VALUES (?, ?, ?, ?, 0, 0)", (first, len(leaves), entries, b"")
        )
        self._connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?, 0)", (first + len(leaves),))

    def append(self, *records: Record) -> None:
        """Have something in the log that no request made."""
        self.keep(records, len(self.records))
        self.records.extend(records)


class GovernanceWorld(World):
    """One node of a house with governance."""

    def __init__(self, clock=None, store=None, name="one", defaults=None) -> None:
        clock = clock or FakeClock()
        super().__init__(clock, store or LoggingStore(clock), name)
        self.turn = Turn()
        self.delegated = []
        self.leasable = {}
        self.trusted = {"https://idp.example"}
        self.book = Book(self.store)
        self.store.register(ROLES_TOPIC, self.book.reload_roles)
        self.governance = Governance(
            Means(
                clock=self.clock,
                entropy=self.entropy,
                ids=self.ids,
                issuer=ISSUER,
                database=self.store,
                ledger=self.store,
                turn=self.turn,
                directory=self.identity.directory,
                book=self.book,
                roles=Keeper(RuleKind.ROLE, self.book, self.clock, self.store, lambda role, role_file: None),
                grants=self._grants,
                credentials_of=lambda role: self.leasable.get(role, ()),
                trail=self._trail,
                revocations=self.tokens.revocations,
                delegations=lambda: self.delegated,
                leases_of=self._leases_of,
                records_of=self._records_of,
                strange_client=self._strange_client,
                outside=self._outside,
                tell=Teller(self.clock, self.ids, ISSUER).tell,
                defaults=defaults or Defaults(),
            )
        )
        self.governance.follow(self.store)
        self.open(governance_routes(self.governance), self.governance.scim.authenticators())

    def _grants(self, role):
        return self.roles.get(role) or self.book.grants(role)

    async def _outside(self, token, *, purpose, now):
        """Take a token that says in JSON who made it, and what it claims."""
        said = json.loads(token)
        if said["iss"] not in self.trusted or purpose is not Purpose.PERSON:
            raise AuthenticationFailed("nobody vouches for it")
        entry = TrustedIssuer(
            "idp", said["iss"], IssuerKind.OIDC, (Purpose.PERSON,), ("smartagent",), ("RS256",)
        )
        return Foreign(entry, said["sub"], said, "", "", "", int(now) + 60, once=None)

    async def _is_person(self, owner):
        return await is_person_here(self.store, owner)

    def _elevated(self, agent_id):
        return self.governance.elevated.elevated(agent_id)

    def _end(self, agent_id, now):
        return revocation_of(RevocationKind.AGENT, agent_id, now=now)

    async def _leases_of(self, agent):
        return []

    async def _records_of(self, subject, since_ms):
        return [
            record
            for record in reversed(self.store.records)
            if record.at_ms >= since_ms and subject in {record.caller, record.subject}
        ]

    async def _trail(self, subject, caller, begin, limit):
        found = [
            Entry(index, msgspec.Raw(record.encode()), "", "receipt")
            for index, record in enumerate(self.store.records)
            if record.subject == subject and index >= begin
        ]
        following = found[limit].index if len(found) > limit else 0
        return Trail(subject, "checkpoint", begin, len(found[:limit]), following, found[:limit])

    async def _strange_client(self, client_id):
        return STRANGE.get(client_id, "")

    def status_of(self, bot) -> str:
        return self.identity.directory.agent(bot.id).status.value

    def last(self, event: str) -> Record:
        return next(record for record in reversed(self.store.records) if record.event == event)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and let the background do what is due."""
        self.clock.at += seconds
        await self.governance.caretaker.step()


def caller_of(world: World, view: dict):
    """Return who holds the token that a session's view shows."""
    return world.tokens.access.verified(view["access_token"]).caller


def permitted(event: str, caller: str, **more) -> Record:
    return msgspec.structs.replace(
        Record(event=event, at_ms=0, request="req_1", caller=caller, decision="permit"), **more
    )
