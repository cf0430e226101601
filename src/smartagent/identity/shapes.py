# SPDX-License-Identifier: Apache-2.0
"""What comes in and goes out of identity's routes, as JSON.

Keys, nonces and signatures are base64url without padding; instants are RFC 3339.
"""

import msgspec

from smartagent.identity.model import AgentStatus, Purpose
from smartagent.kernel import Standing


class ClaimRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/claims`."""

    code: str
    public_key: str
    name: str
    signature: str


class OperatorView(msgspec.Struct, frozen=True):
    """An operator, as shown."""

    id: str
    name: str
    key_thumbprint: str
    created_at: str


class ClaimLinkView(msgspec.Struct, frozen=True):
    """A claim link, shown once."""

    link: str
    expires_at: str


class EnrolmentRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/enrolments`.

    Without an owner it is the caller.  `agent` is one that is discovered or pending, whose enrolment it is.
    """

    role: str
    name: str = ""
    ttl_seconds: int = 3600
    owner: str = ""
    agent: str = ""


class EnrolmentView(msgspec.Struct, frozen=True):
    """An enrolment token, shown once."""

    id: str
    enrolment_token: str
    role: str
    expires_at: str


class EnrolRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/agents`.  Without a name the agent takes the enrolment's."""

    enrolment_token: str
    public_key: str
    signature: str
    name: str = ""


class NextKeyRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/agents/{id}/key`.  Both signatures are over the same text: see `crypto.next_key_message`."""

    nonce: str
    public_key: str
    signature: str
    next_signature: str


class AttestRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/agents/attest`.  Without a name the agent is called by its workload's `sub`."""

    attestation: str
    public_key: str
    signature: str
    name: str = ""


class AgentView(msgspec.Struct, frozen=True):
    """An agent, as shown."""

    id: str
    name: str
    owner: str
    role: str
    status: AgentStatus
    public_key: str
    key_thumbprint: str
    created_at: str
    last_changed_at: str
    standing: Standing = Standing.NORMAL


class AgentPage(msgspec.Struct, frozen=True):
    """Some agents; `next_cursor` is empty on the last page."""

    agents: list[AgentView]
    next_cursor: str = ""


class OperatorList(msgspec.Struct, frozen=True):
    """All operators."""

    operators: list[OperatorView]


class StatusRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/agents/{id}/status`."""

    status: AgentStatus
    reason: str


class StandingRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/agents/{id}/standing`."""

    standing: Standing
    reason: str


class ChallengeRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/challenges`: for an agent or for an operator, never both."""

    purpose: Purpose
    agent: str = ""
    operator: str = ""


class ChallengeView(msgspec.Struct, frozen=True):
    """A nonce to sign."""

    nonce: str
    expires_at: str
    expires_in: int


class SessionRequest(msgspec.Struct, frozen=True, rename={"continuing": "continue"}):
    """The body of `POST /v1/sessions`: the proof, and what the token should be good for.

    `continue` is a token of a session that shall go on: the new one is of the same session, and has no more.
    `prompt` is the SHA-256 of the prompt file that the agent runs with, in hexadecimal; a role may ask for it.
    """

    agent: str
    nonce: str
    signature: str
    scope: str = ""
    audience: str = ""
    continuing: str = ""
    prompt: str = ""

    def __repr__(self) -> str:
        return f"SessionRequest({self.agent}, ********)"


class OperatorSessionRequest(msgspec.Struct, frozen=True):
    """The body of `POST /v1/operator-sessions`."""

    operator: str
    nonce: str
    signature: str
