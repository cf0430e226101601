# SPDX-License-Identifier: Apache-2.0
"""What happened, as events."""

import json

import pytest

from smartagent.signals.caep import (
    CREDENTIAL_CHANGE,
    PER_CHANGE,
    SESSION_REVOKED,
    Envelope,
    id_of,
    parse_subject,
    set_payload,
    signals_of,
)
from smartagent.signals.model import Happened, What
from smartagent.tokens import RevocationKind
from tests.unit.identity.world import ISSUER

AT_MS = 1_800_000_000_999


@pytest.mark.parametrize("kind", RevocationKind)
def test_every_kind_of_revocation_is_one_event_about_its_own_subject(kind):
    (signal,) = signals_of(Happened(7, What.REVOKED, kind.value, "the-id", AT_MS, 0), ISSUER)

    assert signal.event == SESSION_REVOKED
    assert id_of(signal.subject) == "the-id"
    assert signal.claims["event_timestamp"] == 1_800_000_000
    assert signal.claims["reason_admin"]["en"]
    assert parse_subject(signal.subject, ISSUER) == "the-id"


@pytest.mark.parametrize(
    ("status", "events"),
    [
        ("suspended", [SESSION_REVOKED, CREDENTIAL_CHANGE]),
        ("retired", [SESSION_REVOKED, CREDENTIAL_CHANGE]),
        ("active", [CREDENTIAL_CHANGE]),
    ],
)
def test_every_status_of_an_agent_is_told(status, events):
    found = signals_of(Happened(7, What.AGENT, status, "agt_1", AT_MS), ISSUER)

    assert [signal.event for signal in found] == events
    assert {id_of(signal.subject) for signal in found} == {"agt_1"}


@pytest.mark.parametrize("what", What)
def test_no_change_becomes_more_events_than_it_has_places(what):
    happened = Happened(7, what, "suspended" if what is What.AGENT else "token", "x", AT_MS)

    assert len(signals_of(happened, ISSUER)) <= PER_CHANGE


def test_an_enrolment_is_told_to_nobody():
    assert signals_of(Happened(7, What.ENROLLED, "active", "agt_1", AT_MS), ISSUER) == []


def test_a_token_says_what_the_profile_asks_for_and_nothing_that_it_forbids():
    (signal,) = signals_of(Happened(7, What.REVOKED, "session", "ses_1", AT_MS, 0), ISSUER)

    claims = json.loads(set_payload(signal, Envelope(ISSUER, "agt_r", "evt_1", "chg-7", 1_800_000_001)))

    assert claims.keys() == {"iss", "iat", "jti", "aud", "txn", "sub_id", "events"}
    assert len(claims["events"]) == 1
