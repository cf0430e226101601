# SPDX-License-Identifier: Apache-2.0
"""What was heard, what kills a token, and asking the issuer."""

import json
from urllib.parse import parse_qs

import pytest

from smartagent.crypto import SigningKey, system_entropy
from smartagent.kernel import IdPrefix, Ids, Kind
from smartagent.sdk import (
    Answer,
    AnySource,
    AuthorityUnreachable,
    Holder,
    IntrospectionSource,
    Means,
    RevocationUnknown,
    TokenClaimsMalformed,
    TokenRevoked,
)
from smartagent.sdk.revocation import Heard
from tests.unit.sdk.fakes import ISSUER, START, FakeClock, FakeIssuer
from tests.unit.sdk.revocation_fakes import LIST_URI, verified

FAR = START + 3900
AT_MS = START * 1000 + 500


@pytest.mark.parametrize(
    ("kind", "named", "token"),
    [
        ("token", "aat_1", {}),
        ("session", "ses_1", {}),
        ("client", "clt_9", {"client_id": "clt_9"}),
        ("delegation", "dlg_1", {"lineage": ("aat_0", "dlg_1")}),
        ("grant", "gnt_1", {"lineage": ("gnt_1",)}),
        ("token", "aat_0", {"lineage": ("aat_0",)}),
        ("agent", "agt_1", {}),
        ("agent", "agt_2", {"actors": ("agt_2",)}),
        ("agent", "agt_3", {"actors": ("agt_2", "agt_3")}),
        ("person", "opr_1", {"subject": "opr_1"}),
        ("something-new", "ses_1", {}),
    ],
)
def test_a_token_dies_with_whatever_it_derives_from(kind, named, token):
    heard = Heard()
    assert not heard.kills(verified(**token))

    heard.revoked(kind, named, AT_MS, FAR)

    assert heard.kills(verified(**token))
    assert not heard.kills(
        verified(subject="agt_8", jti="aat_8", session_id="ses_8", client_id="agt_8", issued_at=START + 1)
    )


def test_what_an_agent_got_after_its_revocation_lives():
    heard = Heard()
    heard.revoked("agent", "agt_1", AT_MS, FAR)

    assert heard.kills(verified(issued_at=START))
    assert not heard.kills(verified(issued_at=START + 1))


@pytest.mark.parametrize(("later", "dead"), [(-0.001, True), (0.0, True), (0.001, False)])
def test_a_tokens_id_says_to_the_millisecond_when_it_was_made(later, dead):
    clock = FakeClock()
    clock.passed = 0.5 + later
    jti = Ids(clock, system_entropy).new(IdPrefix.ACCESS_TOKEN)
    heard = Heard()

    heard.revoked("agent", "agt_1", AT_MS, FAR)

    assert heard.kills(verified(jti=jti, issued_at=START)) is dead


def test_an_older_revocation_does_not_undo_a_newer_one():
    heard = Heard()
    heard.revoked("agent", "agt_1", AT_MS + 5000, FAR)
    heard.revoked("agent", "agt_1", AT_MS, FAR)

    assert heard.kills(verified(issued_at=START + 5))


def test_an_agent_that_is_not_active_has_no_good_token():
    heard = Heard()
    heard.agent("agt_1", "suspended")
    assert heard.kills(verified(issued_at=START + 1000))
    assert heard.kills(verified(subject="opr_1", actors=("agt_1",)))

    heard.agent("agt_1", "active")

    assert not heard.kills(verified())


def test_what_is_over_is_forgotten_and_what_is_not_stays():
    heard = Heard()
    for number in range(2000):
        heard.revoked("token", f"aat_x{number}", AT_MS, START)
    heard.revoked("session", "ses_1", AT_MS, FAR)
    heard.revoked("agent", "agt_1", AT_MS, START)

    heard.tidy(START + 301)

    assert len(heard._until) == 1
    assert heard.kills(verified())
    assert not heard.kills(verified(jti="aat_x5", session_id=""))


class Says:
    """A source that says what it was told to say."""

    def __init__(self, known, revoked=None):
        self.answer = known
        self.revoked = revoked
        self.asked = []

    def known(self, token):
        return self.answer

    async def is_revoked(self, token, raw):
        self.asked.append((token.jti, raw))
        if self.revoked is None:
            raise RevocationUnknown("nobody knows")
        return self.revoked


async def test_a_verifier_asks_its_source_with_the_token_as_it_came():
    issuer, source = FakeIssuer(), Says(None, revoked=False)
    verifier = issuer.verifier(check_revocation=source)
    token = issuer.token()

    assert (await verifier.verify(token)).jti == "aat_1"
    assert verifier.verify_cached(token) is None
    source.answer = False
    assert verifier.verify_cached(token).jti == "aat_1"
    source.answer, source.revoked = True, True
    assert verifier.verify_cached(token) is None
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)
    assert source.asked == [("aat_1", token)] * 2


async def test_when_nobody_knows_nobody_is_served():
    issuer = FakeIssuer()

    with pytest.raises(RevocationUnknown) as caught:
        await issuer.verifier(check_revocation=Says(None)).verify(issuer.token())

    assert (caught.value.code, caught.value.kind) == ("revocation-unknown", Kind.UNAVAILABLE)


