# SPDX-License-Identifier: Apache-2.0
"""Identity: agents and operators, their keys, how they come to be known, and how they prove it."""

from smartagent.identity.directory import Directory
from smartagent.identity.errors import (
    AgentChanged,
    AgentNotFound,
    KeyAlreadyKnown,
    LifeTooLong,
    MalformedName,
    OwnerUnknown,
    RoleUnknown,
    TransitionRefused,
)
from smartagent.identity.means import Means
from smartagent.identity.model import Agent, AgentStatus, Operator, Purpose
from smartagent.identity.nonce import short_id
from smartagent.identity.routes import identity_routes
from smartagent.identity.rules import check_transition, parse_name, parse_reason
from smartagent.identity.service import Authenticator, Identity
from smartagent.identity.shapes import AgentView, OperatorSessionRequest, OperatorView, SessionRequest
from smartagent.identity.store import (
    AGENTS_TOPIC,
    OPERATORS_TOPIC,
    add_agent,
    agent_changed,
    read_agent,
    read_agents_of,
    set_standing,
    suspend_when_active,
)
from smartagent.identity.usable import check_active

__all__ = [
    "AGENTS_TOPIC",
    "OPERATORS_TOPIC",
    "Agent",
    "AgentChanged",
    "AgentNotFound",
    "AgentStatus",
    "AgentView",
    "Authenticator",
    "Directory",
    "Identity",
    "KeyAlreadyKnown",
    "LifeTooLong",
    "MalformedName",
    "Means",
    "Operator",
    "OperatorSessionRequest",
    "OperatorView",
    "OwnerUnknown",
    "Purpose",
    "RoleUnknown",
    "SessionRequest",
    "TransitionRefused",
    "add_agent",
    "agent_changed",
    "check_active",
    "check_transition",
    "identity_routes",
    "parse_name",
    "parse_reason",
    "read_agent",
    "read_agents_of",
    "set_standing",
    "short_id",
    "suspend_when_active",
]
