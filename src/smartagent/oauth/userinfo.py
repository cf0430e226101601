# SPDX-License-Identifier: Apache-2.0
"""Userinfo: what the bearer of an access token may know of its subject.

Spec: OpenID Connect Core 1.0 section 5.3; RFC 6750 section 3 for its errors.
"""

from typing import Final

import msgspec

from smartagent.edge import Inbound, Outcome, Reply
from smartagent.kernel import Caller
from smartagent.oauth.agentclaims import Delegated, Hop, agent_claims
from smartagent.oauth.means import Means
from smartagent.oauth.protected import metadata_url
from smartagent.oauth.stepup import check_scope
from smartagent.tokens import NO_STORE

EVENT: Final = "userinfo.read"
OPENID: Final = "openid"
PROFILE: Final = "profile"


class UserInfoView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer of `/oauth/userinfo` (OpenID Connect Core section 5.3.2, OIDC-A section 2)."""

    sub: str
    name: str = ""
    agent_type: str = ""
    agent_instance_id: str = ""
    delegator_sub: str = ""
    delegation_chain: tuple[Hop, ...] = ()


class UserInfo:
    """Tells of the subject of a token."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._metadata_url = metadata_url(means.issuer)

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Say who the token is about, and which agent acts.

        Raises:
            InsufficientScope: The token was not asked for with `openid` (403).
            AuthenticationFailed: It does not hold any more (401).

        Spec: OpenID Connect Core sections 5.3.2 and 5.4.
        """
        check_scope((OPENID,), caller.scopes, metadata_url=self._metadata_url)
        # The request was authenticated by this very token; what the caller does not carry stands in its claims.
        claims = self._means.tokens.access.verified(_token_of(inbound)).claims
        told = agent_claims(
            self._means.issuer,
            Delegated(claims.sub, claims.act, claims.iat, claims.scope),
            self._means.directory.agent,
        )
        view = UserInfoView(
            sub=claims.sub,
            name=self._name(claims.sub) if PROFILE in caller.scopes else "",
            agent_type=told.agent_type,
            agent_instance_id=told.agent_instance_id,
            delegator_sub=told.delegator_sub,
            delegation_chain=told.delegation_chain,
        )
        return Outcome(Reply(200, view, "application/json", NO_STORE), subject=claims.sub)

    def _name(self, subject: str) -> str:
        known = self._means.directory.operator(subject) or self._means.directory.agent(subject)
        return "" if known is None else known.name


def _token_of(inbound: Inbound) -> str:
    return inbound.headers.get("authorization", "").partition(" ")[2]
