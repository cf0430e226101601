# SPDX-License-Identifier: Apache-2.0
"""The grant `client_credentials`: a client acts for itself.

Spec: RFC 6749 section 4.4, RFC 8707 section 2.2.
"""

from typing import Final

from smartagent.clients import AuthMethod
from smartagent.oauth.errors import InvalidTarget, UnauthorizedClient
from smartagent.oauth.grant import Granted, TokenRequest
from smartagent.oauth.means import Means
from smartagent.oauth.targets import one_target, scopes_at
from smartagent.tokens import Asked, Wanted

GRANT_TYPE: Final = "client_credentials"
LIFE_SECONDS: Final = 900


class ClientCredentials:
    """Gives a client a token for itself."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def __call__(self, request: TokenRequest) -> Granted:
        """Give an agent what its role has, and another client what a resource offers it.

        Raises:
            UnauthorizedClient: A public client has nothing to prove itself by.
            InvalidTarget: There is no such resource.
            SmartAgentError: The scope or audience is not granted.
        """
        form, agent = request.form, request.agent
        if agent is not None:
            asked = Asked(form.get("scope", ""), one_target(form), form.get("prompt_digest", ""))
            issued = self._means.tokens.issuer.for_agent(agent, asked, request.jkt)
            return Granted(issued, "assertion", request.proof_id)
        client = request.client
        if client.auth_method is AuthMethod.NONE:
            raise UnauthorizedClient("a public client cannot act for itself")
        target = one_target(form)
        resource = self._means.clients.resource(target)
        if resource is None and target != self._means.issuer:
            raise InvalidTarget("name a resource that is registered here, or the house itself")
        wanted = Wanted(
            subject=client.id,
            client_id=client.id,
            audience=target,
            # At the house's own API a client needs no scope: what it may ask there goes by what it is.
            scope="" if resource is None else scopes_at(resource, client, form.get("scope", "")),
            life_seconds=LIFE_SECONDS,
            jkt=request.jkt,
        )
        return Granted(self._means.tokens.issuer.mint(wanted), "assertion", request.proof_id)
