# SPDX-License-Identifier: Apache-2.0
"""What an account at a provider is: a refresh token that the house alone uses, and the access token it gave last."""

from enum import StrEnum

import msgspec

from smartagent.kernel import Secret


class AccountState(StrEnum):
    """Where an account stands.

    connected --intent--> refreshing --answer--> connected
                              |  +--invalid_grant--> reconnect-needed --operator--> connected
                              +-- nobody finished it: whoever comes next tries the same refresh token
    """

    CONNECTED = "connected"
    REFRESHING = "refreshing"
    RECONNECT_NEEDED = "reconnect-needed"


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How to talk to the provider.  `client_secret` names a secret of the vault; empty for a public client."""

    token_endpoint: str
    client_id: str
    client_secret: str = ""
    auth: str = "basic"
    scopes: tuple[str, ...] = ()


class Account(msgspec.Struct, frozen=True, gc=False):
    """An account.  Times are Unix seconds.

    `number` counts the refresh tokens; both tokens are sealed under it.  `claimed_by` refreshes until
    `claimed_until`.  `refresh_at` is when the access token is close enough to its end.
    """

    id: str
    provider: str
    name: str
    settings: str
    state: AccountState
    version: int
    number: int
    refresh_token: bytes
    access_token: bytes
    expires_at: int
    refresh_at: int
    claimed_by: str
    claimed_until: int
    failure: str
    changed_at: int
    changed_by: str

    @property
    def label(self) -> str:
        """What people and providers of leases call it: `provider/name`."""
        return f"{self.provider}/{self.name}"


class Access(msgspec.Struct, frozen=True):
    """An access token, and when it dies (Unix seconds)."""

    token: Secret[str]
    expires_at: int


class Granted(msgspec.Struct, frozen=True):
    """What a provider answered.  `refresh_token` is None when the old one stays."""

    access_token: Secret[str]
    refresh_token: Secret[str] | None
    life_seconds: int
