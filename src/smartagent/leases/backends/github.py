# SPDX-License-Identifier: Apache-2.0
"""GitHub: an installation token of a GitHub App for each lease, narrowed to repositories and permissions.

GitHub gives a token for an hour, and ends it when whoever holds it says so.  So the token itself is kept, sealed, to
end it.  A token that was made and never heard of (a lost answer) cannot be ended: it dies within the hour.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal, Protocol

import msgspec

from smartagent.crypto import MalformedKey, rsa_from_pem, sign_compact
from smartagent.federation import Answer, FetchFailed, FetchRefused
from smartagent.kernel import Clock, Secret
from smartagent.leases.backends.reading import grant_of, settings_of
from smartagent.leases.errors import (
    MalformedCredential,
    MalformedProvider,
    ProviderFailed,
    ProviderUnreachable,
)
from smartagent.leases.model import Credential, Ended, Made, Order, Provider

API_URL: Final = "https://api.github.com"
LIFE_SECONDS: Final = 3600
"""How long GitHub lets a token live, whatever was asked for."""
_BACK_SECONDS: Final = 60
_AHEAD_SECONDS: Final = 540
"""GitHub takes no JWT of the App's that ends more than ten minutes ahead; its clock is not ours."""
_CREATED: Final = 201
_OK: Final = 200
_NO_CONTENT: Final = 204
_GONE: Final = frozenset({_NO_CONTENT, 401, 404})
_FORBIDDEN: Final = 403
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_TOKEN: Final = re.compile(r"[!-~]{20,8192}")
_APP: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_PERMISSION: Final = re.compile(r"[a-z][a-z_]{1,63}")
_IMPLIED: Final = {"metadata": "read"}
_RANK: Final = {"read": 1, "write": 2, "admin": 3}


class Sender(Protocol):
    """Sends one request to an address: `federation.SafeFetch`."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Return the answer, whatever its status."""
        ...


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    installation_id: Annotated[int, msgspec.Meta(ge=1)]
    app_id: Annotated[int, msgspec.Meta(ge=1)] | None = None
    client_id: str = ""
    api_url: str = API_URL


class _Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    permissions: dict[str, Literal["read", "write", "admin"]]
    repositories: Annotated[tuple[str, ...], msgspec.Meta(max_length=500)] = ()
    all_repositories: bool = False


class _Token(msgspec.Struct, frozen=True):
    token: str
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    permissions: dict[str, str]
    repository_selection: str = ""

    def __repr__(self) -> str:
        return "_Token(********)"


