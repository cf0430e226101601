# SPDX-License-Identifier: Apache-2.0
"""Every permission there is, and who has it: `house.cedar`, asked through the engine.

A route names one of these.  A permission that is not listed is nobody's.
"""

from enum import StrEnum
from importlib import resources
from typing import Final

import cedarpy

from smartagent.kernel import Caller, CallerKind, Denied, OperatorRole, Permitted, Verdict


class Permission(StrEnum):
    """One thing the authority can be asked to do."""

    CLAIMS_USE = "claims.use"
    CLAIM_LINKS_CREATE = "claim-links.create"
    ENROLMENTS_CREATE = "enrolments.create"
    AGENTS_ENROL = "agents.enrol"
    AGENTS_READ = "agents.read"
    AGENTS_WRITE = "agents.write"
    AGENTS_REKEY = "agents.rekey"
    OPERATORS_READ = "operators.read"
    OPERATORS_WRITE = "operators.write"
    CHALLENGES_CREATE = "challenges.create"
    SESSIONS_OPEN = "sessions.open"
    SESSIONS_END = "sessions.end"
    TOKENS_ISSUE = "tokens.issue"
    OPERATOR_SESSIONS_OPEN = "operator-sessions.open"
    ROLES_READ = "roles.read"
    ROLES_WRITE = "roles.write"
    POLICIES_READ = "policies.read"
    POLICIES_WRITE = "policies.write"
    POLICIES_EXPLAIN = "policies.explain"
    HISTORY_READ = "history.read"
    REACH_READ = "reach.read"
    ACCESS_EVALUATE = "access.evaluate"
    SECRETS_READ = "secrets.read"
    SECRETS_WRITE = "secrets.write"
    UPSTREAMS_READ = "upstreams.read"
    UPSTREAMS_WRITE = "upstreams.write"
    AUDIT_READ = "audit.read"
    AUDIT_LOG = "audit.log"
    LOG_SEARCH = "log.search"
    REVOCATIONS_CREATE = "revocations.create"
    KEYS_READ = "keys.read"
    KEYS_ROTATE = "keys.rotate"
    UPSTREAM_CALL = "upstream.call"
    ISSUERS_READ = "trusted-issuers.read"
    ISSUERS_WRITE = "trusted-issuers.write"
    AGENTS_ATTEST = "agents.attest"
    CLIENTS_READ = "clients.read"
    CLIENTS_WRITE = "clients.write"
    CLIENTS_REGISTER = "clients.register"
    CLIENTS_MANAGE = "clients.manage"
    RESOURCES_READ = "resources.read"
    RESOURCES_WRITE = "resources.write"
    SIGN_IN_CODES_CREATE = "sign-in-codes.create"
    SIGN_IN = "sign-in"
    AUTHORIZATIONS_PUSH = "authorizations.push"
    AUTHORIZATIONS_REQUEST = "authorizations.request"
    AUTHORIZATIONS_DECIDE = "authorizations.decide"
    DEVICES_REQUEST = "devices.request"
    BACKCHANNEL_REQUEST = "backchannel.request"
    CONSENT_REQUESTS_READ = "consent-requests.read"
    CONSENT_REQUESTS_DECIDE = "consent-requests.decide"
    GRANTS_READ = "grants.read"
    GRANTS_WRITE = "grants.write"
    DELEGATIONS_READ = "delegations.read"
    DELEGATIONS_CREATE = "delegations.create"
    DELEGATIONS_REVOKE = "delegations.revoke"
    USERINFO_READ = "userinfo.read"
    TOKENS_INTROSPECT = "tokens.introspect"
    TOKENS_REVOKE = "tokens.revoke"
    REVOCATIONS_FOLLOW = "revocations.follow"
    SSF_MANAGE = "ssf.manage"
    PROVIDERS_READ = "providers.read"
    PROVIDERS_WRITE = "providers.write"
    CREDENTIALS_READ = "credentials.read"
    CREDENTIALS_WRITE = "credentials.write"
    LEASES_CREATE = "leases.create"
    LEASES_RENEW = "leases.renew"
    LEASES_READ = "leases.read"
    LEASES_END = "leases.end"
    ACCOUNTS_READ = "accounts.read"
    ACCOUNTS_WRITE = "accounts.write"
    CHANNELS_READ = "channels.read"
    CHANNELS_WRITE = "channels.write"
    ROTATIONS_READ = "rotations.read"
    ROTATIONS_WRITE = "rotations.write"
    LEASE_REVOCATIONS_CREATE = "lease-revocations.create"
    MCP_CALL = "mcp.call"
    MCP_SERVERS_READ = "mcp-servers.read"
    MCP_SERVERS_WRITE = "mcp-servers.write"
    ACCESS_REQUESTS_CREATE = "access-requests.create"
    ACCESS_REQUESTS_READ = "access-requests.read"
    ACCESS_REQUESTS_WRITE = "access-requests.write"
    ELEVATIONS_READ = "elevations.read"
    ELEVATIONS_WRITE = "elevations.write"
    BREAK_GLASS_READ = "break-glass.read"
    BREAK_GLASS_WRITE = "break-glass.write"
    REVIEWS_READ = "reviews.read"
    REVIEWS_WRITE = "reviews.write"
    SCIM_SOURCES_READ = "scim-sources.read"
    SCIM_SOURCES_WRITE = "scim-sources.write"
    PEOPLE_SIGN_IN = "people.sign-in"
    SCIM_READ = "scim.read"
    SCIM_WRITE = "scim.write"
    CONSOLE_VIEW = "console.view"
    SIGN_INS_MANAGE = "sign-ins.manage"
    APPROVALS_READ = "approvals.read"
    APPROVALS_DECIDE = "approvals.decide"


