# SPDX-License-Identifier: Apache-2.0
"""What a person does with a request: enter its code, look at what waits, say yes or no.

The pages and the API do the same here.  Who entered a device's code is the one who decides it.

Spec: RFC 8628 sections 3.3, 5.1 and 5.4; CIBA Core section 8.
"""

from typing import Final

import msgspec

from smartagent.consent import end_grant
from smartagent.decoupled.codes import mac_of
from smartagent.decoupled.errors import ConsentRequestNotFound, UserCodeUnknown
from smartagent.decoupled.guessing import ADDRESS, PERSON, Guesses
from smartagent.decoupled.means import Means
from smartagent.decoupled.model import ConsentRequest, Decision, Evidence, State
from smartagent.decoupled.ports import CallCard
from smartagent.decoupled.rules import is_open, parse_user_code
from smartagent.decoupled.store import (
    decide,
    end,
    enter,
    read_by_user_code,
    read_given_by,
    read_open_of,
    read_request,
)
from smartagent.kernel import Change, Write
from smartagent.oauth import InvalidAuthorizationDetails
from smartagent.tokens import RevocationKind, revocation_of

_STATES: Final = {Decision.ALLOW: State.ALLOWED, Decision.DENY: State.DENIED}
_GIVEN: Final = frozenset({State.ALLOWED, State.REDEEMED})


class Step(msgspec.Struct, frozen=True):
    """A request, and the writes that take it further."""

    request: ConsentRequest
    writes: tuple[Write, ...]
    changes: tuple[Change, ...] = ()


class Deciding:
    """Lets people decide."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._by_person = Guesses(means.clock, PERSON)
        self._by_address = Guesses(means.clock, ADDRESS)

    async def waiting(self, person: str) -> list[ConsentRequest]:
        """Return what waits for `person`, the oldest first."""
        return await read_open_of(self._means.database, person, now=int(self._means.clock.now()))

    async def enter(self, person: str, typed: str, client_ip: str) -> Step:
        """Find the request with the code that `person` typed, and let them be the one who decides it.

        Raises:
            UserCodeUnknown: No open request has it, or somebody else entered it before.
            GuessedTooOften: This person, or this address, was wrong too often.
        """
        self._by_person.take(person)
        self._by_address.take(client_ip)
        # What cannot be a code is looked up, too: the answer takes as long.
        mac = mac_of(self._means.code_key, parse_user_code(typed))
        found = await read_by_user_code(self._means.database, mac)
        if found is None or not is_open(found, now=self._means.clock.now()):
            raise UserCodeUnknown("no open request has it")
        if found.person not in ("", person):
            raise UserCodeUnknown("somebody else entered it")
        self._by_address.give_back(client_ip)
        self._by_person.give_back(person)
        return Step(msgspec.structs.replace(found, person=person), (enter(found, person),))

    async def open_request(self, person: str, request_id: str) -> ConsentRequest:
        """Return a request that waits for `person`.

        Raises:
            ConsentRequestNotFound: It is none.
        """
        found = await read_request(self._means.database, request_id)
        if found is None or found.person != person or not is_open(found, now=self._means.clock.now()):
            raise ConsentRequestNotFound
        return found

    async def given(self, person: str) -> list[ConsentRequest]:
        """Return what `person` allowed lately and did not take back, the newest first."""
        found = await read_given_by(self._means.database, person)
        # A grant can also be ended where all grants are listed.
        return [each for each in found if not self._means.tokens.revocations.is_dead(each.id)]

    async def end(self, person: str, request_id: str) -> Step:
        """Take back what `person` allowed: every token that came of it is dead.

        Raises:
            ConsentRequestNotFound: They allowed nothing under this id, or took it back before.
        """
        found = await read_request(self._means.database, request_id)
        if found is None or found.person != person or found.state not in _GIVEN:
            raise ConsentRequestNotFound
        now = self._means.clock.now()
        writes, changes = revocation_of(RevocationKind.GRANT, found.id, now=now)
        ended = (end(found), end_grant(found.id, now=int(now)))
        return Step(msgspec.structs.replace(found, state=State.ENDED), (*ended, *writes), changes)

    async def decide(self, request: ConsentRequest, decision: Decision, evidence: Evidence) -> Step:
        """Say yes or no to a request that waits for the person who decides, and to the call that it names.

        Raises:
            SmartAgentError: The call waits for nobody any more, or is not this person's to decide.
        """
        now = int(self._means.clock.now())
        state = _STATES[decision]
        decided = msgspec.structs.replace(request, state=state, decided_at=now)
        writes: tuple[Write, ...] = (decide(request, state, evidence, now=now),)
        if not request.approval:
            return Step(decided, writes)
        more, changes = await self._means.approvals.decide(
            request.approval, request.person, approve=decision is Decision.ALLOW
        )
        return Step(decided, (*writes, *more), tuple(changes))

    async def card_of(self, request: ConsentRequest) -> CallCard | None:
        """Return the call that a request is about; None when it is about none, or that waits for nobody any more."""
        if not request.approval:
            return None
        try:
            return await self._means.approvals.card_for(request.approval, request.client_id, request.person)
        except InvalidAuthorizationDetails:
            return None
