# SPDX-License-Identifier: Apache-2.0
"""Authorization requests: pushed by the client, or brought by a person's browser.

    client --push--> pushed --browser--> asked --the person decides--> code, or denied
                        browser with parameters --^

Every request that is good waits in the store under a handle; the page shows what waits there, so what is
decided is what was shown.

Spec: OAuth 2.1 section 4.1.1; RFC 9126; RFC 9207; OpenID Connect Core section 3.1.2.
"""

from collections.abc import Mapping
from html import escape
from typing import Final

import msgspec

from smartagent.clients import Client, ClientUnusable, Resource
from smartagent.consent.checking import Refusal, checked, form_target, redirect_of, with_answer
from smartagent.consent.errors import AuthorizationRefused, PushedRequestRefused
from smartagent.consent.frame import shown
from smartagent.consent.means import Means
from smartagent.consent.model import ASKED, PUSHED, Asked, Pending
from smartagent.consent.people import People
from smartagent.consent.store import add_request, read_request, use_request
from smartagent.crypto import b64u, sha256
from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_form
from smartagent.kernel import Caller, Claim, Write
from smartagent.oauth import InvalidTarget, one_target

PAR_PATH: Final = "/oauth/par"
AUTHORIZE_PATH: Final = "/oauth/authorize"
CONSENT_PATH: Final = "/oauth/consent"
REQUEST_URI: Final = "urn:ietf:params:oauth:request_uri:"
PUSHED_SECONDS: Final = 60
ASKED_SECONDS: Final = 600
_HANDLE_BYTES: Final = 32
_MAX_ID_CHARS: Final = 2048
_REPEATABLE: Final = frozenset({"resource", "audience"})


class PushedView(msgspec.Struct, frozen=True):
    """The answer of `POST /oauth/par` (RFC 9126 section 2.2)."""

    request_uri: str
    expires_in: int


