# SPDX-License-Identifier: Apache-2.0
"""What follows from an account and the time."""

import re
from typing import Final

from msgspec import structs

from smartagent.accounts.errors import MalformedAccount
from smartagent.accounts.model import Account, AccountSettings, AccountState, Granted

CLAIM_SECONDS: Final = 30
"""For how long one node may be refreshing: longer than its call can take, and some for clocks that differ."""
RETRY_SECONDS: Final = 15
_EARLY_SECONDS: Final = 300
_USABLE_SECONDS: Final = 5
_AUTH: Final = frozenset({"basic", "post", "none"})
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,200}")


def check_settings(settings: AccountSettings) -> None:
    """Check an entry as it was written.

    Raises:
        MalformedAccount: Names the field.
    """
    if not settings.token_endpoint.startswith(("https://", "http://127.0.0.1:")):
        raise MalformedAccount("token_endpoint", "https")
    if not settings.client_id.isprintable() or not settings.client_id:
        raise MalformedAccount("client_id", "as the provider shows it")
    if settings.auth not in _AUTH:
        raise MalformedAccount("auth", "basic, post or none")
    if (settings.auth == "none") == bool(settings.client_secret):
        raise MalformedAccount("client_secret", "the name of a secret; none when `auth` is none")
    if not all(map(_SCOPE.fullmatch, settings.scopes)):
        raise MalformedAccount("scopes", "as the provider names them")


def check_name(field: str, name: str) -> str:
    """Return a name.

    Raises:
        MalformedAccount: It is none.
    """
    if not _NAME.fullmatch(name):
        raise MalformedAccount(field, "lower case letters, digits and hyphens, at most 63")
    return name


def refresh_identity(account_id: str, number: int) -> str:
    """Return what refresh token `number` is sealed under."""
    return f"account/{account_id}/{number}/refresh"


def access_identity(account_id: str, number: int) -> str:
    """Return what the access token that came with refresh token `number` is sealed under."""
    return f"account/{account_id}/{number}/access"


def is_usable(account: Account, now: float) -> bool:
    """Say whether its access token still lives for a moment."""
    return bool(account.access_token) and now + _USABLE_SECONDS < account.expires_at


def is_fresh(account: Account, now: float) -> bool:
    """Say whether nothing needs to be done about it."""
    return is_usable(account, now) and now < account.refresh_at


def is_claimed(account: Account, now: float) -> bool:
    """Say whether somebody is refreshing it."""
    return account.state is AccountState.REFRESHING and now < account.claimed_until


def claimed(account: Account, by: str, now: int) -> Account:
    """Say that `by` will use the refresh token."""
    return structs.replace(
        account, state=AccountState.REFRESHING, claimed_by=by, claimed_until=now + CLAIM_SECONDS,
        version=account.version + 1, changed_at=now, changed_by=by,
    )  # fmt: skip


def released(account: Account, failure: str, now: int) -> Account:
    """The refresh came to nothing; the refresh token stays as it is, and the next try waits a little."""
    return structs.replace(
        account, state=AccountState.CONNECTED, claimed_by="", claimed_until=0, failure=failure,
        refresh_at=now + RETRY_SECONDS, version=account.version + 1, changed_at=now,
    )  # fmt: skip


def disconnected(account: Account, now: int) -> Account:
    """The provider takes the refresh token no more: neither token is good for anything."""
    return structs.replace(
        account, state=AccountState.RECONNECT_NEEDED, claimed_by="", claimed_until=0, failure="invalid_grant",
        refresh_token=b"", access_token=b"", expires_at=0, version=account.version + 1, changed_at=now,
    )  # fmt: skip


def refreshed(account: Account, granted: Granted, now: int) -> Account:
    """The provider answered; the tokens are still to be sealed, under the new number."""
    early = min(_EARLY_SECONDS, granted.life_seconds // 4)
    return structs.replace(
        account, state=AccountState.CONNECTED, claimed_by="", claimed_until=0, failure="",
        number=account.number + 1, expires_at=now + granted.life_seconds,
        refresh_at=now + granted.life_seconds - early, version=account.version + 1, changed_at=now,
    )  # fmt: skip