_KINDS: Final = {
    CallerKind.NOBODY: "Nobody",
    CallerKind.AGENT: "Agent",
    CallerKind.OPERATOR: "Operator",
    CallerKind.NEWCOMER: "Newcomer",
    CallerKind.CLIENT: "Client",
    CallerKind.PERSON: "Person",
    CallerKind.DIRECTORY: "Directory",
}

HOUSE_POLICY: Final = resources.files("smartagent.policy").joinpath("house.cedar").read_text(encoding="utf-8")


def house_schema() -> str:
    """Write the Cedar schema that `HOUSE_POLICY` keeps to."""
    kinds = ", ".join(_KINDS.values())
    actions = ", ".join(f'"{permission.value}"' for permission in Permission)
    others = kinds.replace("Operator, ", "")
    return (
        f"entity House; entity {others}; entity Operator = {{ role: String }};\n"
        f"action {actions} appliesTo {{ principal: [{kinds}], resource: [House], context: {{}} }};\n"
    )


def _ask_the_house() -> dict[tuple[CallerKind, str, str], Verdict]:
    policies = cedarpy.PolicySet.from_str(HOUSE_POLICY)
    verdicts: dict[tuple[CallerKind, str, str], Verdict] = {}
    for kind, entity in _KINDS.items():
        for role in OperatorRole if kind is CallerKind.OPERATOR else ("",):
            who = {"type": entity, "id": "one"}
            requests = [
                {
                    "principal": who,
                    "action": {"type": "Action", "id": permission.value},
                    "resource": {"type": "House", "id": "this"},
                }
                for permission in Permission
            ]
            known = [{"uid": who, "attrs": {"role": str(role)} if role else {}, "parents": []}]
            answers = cedarpy.is_authorized_batch(requests, policies, known)
            for permission, answer in zip(Permission, answers, strict=True):
                names = answer.diagnostics.id_annotations_by_reason.values()
                verdicts[kind, str(role), permission.value] = (
                    Permitted(tuple(str(name) for name in names))
                    if answer.allowed
                    else Denied(f"an {role or kind.value} may not {permission.value}", permission.value)
                )
    return verdicts


_VERDICTS: Final = _ask_the_house()
# The house's own policy knows what somebody is and nothing else, so all its answers are known beforehand.


def decide_api(caller: Caller, permission: str) -> Verdict:
    """Say whether `caller`, being what they are, may do what `permission` names."""
    role = caller.role if caller.kind is CallerKind.OPERATOR else ""
    verdict = _VERDICTS.get((caller.kind, role, permission))
    if verdict is None:
        return Denied("there is no such permission, or no such role of operators", permission)
    return verdict