class Asking:
    """Takes authorization requests."""

    def __init__(self, means: Means, people: People) -> None:
        self._means = means
        self._people = people

    async def push(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Take a request from its client, and give a reference to it.

        Raises:
            PushedRequestRefused: It would be refused; says why with OAuth's code.
            MalformedRequest: It is a reference itself.
            SmartAgentError: The proof of possession does not hold.
        """
        request = await self._means.requests.of(inbound)
        if "request_uri" in request.form:
            raise MalformedRequest("a pushed request is no reference")
        url = self._means.issuer + PAR_PATH
        proven = self._means.tokens.proofs.at_endpoint(inbound, url)
        try:
            jkt = proven.jkt if proven is not None else ""
            asked = checked(
                request.form, request.client, self._resource(request.form), issuer=self._means.issuer, jkt=jkt
            )
        except Refusal as refusal:
            raise PushedRequestRefused(refusal.code, str(refusal)) from None
        claims: tuple[Claim, ...] = (proven.claim,) if proven is not None else ()
        handle, write = self._waiting(PUSHED, asked, PUSHED_SECONDS)
        view = PushedView(REQUEST_URI + handle, PUSHED_SECONDS)
        return Outcome(
            Reply(201, view, headers=(("cache-control", "no-store"),)),
            subject=asked.client_id,
            detail={"scope": asked.scope, "resource": asked.resource},
            writes=(write,),
            claims=claims,
        )

    async def authorize(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Take a request from a person's browser, and show them on to the page that asks them.

        Raises:
            AuthorizationRefused: It is refused; brings the answer.
            MalformedRequest: A parameter comes twice.
        """
        raw = inbound.body if inbound.method == "POST" else inbound.query.encode()
        params = parse_form(raw, _REPEATABLE)
        if "request_uri" in params:
            asked, writes = await self._pushed(params)
        else:
            asked, writes = await self._brought(params), ()
        person = await self._people.signed_in(inbound)
        if asked.prompt == "none":
            # A person is asked every time, so without a page there is no answer but this.
            raise self.refused(
                asked,
                "consent_required" if person is not None else "login_required",
                "the person must be asked",
            )
        handle, write = self._waiting(ASKED, asked, ASKED_SECONDS)
        back = f"{CONSENT_PATH}?request={handle}"
        return Outcome(
            see(back),
            subject=asked.client_id,
            detail={"scope": asked.scope, "resource": asked.resource},
            writes=(*writes, write),
        )

    def refused(self, asked: Asked, code: str, why: str) -> AuthorizationRefused:
        """Return the refusal that goes to the client."""
        return AuthorizationRefused(why, self.answer(asked, {"error": code, "error_description": why}))

    def answer(self, asked: Asked, said: Mapping[str, str]) -> Reply:
        """Return what brings an answer to the client, with its state and our name.

        Spec: RFC 6749 section 4.1.2, RFC 9207 section 2, OAuth 2.0 Form Post Response Mode.
        """
        answer = {**said, **({"state": asked.state} if asked.state else {}), "iss": self._means.issuer}
        if asked.form_post:
            return self._people.frame.page(
                "Back to the client",
                f'<form method="post" action="{escape(asked.redirect_uri)}">'
                + "".join(
                    f'<input type="hidden" name="{name}" value="{escape(value)}">'
                    for name, value in answer.items()
                )
                + '<button class="main" type="submit">Continue</button></form>',
                leads_to=form_target(asked.redirect_uri),
            )
        return see(with_answer(asked.redirect_uri, answer))

    def _waiting(self, kind: str, asked: Asked, seconds: int) -> tuple[str, Write]:
        handle = b64u(self._means.entropy(_HANDLE_BYTES))
        now = int(self._means.clock.now())
        document = msgspec.json.encode(asked).decode()
        return handle, add_request(
            sha256(handle.encode()), Pending(kind, asked.client_id, document, now, now + seconds)
        )

    async def _pushed(self, params: Mapping[str, str]) -> tuple[Asked, tuple[Write, ...]]:
        reference = params["request_uri"]
        if not reference.startswith(REQUEST_URI):
            raise self._on_a_page("request_uri_not_supported", "only a pushed request can be referred to")
        digest = sha256(reference.removeprefix(REQUEST_URI).encode())
        pending = await read_request(self._means.database, digest)
        good = pending is not None and pending.kind == PUSHED and pending.expires_at > self._means.clock.now()
        if pending is None or not good or pending.client_id != params.get("client_id"):
            raise self._on_a_page(
                "invalid_request_uri", "the pushed request is unknown, used, too old, or another client's"
            )
        return msgspec.json.decode(pending.document, type=Asked), (use_request(digest),)

    async def _brought(self, params: Mapping[str, str]) -> Asked:
        client = await self._client(params.get("client_id", ""))
        try:
            redirect_uri = redirect_of(client, params)
        except Refusal as refusal:
            raise self._on_a_page(refusal.code, str(refusal)) from None
        try:
            return checked(params, client, self._resource(params), issuer=self._means.issuer)
        except Refusal as refusal:
            form_post = params.get("response_mode") == "form_post"
            state = params.get("state", "")
            asked = Asked(client.id, redirect_uri, "", "", "", state=state, form_post=form_post)
            raise self.refused(asked, refusal.code, str(refusal)) from None

    async def _client(self, client_id: str) -> Client:
        client = None
        if 0 < len(client_id) <= _MAX_ID_CHARS:
            try:
                client = await self._means.clients.find(client_id)
            except ClientUnusable as error:
                raise self._on_a_page("invalid_client", str(error)) from None
        if client is None:
            raise self._on_a_page(
                "invalid_client", "there is no such client, or its description cannot be used"
            )
        return client

    def _resource(self, params: Mapping[str, str]) -> Resource | None:
        try:
            return self._means.clients.resource(one_target(params))
        except InvalidTarget:
            # `checked` says what is wrong with it.
            return None

    def _on_a_page(self, code: str, why: str) -> AuthorizationRefused:
        body = (
            "<p>The application that sent you here made a request that cannot be trusted. "
            f'Nothing was sent back to it.</p><p>{shown(why)}</p><p class="quiet">{shown(code)}</p>'
        )
        return AuthorizationRefused(why, self._people.frame.page("This request is refused", body, status=400))


def see(where: str) -> Reply:
    """Return a redirect after which the browser asks with GET."""
    headers = (("location", where), ("cache-control", "no-store"), ("referrer-policy", "no-referrer"))
    return Reply(303, b"", "text/html", headers)
