# SPDX-License-Identifier: Apache-2.0
"""The room's routes."""

from smartagent.accounts.entries import Entries
from smartagent.accounts.service import Accounts
from smartagent.accounts.views import AccountList, AccountRequest, AccountView
from smartagent.edge import Proof, Route
from smartagent.policy import Permission


def accounts_routes(accounts: Accounts) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (*_reading(accounts.entries), *_writing(accounts.entries))


def _writing(acts: Entries) -> tuple[Route, ...]:
    return (
        Route(
            method="PUT",
            path="/v1/accounts/{provider}/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCOUNTS_WRITE,
            event="account.connected",
            act=acts.put,
            summary="Connect an account at an OAuth provider by its refresh token, which is never shown again",
            request_schema=AccountRequest,
            reply_schema=AccountView,
        ),
        Route(
            method="POST",
            path="/v1/accounts/{provider}/{name}/refresh",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCOUNTS_WRITE,
            event="account.refresh-asked",
            act=acts.refresh,
            summary="Get a new access token of the account now",
            reply_schema=AccountView,
        ),
        Route(
            method="DELETE",
            path="/v1/accounts/{provider}/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCOUNTS_WRITE,
            event="account.forgotten",
            act=acts.drop,
            summary="Forget an account and its tokens",
        ),
    )


def _reading(acts: Entries) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/v1/accounts",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCOUNTS_READ,
            event="accounts.read",
            act=acts.show_all,
            summary="List the accounts",
            reply_schema=AccountList,
        ),
        Route(
            method="GET",
            path="/v1/accounts/{provider}/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCOUNTS_READ,
            event="account.read",
            act=acts.show,
            summary="Show an account, not its tokens",
            reply_schema=AccountView,
        ),
    )
