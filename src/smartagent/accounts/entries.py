# SPDX-License-Identifier: Apache-2.0
"""What operators say of accounts."""

import msgspec

from smartagent.accounts.errors import AccountNotFound, AccountTaken, MalformedAccount
from smartagent.accounts.means import Means
from smartagent.accounts.model import Account, AccountSettings, AccountState
from smartagent.accounts.refreshing import Refresher
from smartagent.accounts.rules import check_name, check_settings, refresh_identity
from smartagent.accounts.store import add_account, drop_account, read_account, read_accounts, set_account
from smartagent.accounts.views import AccountList, AccountRequest, account_view
from smartagent.edge import Inbound, MalformedRequest, Outcome, Reply, parse_json
from smartagent.kernel import Caller, IdPrefix, Secret

_MAX_TOKEN_CHARS = 16_384


class Entries:
    """The acts on accounts."""

    def __init__(self, means: Means, refresher: Refresher) -> None:
        self._means = means
        self._refresher = refresher

    async def put(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Connect an account, or connect it again; `?replace=true` says that it is there already.

        Raises:
            MalformedAccount: It is none, or names a secret that is not in the vault.
            AccountTaken: It is there, and was not said to be replaced.
        """
        asked = parse_json(inbound.body, AccountRequest)
        provider, name = _named(inbound)
        settings = AccountSettings(
            asked.token_endpoint, asked.client_id, asked.client_secret, asked.auth, asked.scopes
        )
        check_settings(settings)
        if settings.client_secret and not self._means.secret_exists(settings.client_secret):
            raise MalformedAccount("client_secret", "there is no such secret in the vault")
        token = asked.refresh_token.strip()
        if not 0 < len(token) <= _MAX_TOKEN_CHARS or not (token.isascii() and token.isprintable()):
            raise MalformedAccount("refresh_token", "one line, as the provider gave it")
        known = await self._known(provider, name)
        if known is not None and inbound.query != "replace=true":
            raise AccountTaken(f"{provider}/{name}")
        account = self._fresh(known, (provider, name), settings, token, caller)
        return Outcome(
            Reply(201 if known is None else 200, account_view(account)),
            target=f"account/{account.label}",
            detail={"number": account.number, "token_endpoint": settings.token_endpoint},
            writes=(add_account(account) if known is None else set_account(account),),
        )

    async def show_all(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """List them."""
        return Outcome(
            Reply(
                200, AccountList([account_view(each) for each in await read_accounts(self._means.database)])
            )
        )

    async def show(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Show one."""
        account = await read_account(self._means.database, *_named(inbound))
        return Outcome(Reply(200, account_view(account)), target=f"account/{account.label}")

    async def refresh(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Get a new access token now, and throw away the one that it has.

        Raises:
            ReconnectNeeded: Its provider takes the refresh token no more.
            AccountRefused: Its provider said no.
            AccountUnreachable: Its provider does not answer.
        """
        provider, name = _named(inbound)
        await self._refresher.access(provider, name, anew=True)
        account = await read_account(self._means.database, provider, name)
        return Outcome(Reply(200, account_view(account)), target=f"account/{account.label}")

    async def drop(self, caller: Caller, inbound: Inbound) -> Outcome:  # noqa: ARG002 -- an act's shape
        """Forget one, with its tokens."""
        provider, name = _named(inbound)
        return Outcome(
            Reply(204), target=f"account/{provider}/{name}", writes=(drop_account(provider, name),)
        )

    async def _known(self, provider: str, name: str) -> Account | None:
        try:
            return await read_account(self._means.database, provider, name)
        except AccountNotFound:
            return None

    def _fresh(
        self,
        known: Account | None,
        named: tuple[str, str],
        settings: AccountSettings,
        token: str,
        caller: Caller,
    ) -> Account:
        now = int(self._means.clock.now())
        account = Account(
            id=self._means.ids.new(IdPrefix.GRANT) if known is None else known.id,
            provider=named[0],
            name=named[1],
            settings=msgspec.json.encode(settings).decode(),
            state=AccountState.CONNECTED,
            version=1 if known is None else known.version + 1,
            number=1 if known is None else known.number + 1,
            refresh_token=b"",
            access_token=b"",
            expires_at=0,
            refresh_at=now,
            claimed_by="",
            claimed_until=0,
            failure="",
            changed_at=now,
            changed_by=caller.principal,
        )
        sealed = self._means.sealing.seal(
            Secret(token.encode()), refresh_identity(account.id, account.number)
        )
        return msgspec.structs.replace(account, refresh_token=sealed)


def _named(inbound: Inbound) -> tuple[str, str]:
    if inbound.query not in {"", "replace=true"}:
        raise MalformedRequest("known in the query: replace=true")
    return check_name("provider", inbound.params["provider"]), check_name("name", inbound.params["name"])
