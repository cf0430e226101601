# SPDX-License-Identifier: Apache-2.0
"""Azure by workload identity federation: our RS256 token stands for an application's secret.

Entra compares issuer, subject and audience with the application's federated credential, each exactly; so the subject is
the provider's and not the agent's, and who it was stands in our log.  Entra takes no token back and chooses how long
it lives: an hour, and a bit.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import urlencode

import msgspec

from smartagent.kernel import Secret
from smartagent.leases.backends.reading import grant_of, settings_of
from smartagent.leases.backends.workload import House, Sender, asked, assertion, is_address
from smartagent.leases.errors import MalformedCredential, MalformedProvider
from smartagent.leases.model import Credential, Ended, Made, Order, Provider

LOGIN_URL: Final = "https://login.microsoftonline.com"
AUDIENCE: Final = "api://AzureADTokenExchange"
LONGEST_SECONDS: Final = 86_400
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SUBJECT: Final = re.compile(r"[A-Za-z0-9:/._-]{1,600}")
_SCOPE: Final = re.compile(r"(?:https|api)://[A-Za-z0-9./_:-]{1,200}/\.default")


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tenant_id: str
    client_id: str
    subject: str = ""
    login_url: str = LOGIN_URL


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scope: str


class _Token(msgspec.Struct, frozen=True):
    access_token: Annotated[str, msgspec.Meta(min_length=10, max_length=16_384, pattern=r"^[\x21-\x7e]+$")]
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=LONGEST_SECONDS)]
    token_type: str = "Bearer"  # noqa: S105 -- a name, not a password

    def __repr__(self) -> str:
        return "_Token(********)"


class AzureBackend:
    """Makes access tokens of applications."""

    kind = "azure"
    renewable = False
    fields = ("access_token", "tenant_id", "expiration")

    def __init__(self, web: Sender, house: House) -> None:
        self._web = web
        self._house = house

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: A setting is missing, unknown or malformed.
        """
        settings = settings_of(provider, _Settings)
        for name in ("tenant_id", "client_id"):
            if not _UUID.fullmatch(getattr(settings, name)):
                raise MalformedProvider(f"settings.{name}", "a UUID in lower case")
        if not is_address(settings.login_url):
            raise MalformedProvider("settings.login_url", f"https, as in {LOGIN_URL}")
        if settings.subject and not _SUBJECT.fullmatch(settings.subject):
            raise MalformedProvider("settings.subject", "as the application's federated credential has it")
        if provider.secrets:
            raise MalformedProvider("secrets", "none: Entra takes our own tokens")

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant.

        Raises:
            MalformedCredential: It names no resource.
        """
        if not _SCOPE.fullmatch(grant_of(credential.grant, _Grant).scope):
            raise MalformedCredential("grant.scope", "a resource's, as in https://storage.azure.com/.default")

    def handle_of(self, lease_id: str) -> str:
        """Name the lease in our own log; Entra's shows the application."""
        return lease_id

    async def issue(self, order: Order) -> Made:
        """Exchange our token for Entra's.

        Raises:
            ProviderFailed: Entra said no.
            ProviderUnreachable: It did not answer.
        """
        settings = settings_of(order.provider, _Settings)
        got = await self._token(settings, order, grant_of(order.grant, _Grant).scope)
        dies_at = int(order.now) + got.expires_in
        fields = {
            "access_token": Secret(got.access_token),
            "tenant_id": Secret(settings.tenant_id),
            "expiration": Secret(str(dies_at)),
        }
        return Made(fields, dies_at=dies_at, facts={"client_id": settings.client_id})

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """Entra prolongs nothing."""
        return order.expires_at

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """Say until when Azure takes it."""
        return Ended(outlives_until=order.expires_at)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Say nothing when Entra exchanges a token of ours; what it gives is thrown away.

        Raises:
            ProviderFailed: It does not.
            ProviderUnreachable: It did not answer.
        """
        now = self._house.clock.now()
        order = Order("probe", "probe", provider, {}, secrets, "probe", "probe", "probe", int(now), now)
        await self._token(settings_of(provider, _Settings), order, "https://graph.microsoft.com/.default")

    async def _token(self, settings: _Settings, order: Order, scope: str) -> _Token:
        subject = settings.subject or f"smartagent:{order.provider.name}"
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "scope": scope,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": assertion(self._house, order, subject, AUDIENCE),
        }
        url = f"{settings.login_url}/{settings.tenant_id}/oauth2/v2.0/token"
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return await asked(self._web, url, headers, urlencode(form).encode(), _Token)
