# SPDX-License-Identifier: Apache-2.0
"""The authorization server as one thing: its door, its grants and its proofs, built together."""

from collections.abc import Mapping

from smartagent.edge import Proof
from smartagent.identity import Authenticator
from smartagent.oauth.clientauth import ClientRequests
from smartagent.oauth.credentials import GRANT_TYPE, ClientCredentials
from smartagent.oauth.endpoint import TokenEndpoint
from smartagent.oauth.grant import Grant
from smartagent.oauth.introspect import Introspection
from smartagent.oauth.means import Means
from smartagent.oauth.ports import NoRefreshTokens, RefreshTokens
from smartagent.oauth.revocation import Revocation
from smartagent.oauth.userinfo import UserInfo


class OAuth:
    """What clients ask, and who they are.

    Args:
        means: What it works with.
        requests: Says which client sends a form; rooms above share it.
        grants: The grants of rooms above, by their grant types.
        refresh_tokens: Knows the refresh tokens that a room above gives.
    """

    def __init__(
        self,
        means: Means,
        requests: ClientRequests,
        grants: Mapping[str, Grant],
        refresh_tokens: RefreshTokens | None = None,
    ) -> None:
        self.requests = requests
        self.endpoint = TokenEndpoint(means, requests, {GRANT_TYPE: ClientCredentials(means), **grants})
        self.introspection = Introspection(means, requests)
        self.revocation = Revocation(means, requests, refresh_tokens or NoRefreshTokens())
        self.userinfo = UserInfo(means)

    def authenticators(self) -> Mapping[Proof, Authenticator]:
        """Return what checks each proof that this room understands."""
        return {
            Proof.CLIENT_AUTHENTICATION: self.requests.by_client_authentication,
            Proof.CLIENT_OR_TOKEN: self.introspection.by_client_or_token,
        }
