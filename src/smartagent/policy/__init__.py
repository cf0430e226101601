# SPDX-License-Identifier: Apache-2.0
"""Policy: what callers may do, written as role files and Cedar, decided in memory, and explained."""

from smartagent.policy.book import Book
from smartagent.policy.errors import (
    GrantsEverything,
    MalformedOperation,
    MalformedPolicy,
    MalformedRoleFile,
    PolicyChanged,
    PolicyError,
    PolicyNotFound,
    RoleNotFound,
)
from smartagent.policy.model import Allow, Call, Condition, Explanation, Grants, NearestRule, Role
from smartagent.policy.permissions import Permission, decide_api
from smartagent.policy.rolefile import parse_name, parse_role_file
from smartagent.policy.routes import RoleOf, routes
from smartagent.policy.store import POLICIES_TOPIC, ROLES_TOPIC

__all__ = [
    "POLICIES_TOPIC",
    "ROLES_TOPIC",
    "Allow",
    "Book",
    "Call",
    "Condition",
    "Explanation",
    "Grants",
    "GrantsEverything",
    "MalformedOperation",
    "MalformedPolicy",
    "MalformedRoleFile",
    "NearestRule",
    "Permission",
    "PolicyChanged",
    "PolicyError",
    "PolicyNotFound",
    "Role",
    "RoleNotFound",
    "RoleOf",
    "decide_api",
    "parse_name",
    "parse_role_file",
    "routes",
]
