# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies.  A reply never has a place for a token."""

import msgspec

from smartagent.accounts.model import Account, AccountSettings, AccountState
from smartagent.kernel import rfc3339


class AccountRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Connect an account: how to talk to its provider, and the refresh token that somebody's consent gave."""

    token_endpoint: str
    client_id: str
    refresh_token: str
    client_secret: str = ""
    auth: str = "basic"
    scopes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "AccountRequest(********)"


class AccountView(msgspec.Struct, frozen=True):
    """An account, without its tokens.  `expires_at` is when the access token that it has now dies."""

    provider: str
    name: str
    state: AccountState
    token_endpoint: str
    client_id: str
    scopes: tuple[str, ...]
    refreshes: int
    expires_at: str
    failure: str
    changed_at: str
    changed_by: str


class AccountList(msgspec.Struct, frozen=True):
    """All accounts, by provider and name."""

    accounts: list[AccountView]


def account_view(account: Account) -> AccountView:
    """Show an account."""
    settings = msgspec.json.decode(account.settings, type=AccountSettings)
    return AccountView(
        provider=account.provider,
        name=account.name,
        state=account.state,
        token_endpoint=settings.token_endpoint,
        client_id=settings.client_id,
        scopes=settings.scopes,
        refreshes=account.number - 1,
        expires_at=rfc3339(account.expires_at) if account.expires_at else "",
        failure=account.failure,
        changed_at=rfc3339(account.changed_at),
        changed_by=account.changed_by,
    )
