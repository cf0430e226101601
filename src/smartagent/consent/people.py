# SPDX-License-Identifier: Apache-2.0
"""People in front of a browser: how they sign in, and how their browser is known again.

An operator's own key asks for a code, and the code is typed into the page: nothing secret is ever in a
URL, and nobody who only sends a link gets anywhere.  The browser gets a cookie of which only the hash is
kept; it is over with the hour, with sign-out, and when the operator is gone or revoked.

Spec: RFC 6265 section 4.1.3 (`__Host-`), OWASP CSRF: origin and a token for each session.
"""

import base64
import re
from collections.abc import Mapping
from html import escape
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from smartagent.consent.errors import SignInFailed
from smartagent.consent.frame import CSRF_FIELD, Frame, cookie_of, shown
from smartagent.consent.means import Means
from smartagent.consent.model import PASSKEY_ACR, PASSKEY_AMR, Session, SignedIn, Way
from smartagent.consent.store import (
    add_session,
    add_sign_in,
    drop_session,
    read_session,
    read_sign_in,
    use_sign_in,
)
from smartagent.crypto import b64u, equal, sha256
from smartagent.edge import AuthenticationFailed, Inbound, MalformedRequest, Outcome, Reply, parse_form
from smartagent.kernel import Caller, CallerKind, IdPrefix, Write, rfc3339

SIGN_IN_PATH: Final = "/oauth/sign-in"
CODE_SECONDS: Final = 120
SESSION_SECONDS: Final = 3600
_CODE_BYTES: Final = 20
_COOKIE_BYTES: Final = 32
_GROUP: Final = 4
_BACK: Final = re.compile(r"/oauth/[a-z-]+(?:\?[A-Za-z0-9_.~=&%-]*)?")


class SignInCodeView(msgspec.Struct, frozen=True):
    """The answer of `POST /v1/sign-in-codes`."""

    code: str
    expires_at: str
    sign_in_url: str


class Begun(NamedTuple):
    """A session that begins when `write` is committed and `header` is sent."""

    session: Session
    header: tuple[str, str]
    write: Write


