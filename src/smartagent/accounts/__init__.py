# SPDX-License-Identifier: Apache-2.0
"""Accounts: refresh tokens that the house alone uses, one refresher across all nodes."""

from smartagent.accounts.errors import (
    AccountError,
    AccountNotFound,
    AccountRefused,
    AccountTaken,
    AccountUnreachable,
    MalformedAccount,
    ReconnectNeeded,
)
from smartagent.accounts.means import Means
from smartagent.accounts.model import Access, AccountState
from smartagent.accounts.routes import accounts_routes
from smartagent.accounts.service import Accounts

__all__ = [
    "Access",
    "AccountError",
    "AccountNotFound",
    "AccountRefused",
    "AccountState",
    "AccountTaken",
    "AccountUnreachable",
    "Accounts",
    "MalformedAccount",
    "Means",
    "ReconnectNeeded",
    "accounts_routes",
]
