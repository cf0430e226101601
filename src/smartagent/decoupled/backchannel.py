# SPDX-License-Identifier: Apache-2.0
"""The backchannel authentication endpoint: a client asks a person who is not in front of it.

Spec: CIBA Core sections 7 and 13; poll mode alone, so nothing is ever sent to a client.  Absent: signed
requests (section 7.1.1), because the client has signed the assertion that comes with the form; `user_code`
(section 7.1.2), because the person is asked by their own key.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.clients import AuthMethod, Client, ClientKind
from smartagent.decoupled.asking import OPENID, Asking
from smartagent.decoupled.codes import AUTH_REQ_ID_PREFIX, Code, make_code
from smartagent.decoupled.errors import ExpiredLoginHintToken, TooManyOpen
from smartagent.decoupled.guessing import HINTS, REQUESTS, Guesses
from smartagent.decoupled.hints import Hints
from smartagent.decoupled.means import Means
from smartagent.decoupled.model import Channel, ConsentRequest, State, Target
from smartagent.decoupled.rules import (
    CIBA_LIFE_SECONDS,
    INTERVAL_SECONDS,
    KEPT_SECONDS,
    MOST_OPEN,
    life_of,
    parse_binding_message,
)
from smartagent.decoupled.store import add_request, count_open
from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply
from smartagent.identity import Operator
from smartagent.kernel import Caller, Detail, IdPrefix, SmartAgentError, parse_id
from smartagent.oauth import (
    ClientRequest,
    InvalidAuthorizationDetails,
    InvalidScope,
    UnauthorizedClient,
    one_target,
)
from smartagent.tokens import NO_STORE

GRANT_TYPE: Final = "urn:openid:params:grant-type:ciba"
ENDPOINT: Final = "/oauth/backchannel"
APPROVAL_DETAIL: Final = "smartagent_approval"
"""The type of the authorization details that name a call which waits for approval."""
_MAX_DIGITS: Final = 9
_REFUSED: Final = {
    "request": "signed requests are not done here; the client assertion signs",
    "request_uri": "requests by reference are not done here",
    "user_code": "user codes are not done here; the person is asked by their own key",
}


class ApprovalDetail(
    msgspec.Struct, frozen=True, tag_field="type", tag=APPROVAL_DETAIL, forbid_unknown_fields=True
):
    """Which call the person shall approve."""

    approval: str


class BackchannelAnswer(msgspec.Struct, frozen=True):
    """The answer of `POST /oauth/backchannel` (CIBA Core section 7.3)."""

    auth_req_id: str
    expires_in: int
    interval: int


class Backchannel:
    """Asks people on behalf of clients."""

    def __init__(self, means: Means, asking: Asking) -> None:
        self._means = means
        self._asking = asking
        self._hints = Hints(means)
        self._wrong = Guesses(means.clock, HINTS)
        self._begun = Guesses(means.clock, REQUESTS)

    async def authenticate(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Begin a request that waits for the person whom the hint names.

        Raises:
            UnauthorizedClient: A public client, or one that is not registered for this grant.
            MalformedRequest: A parameter is missing, malformed, or not done here.
            InvalidScope: It asks for more than it may, or without `openid`.
            InvalidTarget: It asks for a resource that it may not have.
            InvalidBindingMessage: The message cannot be shown to people.
            InvalidAuthorizationDetails: They name no approval, or one that is not this client's, or not this person's
                to give.
            UnknownUserId: The hint names nobody.
            ExpiredLoginHintToken: The token that hints has expired.
            TooManyOpen: The person has enough of this client to decide.
            GuessedTooOften: Too many hints of this client named nobody.
        """
        asked = await self._means.requests.of(inbound)
        client, form = asked.client, asked.form
        _check_client(client)
        self._begun.take(client.id)
        life_seconds = _check_form(form)
        target = self._asking.check(client, asked.agent, form["scope"], one_target(form))
        message = parse_binding_message(form["binding_message"]) if "binding_message" in form else ""
        approval = approval_in(form.get("authorization_details", ""))
        person = self._person(form, client)
        await self._check_askable(person, client, approval)
        proven = self._means.tokens.proofs.at_endpoint(inbound, self._means.issuer + ENDPOINT)
        code = make_code(AUTH_REQ_ID_PREFIX, self._means.entropy)
        request = self._request(asked, inbound, code, target.scope)
        request = msgspec.structs.replace(
            request,
            person=person.id,
            binding_message=message,
            approval=approval,
            jkt=proven.jkt if proven is not None else "",
            expires_at=request.created_at + life_seconds,
        )
        nonce = (("dpop-nonce", self._means.tokens.proofs.nonce()),) if proven is not None else ()
        answer = BackchannelAnswer(code.code, life_seconds, INTERVAL_SECONDS)
        return Outcome(
            Reply(200, answer, headers=(*NO_STORE, *nonce)),
            subject=request.id,
            detail=_told(request, target),
            writes=add_request(request, forget_before=request.created_at - KEPT_SECONDS),
            claims=() if proven is None else (proven.claim,),
        )

    def _request(self, asked: ClientRequest, inbound: Inbound, code: Code, scope: str) -> ConsentRequest:
        now = int(self._means.clock.now())
        return ConsentRequest(
            id=self._means.ids.new(IdPrefix.GRANT),
            channel=Channel.CIBA,
            state=State.PENDING,
            client_id=asked.client.id,
            client_name=asked.client.name,
            code_hash=code.code_hash,
            user_code_mac=None,
            person="",
            scope=scope,
            resource=one_target(asked.form),
            binding_message="",
            jkt="",
            client_ip=inbound.client_ip,
            created_at=now,
            expires_at=now,
            interval_seconds=INTERVAL_SECONDS,
        )

    async def _check_askable(self, person: Operator, client: Client, approval: str) -> None:
        if approval:
            # It is this client's, and this person's to decide, or nobody is asked.
            await self._means.approvals.card_for(approval, client.id, person.id)
        now = int(self._means.clock.now())
        if await count_open(self._means.database, person.id, client.id, now=now) >= MOST_OPEN:
            raise TooManyOpen(MOST_OPEN)

    def _person(self, form: Mapping[str, str], client: Client) -> Operator:
        # Taken first and given back: names cannot be tried out faster by trying many at once.
        self._wrong.take(client.id)
        try:
            person = self._hints.person(form, client)
        except (MalformedRequest, ExpiredLoginHintToken):
            self._wrong.give_back(client.id)
            raise
        self._wrong.give_back(client.id)
        return person


