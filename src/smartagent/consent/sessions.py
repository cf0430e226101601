# SPDX-License-Identifier: Apache-2.0
"""The sessions that an operator has in browsers, for them to see and to end."""

import msgspec

from smartagent.consent.means import Means
from smartagent.consent.model import Session
from smartagent.consent.store import end_session, read_sessions_of
from smartagent.edge import Inbound, Outcome, Reply
from smartagent.kernel import Caller, IdPrefix, parse_id, rfc3339
from smartagent.tokens import RevocationKind, revocation_of


class BrowserSessionView(msgspec.Struct, frozen=True):
    """A session in a browser.  `seen_at` is when its person was last there, to a minute."""

    id: str
    way: str
    began_at: str
    seen_at: str
    expires_at: str


class BrowserSessionList(msgspec.Struct, frozen=True):
    """The caller's sessions in browsers, the oldest first."""

    sessions: list[BrowserSessionView]


class Sessions:
    """Shows an operator's own sessions in browsers, and ends them."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def show_all(self, caller: Caller, _inbound: Inbound) -> Outcome:
        """List the caller's sessions that have not expired."""
        now = int(self._means.clock.now())
        found = await read_sessions_of(self._means.database, caller.principal, now=now)
        return Outcome(Reply(200, BrowserSessionList([_view(each) for each in found])))

    async def end(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End one of the caller's sessions, on every node at once.

        Raises:
            SessionNotFound: The caller has no such session.
            MalformedId: It is no session's id.
        """
        session_id = parse_id(inbound.params["id"], IdPrefix.SESSION)
        writes, changes = revocation_of(RevocationKind.SESSION, session_id, now=self._means.clock.now())
        return Outcome(
            Reply(204),
            subject=session_id,
            writes=(end_session(session_id, caller.principal), *writes),
            changes=changes,
            farewell=session_id == caller.session,
        )


def _view(session: Session) -> BrowserSessionView:
    return BrowserSessionView(
        session.id,
        session.way.value,
        rfc3339(session.auth_time),
        rfc3339(session.seen_at),
        rfc3339(session.expires_at),
    )
