# SPDX-License-Identifier: Apache-2.0
"""The shapes: a request as received, a route, and what a room's act comes to."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum

import msgspec

from smartagent.kernel import Caller, Change, Claim, Detail, SmartAgentError, Write

EMPTY: Mapping[str, str] = {}


class Proof(StrEnum):
    """How the caller of a route proves who they are.  There is no default."""

    ACCESS_TOKEN = "access-token"  # noqa: S105 -- a kind of proof, not a password
    """A token of ours: an agent's `Bearer`, or an operator's with its DPoP proof."""
    NONCE_SIGNATURE = "nonce-signature"
    """A challenge's nonce, signed with the agent's key."""
    NEXT_KEY = "next-key"
    """A challenge's nonce and an agent's next key, signed with the agent's key and with the next one."""
    OPERATOR_SIGNATURE = "operator-signature"
    """The same, with the operator's key."""
    CLIENT_AUTHENTICATION = "client-authentication"
    """An OAuth client's: `private_key_jwt` (RFC 7523 section 2.2), or its mere id when it is public."""
    CLIENT_OR_TOKEN = "client-or-token"  # noqa: S105 -- a kind of proof, not a password
    """Either: a client's, or an access token of its own (RFC 7662 section 2.1)."""
    REGISTRATION_TOKEN = "registration-token"  # noqa: S105 -- a kind of proof, not a password
    """What a client that registered itself was given to manage its registration (RFC 7592)."""
    SIGNED_IN = "signed-in"
    """A browser's session of a person who signed in, on a request from our own pages."""
    CONSOLE_SESSION = "console-session"
    """An operator's session in a browser, at the console; on whatever acts, a form of our own page as well."""
    WORKLOAD = "workload"
    """A workload's token of an outside issuer that is trusted, and a signature with the key to enrol."""
    VAULT_TOKEN = "vault-token"  # noqa: S105 -- a kind of proof, not a password
    """An agent's access token where programs that speak to Vault put it: in `X-Vault-Token`."""
    VAULT_LOGIN = "vault-login"
    """An agent's client assertion, as the `jwt` of Vault's JWT auth method."""
    MCP_TOKEN = "mcp-token"  # noqa: S105 -- a kind of proof, not a password
    """An access token that is meant for the very MCP server that it is sent to."""
    ENROLMENT = "enrolment"
    """A one-time enrolment token and a signature with the key to enrol."""
    SCIM_TOKEN = "scim-token"  # noqa: S105 -- a kind of proof, not a password
    """The token that an operator made for a directory (RFC 7644 section 2)."""
    CLAIM_LINK = "claim-link"
    """The one-time claim link's code and a signature with the key to claim with."""
    NONE = "none"
    """Anybody may ask; the request is recorded all the same."""


class Inbound(msgspec.Struct, gc=False):
    """A request as received.  Every field is the caller's claim.

    Header names are in lower case; a header that came more than once is joined with ", ",
    and refused where it carries a proof.  `params` are what the route's pattern captured.
    """

    request_id: str
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = EMPTY
    body: bytes = b""
    client_ip: str = ""
    params: Mapping[str, str] = EMPTY


class Reply(msgspec.Struct, frozen=True):
    """What the caller gets back.

    `body` is JSON-encoded unless it is bytes, or an `AsyncIterator` of bytes: that is a stream, which is asked
    for its first chunk when the request was recorded, and closed when the caller leaves.
    """

    status: int
    body: object = b""
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Outcome(msgspec.Struct, frozen=True):
    """What an act decided.  The pipeline makes it durable, with the record, before it answers.

    An act touches nothing: it returns the writes, claims and changes that should happen.
    `event`, `subject`, `session`, `jti`, `target` and `detail` complete the record.  `holder` is
    who will hold what the answer gives, when that is not the caller: they must be live, too.  `farewell` says
    that the act ends what the caller holds: then they are told so, although they are not live any more.
    """

    reply: Reply
    event: str = ""
    subject: str = ""
    session: str = ""
    jti: str = ""
    target: str = ""
    detail: dict[str, Detail] = {}
    writes: tuple[Write, ...] = ()
    claims: tuple[Claim, ...] = ()
    changes: tuple[Change, ...] = ()
    holder: Caller | None = None
    farewell: bool = False


Act = Callable[[Caller, Inbound], Awaitable[Outcome]]


class Route(msgspec.Struct, frozen=True):
    """One thing the house can be asked to do.

    `path` is a pattern whose `{name}` segments are captured.  `proof` and `permission` have no
    defaults on purpose: an unprotected route does not type-check.  `event` is what the log
    calls the act.  `oauth` routes answer errors as RFC 6749 section 5.2 says, and `render`, which is
    given the error and the request's id, makes any other answer of them: a page.  `echoes_request_id` gives a
    caller back the `X-Request-ID` that they sent.
    """

    method: str
    path: str
    proof: Proof
    permission: str
    event: str
    act: Act
    summary: str = ""
    oauth: bool = False
    render: Callable[[SmartAgentError, str], Reply] | None = None
    echoes_request_id: bool = False
    media_types: tuple[str, ...] = ("application/json",)
    max_body_bytes: int = 65_536
    request_schema: type | None = None
    reply_schema: type | None = None
