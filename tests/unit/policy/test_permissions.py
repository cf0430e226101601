# SPDX-License-Identifier: Apache-2.0
"""Who may do what with the authority: the whole table."""

import re

import cedarpy
import pytest

from smartagent.kernel import Caller, CallerKind, Denied, Permitted
from smartagent.policy import Permission, decide_api
from smartagent.policy.permissions import HOUSE_POLICY, house_schema

AGENTS = {"sessions.open", "tokens.issue", "upstream.call", "audit.read", "audit.log", "challenges.create"}
NEWCOMERS = {"claims.use", "agents.enrol", "challenges.create"}
OPERATORS = set(Permission) - {"sessions.open", "tokens.issue", "upstream.call", "claims.use", "agents.enrol"}
MAY = {
    CallerKind.NOBODY: {"challenges.create"},
    CallerKind.NEWCOMER: NEWCOMERS,
    CallerKind.AGENT: AGENTS,
    CallerKind.OPERATOR: OPERATORS,
}


@pytest.mark.parametrize("kind", CallerKind)
@pytest.mark.parametrize("permission", [*Permission, "roles.writ", "", "*"])
def test_everybody_has_exactly_what_the_table_says(kind, permission):
    verdict = decide_api(Caller("x", kind, role="admin", scopes=frozenset(Permission)), permission)

    if permission in MAY[kind]:
        assert isinstance(verdict, Permitted)
        assert verdict.rules[0].startswith("house/")
    else:
        assert isinstance(verdict, Denied)
        assert verdict.missing == permission


def test_the_house_policy_fits_its_schema_and_names_every_permission():
    assert cedarpy.validate_policies(HOUSE_POLICY, house_schema()).validation_passed
    assert set(re.findall(r'Action::"([^"]+)"', HOUSE_POLICY)) == set(Permission)