class People:
    """Knows who sits in front of a browser."""

    def __init__(self, means: Means) -> None:
        self._means = means
        secure = urlsplit(means.issuer).scheme == "https"
        # A browser takes the prefix over TLS only.
        self.cookie = "__Host-smartagent" if secure else "smartagent"
        self._attributes = f"Path=/; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
        self._origin = "{0.scheme}://{0.netloc}".format(urlsplit(means.issuer))
        self.frame = Frame(means.form_key, self.cookie)

    async def make_code(self, caller: Caller, _inbound: Inbound) -> Outcome:
        """Make a code with which the operator who asks signs in to a browser, once, within two minutes."""
        raw = base64.b32encode(self._means.entropy(_CODE_BYTES)).decode().lower()
        now = int(self._means.clock.now())
        code = "-".join(raw[at : at + _GROUP] for at in range(0, len(raw), _GROUP))
        view = SignInCodeView(code, rfc3339(now + CODE_SECONDS), self._means.issuer + SIGN_IN_PATH)
        return Outcome(
            Reply(201, view, headers=(("cache-control", "no-store"),)),
            subject=caller.principal,
            writes=(add_sign_in(_digest(code), caller.principal, now + CODE_SECONDS),),
        )

    async def session(self, inbound: Inbound) -> Session | None:
        """Return the browser's session; None when nobody has signed in, or who did is gone.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        secret = cookie_of(inbound, self.cookie)
        if not secret:
            return None
        session = await read_session(self._means.database, sha256(secret.encode()))
        if session is None or session.expires_at <= self._means.clock.now() or self.is_over(session):
            return None
        return session

    def is_over(self, session: Session) -> bool:
        """Say whether a session was ended, or its person is gone or revoked, as far as this node has heard."""
        revocations = self._means.tokens.revocations
        return (
            self._means.directory.operator(session.person) is None
            or revocations.is_dead(session.id)
            or revocations.revoked_at_ms(session.person) >= session.auth_time * 1000
        )

    async def signed_in(self, inbound: Inbound) -> SignedIn | None:
        """Return who the browser's session says it is; None when nobody has signed in.

        Raises:
            StoreUnavailable: The store cannot be read.
        """
        session = await self.session(inbound)
        operator = self._means.directory.operator(session.person) if session is not None else None
        if session is None or operator is None:
            return None
        if session.way is Way.PASSKEY:
            return SignedIn(
                operator.id, operator.name, session.auth_time, session.id, PASSKEY_ACR, PASSKEY_AMR
            )
        return SignedIn(operator.id, operator.name, session.auth_time, session.id)

    async def by_signed_in(self, inbound: Inbound) -> Caller:
        """Authenticate a form that a signed-in person sent from our own page.

        Raises:
            AuthenticationFailed: Nobody has signed in, or the form is from elsewhere.
        """
        self.check_origin(inbound)
        person = await self.signed_in(inbound)
        if person is None:
            raise AuthenticationFailed("nobody has signed in")
        self.check_token(inbound, parse_form(inbound.body).get(CSRF_FIELD, ""))
        return Caller(
            principal=person.person,
            kind=CallerKind.PERSON,
            session=person.session,
            client_ip=inbound.client_ip,
        )

    def check_token(self, inbound: Inbound, token: str) -> None:
        """Make sure that `token` (as sent) is the one of the browser's session.

        Raises:
            AuthenticationFailed: It is not.
        """
        expected = self.frame.token_for(cookie_of(inbound, self.cookie))
        if not equal(token.encode(), expected.encode()):
            raise AuthenticationFailed("the form is not from this session")

    def sign_in_url(self, back: str) -> str:
        """Return where to sign in, to come `back` to (a path of ours, with its query) afterwards."""
        return f"{SIGN_IN_PATH}?back={quote(back, safe='')}"

    async def show(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Show the form that asks for the code."""
        back = _back(parse_form(inbound.query.encode()))
        return Outcome(self.frame.page("Sign in", _form(back)))

    async def sign_in(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Begin a session for whoever the code is of.

        Raises:
            SignInFailed: The code is not good.
            AuthenticationFailed: The form is from elsewhere.
        """
        form = parse_form(inbound.body)
        return await self.by_code(inbound, form.get("code", ""), _back(form))

    async def by_code(self, inbound: Inbound, code: str, back: str) -> Outcome:
        """Begin a session for whoever the code is of, and lead `back` to a page of ours.

        Raises:
            SignInFailed: The code is not good.
            AuthenticationFailed: The form is from elsewhere.
        """
        self.check_origin(inbound)
        digest = _digest(code)
        found = await read_sign_in(self._means.database, digest)
        now = self._means.clock.now()
        if found is None or found[1] <= now or self._means.directory.operator(found[0]) is None:
            raise SignInFailed("it is unknown, used or too old; ask for another: smartagentctl signin")
        begun = self.begin(found[0], Way.CODE)
        return Outcome(
            _see(back, begun.header),
            subject=begun.session.person,
            session=begun.session.id,
            writes=(use_sign_in(digest), begun.write),
        )

    def begin(self, person: str, way: Way) -> Begun:
        """Begin a session in the browser of an operator, who proved to be there."""
        now = int(self._means.clock.now())
        secret = b64u(self._means.entropy(_COOKIE_BYTES))
        session = Session(self._means.ids.new(IdPrefix.SESSION), person, now, now + SESSION_SECONDS, now, way)
        cookie = f"{self.cookie}={secret}; Max-Age={SESSION_SECONDS}; {self._attributes}"
        return Begun(session, ("set-cookie", cookie), add_session(sha256(secret.encode()), session))

    async def sign_out(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End the browser's session."""
        digest = sha256(cookie_of(inbound, self.cookie).encode())
        cookie = f"{self.cookie}=; Max-Age=0; {self._attributes}"
        return Outcome(
            _see(SIGN_IN_PATH, ("set-cookie", cookie)),
            subject=caller.principal,
            writes=(drop_session(digest),),
        )

    def check_origin(self, inbound: Inbound) -> None:
        """Make sure that one of our own pages sent this.

        Raises:
            AuthenticationFailed: Another site did.
        """
        # Browsers send one of them with every form: what sends neither is none.
        origin = inbound.headers.get("origin", "")
        site = inbound.headers.get("sec-fetch-site", "same-origin" if origin else "")
        if (origin and origin != self._origin) or site not in {"same-origin", "none"}:
            raise AuthenticationFailed("the form is from another site")


def _form(back: str) -> str:
    return (
        "<p>Ask for a code on your own command line, and enter it here within two minutes.</p>"
        "<p><code>smartagentctl signin</code></p>"
        f'<form method="post" action="{SIGN_IN_PATH}"><input type="hidden" name="back" value="{escape(back)}">'
        '<label for="code">Code</label><input id="code" name="code" required autofocus autocomplete="one-time-code" '
        'spellcheck="false" maxlength="64"><button class="main" type="submit">Sign in</button></form>'
        f'<p class="quiet">Nobody but you needs this code. Never give it to anybody who asks: {shown("SmartAgent")} does not.</p>'
    )


def _back(form: Mapping[str, str]) -> str:
    back = form.get("back", "")
    if back and not _BACK.fullmatch(back):
        raise MalformedRequest("back is not a page of ours")
    return back or SIGN_IN_PATH


def _see(path: str, *headers: tuple[str, str]) -> Reply:
    return Reply(303, b"", "text/html", (("location", path), ("cache-control", "no-store"), *headers))


def _digest(code: str) -> bytes:
    return sha256("".join(each for each in code.lower() if each.isalnum()).encode())
