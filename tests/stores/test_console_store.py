# SPDX-License-Identifier: Apache-2.0
"""What the console says to its tables, and what is said of operators' roles and sessions, on both engines."""

import pytest
from msgspec import structs

from smartagent.consent import SessionNotFound
from smartagent.consent.model import Session, Way
from smartagent.consent.store import add_session, end_session, read_session, read_sessions_of, see_session
from smartagent.console import PasskeyNotFound, PasskeyRefused
from smartagent.console.model import Passkey
from smartagent.console.store import add_passkey, drop_passkey, read_passkey, read_passkeys_of, use_passkey
from smartagent.identity import Operator
from smartagent.identity.errors import LastSecurityOfficer
from smartagent.identity.operators.store import set_role
from smartagent.identity.store import add_operator, read_operator
from smartagent.kernel import OperatorRole
from tests.stores.test_policy_store import engine, postgres_url

__all__ = ["engine", "postgres_url"]

PHONE = Passkey("cred-1", "opr_1", "Phöne", b"\x00\xff", 2**31, 5, 0)
RING = structs.replace(PHONE, id="cred-2", name="Ring", created_at=6)
ADA = Operator("opr_1", "Ada", b"k" * 32, 1, OperatorRole.SECURITY_OFFICER)
BOB = Operator("opr_2", "Bob", b"l" * 32, 2, OperatorRole.SECURITY_OFFICER)
SESSION = Session("ses_1", "opr_1", 100, 3700, 100, Way.PASSKEY)


async def test_a_passkey_is_read_as_it_was_written_and_stands_once(engine):
    await engine.apply(add_passkey(RING), add_passkey(PHONE))
    assert await read_passkey(engine, "cred-1") == PHONE
    assert await read_passkeys_of(engine, "opr_1") == [PHONE, RING]
    assert await read_passkey(engine, "cred-3") is None
    with pytest.raises(PasskeyRefused):
        await engine.apply(add_passkey(structs.replace(PHONE, person="opr_2")))


async def test_of_two_uses_with_one_counter_one_is_lost(engine):
    await engine.apply(add_passkey(PHONE))
    await engine.apply(use_passkey(PHONE, 2**31 + 1, now=9))
    with pytest.raises(PasskeyRefused):
        await engine.apply(use_passkey(PHONE, 2**31 + 2, now=9))
    assert await read_passkey(engine, "cred-1") == structs.replace(PHONE, counter=2**31 + 1, used_at=9)


async def test_a_passkey_is_forgotten_by_its_owner_alone(engine):
    await engine.apply(add_passkey(PHONE))
    with pytest.raises(PasskeyNotFound):
        await engine.apply(drop_passkey("cred-1", "opr_2"))
    await engine.apply(drop_passkey("cred-1", "opr_1"))
    assert await read_passkeys_of(engine, "opr_1") == []


async def test_a_security_officer_is_always_left(engine):
    await engine.apply(add_operator(ADA), add_operator(BOB))
    await engine.apply(set_role(ADA, OperatorRole.VIEWER))
    assert (await read_operator(engine, "opr_1")).role is OperatorRole.VIEWER
    with pytest.raises(LastSecurityOfficer):
        await engine.apply(set_role(BOB, OperatorRole.OPERATOR))
    await engine.apply(set_role(BOB, OperatorRole.SECURITY_OFFICER))
    with pytest.raises(LastSecurityOfficer):
        await engine.apply(set_role(ADA, OperatorRole.APPROVER))


async def test_a_session_is_seen_once_a_minute_and_ended_by_its_person(engine):
    await engine.apply(add_session(b"hash", SESSION))
    for now, seen_at in ((159, 100), (161, 161), (200, 161)):
        await engine.apply(see_session("ses_1", now=now))
        assert (await read_session(engine, b"hash")).seen_at == seen_at
    assert [each.id for each in await read_sessions_of(engine, "opr_1", now=3699)] == ["ses_1"]
    assert await read_sessions_of(engine, "opr_1", now=3700) == []
    with pytest.raises(SessionNotFound):
        await engine.apply(end_session("ses_1", "opr_2"))
    await engine.apply(end_session("ses_1", "opr_1"))
    assert await read_session(engine, b"hash") is None
