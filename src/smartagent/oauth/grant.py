# SPDX-License-Identifier: Apache-2.0
"""The shape of a grant: what a token request comes to, once its client has been authenticated."""

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from smartagent.clients import Client
from smartagent.edge import Inbound
from smartagent.identity import Agent
from smartagent.kernel import Caller, Change, Claim, Detail, Write
from smartagent.tokens import Issued


class TokenRequest(msgspec.Struct, frozen=True, gc=False):
    """A token request whose client has been authenticated.

    `agent` is there when the client is an agent.  `jkt` is the thumbprint of the key that a DPoP proof
    was made with, empty when there was none.  `now` is in Unix seconds.  `proof_id` names for the log
    what the client authenticated with.
    """

    inbound: Inbound
    form: Mapping[str, str]
    client: Client
    agent: Agent | None
    jkt: str
    now: int
    proof_id: str = ""


class OtherToken(msgspec.Struct, frozen=True, gc=False):
    """An answer that is no access token of ours: an ID-JAG, a transaction token.

    `holder` is whose standing it derives from: when they are revoked meanwhile, it is not given.
    """

    token: str
    jti: str
    life_seconds: int
    scope: str
    detail: dict[str, Detail] = {}
    holder: Caller | None = None


class Granted(msgspec.Struct, frozen=True, gc=False):
    """What a grant gives, before it is durable.

    `proof` says for the log by what it was asked (`code`, `refresh`, `exchange`), and `proof_id` names it
    without giving it away.  `token_type` is empty for `Bearer` or `DPoP`, as the token is bound or not.
    """

    issued: Issued | OtherToken
    proof: str
    proof_id: str
    refresh_token: str = ""
    id_token: str = ""
    issued_token_type: str = ""
    token_type: str = ""
    authorization_details: tuple[dict[str, object], ...] = ()
    writes: tuple[Write, ...] = ()
    claims: tuple[Claim, ...] = ()
    changes: tuple[Change, ...] = ()
    detail: dict[str, Detail] = {}


Grant = Callable[[TokenRequest], Awaitable[Granted]]
"""Does one grant type.  Raises `SmartAgentError` when it refuses."""
