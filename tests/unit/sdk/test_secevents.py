# SPDX-License-Identifier: Apache-2.0
"""Taking security events: which are taken, what each kind kills, and what is answered."""

import json

import pytest

from smartagent.crypto import JwsSigner, SigningKey, generate_signer, system_entropy
from smartagent.kernel import Algorithm
from smartagent.sdk import RevocationUnknown, SetReceiver, TokenRevoked
from tests.unit.sdk.fakes import ISSUER, START, FakeIssuer
from tests.unit.sdk.revocation_fakes import verified

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
REVOKED = CAEP + "session-revoked"
VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification"
AUDIENCE = "agt_receiver"


@pytest.fixture
def issuer():
    return FakeIssuer()


@pytest.fixture
def receiver(issuer):
    return SetReceiver(ISSUER, AUDIENCE, clock=issuer.clock, fetch=issuer)


def claims(issuer, **changes):
    said = {
        "iss": ISSUER,
        "iat": int(issuer.clock.now()),
        "jti": "evt_1",
        "aud": AUDIENCE,
        "txn": "chg-1",
        "sub_id": {"format": "opaque", "id": "ses_1"},
        "events": {REVOKED: {"event_timestamp": START, "reason_admin": {"en": "x"}}},
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def signed(issuer, typ="secevent+jwt", **changes):
    return (
        JwsSigner(issuer.key, issuer.kid, typ).sign(json.dumps(claims(issuer, **changes)).encode()).encode()
    )


@pytest.mark.parametrize(
    ("subject", "token"),
    [
        ({"format": "opaque", "id": "ses_1"}, {"session_id": "ses_1"}),
        ({"format": "opaque", "id": "dlg_1"}, {"lineage": ("dlg_1",)}),
        ({"format": "jwt_id", "iss": ISSUER, "jti": "aat_1"}, {"jti": "aat_1"}),
        ({"format": "iss_sub", "iss": ISSUER, "sub": "agt_1"}, {"subject": "agt_1"}),
        ({"format": "iss_sub", "iss": ISSUER, "sub": "agt_2"}, {"actors": ("agt_2",)}),
        ({"format": "iss_sub", "iss": ISSUER, "sub": "opr_1"}, {"subject": "opr_1"}),
        ({"format": "iss_sub", "iss": ISSUER, "sub": "clt_1"}, {"client_id": "clt_1"}),
    ],
)
async def test_each_subject_kills_what_it_names(issuer, receiver, subject, token):
    before = {"subject": "agt_x", "jti": "aat_x", "session_id": "ses_x", "client_id": "agt_x"}
    assert receiver.known(verified(**before | token)) is False

    answer = await receiver.receive(signed(issuer, sub_id=subject))

    assert (answer.status, answer.body, answer.taken) == (202, b"", True)
    assert receiver.known(verified(**before | token)) is True
    assert receiver.known(verified(**before)) is False


async def test_what_an_agent_gets_after_the_event_lives(issuer, receiver):
    subject = {"format": "iss_sub", "iss": ISSUER, "sub": "agt_1"}
    await receiver.receive(signed(issuer, sub_id=subject))

    assert receiver.known(verified(issued_at=START)) is True
    assert receiver.known(verified(issued_at=START + 1)) is False
    await receiver.receive(signed(issuer, jti="evt_2", sub_id=subject, iat=START + 9, events={REVOKED: {}}))
    assert receiver.known(verified(issued_at=START + 9)) is True


async def test_a_verifier_refuses_what_was_pushed(issuer, receiver):
    verifier = issuer.verifier(check_revocation=receiver)
    token = issuer.token()
    assert await verifier.verify(token)

    await receiver.receive(signed(issuer))

    assert verifier.verify_cached(token) is None
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_an_event_is_taken_whichever_of_its_keys_the_issuer_signs_with(issuer, receiver, algorithm):
    key = generate_signer(algorithm, system_entropy)
    issuer.entries.append({**key.public.jwk(), "kid": key.public.thumbprint, "use": "sig"})
    issuer.publish()
    token = JwsSigner(key, key.public.thumbprint, "secevent+jwt", algorithm.value).sign(
        json.dumps(claims(issuer)).encode()
    )

    assert (await receiver.receive(token.encode())).taken


@pytest.mark.parametrize(
    ("changes", "err"),
    [
        ({"iss": "https://other.example"}, "invalid_issuer"),
        ({"aud": "somebody"}, "invalid_audience"),
        ({"aud": []}, "invalid_audience"),
        ({"sub": "agt_1"}, "invalid_request"),
        ({"exp": START + 60}, "invalid_request"),
        ({"iat": START + 301}, "invalid_request"),
        ({"iat": None}, "invalid_request"),
        ({"jti": ""}, "invalid_request"),
        ({"jti": None}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        ({"events": {REVOKED: "x"}}, "invalid_request"),
        ({"events": {REVOKED: {"event_timestamp": "now"}}}, "invalid_request"),
        ({"sub_id": None}, "invalid_request"),
        ({"sub_id": {"format": "email", "email": "a@b.example"}}, "invalid_request"),
        ({"sub_id": {"format": "complex", "session": {"format": "opaque", "id": "x"}}}, "invalid_request"),
        (
            {"sub_id": {"format": "iss_sub", "iss": "https://other.example", "sub": "agt_1"}},
            "invalid_request",
        ),
        ({"sub_id": {"format": "jwt_id", "iss": ISSUER}}, "invalid_request"),
        ({"sub_id": {"format": "opaque", "id": 7}}, "invalid_request"),
        ({"typ": "at+jwt"}, "invalid_request"),
        ({"typ": "JWT"}, "invalid_request"),
        ({"typ": "statuslist+jwt"}, "invalid_request"),
    ],
)
async def test_what_is_no_event_for_this_receiver_is_refused_with_its_code(issuer, receiver, changes, err):
    answer = await receiver.receive(signed(issuer, **changes))

    assert (answer.status, answer.err, answer.taken) == (400, err, False)
    assert json.loads(answer.body)["err"] == err
    assert receiver.known(verified()) is False
    assert receiver.staleness_seconds == float("inf")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"no token", "application/secevent+jwt"),
        (b"\xff", "application/secevent+jwt"),
        (None, "application/json"),
    ],
)
async def test_what_is_no_token_or_of_another_type_is_refused(issuer, receiver, body, content_type):
    answer = await receiver.receive(signed(issuer) if body is None else body, content_type)

    assert (answer.status, answer.err) == (400, "invalid_request")
    good = await receiver.receive(signed(issuer), "Application/SecEvent+JWT; charset=utf-8")
    assert good.taken


