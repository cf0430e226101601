# SPDX-License-Identifier: Apache-2.0
"""The house: whoever was revoked before the record is not answered after it."""

import pytest

from smartagent.edge import AuthenticationFailed, Inbound, Proof
from smartagent.kernel import Caller, CallerKind, Committed, Permitted, Record, Work
from smartagent.server.house import Rooms, anybody

AGENT = Caller(principal="agt_1", kind=CallerKind.AGENT)
NOBODY = Caller(principal="", kind=CallerKind.NOBODY)
WORK = Work((Record("e", 1, "req_1"),))


class Clock:
    def now(self):
        return 5.0

    def monotonic(self):
        return 6.0


class Memory:
    """A store whose feed is behind, and an agent whose revocation is in what it has not seen."""

    def __init__(self, *, version=7, applied=7, revoked_at=None):
        self.version = version
        self.applied = applied
        self.revoked_at = revoked_at
        self.steps = []

    async def commit(self, work):
        self.steps.append(("commit", work))
        return Committed(3, self.version)

    async def reached(self, version):
        self.steps.append(("reached", version))
        self.applied = version

    def alive(self, caller):
        self.steps.append(("alive", caller))
        return self.revoked_at is None or self.applied < self.revoked_at


async def as_it_is(caller):
    return caller


def house(memory, **changed):
    authenticators = dict.fromkeys(Proof, anybody)
    fields = {
        "clock": Clock(),
        "authenticators": authenticators,
        "decide": lambda caller, permission: Permitted((caller.principal, permission)),
        "alive": memory.alive,
        "complete": as_it_is,
        "ledger": memory,
        "feed": memory,
    }
    return Rooms(**{**fields, **changed})


async def test_a_caller_who_is_still_alive_is_answered():
    memory = Memory()

    assert await house(memory).commit(WORK, AGENT) == Committed(3, 7)

    assert memory.steps == [("commit", WORK), ("alive", AGENT)]


async def test_memory_is_brought_to_the_records_version_before_anyone_is_looked_at_again():
    memory = Memory(version=9, applied=7)

    await house(memory).commit(WORK, AGENT)

    assert memory.steps == [("commit", WORK), ("reached", 9), ("alive", AGENT)]


async def test_a_revocation_that_precedes_the_record_refuses_the_answer_though_memory_had_not_seen_it():
    memory = Memory(version=9, applied=7, revoked_at=8)

    with pytest.raises(AuthenticationFailed):
        await house(memory).commit(WORK, AGENT)


async def test_a_revocation_that_memory_has_seen_since_refuses_too():
    with pytest.raises(AuthenticationFailed):
        await house(Memory(version=7, applied=7, revoked_at=7)).commit(WORK, AGENT)


async def test_what_nobody_did_is_recorded_without_looking_anyone_up():
    memory = Memory(revoked_at=0)

    await house(memory).commit(WORK, NOBODY)

    assert memory.steps == [("commit", WORK)]


async def test_each_proof_is_checked_by_its_own_room():
    asked = []

    async def checks(inbound):
        asked.append(inbound)
        return AGENT

    rooms = house(Memory(), authenticators={**dict.fromkeys(Proof, anybody), Proof.ENROLMENT: checks})
    inbound = Inbound("req_1", "GET", "/", client_ip="192.0.2.1")

    assert await rooms.authenticate(inbound, Proof.ENROLMENT) == AGENT
    assert asked == [inbound]
    nobody = await rooms.authenticate(inbound, Proof.NONE)
    assert (nobody.kind, nobody.client_ip) == (CallerKind.NOBODY, "192.0.2.1")


def test_a_house_in_which_nobody_checks_a_proof_is_not_built():
    with pytest.raises(ValueError, match="nobody checks"):
        house(Memory(), authenticators={Proof.NONE: anybody})


def test_the_clock_and_the_policy_are_asked_as_they_are():
    rooms = house(Memory())

    assert rooms.now() == 5.0
    verdict = rooms.authorise(AGENT, "things.make", Inbound("r", "GET", "/"))
    assert verdict == Permitted(("agt_1", "things.make"))
