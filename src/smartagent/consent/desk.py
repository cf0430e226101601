# SPDX-License-Identifier: Apache-2.0
"""What people granted, for operators to see and to end."""

import msgspec

from smartagent.consent.errors import GrantNotFound
from smartagent.consent.means import Means
from smartagent.consent.model import Grant
from smartagent.consent.store import PAGE, end_grant, forget, read_grant, read_grants
from smartagent.edge import Inbound, Outcome, Reply, parse_form
from smartagent.kernel import Caller, Ledger, Work, rfc3339
from smartagent.tokens import RevocationKind, revocation_of

KEPT_SECONDS = 86_400


class GrantView(msgspec.Struct, frozen=True, omit_defaults=True):
    """A grant, as shown."""

    id: str
    person: str
    client: str
    resource: str
    scope: str
    created_at: str
    expires_at: str
    ended_at: str = ""


class GrantPage(msgspec.Struct, frozen=True):
    """Grants by their ids; `next_cursor` is empty on the last page."""

    grants: list[GrantView]
    next_cursor: str


class Desk:
    """Shows grants, and ends them."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def list_grants(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """List grants, a page at a time."""
        cursor = parse_form(inbound.query.encode()).get("cursor", "")
        page = await read_grants(self._means.database, cursor)
        following = page[-1].id if len(page) == PAGE else ""
        return Outcome(Reply(200, GrantPage([_view(grant) for grant in page], following)))

    async def end(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """End a grant, with its refresh tokens and all that came of it.  Doing it again is no error.

        Raises:
            GrantNotFound: There is none.
        """
        grant = await read_grant(self._means.database, inbound.params["id"])
        if grant is None:
            raise GrantNotFound(inbound.params["id"][:64])
        now = self._means.clock.now()
        writes, changes = revocation_of(RevocationKind.GRANT, grant.id, now=now)
        return Outcome(
            Reply(204),
            subject=grant.id,
            detail={"person": grant.person, "client": grant.client_id},
            writes=(end_grant(grant.id, now=int(now)), *writes),
            changes=changes,
        )

    async def sweep(self, ledger: Ledger) -> None:
        """Forget what expired a day ago.

        Raises:
            StoreUnavailable: The store cannot be written.
        """
        before = int(self._means.clock.now()) - KEPT_SECONDS
        await ledger.commit(Work((), (), forget(before)))


def _view(grant: Grant) -> GrantView:
    return GrantView(
        id=grant.id,
        person=grant.person,
        client=grant.client_id,
        resource=grant.resource,
        scope=grant.scope,
        created_at=rfc3339(grant.created_at),
        expires_at=rfc3339(grant.expires_at),
        ended_at=rfc3339(grant.ended_at) if grant.ended_at is not None else "",
    )
