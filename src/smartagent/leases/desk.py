# SPDX-License-Identifier: Apache-2.0
"""Leasing: what agents ask for.

    decide -> write down what will be made -> make it -> write down that it was made -> answer

What stands in the store as requested and never became active is ended by the sweeper, so a crash anywhere in
between leaves nothing alive.  An agent sees, renews and ends its own leases only, and renews them in the session
that they were made in.
"""

import asyncio
from typing import Final

from msgspec import Struct, json

from smartagent.approvals import Deed, Wish
from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.kernel import (
    Caller,
    CallerKind,
    Change,
    Decision,
    Denied,
    Detail,
    IdPrefix,
    NeedsApproval,
    Record,
    Secret,
    SmartAgentError,
    Work,
    Write,
    circumstances,
    rfc3339,
)
from smartagent.leases.catalog.store import hold_provider
from smartagent.leases.errors import (
    CredentialNotGranted,
    LeaseNeedsApproval,
    LeaseNotFound,
    NotRenewable,
    ProviderUnreachable,
)
from smartagent.leases.means import Means
from smartagent.leases.model import Credential, Lease, LeaseState, Made
from smartagent.leases.narrowing import Narrowing
from smartagent.leases.registry import Registry
from smartagent.leases.rules import (
    SETTLE_SECONDS,
    activated,
    ends_at,
    extended,
    given_up,
    prolonged,
    sealed_as,
    ties_of,
)
from smartagent.leases.store import add_lease, lease_ending, read_lease, set_lease
from smartagent.leases.views import IssuedView, LeaseRequest, RenewRequest, lease_view

NO_STORE: Final = (("cache-control", "no-store"), ("pragma", "no-cache"))
REQUESTED: Final = "lease.requested"
RENEWING: Final = "lease.renewing"


class _Leave(Struct, frozen=True):
    """Leave to make a lease: the writes that use it up, and what the record says of it."""

    writes: tuple[Write, ...] = ()
    changes: tuple[Change, ...] = ()
    told: dict[str, Detail] = {}


