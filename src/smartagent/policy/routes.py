# SPDX-License-Identifier: Apache-2.0
"""The room's routes: roles, policies, and why something is decided as it is."""

from collections.abc import Callable
from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, Outcome, Proof, Reply, Route, parse_json
from smartagent.kernel import Caller, CallerKind, Clock, Detail
from smartagent.policy.book import Book
from smartagent.policy.model import Explanation, RuleKind, StoredRole
from smartagent.policy.permissions import HOUSE_POLICY, Permission
from smartagent.policy.staging.desk import StagingDesk
from smartagent.policy.staging.routes import policy_staging_routes, role_staging_routes, staged_list_routes
from smartagent.policy.versions.desk import VersionsDesk, reason_in, stored_view
from smartagent.policy.versions.keeper import Accepted, Keeper, RoleCheck, Stored, Wording
from smartagent.policy.versions.routes import policy_version_routes, role_version_routes
from smartagent.policy.views import (
    ExplainRequest,
    PolicyList,
    PolicyRequest,
    PolicyView,
    RoleList,
    RoleRequest,
    RoleView,
    called,
    policy_view,
    role_view,
)
from smartagent.storage import Database

RoleOf = Callable[[str], tuple[str, str] | None]
"""Tells the role that an agent id has now, and by which elevation, empty for its own; None for an unknown agent."""

StandingOf = Callable[[str], str]
"""Tells how far an agent is trusted, by its id; empty when nobody knows."""

_MAX_BODY_BYTES: Final = 131_072


def routes(
    book: Book,
    clock: Clock,
    role_of: RoleOf,
    database: Database,
    check: RoleCheck,
    standing_of: StandingOf,
) -> tuple[Route, ...]:
    """Build the room's routes.

    Args:
        book: This node's memory of the rules.
        clock: For the time of a change.
        role_of: Which role an agent has now.
        database: Where the versions are.
        check: Refuses roles that name what is not there.
        standing_of: How far an agent is trusted.
    """
    roles = Keeper(RuleKind.ROLE, book, clock, database, check)
    policies = Keeper(RuleKind.POLICY, book, clock, database, check)
    staged_roles = StagingDesk(roles, book, clock, database)
    staged_policies = StagingDesk(policies, book, clock, database)
    return (
        *_role_routes(_Roles(book, roles)),
        *_policy_routes(_Policies(book, policies)),
        *role_version_routes(VersionsDesk(roles)),
        *policy_version_routes(VersionsDesk(policies)),
        *role_staging_routes(staged_roles),
        *policy_staging_routes(staged_policies),
        *staged_list_routes(staged_roles, staged_policies),
        _why_route(_Why(book, role_of, clock, standing_of)),
    )


def _role_routes(acts: "_Roles") -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/roles/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_WRITE,
            event="role.written",
            act=acts.put,
            summary="Write a role",
            max_body_bytes=_MAX_BODY_BYTES,
            request_schema=RoleRequest,
            reply_schema=RoleView,
        ),
        Route(
            method="GET",
            path="/v1/roles",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_READ,
            event="roles.read",
            act=acts.show_all,
            summary="List the roles",
            reply_schema=RoleList,
        ),
        Route(
            method="GET",
            path="/v1/roles/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_READ,
            event="role.read",
            act=acts.show,
            summary="Show a role",
            reply_schema=RoleView,
        ),
        Route(
            method="DELETE",
            path="/v1/roles/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ROLES_WRITE,
            event="role.deleted",
            act=acts.drop,
            summary="Delete a role; agents that hold it have nothing from then on",
        ),
    )


def _policy_routes(acts: "_Policies") -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/policies/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_WRITE,
            event="policy.written",
            act=acts.put,
            summary="Write a policy that holds for every role",
            max_body_bytes=_MAX_BODY_BYTES,
            request_schema=PolicyRequest,
            reply_schema=PolicyView,
        ),
        Route(
            method="GET",
            path="/v1/policies",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_READ,
            event="policies.read",
            act=acts.show_all,
            summary="List the policies",
            reply_schema=PolicyList,
        ),
        Route(
            method="GET",
            path="/v1/policies/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_READ,
            event="policy.read",
            act=acts.show,
            summary="Show a policy",
            reply_schema=PolicyView,
        ),
        Route(
            method="DELETE",
            path="/v1/policies/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.POLICIES_WRITE,
            event="policy.deleted",
            act=acts.drop,
            summary="Delete a policy",
        ),
    )


