# SPDX-License-Identifier: Apache-2.0
"""Google Cloud by workload identity federation: our token for Google's, and that for a service account's.

    RS256 token --STS token exchange--> federated token --generateAccessToken--> access token of a service account

Google takes no token back: what it gave lives until its own end, and the lease says so.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import structs

from smartagent.kernel import Secret
from smartagent.leases.backends.reading import grant_of, settings_of, told
from smartagent.leases.backends.workload import House, Sender, asked, assertion, is_address
from smartagent.leases.errors import CannotNarrow, MalformedCredential, MalformedProvider, ProviderFailed
from smartagent.leases.model import Credential, Ended, Made, Order, Provider
from smartagent.policy import Item, ResourceKind

STS_URL: Final = "https://sts.googleapis.com"
IAM_URL: Final = "https://iamcredentials.googleapis.com"
LONGEST_SECONDS: Final = 3600
SHORTEST_SECONDS: Final = 60
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS: Final = "urn:ietf:params:oauth:token-type:access_token"
_JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
_CLOUD: Final = "https://www.googleapis.com/auth/cloud-platform"
_POOL: Final = re.compile(
    r"//iam\.googleapis\.com/projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]{4,32}/providers/[a-z0-9-]{4,32}"
)
_ACCOUNT: Final = re.compile(r"[a-z0-9-]{1,64}@[a-z0-9.:-]{1,128}\.gserviceaccount\.com")
_SCOPE: Final = re.compile(r"https://[a-z0-9./_-]{1,200}|[a-z]{1,32}")


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    audience: str
    subject: str = ""
    sts_url: str = STS_URL
    iam_url: str = IAM_URL


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    service_account: str
    scopes: tuple[str, ...]


_Token = Annotated[str, msgspec.Meta(min_length=10, max_length=16_384, pattern=r"^[\x21-\x7e]+$")]


class _Federated(msgspec.Struct, frozen=True):
    access_token: _Token

    def __repr__(self) -> str:
        return "_Federated(********)"


class _Generated(msgspec.Struct, frozen=True, rename="camel"):
    access_token: _Token
    expire_time: Annotated[datetime, msgspec.Meta(tz=True)]

    def __repr__(self) -> str:
        return "_Generated(********)"


class GcpBackend:
    """Makes access tokens of service accounts."""

    kind = "gcp"
    renewable = False
    narrows = ResourceKind.CLOUD
    fields = ("access_token", "service_account", "expiration")

    def __init__(self, web: Sender, house: House) -> None:
        self._web = web
        self._house = house

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: A setting is missing, unknown or malformed.
        """
        settings = settings_of(provider, _Settings)
        if not _POOL.fullmatch(settings.audience):
            raise MalformedProvider(
                "settings.audience",
                "//iam.googleapis.com/projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
            )
        if not all(map(is_address, (settings.sts_url, settings.iam_url))):
            raise MalformedProvider("settings.sts_url", f"https, as in {STS_URL}")
        if provider.secrets:
            raise MalformedProvider("secrets", "none: Google takes our own tokens")

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant.

        Raises:
            MalformedCredential: It names no service account, or no scope.
        """
        grant = grant_of(credential.grant, _Grant)
        if not _ACCOUNT.fullmatch(grant.service_account):
            raise MalformedCredential("grant.service_account", "NAME@PROJECT.iam.gserviceaccount.com")
        if not grant.scopes or not all(map(_SCOPE.fullmatch, grant.scopes)):
            raise MalformedCredential("grant.scopes", f"at least one, as in {_CLOUD}.read-only")
        if credential.max_ttl_seconds > LONGEST_SECONDS:
            raise MalformedCredential("max_ttl_seconds", f"Google gives at most {LONGEST_SECONDS}")

    def narrow(
        self,
        provider: Provider,  # noqa: ARG002 -- a backend's shape
        grant: Mapping[str, object],
        items: Sequence[Item],
    ) -> Mapping[str, object]:
        """Return the token for the scopes that both name.

        Raises:
            CannotNarrow: Nothing of it is left.
        """
        held = grant_of(grant, _Grant)
        named = {item.name for item in items if item.verb == "SCOPE"}
        left = tuple(each for each in held.scopes if each in named)
        if not left:
            raise CannotNarrow("the credential has none of these scopes; Google knows no narrower ones")
        return told(structs.replace(held, scopes=left))

    def handle_of(self, lease_id: str) -> str:
        """Name the lease in our own log; Google's audit log shows the subject."""
        return lease_id

    async def issue(self, order: Order) -> Made:
        """Exchange our token for Google's.

        Raises:
            ProviderFailed: Google said no.
            ProviderUnreachable: It did not answer.
        """
        settings, grant = settings_of(order.provider, _Settings), grant_of(order.grant, _Grant)
        federated = await self._federated(settings, order)
        seconds = max(SHORTEST_SECONDS, min(order.expires_at - int(order.now), LONGEST_SECONDS))
        wanted = {"scope": list(grant.scopes), "lifetime": f"{seconds}s"}
        got = await asked(
            self._web,
            f"{settings.iam_url}/v1/projects/-/serviceAccounts/{grant.service_account}:generateAccessToken",
            {"content-type": "application/json", "authorization": f"Bearer {federated}"},
            msgspec.json.encode(wanted),
            _Generated,
        )
        dies_at = int(got.expire_time.timestamp())
        if not order.now < dies_at <= order.now + 2 * LONGEST_SECONDS:
            raise ProviderFailed("not-what-was-asked-for")
        fields = {
            "access_token": Secret(got.access_token),
            "service_account": Secret(grant.service_account),
            "expiration": Secret(str(dies_at)),
        }
        return Made(fields, dies_at=dies_at, facts={"service_account": grant.service_account})

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """Google prolongs nothing."""
        return order.expires_at

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:  # noqa: ARG002 -- a backend's shape
        """Say until when Google takes it."""
        return Ended(outlives_until=order.expires_at)

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Say nothing when Google exchanges a token of ours.

        Raises:
            ProviderFailed: It does not.
            ProviderUnreachable: It did not answer.
        """
        now = self._house.clock.now()
        order = Order("probe", "probe", provider, {}, secrets, "probe", "probe", "probe", int(now), now)
        await self._federated(settings_of(provider, _Settings), order)

    async def _federated(self, settings: _Settings, order: Order) -> str:
        subject = settings.subject or order.agent
        wanted = {
            "grantType": _EXCHANGE,
            "audience": settings.audience,
            "scope": _CLOUD,
            "requestedTokenType": _ACCESS,
            "subjectToken": assertion(self._house, order, subject, f"https:{settings.audience}"),
            "subjectTokenType": _JWT,
        }
        headers = {"content-type": "application/json"}
        url = f"{settings.sts_url}/v1/token"
        return (await asked(self._web, url, headers, msgspec.json.encode(wanted), _Federated)).access_token