async def test_an_event_by_an_unknown_key_or_with_a_false_signature_is_refused(issuer, receiver):
    stranger = SigningKey.generate(system_entropy)
    unknown = JwsSigner(stranger, stranger.public.thumbprint, "secevent+jwt").sign(b"{}")
    forged = JwsSigner(stranger, issuer.kid, "secevent+jwt").sign(json.dumps(claims(issuer)).encode())

    for token in (unknown, forged):
        assert (await receiver.receive(token.encode())).err == "invalid_key"


async def test_while_keys_cannot_be_had_the_transmitter_is_asked_to_come_back(issuer, receiver):
    issuer.down = True

    answer = await receiver.receive(signed(issuer))

    assert (answer.status, answer.taken) == (503, False)


async def test_an_event_that_comes_again_is_taken_again_and_does_nothing(issuer, receiver):
    states = []
    receiver = SetReceiver(ISSUER, AUDIENCE, clock=issuer.clock, fetch=issuer, on_verification=states.append)
    event = signed(
        issuer,
        sub_id={"format": "opaque", "id": "stm_1"},
        aud=["other", AUDIENCE],
        events={VERIFICATION: {"state": "s-1"}},
    )

    assert (await receiver.receive(event)).taken
    assert (await receiver.receive(event)).taken

    assert states == ["s-1"]


async def test_silence_counts_only_when_the_service_says_so(issuer, receiver):
    strict = SetReceiver(ISSUER, AUDIENCE, clock=issuer.clock, fetch=issuer, max_staleness_seconds=60)
    assert receiver.known(verified()) is False
    assert strict.known(verified()) is None
    with pytest.raises(RevocationUnknown):
        await strict.is_revoked(verified(), "")

    await strict.receive(signed(issuer, sub_id={"format": "opaque", "id": "ses_9"}))
    issuer.clock.advance(60)
    assert await strict.is_revoked(verified(), "") is False
    issuer.clock.advance(1)

    assert strict.known(verified()) is None


async def test_events_of_other_types_are_taken_and_change_nothing(issuer, receiver):
    answer = await receiver.receive(
        signed(
            issuer, events={CAEP + "credential-change": {"change_type": "revoke"}}, sub_id={"format": "uri"}
        )
    )

    assert answer.taken
    assert receiver.known(verified()) is False


async def test_only_so_many_events_are_remembered(issuer, receiver):
    for number in range(8200):
        receiver._seen[f"evt_{number}"] = None
    await receiver.receive(signed(issuer))

    assert len(receiver._seen) <= 8201
