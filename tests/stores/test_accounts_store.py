# SPDX-License-Identifier: Apache-2.0
"""What accounts say to their table, on both engines."""

import pytest
from msgspec import structs

from smartagent.accounts import AccountNotFound, AccountState, AccountTaken
from smartagent.accounts.errors import AccountsChanged
from smartagent.accounts.model import Account
from smartagent.accounts.store import (
    add_account,
    drop_account,
    read_account,
    read_accounts,
    read_due,
    set_account,
)
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

ADA = Account(
    id="gnt_1",
    provider="idp",
    name="ada",
    settings='{"token_endpoint": "ü"}',
    state=AccountState.CONNECTED,
    version=1,
    number=1,
    refresh_token=b"\x00\xff",
    access_token=b"",
    expires_at=2**40,
    refresh_at=100,
    claimed_by="",
    claimed_until=0,
    failure="",
    changed_at=5,
    changed_by="opr_1",
)


async def test_an_account_is_read_as_it_was_written(engine):
    await engine.apply(add_account(ADA))
    bob = structs.replace(ADA, id="gnt_2", name="bob")
    await engine.apply(add_account(bob))
    assert await read_account(engine, "idp", "ada") == ADA
    assert await read_accounts(engine) == [ADA, bob]
    with pytest.raises(AccountNotFound):
        await read_account(engine, "idp", "eve")


async def test_one_name_is_one_account(engine):
    await engine.apply(add_account(ADA))
    with pytest.raises(AccountTaken):
        await engine.apply(add_account(structs.replace(ADA, id="gnt_2")))


async def test_of_two_that_claim_one_succeeds(engine):
    await engine.apply(add_account(ADA))
    claimed = structs.replace(ADA, state=AccountState.REFRESHING, version=2, claimed_by="one")
    await engine.apply(set_account(claimed))
    with pytest.raises(AccountsChanged):
        await engine.apply(set_account(structs.replace(claimed, claimed_by="two")))
    assert await read_account(engine, "idp", "ada") == claimed


async def test_due_are_those_close_to_their_end_that_can_be_refreshed(engine):
    await engine.apply(add_account(ADA))
    await engine.apply(
        add_account(structs.replace(ADA, id="gnt_2", name="bob", state=AccountState.RECONNECT_NEEDED))
    )
    assert await read_due(engine, now=99) == []
    assert await read_due(engine, now=100) == [ADA]


async def test_a_forgotten_account_is_gone(engine):
    await engine.apply(add_account(ADA))
    await engine.apply(drop_account("idp", "ada"))
    with pytest.raises(AccountNotFound):
        await engine.apply(drop_account("idp", "ada"))
    assert await read_accounts(engine) == []