async def test_a_plain_function_is_a_source_as_ever():
    issuer, dead = FakeIssuer(), set()
    verifier = issuer.verifier(check_revocation=lambda token: token.jti in dead)
    token = issuer.token()
    assert await verifier.verify(token)
    assert verifier.verify_cached(token)

    dead.add("aat_1")

    assert verifier.verify_cached(token) is None
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)


async def test_what_a_token_derives_from_is_read_from_its_claims():
    issuer = FakeIssuer()
    act = {"sub": "agt_2", "act": {"sub": "agt_3"}}
    status = {"status_list": {"idx": 7, "uri": LIST_URI}}

    token = await issuer.verifier().verify(
        issuer.token(act=act, lin=["aat_0", "dlg_1"], status={**status, "other": 1})
    )

    assert (token.actor, token.actors) == ("agt_2", ("agt_2", "agt_3"))
    assert token.lineage == ("aat_0", "dlg_1")
    assert (token.status.uri, token.status.idx) == (LIST_URI, 7)
    plain = await issuer.verifier().verify(issuer.token(status={"other": 1}))
    assert (plain.actors, plain.lineage, plain.status) == ((), (), None)


@pytest.mark.parametrize(
    "claims",
    [
        {"status": {"status_list": {"idx": -1, "uri": LIST_URI}}},
        {"status": {"status_list": {"idx": "1", "uri": LIST_URI}}},
        {"status": {"status_list": {"idx": 1}}},
        {"status": {"status_list": {"idx": 1.5, "uri": LIST_URI}}},
        {"status": "x"},
        {"lin": "aat_0"},
        {"lin": [1]},
        {"act": {"act": {"sub": "agt_1"}}},
    ],
)
async def test_a_reference_or_a_lineage_that_cannot_be_is_refused(claims):
    issuer = FakeIssuer()

    with pytest.raises(TokenClaimsMalformed):
        await issuer.verifier().verify(issuer.token(**claims))


@pytest.mark.parametrize(
    ("answers", "known"),
    [
        ((False, False), False),
        ((False, None), None),
        ((None, True), True),
        ((True, False), True),
    ],
)
def test_several_sources_must_all_know_and_one_that_says_revoked_is_enough(answers, known):
    assert AnySource(*[Says(answer) for answer in answers]).known(verified()) is known


async def test_several_sources_are_asked_in_their_order():
    sources = [Says(None, revoked=False), Says(None, revoked=True), Says(None)]

    assert await AnySource(*sources).is_revoked(verified(), "raw")
    assert sources[2].asked == []
    with pytest.raises(RevocationUnknown):
        await AnySource(sources[0], sources[2]).is_revoked(verified(), "raw")


class FakeAuthority:
    """An introspection endpoint."""

    def __init__(self):
        self.active = True
        self.answer = None
        self.asked = []

    async def __call__(self, method, url, headers, body):
        self.asked.append((method, url, headers, {k: v[0] for k, v in parse_qs(body.decode()).items()}))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer or Answer(200, json.dumps({"active": self.active, "sub": "agt_1"}).encode())

    async def close(self):
        self.asked.append("closed")


@pytest.fixture
def authority():
    return FakeAuthority()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def asking(authority, clock):
    holder = Holder(SigningKey.generate(system_entropy), ISSUER, "clt_api")
    return IntrospectionSource(holder, cache_seconds=5, means=Means(authority, clock, system_entropy))


async def test_the_issuer_is_asked_once_in_a_while_with_the_services_own_proof(asking, authority, clock):
    assert asking.known(verified()) is None
    for _ in range(3):
        assert await asking.is_revoked(verified(), "the.raw.token") is False
    assert asking.known(verified()) is False

    ((method, url, headers, form),) = authority.asked
    assert (method, url) == ("POST", f"{ISSUER}/oauth/introspect")
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert form["token"] == "the.raw.token"
    assert form["client_assertion_type"].endswith("jwt-bearer")
    assert form["client_assertion"].count(".") == 2
    authority.active = False
    clock.advance(5)
    assert asking.known(verified()) is None
    assert await asking.is_revoked(verified(), "the.raw.token") is True
    assert asking.known(verified()) is True
    await asking.close()
    assert authority.asked[-1] == "closed"


@pytest.mark.parametrize(
    "answer",
    [
        AuthorityUnreachable("down"),
        Answer(401, b'{"error":"invalid_client"}'),
        Answer(500, b""),
        Answer(200, b"not json"),
        Answer(200, b'{"active":"yes"}'),
        Answer(200, b"{}"),
    ],
)
async def test_an_issuer_that_does_not_say_is_no_reason_to_serve(asking, authority, answer):
    authority.answer = answer

    with pytest.raises(RevocationUnknown):
        await asking.is_revoked(verified(), "raw")

    assert asking.known(verified()) is None


async def test_only_so_many_answers_are_remembered(asking, authority):
    for number in range(8193):
        await asking.is_revoked(verified(jti=f"aat_{number}"), "raw")

    assert asking.known(verified(jti="aat_0")) is None
    assert asking.known(verified(jti="aat_8192")) is False
