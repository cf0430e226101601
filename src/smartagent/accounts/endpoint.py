# SPDX-License-Identifier: Apache-2.0
"""Asking a provider's token endpoint for the next access token.

Spec: RFC 6749 sections 2.3.1, 5.1, 5.2 and 6.
"""

from typing import Annotated, Final
from urllib.parse import quote_plus, urlencode

import msgspec

from smartagent.accounts.errors import AccountRefused, AccountUnreachable, ReconnectNeeded
from smartagent.accounts.means import Means
from smartagent.accounts.model import AccountSettings, Granted
from smartagent.crypto import b64
from smartagent.drivers import DriverFailed, DriverUnreachable
from smartagent.kernel import Secret

UNSAID_SECONDS: Final = 600
"""How long an access token is believed to live whose provider does not say."""
_OK: Final = 200
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_REFUSALS: Final = frozenset({400, 401})
_KNOWN: Final = frozenset(
    {"invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
)
_Token = Annotated[str, msgspec.Meta(min_length=1, max_length=16_384, pattern=r"^[\x20-\x7e]+$")]


class _Answered(msgspec.Struct, frozen=True):
    access_token: _Token
    token_type: str = "Bearer"  # noqa: S105 -- a name, not a password
    refresh_token: _Token | None = None
    expires_in: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] = UNSAID_SECONDS

    def __repr__(self) -> str:
        return "_Answered(********)"


class _Refused(msgspec.Struct, frozen=True):
    error: str = ""


async def ask_for_tokens(means: Means, settings: AccountSettings, refresh_token: Secret[bytes]) -> Granted:
    """Use the refresh token, once.

    Raises:
        ReconnectNeeded: The provider takes it no more.
        AccountRefused: The provider said something else than tokens.
        AccountUnreachable: There was no answer; the token may have been used all the same.
    """
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal().decode()}
    if settings.auth == "basic":
        secret = (await means.secret(settings.client_secret)).reveal().decode()
        pair = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
        headers["authorization"] = f"Basic {b64(pair.encode())}"
    else:
        form["client_id"] = settings.client_id
    if settings.auth == "post":
        form["client_secret"] = (await means.secret(settings.client_secret)).reveal().decode()
    if settings.scopes:
        form["scope"] = " ".join(settings.scopes)
    try:
        answer = await means.fetch.send("POST", settings.token_endpoint, headers, urlencode(form).encode())
    except DriverFailed as error:
        raise AccountRefused(error.reason) from None
    except DriverUnreachable as error:
        raise AccountUnreachable(error.reason) from None
    if answer.status == _OK:
        return _granted(answer.body)
    if answer.status >= _SERVER_ERROR or answer.status == _TOO_MANY:
        raise AccountUnreachable(f"status-{answer.status}")
    raise _refusal(answer.status, answer.body)


def _granted(body: bytes) -> Granted:
    try:
        got = msgspec.json.decode(body, type=_Answered)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise AccountRefused("answer-not-understood") from None
    if got.token_type.lower() != "bearer":
        raise AccountRefused("token-type-not-bearer")
    rotated = None if got.refresh_token is None else Secret(got.refresh_token)
    return Granted(Secret(got.access_token), rotated, got.expires_in)


def _refusal(status: int, body: bytes) -> ReconnectNeeded | AccountRefused:
    try:
        error = msgspec.json.decode(body, type=_Refused).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        error = ""
    if status in _REFUSALS and error == "invalid_grant":
        return ReconnectNeeded("the provider says invalid_grant")
    return AccountRefused(error if error in _KNOWN else f"status-{status}")
