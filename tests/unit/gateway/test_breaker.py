# SPDX-License-Identifier: Apache-2.0
"""Circuit breakers, by a clock that is told."""

import pytest

from smartagent.gateway.breaker import COOLS_SECONDS, FAILURES, Breakers
from smartagent.gateway.errors import UpstreamDown
from smartagent.gateway.plan import Origin

HERE, THERE = (Origin(host, 443, True, False) for host in ("here", "there"))


def broken(now=0.0):
    breakers = Breakers()
    for _ in range(FAILURES):
        breakers.check(HERE, now)
        breakers.failed(HERE, now)
    return breakers


def is_closed(breakers, origin, now):
    try:
        breakers.check(origin, now)
    except UpstreamDown:
        return False
    return True


def test_it_opens_after_failures_in_a_row_and_for_one_origin_only():
    breakers = broken()
    with pytest.raises(UpstreamDown) as down:
        breakers.check(HERE, 3.5)
    assert down.value.retry_after_seconds == 7
    assert is_closed(breakers, THERE, 3.5)
    assert breakers.number_open == 1


def test_a_success_in_between_begins_the_count_anew():
    breakers = Breakers()
    for _ in range(3):
        for _ in range(FAILURES - 1):
            breakers.failed(HERE, 0.0)
        assert is_closed(breakers, HERE, 0.0)
        breakers.reached(HERE)
    assert breakers.number_open == 0


def test_one_probe_goes_after_the_time_and_decides():
    breakers = broken()
    assert [is_closed(breakers, HERE, COOLS_SECONDS) for _ in range(3)] == [True, False, False]
    breakers.failed(HERE, COOLS_SECONDS + 5)
    assert not is_closed(breakers, HERE, 2 * COOLS_SECONDS)
    assert is_closed(breakers, HERE, 2 * COOLS_SECONDS + 5)
    breakers.reached(HERE)
    assert all(is_closed(breakers, HERE, 2 * COOLS_SECONDS + 5) for _ in range(3))


def test_a_probe_that_was_given_up_leaves_room_for_another():
    breakers = broken()
    assert is_closed(breakers, HERE, COOLS_SECONDS)
    breakers.abandoned(HERE)
    breakers.abandoned(THERE)
    assert is_closed(breakers, HERE, COOLS_SECONDS)


def test_how_many_are_remembered_is_bounded():
    breakers = Breakers()
    for number in range(5000):
        breakers.failed(Origin(str(number), 443, True, False), 0.0)
    assert len(breakers._broken) == 4096
