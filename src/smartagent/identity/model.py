# SPDX-License-Identifier: Apache-2.0
"""What an agent, an operator, an enrolment and a claim link are."""

from enum import StrEnum

import msgspec

from smartagent.kernel import Standing


class AgentStatus(StrEnum):
    """Where an agent is in its life.

    seen, or in an imported list          enrolled, or attested
                 |                                  |
                 v                                  v
          [ discovered ] --invited--> [ pending ] --enrolled--> [ active ] <--resumed-- [ suspended ]
                 |                        |                        |    ---suspended-->      |
                 +------------------------+--------> [ retired ] <-+-------------------------+   final

    Only an active agent can do anything.  What is discovered or pending has no key yet.
    """

    DISCOVERED = "discovered"
    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class Purpose(StrEnum):
    """What a challenge's nonce may be signed for."""

    SESSION = "session"
    OPERATOR_SESSION = "operator-session"
    KEY = "key"


class Agent(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An agent as every node holds it in memory.  `public_key` is 32 bytes that were checked once.

    `owner` is an operator or a person who answers for it; `role` is the one it was enrolled for.  While it is
    discovered or pending its key is empty.
    The thumbprint of the key is not kept: a hundred thousand of them are ten megabytes.  `key_since` is when
    the key came, 0 when it is the first one.  `standing` is how far it is trusted; policies may ask for it.
    """

    id: str
    name: str
    owner: str
    role: str
    status: AgentStatus
    public_key: bytes
    created_at: int
    last_changed_at: int
    key_since: int = 0
    standing: Standing = Standing.NORMAL


class Operator(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A person who runs the house, by their key."""

    id: str
    name: str
    public_key: bytes
    created_at: int


class Enrolment(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An enrolment token as the store knows it: by its hash.  It works once (`used_at`).

    `owner` will answer for the agent.  `agent` is the one that was known before, empty for a new one.
    """

    id: str
    role: str
    name: str
    created_by: str
    expires_at: int
    used_at: int | None
    owner: str = ""
    agent: str = ""


class ClaimLink(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A claim link as the store knows it.  `created_by` is empty when the first start made it."""

    id: str
    created_by: str
    expires_at: int
    used_at: int | None
