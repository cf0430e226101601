# SPDX-License-Identifier: Apache-2.0
"""The consent page: who asks for what, in plain words, and two buttons.

What is shown is what waits under the handle, and what is decided is the same; a handle decides once.

Spec: OAuth 2.1 sections 4.1.2 and 7.3; RFC 8252 section 8.6; draft-ietf-oauth-client-id-metadata-document
section 6 (show the hosts, warn of clients on the person's own machine).
"""

from html import escape
from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.clients import LOOPBACK, Client, ClientKind
from smartagent.consent.asking import CONSENT_PATH, Asking, see
from smartagent.consent.checking import form_target, still_askable
from smartagent.consent.errors import NotSignedIn, RequestGone
from smartagent.consent.frame import shown
from smartagent.consent.means import Means
from smartagent.consent.model import ASKED, Asked, Code, Grant, Pending, SignedIn
from smartagent.consent.people import People
from smartagent.consent.store import add_code, add_grant, read_request, use_request
from smartagent.crypto import b64u, sha256
from smartagent.edge import Inbound, MalformedRequest, Outcome, parse_form
from smartagent.kernel import Caller, Detail, IdPrefix, Write

CODE_SECONDS: Final = 60
GRANT_SECONDS: Final = 30 * 86_400
_CODE_BYTES: Final = 32
_CODE_PREFIX: Final = "sac_"
_FRESH: Final = frozenset({"login", "select_account"})
_SAID: Final = {
    "openid": "know who you are",
    "profile": "know your name",
    "offline_access": "stay connected while you are away",
}


class Issued(msgspec.Struct, frozen=True):
    """What a code stands for, as the store keeps it beside the code."""

    asked: Asked
    person: str
    auth_time: int
    acr: str
    amr: tuple[str, ...]
    session: str


