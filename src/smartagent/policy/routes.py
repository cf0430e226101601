# SPDX-License-Identifier: Apache-2.0
"""The room's routes: roles, policies, and why something is decided as it is."""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import structs

from smartagent.edge import Inbound, Outcome, Proof, Reply, Route, parse_json
from smartagent.kernel import Caller, CallerKind, Clock
from smartagent.policy.book import Book
from smartagent.policy.errors import MalformedPolicy, PolicyNotFound, RoleNotFound
from smartagent.policy.model import Explanation, Role
from smartagent.policy.permissions import HOUSE_POLICY, Permission
from smartagent.policy.store import (
    drop_policy,
    drop_role,
    policy_changed,
    put_policy,
    put_role,
    role_changed,
)
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
from smartagent.policy.writing import Stamp, written_policy, written_role

RoleOf = Callable[[str], tuple[str, str] | None]
"""Tells the role that an agent id has now, and by which elevation, empty for its own; None for an unknown agent."""

RoleCheck = Callable[[Role, str], None]
"""Refuses a role, given with its file, that names what is not there (`MalformedRoleFile`)."""
_MAX_BODY_BYTES: Final = 131_072
_EXPLAIN: Final = "explain"


def routes(book: Book, clock: Clock, role_of: RoleOf, check: RoleCheck) -> tuple[Route, ...]:
    """Build the room's routes.

    Args:
        book: This node's memory of the rules.
        clock: For the time of a change.
        role_of: Which role an agent has now.
        check: Refuses roles that name what is not there.
    """
    return (
        *_role_routes(_Roles(book, clock, check)),
        *_policy_routes(_Policies(book, clock)),
        _why_route(_Why(book, role_of)),
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

    def __init__(self, book: Book, clock: Clock, check: RoleCheck) -> None:
        self._book = book
        self._clock = clock
        self._check = check

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        asked = parse_json(inbound.body, RoleRequest)
        name = inbound.params["name"]
        try:
            version = self._book.role(name).version + 1
        except RoleNotFound:
            version = 1
        stamp = Stamp(version, int(self._clock.now()), caller.principal)
        stored = await asyncio.to_thread(
            written_role, name, asked.role_file, stamp, allow_broad=asked.allow_broad
        )
        self._check(stored.role, asked.role_file)
        return Outcome(
            Reply(201 if version == 1 else 200, role_view(stored)),
            target=f"role/{name}",
            detail={"version": version, "allow_broad": int(asked.allow_broad)},
            writes=(put_role(stored),),
            changes=(role_changed(name),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        return Outcome(Reply(200, RoleList([role_view(stored) for stored in self._book.roles()])))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        stored = self._book.role(inbound.params["name"])
        return Outcome(Reply(200, role_view(stored)), target=f"role/{stored.role.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        stored = self._book.role(inbound.params["name"])
        name = stored.role.name
        return Outcome(
            Reply(204),
            target=f"role/{name}",
            detail={"version": stored.version},
            writes=(drop_role(stored),),
            changes=(role_changed(name),),
        )


class _Policies:
    """The acts on policies."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        asked = parse_json(inbound.body, PolicyRequest)
        name = inbound.params["name"]
        if name == _EXPLAIN:
            raise MalformedPolicy(f"the name {_EXPLAIN} is taken: it is where decisions are explained")
        try:
            version = self._book.policy(name).version + 1
        except PolicyNotFound:
            version = 1
        stamp = Stamp(version, int(self._clock.now()), caller.principal)
        # Asking a policy about calls that nobody meant can take a second; other requests go on meanwhile.
        stored = await asyncio.to_thread(
            written_policy, name, asked.cedar, stamp, allow_broad=asked.allow_broad
        )
        return Outcome(
            Reply(201 if version == 1 else 200, policy_view(stored)),
            target=f"policy/{name}",
            detail={"version": version, "allow_broad": int(asked.allow_broad)},
            writes=(put_policy(stored),),
            changes=(policy_changed(name),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        shown = [policy_view(stored) for stored in self._book.policies()]
        return Outcome(Reply(200, PolicyList(shown, HOUSE_POLICY)))

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        stored = self._book.policy(inbound.params["name"])
        return Outcome(Reply(200, policy_view(stored)), target=f"policy/{stored.name}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        stored = self._book.policy(inbound.params["name"])
        return Outcome(
            Reply(204),
            target=f"policy/{stored.name}",
            detail={"version": stored.version},
            writes=(drop_policy(stored),),
            changes=(policy_changed(stored.name),),
        )


class _Why:
    """The act that explains."""

    def __init__(self, book: Book, role_of: RoleOf) -> None:
        self._book = book
        self._role_of = role_of

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
        )
        explanation = self._book.explain(who, called(asked))
        explanation = structs.replace(explanation, elevation=elevation)
        return Outcome(
            Reply(200, explanation), subject=asked.agent, detail={"decision": explanation.decision}
        )
