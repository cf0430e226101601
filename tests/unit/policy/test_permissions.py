# SPDX-License-Identifier: Apache-2.0
"""Who may do what with the authority: the whole table."""

import re

import cedarpy
import pytest

from smartagent.kernel import Caller, CallerKind, Denied, OperatorRole, Permitted
from smartagent.policy import Permission, decide_api
from smartagent.policy.permissions import HOUSE_POLICY, house_schema

ANYBODY = {"challenges.create", "clients.register", "sign-in", "people.sign-in", "authorizations.request"}
CLIENTS = {
    "tokens.issue",
    "authorizations.push",
    "devices.request",
    "backchannel.request",
    "tokens.introspect",
    "tokens.revoke",
    "revocations.follow",
    "ssf.manage",
    "mcp.call",
}
AGENTS = CLIENTS | {
    "sessions.open",
    "upstream.call",
    "audit.read",
    "audit.log",
    "delegations.read",
    "delegations.create",
    "delegations.revoke",
    "userinfo.read",
    "leases.create",
    "leases.renew",
    "leases.read",
    "leases.end",
    "sessions.end",
    "agents.rekey",
    "access.evaluate",
    "access-requests.create",
    "approvals.read",
}
NEWCOMERS = {"claims.use", "agents.enrol", "agents.attest"}
PEOPLE = {
    "authorizations.decide",
    "consent-requests.read",
    "consent-requests.decide",
    "userinfo.read",
    "mcp.call",
}
DIRECTORIES = {"scim.read", "scim.write"}
NOT_OPERATORS = {
    "sessions.open",
    "upstream.call",
    "clients.manage",
    "authorizations.decide",
    "userinfo.read",
    "leases.create",
    "leases.renew",
    "sessions.end",
    "agents.rekey",
    "access-requests.create",
    *NEWCOMERS,
    *DIRECTORIES,
    *(CLIENTS - {"revocations.follow", "ssf.manage"}),
}
MAY = {
    CallerKind.NOBODY: ANYBODY,
    CallerKind.NEWCOMER: ANYBODY | NEWCOMERS,
    CallerKind.AGENT: ANYBODY | AGENTS,
    CallerKind.CLIENT: ANYBODY | CLIENTS | {"clients.manage"},
    CallerKind.PERSON: ANYBODY | PEOPLE,
    CallerKind.DIRECTORY: ANYBODY | DIRECTORIES,
}
OPERATORS = set(Permission) - NOT_OPERATORS - {"operators.write"}
VIEWERS = {
    "console.view",
    "sign-ins.manage",
    "sign-in-codes.create",
    "operator-sessions.open",
    "policies.explain",
    "audit.log",
    "log.search",
    "revocations.follow",
    *ANYBODY,
    *(each for each in OPERATORS if each.endswith(".read")),
}
BY_ROLE = {
    OperatorRole.VIEWER: VIEWERS,
    OperatorRole.APPROVER: VIEWERS | {"approvals.decide", "consent-requests.decide", "reviews.write"},
    OperatorRole.OPERATOR: OPERATORS,
    OperatorRole.SECURITY_OFFICER: OPERATORS | {"operators.write"},
}
WHO = [
    *((kind, "admin", may) for kind, may in MAY.items()),
    *((CallerKind.OPERATOR, role, may) for role, may in BY_ROLE.items()),
    (CallerKind.OPERATOR, "admin", set()),
    (CallerKind.OPERATOR, "", set()),
]


@pytest.mark.parametrize(("kind", "role", "may"), WHO)
@pytest.mark.parametrize("permission", [*Permission, "roles.writ", "", "*"])
def test_everybody_has_exactly_what_the_table_says(kind, role, may, permission):
    verdict = decide_api(Caller("x", kind, role=role, scopes=frozenset(Permission)), permission)

    if permission in may:
        assert isinstance(verdict, Permitted)
        assert verdict.rules[0].startswith("house/")
    else:
        assert isinstance(verdict, Denied)
        assert verdict.missing == permission


def test_the_house_policy_fits_its_schema_and_names_every_permission():
    assert cedarpy.validate_policies(HOUSE_POLICY, house_schema()).validation_passed
    assert set(re.findall(r'Action::"([^"]+)"', HOUSE_POLICY)) == set(Permission)