def _told(request: ConsentRequest, target: Target) -> dict[str, Detail]:
    return {
        "person": request.person,
        "aud": target.audience,
        "scope": target.scope,
        "exp": request.expires_at,
    }


def approval_in(details: str) -> str:
    """Return the id of the approval that `authorization_details` name; empty when there are none.

    Spec: RFC 9396 section 2; one object of the type `smartagent_approval`.

    Raises:
        InvalidAuthorizationDetails: They are malformed, or of another type.
    """
    if not details:
        return ""
    try:
        (asked,) = msgspec.json.decode(details, type=list[ApprovalDetail])
        return parse_id(asked.approval, IdPrefix.APPROVAL)
    except (ValueError, SmartAgentError):
        raise InvalidAuthorizationDetails(
            f"send an array with one object of the type {APPROVAL_DETAIL}, which names an approval"
        ) from None


def _check_client(client: Client) -> None:
    # CIBA Core section 7.1: the client authenticates, so that a person knows who asks.
    if client.auth_method is AuthMethod.NONE:
        raise UnauthorizedClient("a public client may not ask people in the background")
    if client.kind is not ClientKind.AGENT and GRANT_TYPE not in client.grant_types:
        raise UnauthorizedClient("the client is not registered for this grant")


def _check_form(form: Mapping[str, str]) -> int:
    """Return how long the request shall live, in seconds."""
    for name, why in _REFUSED.items():
        if name in form:
            raise MalformedRequest(why)
    if "scope" not in form:
        raise MalformedRequest("scope is missing")
    if OPENID not in form["scope"].split(" "):
        raise InvalidScope(f"the scope must hold {OPENID}")
    expiry = form.get("requested_expiry")
    if expiry is None:
        return CIBA_LIFE_SECONDS
    if not (expiry.isascii() and expiry.isdigit()) or len(expiry) > _MAX_DIGITS or int(expiry) == 0:
        raise MalformedRequest("requested_expiry is a positive number of seconds")
    return life_of(int(expiry))
