# SPDX-License-Identifier: Apache-2.0
"""Who is at the console: the operator of the browser's session, while they are there.

The session is the one of the consent pages: one cookie, one sign-in.  Here it is over earlier: after a quarter
of an hour in which nobody looked at a page.  What acts has to come from one of our own pages, which its origin
shows and a token that only this session's pages have.
"""

from collections.abc import Mapping
from typing import Final

from smartagent.consent import CSRF_FIELD, People
from smartagent.edge import AuthenticationFailed, Inbound, Proof, parse_form
from smartagent.identity import Authenticator, Directory
from smartagent.kernel import Caller, CallerKind, Clock

IDLE_SECONDS: Final = 900
TOKEN_HEADER: Final = "x-csrf"  # noqa: S105 -- a header's name
_OWN: Final = frozenset({"same-origin", "none"})
_READING: Final = frozenset({"GET", "HEAD"})
_SEVERAL: Final = frozenset({"agent", "takes"})
"""Fields that a form of ours may have more than once."""
_FORM: Final = "application/x-www-form-urlencoded"


class Doorkeeper:
    """Authenticates operators in front of a browser."""

    def __init__(self, people: People, directory: Directory, clock: Clock) -> None:
        self._people = people
        self._directory = directory
        self._clock = clock

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {Proof.CONSOLE_SESSION: self.by_session}

    async def by_session(self, inbound: Inbound) -> Caller:
        """Authenticate whoever the browser's session is of.

        Raises:
            AuthenticationFailed: Nobody has signed in, or nobody was there for too long; or what acts is not from
                one of our own pages.
            StoreUnavailable: The store cannot be read.
        """
        _check_site(inbound)
        session = await self._people.session(inbound)
        if session is None:
            raise AuthenticationFailed("nobody has signed in")
        if self._clock.now() >= session.seen_at + IDLE_SECONDS:
            raise AuthenticationFailed("nobody was there for a quarter of an hour")
        operator = self._directory.operator(session.person)
        if operator is None:
            raise AuthenticationFailed("the operator is gone")
        if inbound.method not in _READING:
            self._people.check_origin(inbound)
            self._people.check_token(inbound, _token_of(inbound))
        return Caller(
            principal=operator.id,
            kind=CallerKind.OPERATOR,
            role=operator.role,
            session=session.id,
            expires_at=session.expires_at,
            client_ip=inbound.client_ip,
        )


def _check_site(inbound: Inbound) -> None:
    """Let other sites lead to a page, and do nothing else with the session."""
    site = inbound.headers.get("sec-fetch-site", "none")
    leads = inbound.method in _READING and inbound.headers.get("sec-fetch-mode", "navigate") == "navigate"
    if site not in _OWN and not leads:
        raise AuthenticationFailed("another site asked with this session")


def _token_of(inbound: Inbound) -> str:
    token = inbound.headers.get(TOKEN_HEADER, "")
    if token or not inbound.headers.get("content-type", "").startswith(_FORM):
        return token
    return parse_form(inbound.body, _SEVERAL).get(CSRF_FIELD, "")
