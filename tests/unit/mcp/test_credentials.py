# SPDX-License-Identifier: Apache-2.0
"""What a server is presented with: its own secret, or the account of the user whom it serves."""

from types import SimpleNamespace

import pytest
from msgspec import structs

from smartagent.accounts import Access, AccountNotFound
from smartagent.kernel import Caller, CallerKind, Secret
from smartagent.mcp.credentials import Credentials
from smartagent.mcp.model import McpServer

ALICE = Caller("agt_a", CallerKind.AGENT)
SHARED = McpServer("files", url="https://a.example", secret="key", place="bearer")
OWN = McpServer("mail", url="https://a.example", account="idp")


class Accounts:
    def __init__(self):
        self.tokens = {"agt-a": "token-a", "agt-b": "token-b", "opr-1": "token-1"}
        self.asked = []

    async def access(self, provider, name):
        self.asked.append((provider, name))
        if name not in self.tokens:
            raise AccountNotFound(name)
        return Access(Secret(self.tokens[name]), 99)


@pytest.fixture
def accounts():
    return Accounts()


@pytest.fixture
def credentials(accounts):
    kept = (Secret(b"now"), Secret(b"before"))

    async def secret(name):
        assert name == "key"
        return kept

    return Credentials(SimpleNamespace(secret=secret, account=accounts.access))


async def values(credentials, server, caller):
    return [each.reveal() for each in await credentials.of(server, caller)]


async def test_a_shared_secret_comes_with_what_it_replaced(credentials):
    assert await values(credentials, SHARED, ALICE) == [b"now", b"before"]
    assert await credentials.of(SHARED, ALICE) is await credentials.of(SHARED, ALICE)


async def test_a_server_that_takes_nothing_gets_nothing(credentials):
    assert await values(credentials, McpServer("open", url="https://a.example"), ALICE) == []


async def test_each_user_has_their_own_account(credentials, accounts):
    bob = structs.replace(ALICE, principal="agt_b")
    assert await values(credentials, OWN, ALICE) == [b"token-a"]
    assert await values(credentials, OWN, bob) == [b"token-b"]
    assert accounts.asked == [("idp", "agt-a"), ("idp", "agt-b")]


async def test_who_acts_for_somebody_uses_that_ones_account(credentials):
    acting = structs.replace(ALICE, subject="opr_1")
    assert await values(credentials, OWN, acting) == [b"token-1"]


async def test_who_has_none_gets_nobody_elses(credentials):
    for caller in (structs.replace(ALICE, principal="agt_c"), structs.replace(ALICE, subject="opr_2")):
        with pytest.raises(AccountNotFound):
            await credentials.of(OWN, caller)


async def test_the_same_objects_come_back_until_the_token_changes(credentials, accounts):
    first = await credentials.of(OWN, ALICE)
    assert await credentials.of(OWN, ALICE) is first
    accounts.tokens["agt-a"] = "token-new"
    assert await values(credentials, OWN, ALICE) == [b"token-new", b"token-a"]
