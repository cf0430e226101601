# SPDX-License-Identifier: Apache-2.0
"""The writer's memory of what was used once."""

from hypothesis import given
from hypothesis import strategies as st

from smartagent.storage.claimed import Claimed, latest


def packed(*claims: tuple[int, int]) -> bytes:
    return b"".join(key.to_bytes(16) + expires_at.to_bytes(8) for key, expires_at in claims)


def test_a_claim_is_taken_once():
    claimed = Claimed()
    assert claimed.take(packed((1, 100))) == -1
    assert claimed.take(packed((1, 100))) == 0
    assert claimed.take(packed((1, 999))) == 0


def test_several_claims_are_taken_together_or_not_at_all():
    claimed = Claimed()
    claimed.take(packed((2, 100)))
    assert claimed.take(packed((1, 100), (2, 100), (3, 100))) == 1
    assert claimed.take(packed((1, 100), (3, 100))) == -1


def test_what_is_given_back_can_be_taken_again_and_is_then_kept_for_its_own_time():
    claimed = Claimed()
    claimed.take(packed((1, 100)))
    claimed.give_back(packed((1, 100)))
    assert claimed.take(packed((1, 900))) == -1
    claimed.forget(200)
    assert claimed.take(packed((1, 900))) == 0


def test_a_claim_is_not_forgotten_before_it_expires():
    claimed = Claimed()
    claimed.take(packed((1, 100)))
    claimed.forget(100)
    assert claimed.take(packed((1, 100))) == 0
    claimed.forget(104)
    assert len(claimed) == 0


def test_what_a_restart_reads_back_twice_is_there_once():
    claimed = Claimed()
    claimed.take_back(packed((1, 100), (2, 100), (1, 100)))
    assert len(claimed) == 2


@given(st.lists(st.integers(0, 2**63), max_size=8))
def test_the_latest_expiry_is_the_greatest(expiries):
    assert latest(packed(*enumerate(expiries))) == max(expiries, default=0)
