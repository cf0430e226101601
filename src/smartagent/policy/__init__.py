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
    MalformedPromptFile,
    MalformedReason,
    MalformedRoleFile,
    NothingStaged,
    PolicyChanged,
    PolicyError,
    PolicyNotFound,
    RoleNotFound,
    StageNotPossible,
    VersionNotFound,
)
from smartagent.policy.est import entity_of, mentions_of
from smartagent.policy.facts import FACTS, Given
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
    RuleKind,
    StoredPolicy,
    StoredRole,
)
from smartagent.policy.patterns import MAX_SEGMENTS, Pattern, known_pattern
from smartagent.policy.permissions import Permission, decide_api
from smartagent.policy.promptfile import PromptRole, role_from_prompt, with_prompt
from smartagent.policy.rolefile import MAX_ITEMS, line_of, parse_name, parse_role_file
from smartagent.policy.routes import RoleOf, routes
from smartagent.policy.rules import grants_everything
from smartagent.policy.staged.store import STAGED_TOPIC
from smartagent.policy.staging.telling import Telling
from smartagent.policy.store import POLICIES_TOPIC, ROLES_TOPIC
from smartagent.policy.versions.keeper import Keeper, RoleCheck, Wording
from smartagent.policy.versions.wording import Difference, difference

__all__ = [
    "ANY",
    "CREDENTIAL_SCOPE",
    "FACTS",
    "MAX_ITEMS",
    "MAX_SEGMENTS",
    "MCP_SCOPE",
    "POLICIES_TOPIC",
    "ROLES_TOPIC",
    "STAGED_TOPIC",
    "Allow",
    "ArgumentRule",
    "Book",
    "Call",
    "Condition",
    "Difference",
    "Explanation",
    "Given",
    "Grants",
    "GrantsEverything",
    "Item",
    "Keeper",
    "MalformedOperation",
    "MalformedPolicy",
    "MalformedPromptFile",
    "MalformedReason",
    "MalformedRoleFile",
    "McpAllow",
    "McpCall",
    "McpKind",
    "NearestRule",
    "NothingStaged",
    "Pattern",
    "Permission",
    "PolicyChanged",
    "PolicyError",
    "PolicyNotFound",
    "PromptRole",
    "ResourceAllow",
    "ResourceKind",
    "Role",
    "RoleCheck",
    "RoleNotFound",
    "RoleOf",
    "RuleKind",
    "StageNotPossible",
    "StoredPolicy",
    "StoredRole",
    "Telling",
    "VersionNotFound",
    "Wording",
    "decide_api",
    "difference",
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
    "role_from_prompt",
    "routes",
    "rule_id",
    "with_prompt",
]
