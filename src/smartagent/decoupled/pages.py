# SPDX-License-Identifier: Apache-2.0
"""The pages: where a device's code is entered, and where requests wait for the person they are for.

Nobody who has not signed in sees anything.  A link that brings a code decides nothing: the person must say
that their own device shows it.

Spec: RFC 8628 sections 3.3, 3.3.1 and 5.4; CIBA Core section 8.
"""

from collections.abc import Mapping
from typing import Final

from smartagent.consent import SignedIn
from smartagent.decoupled.deciding import Deciding, Step
from smartagent.decoupled.errors import CodeNotConfirmed, ConsentRequestNotFound
from smartagent.decoupled.inbox import decided, entered
from smartagent.decoupled.markup import code_form, device_decision, done, waiting_list
from smartagent.decoupled.means import Means
from smartagent.decoupled.model import Channel, Decision, Evidence
from smartagent.decoupled.rules import parse_user_code, shown_code
from smartagent.edge import (
    AuthenticationFailed,
    Inbound,
    MalformedRequest,
    Outcome,
    Reply,
    parse_form,
    status_of,
)
from smartagent.kernel import Caller, SmartAgentError

DEVICE_PAGE: Final = "/oauth/device"
REQUESTS_PAGE: Final = "/oauth/requests"
_SAID: Final = {
    Decision.ALLOW: "You allowed it. Go back to where you came from; you can close this page.",
    Decision.DENY: "You denied it. Nothing was given.",
}


class Pages:
    """Shows the pages, and does what their forms ask."""

    def __init__(self, means: Means, deciding: Deciding) -> None:
        self._people = means.people
        self._frame = means.frame
        self._deciding = deciding

    async def show_device(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show the form for a code; send whoever has not signed in to do so first."""
        code = parse_user_code(parse_form(inbound.query.encode()).get("user_code", ""))
        back = f"{DEVICE_PAGE}?user_code={shown_code(code)}" if code else DEVICE_PAGE
        person = await self._people.signed_in(inbound)
        if person is None:
            return self._to_sign_in(back)
        token = self._frame.form_token(inbound)
        return Outcome(self._page("Connect a device", code_form(token, code)), subject=person.person)

    async def enter_or_decide(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show what the device with this code asks for; or, with a decision, decide it.

        Raises:
            UserCodeUnknown: No open request has it.
            GuessedTooOften: Too many were wrong.
            CodeNotConfirmed: It is allowed without saying that the device shows the code.
            MalformedRequest: The form is not ours.
        """
        person = await self._person(inbound)
        form = parse_form(inbound.body)
        typed = form.get("user_code", "")
        step = await self._deciding.enter(person.person, typed, inbound.client_ip)
        if "decision" not in form:
            token = self._frame.form_token(inbound)
            body = device_decision(token, step.request, parse_user_code(typed))
            return entered(step, self._page("Allow this device?", body))
        decision = _decision(form)
        if decision is Decision.ALLOW and form.get("confirmed") != "yes":
            raise CodeNotConfirmed("tick the box, or deny")
        taken = await self._deciding.decide(step.request, decision, _evidence(person))
        # The code was entered again with the decision: both steps, or neither.
        writes = (*step.writes, *taken.writes)
        page = self._page("Done", done(_SAID[decision], DEVICE_PAGE))
        return decided(Step(taken.request, writes, taken.changes), decision, page)

    async def show_requests(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show what waits for the person; send whoever has not signed in to do so first."""
        person = await self._people.signed_in(inbound)
        if person is None:
            return self._to_sign_in(REQUESTS_PAGE)
        found = await self._deciding.waiting(person.person)
        waiting = [(each, await self._deciding.card_of(each)) for each in found]
        token = self._frame.form_token(inbound)
        page = self._page("What waits for you", waiting_list(token, waiting))
        return Outcome(page, subject=person.person)

    async def decide(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Decide a request that a client sent by CIBA.

        Raises:
            ConsentRequestNotFound: Nothing under this id waits for this person.
            ConsentRequestChanged: It was decided meanwhile.
            MalformedRequest: The form is not ours.
        """
        person = await self._person(inbound)
        form = parse_form(inbound.body)
        decision = _decision(form)
        request = await self._deciding.open_request(person.person, form.get("id", ""))
        if request.channel is not Channel.CIBA:
            # A device is decided where its code was entered, and compared.
            raise ConsentRequestNotFound
        taken = await self._deciding.decide(request, decision, _evidence(person))
        return decided(taken, decision, self._page("Done", done(_SAID[decision], REQUESTS_PAGE)))

    def refused(self, error: SmartAgentError, request_id: str) -> Reply:
        """Show an error: one shape, whatever it was."""
        if isinstance(error, AuthenticationFailed):
            # No session, or a form from elsewhere: nothing of the request is done or kept.
            where = self._people.sign_in_url(REQUESTS_PAGE)
            return self._page("Sign in first", done("You are not signed in here.", where), status_of(error))
        detail = str(error)
        told = f"{error.title} {detail[:1].upper()}{detail[1:]}. (Request {request_id})"
        return self._page("That did not work", done(told, DEVICE_PAGE), status_of(error))

    async def _person(self, inbound: Inbound) -> SignedIn:
        person = await self._people.signed_in(inbound)
        if person is None:
            raise AuthenticationFailed("nobody has signed in")
        return person

    def _to_sign_in(self, back: str) -> Outcome:
        where = self._people.sign_in_url(back)
        return Outcome(Reply(303, headers=(("location", where), ("cache-control", "no-store"))))

    def _page(self, title: str, body: str, status: int = 200) -> Reply:
        return self._frame.page(title, body, status=status)


def _decision(form: Mapping[str, str]) -> Decision:
    try:
        return Decision(form.get("decision", ""))
    except ValueError:
        raise MalformedRequest("decision is allow or deny") from None


def _evidence(person: SignedIn) -> Evidence:
    return Evidence(person.auth_time, person.acr, person.amr)