class GithubBackend:
    """Makes installation tokens."""

    kind = "github"
    renewable = False
    fields = ("token", "username", "expiration")

    def __init__(self, fetch: Sender, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock

    def check_provider(self, provider: Provider) -> None:
        """Check an entry.

        Raises:
            MalformedProvider: A setting is missing, unknown or malformed.
        """
        settings = settings_of(provider, _Settings)
        if bool(settings.app_id) == bool(settings.client_id):
            raise MalformedProvider("settings", "either app_id or client_id")
        if settings.client_id and not _APP.fullmatch(settings.client_id):
            raise MalformedProvider("settings.client_id", "as GitHub shows it")
        if not settings.api_url.startswith(("https://", "http://127.0.0.1:")) or "?" in settings.api_url:
            raise MalformedProvider("settings.api_url", f"https, as in {API_URL}")
        if set(provider.secrets) != {"private_key"}:
            raise MalformedProvider("secrets", "private_key: the App's key, as GitHub gave it")

    def check_credential(self, provider: Provider, credential: Credential) -> None:  # noqa: ARG002 -- a backend's shape
        """Check a grant.

        Raises:
            MalformedCredential: It grants nothing, or all there is without saying so.
        """
        grant = grant_of(credential.grant, _Grant)
        if not grant.permissions:
            raise MalformedCredential(
                "grant.permissions", "at least one: without any, the token has all the App has"
            )
        if not all(map(_PERMISSION.fullmatch, grant.permissions)):
            raise MalformedCredential("grant.permissions", 'as in {"contents": "read"}')
        if bool(grant.repositories) == grant.all_repositories:
            raise MalformedCredential("grant.repositories", "name at least one, or all_repositories: true")
        if not all(map(_REPOSITORY.fullmatch, grant.repositories)):
            raise MalformedCredential("grant.repositories", "names without their owner")

    def handle_of(self, lease_id: str) -> str:
        """Name the token in our own log; GitHub takes no name for it."""
        return lease_id

    async def issue(self, order: Order) -> Made:
        """Make a token.

        Raises:
            ProviderFailed: GitHub said no; the reason is its status.
            ProviderUnreachable: It did not answer, or wants fewer requests.
        """
        settings, grant = settings_of(order.provider, _Settings), grant_of(order.grant, _Grant)
        asked: dict[str, object] = {"permissions": grant.permissions}
        if grant.repositories:
            asked["repositories"] = list(grant.repositories)
        answer = await self._as_app(
            "POST",
            f"/app/installations/{settings.installation_id}/access_tokens",
            (settings, order.secrets, order.now),
            msgspec.json.encode(asked),
        )
        if answer.status != _CREATED:
            raise _refusal(answer)
        got = _read_token(answer)
        token, dies_at = Secret(got.token), int(got.expires_at.timestamp())
        if not order.now < dies_at <= order.now + 2 * LIFE_SECONDS or _is_wider(got, grant):
            # What was not asked for is not handed on, nor left alive.
            await self._delete(settings, token)
            raise ProviderFailed("not-what-was-asked-for")
        fields = {
            "token": token,
            "username": Secret("x-access-token"),
            "expiration": Secret(str(dies_at)),
        }
        facts: dict[str, str | int] = {"installation": settings.installation_id}
        return Made(fields, dies_at=dies_at, kept=Secret(got.token.encode()), facts=facts)

    async def renew(self, order: Order, kept: Secret[bytes] | None) -> int:  # noqa: ARG002 -- a backend's shape
        """GitHub prolongs nothing."""
        return order.expires_at

    async def revoke(self, order: Order, kept: Secret[bytes] | None) -> Ended:
        """End the token; one that was never heard of may live for an hour.

        Raises:
            ProviderFailed: GitHub said no.
            ProviderUnreachable: It did not answer.
        """
        if kept is None:
            return Ended(outlives_until=int(order.now) + LIFE_SECONDS)
        if order.now > order.expires_at + _BACK_SECONDS:
            return Ended()
        answer = await self._delete(settings_of(order.provider, _Settings), Secret(kept.reveal().decode()))
        if answer.status not in _GONE:
            raise _refusal(answer)
        return Ended()

    async def probe(self, provider: Provider, secrets: Mapping[str, Secret[bytes]]) -> None:
        """Say nothing when GitHub knows the App, and the App its installation.

        Raises:
            ProviderFailed: It does not.
            ProviderUnreachable: It did not answer.
        """
        settings = settings_of(provider, _Settings)
        path = f"/app/installations/{settings.installation_id}"
        answer = await self._as_app("GET", path, (settings, secrets, self._clock.now()))
        if answer.status != _OK:
            raise _refusal(answer)

    async def _delete(self, settings: _Settings, token: Secret[str]) -> Answer:
        return await self._send("DELETE", settings, "/installation/token", token.reveal())

    async def _as_app(
        self,
        method: str,
        path: str,
        proof: tuple[_Settings, Mapping[str, Secret[bytes]], float],
        body: bytes = b"",
    ) -> Answer:
        settings, secrets, now = proof
        return await self._send(method, settings, path, _app_jwt(settings, secrets, now), body)

    async def _send(
        self, method: str, settings: _Settings, path: str, bearer: str, body: bytes = b""
    ) -> Answer:
        headers = {
            "authorization": f"Bearer {bearer}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": "2022-11-28",
        }
        if body:
            headers["content-type"] = "application/json"
        try:
            return await self._fetch.send(method, settings.api_url.rstrip("/") + path, headers, body)
        except FetchRefused:
            raise ProviderFailed("address-refused") from None
        except FetchFailed:
            raise ProviderUnreachable("no-answer") from None


def _app_jwt(settings: _Settings, secrets: Mapping[str, Secret[bytes]], now: float) -> str:
    """Sign who we are; minutes long, and dated back because GitHub's clock is not ours."""
    try:
        key = rsa_from_pem(secrets["private_key"])
    except MalformedKey:
        raise ProviderFailed("private-key-malformed") from None
    claims = {
        "iat": int(now) - _BACK_SECONDS,
        "exp": int(now) + _AHEAD_SECONDS,
        "iss": settings.client_id or str(settings.app_id),
    }
    return sign_compact({"alg": "RS256", "typ": "JWT"}, msgspec.json.encode(claims), key)


def _read_token(answer: Answer) -> _Token:
    try:
        got = msgspec.json.decode(answer.body, type=_Token)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProviderFailed("answer-not-understood") from None
    # Tokens may have a JWT inside, and thousands of characters; what they look like is not ours to know.
    if not _TOKEN.fullmatch(got.token):
        raise ProviderFailed("answer-not-understood")
    return got


def _is_wider(got: _Token, grant: _Grant) -> bool:
    """Say whether the token may do what was not asked for.  Reading metadata comes with every token."""
    asked = {**_IMPLIED, **grant.permissions}
    if any(
        _RANK.get(level, 9) > _RANK.get(asked.get(name, ""), 0) for name, level in got.permissions.items()
    ):
        return True
    return bool(grant.repositories) and got.repository_selection == "all"


def _refusal(answer: Answer) -> ProviderFailed | ProviderUnreachable:
    limited = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    if answer.status == _TOO_MANY or (answer.status == _FORBIDDEN and limited):
        return ProviderUnreachable("rate-limited")
    if answer.status >= _SERVER_ERROR:
        return ProviderUnreachable(f"status-{answer.status}")
    return ProviderFailed(f"status-{answer.status}")