def _why_route(acts: "_Why") -> Route:
    return Route(
        method="POST",
        path="/v1/policies/explain",
        proof=Proof.ACCESS_TOKEN,
        permission=Permission.POLICIES_EXPLAIN,
        event="policy.explained",
        act=acts.explain,
        summary="Say what would be decided about a call, and by which rule",
        request_schema=ExplainRequest,
        reply_schema=Explanation,
    )


class _Roles:
    """The acts on roles."""

    def __init__(self, book: Book, keeper: Keeper) -> None:
        self._book = book
        self._keeper = keeper

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        asked = parse_json(inbound.body, RoleRequest)
        wording = Wording(asked.role_file, asked.allow_broad, asked.reason)
        return _written(await self._keeper.accept(inbound.params["name"], wording, caller.principal), wording)

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        return Outcome(Reply(200, RoleList([role_view(stored) for stored in self._book.roles()])))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        stored = self._book.role(inbound.params["name"])
        return Outcome(Reply(200, role_view(stored)), target=f"role/{stored.role.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:
        return _dropped(self._keeper.retire(inbound.params["name"], reason_in(inbound), caller.principal))


class _Policies:
    """The acts on policies."""

    def __init__(self, book: Book, keeper: Keeper) -> None:
        self._book = book
        self._keeper = keeper

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        asked = parse_json(inbound.body, PolicyRequest)
        wording = Wording(asked.cedar, asked.allow_broad, asked.reason)
        return _written(await self._keeper.accept(inbound.params["name"], wording, caller.principal), wording)

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        shown = [policy_view(stored) for stored in self._book.policies()]
        return Outcome(Reply(200, PolicyList(shown, HOUSE_POLICY)))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        stored = self._book.policy(inbound.params["name"])
        return Outcome(Reply(200, policy_view(stored)), target=f"policy/{stored.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:
        return _dropped(self._keeper.retire(inbound.params["name"], reason_in(inbound), caller.principal))


def _written(accepted: Accepted, wording: Wording) -> Outcome:
    stored = accepted.stored
    detail: dict[str, Detail] = {"version": stored.version, "allow_broad": int(wording.allow_broad)}
    if wording.reason:
        detail["reason"] = wording.reason
    return Outcome(
        Reply(200 if accepted.over else 201, stored_view(stored)),
        target=_target(stored),
        detail=detail,
        writes=accepted.writes,
        changes=accepted.changes,
    )


def _dropped(accepted: Accepted) -> Outcome:
    return Outcome(
        Reply(204),
        target=_target(accepted.stored),
        detail={"version": accepted.over},
        writes=accepted.writes,
        changes=accepted.changes,
    )


def _target(stored: Stored) -> str:
    return f"{'role' if isinstance(stored, StoredRole) else 'policy'}/{stored.name}"


class _Why:
    """The act that explains."""

    def __init__(self, book: Book, role_of: RoleOf, clock: Clock, standing_of: StandingOf) -> None:
        self._book = book
        self._role_of = role_of
        self._clock = clock
        self._standing_of = standing_of

    async def explain(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        asked = parse_json(inbound.body, ExplainRequest)
        role, elevation = self._role_of(asked.agent) or ("", "")
        grants = self._book.grants(role)
        scopes = asked.scopes if asked.scopes is not None else list(grants.scopes if grants else ())
        who = Caller(
            principal=asked.agent,
            kind=CallerKind.AGENT,
            role=role,
            scopes=frozenset(scopes),
            client_ip=asked.client_ip,
            standing=self._standing_of(asked.agent),
        )
        who = asked.circumstances.applied_to(who, self._clock.now())
        explanation = self._book.explain(who, called(asked))
        explanation = structs.replace(explanation, elevation=elevation)
        return Outcome(
            Reply(200, explanation), subject=asked.agent, detail={"decision": explanation.decision}
        )