class Deciding:
    """Shows requests to people, and takes their decisions."""

    def __init__(self, means: Means, people: People, asking: Asking) -> None:
        self._means = means
        self._people = people
        self._asking = asking

    async def show(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show what is asked; send whoever has not signed in, or not lately enough, to do so first.

        Raises:
            RequestGone: It was decided, or is too old.
        """
        handle = parse_form(inbound.query.encode()).get("request", "")
        pending, asked = await self._pending(handle)
        person = await self._people.signed_in(inbound)
        if person is None or self._is_stale(person, asked, pending):
            return Outcome(see(self._people.sign_in_url(f"{CONSENT_PATH}?request={handle}")))
        client = await self._client(asked)
        body = _page(client, asked, person, self._people.frame.form_token(inbound), handle)
        # A browser asks the policy of this page where the answer may lead.
        page = self._people.frame.page("Allow access?", body, leads_to=form_target(asked.redirect_uri))
        return Outcome(page, subject=client.id)

    async def decide(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Take the decision of the person who signed in.

        Raises:
            RequestGone: It was decided meanwhile, or is too old.
            NotSignedIn: They must sign in again for this.
            MalformedRequest: It is no decision.
        """
        form = parse_form(inbound.body)
        pending, asked = await self._pending(form.get("request", ""))
        person = await self._people.signed_in(inbound)
        if person is None or person.person != caller.principal or self._is_stale(person, asked, pending):
            raise NotSignedIn("this request asks for a fresh sign-in")
        await self._client(asked)
        used = use_request(sha256(form["request"].encode()))
        match form.get("decision"):
            case "deny":
                reply = self._asking.answer(asked, {"error": "access_denied"})
                return Outcome(
                    reply,
                    "authorization.denied",
                    subject=asked.client_id,
                    detail=_said(asked),
                    writes=(used,),
                )
            case "allow":
                return self._allowed(asked, person, used)
            case _:
                raise MalformedRequest("decide allow or deny")

    def _allowed(self, asked: Asked, person: SignedIn, used: Write) -> Outcome:
        now = int(self._means.clock.now())
        code = _CODE_PREFIX + b64u(self._means.entropy(_CODE_BYTES))
        grant = Grant(
            id=self._means.ids.new(IdPrefix.GRANT),
            person=person.person,
            client_id=asked.client_id,
            resource=asked.resource,
            scope=asked.scope,
            session=self._means.ids.new(IdPrefix.SESSION),
            jkt="",
            auth_time=person.auth_time,
            created_at=now,
            expires_at=now + GRANT_SECONDS,
            ended_at=None,
        )
        issued = Issued(asked, person.person, person.auth_time, person.acr, person.amr, grant.session)
        kept = Code(grant.id, asked.client_id, msgspec.json.encode(issued).decode(), now + CODE_SECONDS, None)
        return Outcome(
            self._asking.answer(asked, {"code": code}),
            "authorization.granted",
            subject=grant.id,
            session=grant.session,
            detail={"client": asked.client_id, **_said(asked)},
            writes=(used, add_grant(grant), add_code(sha256(code.encode()), kept)),
        )

    async def _client(self, asked: Asked) -> Client:
        """Return the client, which may have been removed or changed since it asked.

        Raises:
            RequestGone: It was: nothing is shown or sent for what could not be asked now.
        """
        client = await self._means.clients.find(asked.client_id)
        named = asked.resource != self._means.issuer
        resource = self._means.clients.resource(asked.resource) if named else None
        if client is None or (named and resource is None) or not still_askable(asked, client, resource):
            raise RequestGone("the client, or what it asks for, was removed or changed meanwhile")
        return client

    async def _pending(self, handle: str) -> tuple[Pending, Asked]:
        pending = await read_request(self._means.database, sha256(handle.encode()))
        if pending is None or pending.kind != ASKED or pending.expires_at <= self._means.clock.now():
            raise RequestGone(
                "it was decided already, or nobody decided in time; start again where you came from"
            )
        return pending, msgspec.json.decode(pending.document, type=Asked)

    def _is_stale(self, person: SignedIn, asked: Asked, pending: Pending) -> bool:
        # Who signed in after the request came has signed in for it, however short the age that it asks for.
        if person.auth_time >= pending.created_at:
            return False
        if _FRESH.intersection(asked.prompt.split()):
            return True
        return 0 <= asked.max_age < self._means.clock.now() - person.auth_time


def _said(asked: Asked) -> dict[str, Detail]:
    return {"scope": asked.scope, "resource": asked.resource}


def _page(client: Client, asked: Asked, person: SignedIn, token: str, handle: str) -> str:
    rows = [
        ("Application", f"<strong>{shown(client.name or 'without a name')}</strong>{_known(client)}"),
        ("Answers go to", f"<strong>{shown(_host(asked.redirect_uri))}</strong>"),
        (
            "It may",
            f"<ul>{''.join(f'<li>{_scope(each)}</li>' for each in asked.scope.split()) or '<li>nothing in particular</li>'}</ul>",
        ),
        ("At", shown(asked.resource)),
        ("As", shown(person.name)),
        (
            "For",
            "up to 30 days, until you or an operator end it"
            if "refresh_token" in client.grant_types
            else "15 minutes",
        ),
    ]
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows)
    return (
        f"<dl>{facts}</dl>{_warning(client, asked)}"
        f'<form method="post" action="{CONSENT_PATH}">{token}'
        f'<input type="hidden" name="request" value="{escape(handle)}">'
        '<button type="submit" name="decision" value="allow">Allow</button>'
        '<button type="submit" name="decision" value="deny">Deny</button></form>'
    )


def _known(client: Client) -> str:
    match client.kind:
        case ClientKind.METADATA:
            return f" of <strong>{shown(_host(client.id))}</strong>"
        case ClientKind.DYNAMIC:
            return ', which registered itself: <span class="note">nobody has checked this name</span>'
        case _:
            return ", registered by an operator"


def _warning(client: Client, asked: Asked) -> str:
    if client.kind is ClientKind.REGISTERED or urlsplit(asked.redirect_uri).hostname not in LOOPBACK:
        return ""
    return (
        '<p class="note">The answer goes to a program on this computer. Any program here could say that it is this '
        "application. Allow it only if you have just started it yourself.</p>"
    )


def _scope(scope: str) -> str:
    return (
        f"{shown(_SAID[scope])} (<code>{shown(scope)}</code>)"
        if scope in _SAID
        else f"<code>{shown(scope)}</code>"
    )


def _host(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.hostname is None:
        return f"the application that has {parts.scheme}:"
    return parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.netloc
