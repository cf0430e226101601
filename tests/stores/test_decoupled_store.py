# SPDX-License-Identifier: Apache-2.0
"""What decoupled says to its table, on SQLite and on a real PostgreSQL."""

import msgspec
import pytest
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from smartagent.decoupled import ConsentRequestChanged, UserCodeUnknown
from smartagent.decoupled.model import Channel, ConsentRequest, Evidence, State
from smartagent.decoupled.store import (
    add_request,
    count_open,
    decide,
    decoupled_requests,
    end,
    enter,
    polled,
    read_by_code,
    read_by_user_code,
    read_given_by,
    read_open_of,
    read_request,
    redeem,
)
from smartagent.oauth import InvalidGrant
from tests.stores.test_policy_store import OnSqlite, postgres_url
from tests.stores.test_policy_store import engine as bare_engine

__all__ = ["bare_engine", "postgres_url"]

NOW = 1_780_000_000
EVIDENCE = Evidence(NOW, "urn:test:acr", ("pop",))


@pytest.fixture
async def engine(bare_engine):
    if isinstance(bare_engine, OnSqlite):
        ddl = str(CreateTable(decoupled_requests).compile(dialect=sqlite.dialect()))
        bare_engine._connection.execute(ddl)
    else:
        ddl = str(CreateTable(decoupled_requests).compile(dialect=postgresql.dialect()))
        await bare_engine._connection.execute(ddl.replace("CREATE TABLE", "CREATE TEMPORARY TABLE"))
    return bare_engine


def asked(number, **more):
    request = ConsentRequest(
        id=f"gnt_{number}",
        channel=Channel.DEVICE,
        state=State.PENDING,
        client_id="clt_1",
        client_name="Printer",
        code_hash=b"code%d" % number,
        user_code_mac=b"mac%d" % number,
        person="",
        scope="orders:read",
        resource="",
        binding_message="",
        jkt="",
        client_ip="10.0.0.1",
        created_at=NOW + number,
        expires_at=NOW + 600,
        interval_seconds=5,
    )
    return msgspec.structs.replace(request, **more)


async def add(engine, request, forget_before=0):
    await engine.apply(*add_request(request, forget_before=forget_before))
    return request


async def test_a_request_is_found_by_each_of_its_codes(engine):
    one = await add(engine, asked(1))
    await add(engine, asked(2, channel=Channel.CIBA, user_code_mac=None))
    await add(engine, asked(3, channel=Channel.CIBA, user_code_mac=None))
    assert await read_by_code(engine, b"code1") == one
    assert await read_by_user_code(engine, b"mac1") == one
    assert await read_request(engine, "gnt_1") == one
    assert await read_by_code(engine, b"mac1") is None


async def test_of_all_polls_each_counts(engine):
    one = await add(engine, asked(1))
    for _ in range(3):
        await engine.apply(polled(one, now=NOW + 7, slower_by=5))
    found = await read_request(engine, "gnt_1")
    assert (found.polled_at, found.interval_seconds) == (NOW + 7, 20)


async def test_one_person_enters_decides_and_takes_back(engine):
    one = await add(engine, asked(1))
    await engine.apply(enter(one, "opr_1"))
    await engine.apply(enter(one, "opr_1"))
    with pytest.raises(UserCodeUnknown):
        await engine.apply(enter(one, "opr_2"))
    (mine,) = await read_open_of(engine, "opr_1", now=NOW)
    assert await read_open_of(engine, "opr_1", now=NOW + 600) == []
    with pytest.raises(ConsentRequestChanged):
        await engine.apply(decide(mine, State.ALLOWED, EVIDENCE, now=NOW + 600))
    await engine.apply(decide(mine, State.ALLOWED, EVIDENCE, now=NOW + 9))
    with pytest.raises(ConsentRequestChanged):
        await engine.apply(decide(mine, State.DENIED, EVIDENCE, now=NOW + 9))
    (allowed,) = await read_given_by(engine, "opr_1")
    assert (allowed.state, allowed.decided_at, allowed.user_code_mac) == (State.ALLOWED, NOW + 9, None)
    assert (allowed.auth_time, allowed.acr, allowed.amr) == (NOW, "urn:test:acr", "pop")
    await engine.apply(redeem(allowed, InvalidGrant("used")))
    with pytest.raises(InvalidGrant):
        await engine.apply(redeem(allowed, InvalidGrant("used")))
    await engine.apply(end(allowed))
    with pytest.raises(ConsentRequestChanged):
        await engine.apply(end(allowed))
    assert await read_given_by(engine, "opr_1") == []


async def test_only_open_requests_of_one_client_are_counted(engine):
    for number in (1, 2, 3):
        await add(engine, asked(number, channel=Channel.CIBA, user_code_mac=None, person="opr_1"))
    await add(engine, asked(4, channel=Channel.CIBA, user_code_mac=None, person="opr_1", client_id="clt_2"))
    one = await read_request(engine, "gnt_1")
    await engine.apply(decide(one, State.DENIED, EVIDENCE, now=NOW))
    assert await count_open(engine, "opr_1", "clt_1", now=NOW) == 2
    assert await count_open(engine, "opr_1", "clt_1", now=NOW + 600) == 0


async def test_what_is_long_over_is_forgotten_with_the_next(engine):
    await add(engine, asked(1))
    await add(engine, asked(2, expires_at=NOW + 601), forget_before=NOW + 601)
    assert await read_request(engine, "gnt_1") is None
    assert await read_request(engine, "gnt_2") is not None