class Desk:
    """Gives leases to agents."""

    def __init__(self, means: Means, registry: Registry, narrowing: Narrowing) -> None:
        self._means = means
        self._narrowing = narrowing
        self._registry = registry

    async def issue(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Make a credential for the caller's session.

        Raises:
            CredentialNotGranted: The role or the token does not have it.
            CredentialNotFound: There is no such credential.
            ApprovalsError: Somebody has to approve it first, or said no.
            CannotNarrow: Nothing of it is left of what the role names.
            LeaseTooLong: It is asked for longer than its maximum.
            ProviderFailed: The provider said no.
            ProviderUnreachable: The provider did not answer.
        """
        asked = parse_json(inbound.body, LeaseRequest)
        needs = self._check(caller, asked.credential)
        credential = self._registry.credential(asked.credential).credential
        provider = self._registry.provider(credential.provider).provider
        backend = self._registry.backend(provider.kind)
        lease = self._request(caller, credential, asked.ttl_seconds)
        order = await self._registry.order(lease)
        record = self._record(REQUESTED, caller, inbound, lease)
        writes = (hold_provider(lease.provider), *add_lease(lease, ties_of(caller)))
        leave = await self._leave(caller, needs, lease, inbound)
        record.detail.update(leave.told)
        await self._means.ledger.commit(
            Work((record,), writes=(*writes, *leave.writes), changes=leave.changes)
        )
        try:
            async with asyncio.timeout(self._means.issue_seconds):
                made = await backend.issue(order)
        except (SmartAgentError, TimeoutError) as error:
            await self._give_up(lease, "never made", late=isinstance(error, TimeoutError))
            if isinstance(error, TimeoutError):
                raise ProviderUnreachable("timeout") from None
            raise
        active = activated(lease, made, self._kept(lease, made))
        detail: dict[str, Detail] = {"credential": lease.credential, "provider": lease.provider}
        detail |= {"handle": lease.handle, "exp": active.expires_at, **made.facts}
        return Outcome(
            Reply(201, self._told(active, credential, made), "application/json", NO_STORE),
            subject=caller.principal,
            target=f"lease/{lease.id}",
            detail=detail,
            writes=(set_lease(active),),
        )

    async def renew(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Put the end of a lease off.

        Raises:
            LeaseNotFound: There is none with this id in the caller's session.
            LeaseOver: It has ended.
            NotRenewable: It lives as long as it was made for.
            LeaseNeedsApproval: Rules ask people about it by now.
            CredentialNotGranted: The role or the token does not have it any more, or not so much of it.
            CredentialNotFound: There is no such credential any more.
            ProviderFailed: The provider said no.
            ProviderUnreachable: The provider did not answer.
        """
        asked = parse_json(inbound.body or b"{}", RenewRequest)
        lease = await self._own(caller, inbound.params["id"])
        if lease.session != caller.session:
            raise LeaseNotFound("it was made in another session")
        if self._check(caller, lease.credential) is not None:
            raise LeaseNeedsApproval("each is approved by itself: ask for a new one before it ends")
        self._check_grant(caller, lease)
        now = int(self._means.clock.now())
        later = extended(lease, asked.ttl_seconds, now=now, not_after=caller.expires_at)
        backend = self._registry.of_lease(lease)
        if not backend.renewable:
            raise NotRenewable("ask for a new one before it ends")
        if later.expires_at > lease.expires_at:
            order = await self._registry.order(later)
            record = self._record(RENEWING, caller, inbound, later)
            await self._means.ledger.commit(Work((record,)))
            try:
                async with asyncio.timeout(self._means.issue_seconds):
                    dies_at = await backend.renew(order, self._opened(lease))
            except TimeoutError:
                raise ProviderUnreachable("timeout") from None
            later = prolonged(later, dies_at)
        return Outcome(
            Reply(200, lease_view(later, now=self._means.clock.now())),
            subject=caller.principal,
            target=f"lease/{lease.id}",
            detail={"credential": lease.credential, "exp": later.expires_at, "renewals": later.renewals},
            writes=(set_lease(later),),
        )

    async def end(self, caller: Caller, inbound: Inbound) -> Outcome:
        """End a lease: at once, and whoever holds the turn does it.  Ending it again is no error.

        Raises:
            LeaseNotFound: There is none with this id, or it is somebody else's.
        """
        lease = await self._own(caller, inbound.params["id"])
        now = int(self._means.clock.now())
        detail: dict[str, Detail] = {"credential": lease.credential}
        if lease.state in {LeaseState.REVOKING, LeaseState.DEAD}:
            return Outcome(
                Reply(202, lease_view(lease, now=now)),
                subject=lease.agent, session=lease.session, target=f"lease/{lease.id}", detail=detail,
            )  # fmt: skip
        due_at = lease.due_at if lease.state is LeaseState.REQUESTED else now
        over = given_up(lease, f"ended by {caller.principal}", due_at=due_at)
        return Outcome(
            Reply(202, lease_view(over, now=now)),
            subject=lease.agent,
            session=lease.session,
            target=f"lease/{lease.id}",
            detail=detail,
            writes=(set_lease(over),),
            changes=(lease_ending(lease.id),),
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Show a lease, without what was made.

        Raises:
            LeaseNotFound: There is none with this id, or it is somebody else's.
        """
        lease = await self._own(caller, inbound.params["id"])
        view = lease_view(lease, now=self._means.clock.now())
        return Outcome(Reply(200, view), subject=lease.agent, target=f"lease/{lease.id}")

    def _check(self, caller: Caller, name: str) -> NeedsApproval | None:
        """Let `caller` lease a credential; return who has to approve that first."""
        verdict = self._means.decide(caller, name)
        if isinstance(verdict, NeedsApproval):
            return verdict
        if isinstance(verdict, Denied):
            raise CredentialNotGranted(verdict.missing, verdict.reason)
        return None

    async def _leave(
        self, caller: Caller, needs: NeedsApproval | None, lease: Lease, inbound: Inbound
    ) -> "_Leave":
        """Return what was approved about a lease; nothing where nobody has to approve it.

        Raises:
            ApprovalsError: Nobody has decided yet, or somebody said no.
        """
        if needs is None:
            return _Leave()
        leave = await self._means.approve(caller, needs, Wish(deed_of(lease), inbound.request_id))
        return _Leave(leave.writes, leave.changes, {"approval": leave.id, "approved_by": " ".join(leave.by)})

    def _check_grant(self, caller: Caller, lease: Lease) -> None:
        """Let a lease that a role narrows go on only while that comes to what it was made for."""
        items = self._means.narrowed(caller, lease.credential)
        if items is None:
            return
        credential = self._registry.credential(lease.credential).credential
        if json.encode(self._narrowing.grant_of(credential, items)).decode() != lease.grant:
            missing = f"credential:{lease.credential}"
            raise CredentialNotGranted(missing, "the role narrows it otherwise by now; ask for a new one")

    def _grant_for(self, caller: Caller, credential: Credential) -> str:
        items = self._means.narrowed(caller, credential.name)
        return json.encode(self._narrowing.grant_of(credential, items)).decode()

    async def _own(self, caller: Caller, lease_id: str) -> Lease:
        lease = await read_lease(self._means.database, lease_id)
        if lease is None or (caller.kind is CallerKind.AGENT and lease.agent != caller.principal):
            raise LeaseNotFound("look at the list")
        return lease

    def _request(self, caller: Caller, credential: Credential, asked_seconds: int | None) -> Lease:
        now = int(self._means.clock.now())
        until = ends_at(asked_seconds, credential, now=now, not_after=caller.expires_at)
        lease_id = self._means.ids.new(IdPrefix.LEASE)
        backend = self._registry.backend(self._registry.provider(credential.provider).provider.kind)
        return Lease(
            id=lease_id,
            credential=credential.name,
            provider=credential.provider,
            handle=backend.handle_of(lease_id),
            agent=caller.principal,
            role=caller.role,
            session=caller.session,
            jti=caller.jti,
            subject=caller.subject,
            state=LeaseState.REQUESTED,
            created_at=now,
            expires_at=until,
            max_expires_at=now + credential.max_ttl_seconds,
            due_at=now + SETTLE_SECONDS,
            ttl_seconds=credential.ttl_seconds if asked_seconds is None else asked_seconds,
            version=1,
            grant=self._grant_for(caller, credential),
        )

    def _record(self, event: str, caller: Caller, inbound: Inbound, lease: Lease) -> Record:
        return Record(
            event=event,
            at_ms=int(self._means.clock.now() * 1000),
            request=inbound.request_id,
            caller=caller.principal,
            session=caller.session,
            jti=caller.jti,
            subject=caller.principal,
            target=f"lease/{lease.id}",
            decision=Decision.PERMIT,
            detail={
                "credential": lease.credential,
                "handle": lease.handle,
                "exp": lease.expires_at,
                **circumstances(caller),
            },
        )

    async def _give_up(self, lease: Lease, why: str, *, late: bool) -> None:
        """Have what there may be of it ended: at once, or when what was cut off cannot be running any more."""
        now = int(self._means.clock.now())
        over = given_up(lease, why, due_at=lease.due_at if late else now)
        await self._means.ledger.commit(
            Work((), writes=(set_lease(over),), changes=(lease_ending(lease.id),))
        )

    def _kept(self, lease: Lease, made: Made) -> bytes:
        return b"" if made.kept is None else self._means.sealing.seal(made.kept, sealed_as(lease.id))

    def _opened(self, lease: Lease) -> Secret[bytes] | None:
        return self._means.sealing.open(lease.kept, sealed_as(lease.id)) if lease.kept else None

    def _told(self, lease: Lease, credential: Credential, made: Made) -> IssuedView:
        fields = {name: value.reveal() for name, value in made.fields.items()}
        now = self._means.clock.now()
        return IssuedView(
            lease_id=lease.id,
            credential=lease.credential,
            fields=fields,
            env={variable: fields[name] for variable, name in credential.env.items() if name in fields},
            created_at=rfc3339(lease.created_at),
            expires_at=rfc3339(lease.expires_at),
            max_expires_at=rfc3339(lease.max_expires_at),
            expires_in=max(0, int(lease.expires_at - now)),
            renewable=self._registry.renewable(credential),
        )


def deed_of(lease: Lease) -> Deed:
    """Return a lease as people are asked about it: what it gives, and for how long."""
    told = {"ttl_seconds": lease.ttl_seconds, "gives": json.decode(lease.grant)}
    return Deed(
        kind="lease",
        upstream=lease.credential,
        place="credential",
        method="LEASE",
        path=f"/{lease.credential}",
        content_type="application/json",
        body=json.encode(told),
    )
