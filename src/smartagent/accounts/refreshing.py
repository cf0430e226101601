# SPDX-License-Identifier: Apache-2.0
"""One refresher for each account, across all nodes.

    claim (durable: who uses refresh token #n) -> ask the provider -> write token #n+1 over #n -> hand on

The claim is a compare-and-set on the account's row.  Token #n is kept until #n+1 is durable.  A node that dies in
between leaves a claim that ends; whoever comes next uses #n again.  When the provider had changed it already and
takes no old one, it says `invalid_grant`, and the account is marked at once.
"""

import asyncio
import logging
from typing import Final

import msgspec
from msgspec import structs

from smartagent.accounts.endpoint import ask_for_tokens
from smartagent.accounts.errors import (
    AccountRefused,
    AccountsChanged,
    AccountUnreachable,
    ReconnectNeeded,
)
from smartagent.accounts.means import Means
from smartagent.accounts.model import Access, Account, AccountSettings, AccountState, Granted
from smartagent.accounts.rules import (
    access_identity,
    claimed,
    disconnected,
    is_claimed,
    is_fresh,
    is_usable,
    refresh_identity,
    refreshed,
    released,
)
from smartagent.accounts.store import read_account, set_account
from smartagent.kernel import Decision, Detail, Record, Secret, Work
from smartagent.storage import StoreUnavailable

WAIT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.1
_WRITE_TRIES: Final = 5
_log = logging.getLogger(__name__)


class Refresher:
    """Hands out access tokens that live, and refreshes them."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._flights: dict[str, asyncio.Lock] = {}
        self._unwritten: dict[str, Account] = {}

    async def access(self, provider: str, name: str, *, anew: bool = False) -> Access:
        """Return the account's access token, refreshed when it is close to its end, or when `anew` is set.

        Raises:
            AccountNotFound: There is no such account.
            ReconnectNeeded: Its provider takes the refresh token no more.
            AccountRefused: Its provider said no.
            AccountUnreachable: Its provider did not answer, and there is no token that lives.
        """
        clock = self._means.clock
        account = await self._read(provider, name)
        if not anew and is_fresh(account, clock.now()):
            return self._opened(account)
        seen = account.number
        async with self._flights.setdefault(account.id, asyncio.Lock()):
            until = clock.monotonic() + WAIT_SECONDS
            while True:
                account = await self._read(provider, name)
                # What was refreshed while we waited is new enough for whoever wanted a new one.
                if is_fresh(account, clock.now()) and (not anew or account.number > seen):
                    return self._opened(account)
                if not is_claimed(account, clock.now()):
                    try:
                        return self._opened(await self._refresh(account))
                    except AccountsChanged:
                        continue
                if not anew and is_usable(account, clock.now()):
                    return self._opened(account)
                if clock.monotonic() >= until:
                    raise AccountUnreachable("another node is refreshing it")
                await self._means.pause(_LOOK_SECONDS)

    async def _read(self, provider: str, name: str) -> Account:
        account = await read_account(self._means.database, provider, name)
        unwritten = self._unwritten.get(account.id)
        if unwritten is not None:
            account = await self._write_at_last(account, unwritten)
        if account.state is AccountState.RECONNECT_NEEDED:
            raise ReconnectNeeded(account.label)
        return account

    async def _refresh(self, account: Account) -> Account:
        means = self._means
        mine = claimed(account, means.node, int(means.clock.now()))
        await self._commit(mine, "account.refreshing", {"number": mine.number})
        settings = msgspec.json.decode(mine.settings, type=AccountSettings)
        old = means.sealing.open(mine.refresh_token, refresh_identity(mine.id, mine.number))
        try:
            granted = await ask_for_tokens(means, settings, old)
        except ReconnectNeeded:
            lost = disconnected(mine, int(means.clock.now()))
            await self._commit(lost, "account.reconnect-needed", {"number": mine.number})
            _log.warning("the account %s must be connected again", account.label)
            raise
        except (AccountRefused, AccountUnreachable) as error:
            return await self._give_up(mine, error)
        new = self._sealed(refreshed(mine, granted, int(means.clock.now())), granted, old)
        # From here the old token may be worth nothing: what came must be written, whoever stops waiting for it.
        self._unwritten[account.id] = new
        return await asyncio.shield(asyncio.ensure_future(self._write(new)))

    async def _give_up(self, mine: Account, error: AccountRefused | AccountUnreachable) -> Account:
        now = int(self._means.clock.now())
        still = released(mine, error.reason, now)
        await self._commit(still, "account.not-refreshed", {"failure": error.reason, "number": mine.number})
        if is_usable(still, now):
            return still
        raise error

    async def _write(self, new: Account) -> Account:
        """Write what came, again and again: it is nowhere else.

        Raises:
            AccountUnreachable: The store takes nothing; this node tries again when it is next asked.
        """
        for attempt in range(_WRITE_TRIES):
            try:
                await self._commit(new, "account.refreshed", {"number": new.number, "exp": new.expires_at})
            except StoreUnavailable:
                await self._means.pause(_LOOK_SECONDS * 2**attempt)
            except AccountsChanged:
                # Either a try that seemed to fail was written, or somebody connected the account anew.
                self._unwritten.pop(new.id, None)
                return await self._read(new.provider, new.name)
            else:
                self._unwritten.pop(new.id, None)
                return new
        raise AccountUnreachable("the store takes nothing")

    async def _write_at_last(self, stored: Account, unwritten: Account) -> Account:
        if stored.version != unwritten.version - 1:
            self._unwritten.pop(stored.id, None)
            return stored
        return await self._write(unwritten)

    async def _commit(self, account: Account, event: str, detail: dict[str, Detail]) -> None:
        record = Record(
            event=event,
            at_ms=int(self._means.clock.now() * 1000),
            request="",
            target=f"account/{account.label}",
            decision=Decision.PERMIT,
            rule="accounts",
            detail=detail,
        )
        await self._means.ledger.commit(Work((record,), writes=(set_account(account),)))

    def _sealed(self, account: Account, granted: Granted, old: Secret[bytes]) -> Account:
        seal = self._means.sealing.seal
        new = old if granted.refresh_token is None else _bytes_of(granted.refresh_token)
        return structs.replace(
            account,
            refresh_token=seal(new, refresh_identity(account.id, account.number)),
            access_token=seal(_bytes_of(granted.access_token), access_identity(account.id, account.number)),
        )

    def _opened(self, account: Account) -> Access:
        token = self._means.sealing.open(account.access_token, access_identity(account.id, account.number))
        return Access(Secret(token.reveal().decode()), account.expires_at)


def _bytes_of(token: Secret[str]) -> Secret[bytes]:
    return Secret(token.reveal().encode())
