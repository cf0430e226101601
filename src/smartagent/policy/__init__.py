# SPDX-License-Identifier: Apache-2.0
"""Policy: what callers may do, written as role files and Cedar, decided in memory, and explained."""

from smartagent.policy.arguments import matches as name_matches
from smartagent.policy.book import Book
from smartagent.policy.broad import policy_grants_everything
from smartagent.policy.cedar import parse_policies
from smartagent.policy.compile import rule_id
from smartagent.policy.drafting import drafted, no_rules
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
from smartagent.policy.est import entity_of, mentions_of
from smartagent.policy.model import (
    ANY,
    CREDENTIAL_SCOPE,
    MCP_SCOPE,
    Allow,
    ArgumentRule,
    Call,
    Condition,
    Explanation,
    Grants,
    Item,
    McpAllow,
    McpCall,
    McpKind,
    NearestRule,
    ResourceAllow,
    ResourceKind,
    Role,
    StoredPolicy,
    StoredRole,
)
from smartagent.policy.patterns import MAX_SEGMENTS, Pattern, known_pattern
from smartagent.policy.permissions import Permission, decide_api
from smartagent.policy.rolefile import MAX_ITEMS, line_of, parse_name, parse_role_file
from smartagent.policy.routes import RoleCheck, RoleOf, routes
from smartagent.policy.rules import grants_everything
from smartagent.policy.store import POLICIES_TOPIC, ROLES_TOPIC

__all__ = [
    "ANY",
    "CREDENTIAL_SCOPE",
    "MAX_ITEMS",
    "MAX_SEGMENTS",
    "MCP_SCOPE",
    "POLICIES_TOPIC",
    "ROLES_TOPIC",
    "Allow",
    "ArgumentRule",
    "Book",
    "Call",
    "Condition",
    "Explanation",
    "Grants",
    "GrantsEverything",
    "Item",
    "MalformedOperation",
    "MalformedPolicy",
    "MalformedRoleFile",
    "McpAllow",
    "McpCall",
    "McpKind",
    "NearestRule",
    "Pattern",
    "Permission",
    "PolicyChanged",
    "PolicyError",
    "PolicyNotFound",
    "ResourceAllow",
    "ResourceKind",
    "Role",
    "RoleCheck",
    "RoleNotFound",
    "RoleOf",
    "StoredPolicy",
    "StoredRole",
    "decide_api",
    "drafted",
    "entity_of",
    "grants_everything",
    "known_pattern",
    "line_of",
    "mentions_of",
    "name_matches",
    "no_rules",
    "parse_name",
    "parse_policies",
    "parse_role_file",
    "policy_grants_everything",
    "routes",
    "rule_id",
]
