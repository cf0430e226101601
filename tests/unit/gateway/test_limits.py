# SPDX-License-Identifier: Apache-2.0
"""What calls may use at most, in one process and in several that tell each other."""

import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.gateway.errors import BandwidthExceeded, ConcurrencyExceeded, LimitExceeded, RateExceeded
from smartagent.gateway.limits import FREE, TOLD_EVERY_SECONDS, Limiter
from smartagent.gateway.refusals import WINDOW_SECONDS, Refusals, Refused
from smartagent.kernel import UNLIMITED, Limits

AGENT = "agent/agt_1"


def admits(limiter, limits, now, key=AGENT):
    """Try a call that is over at once."""
    try:
        limiter.admit([(key, limits)], now).release()
    except LimitExceeded:
        return False
    return True


def test_a_burst_passes_and_then_the_rate():
    limiter, limits = Limiter("a"), Limits(rate="10/s", burst=3)
    assert [admits(limiter, limits, 0.0) for _ in range(4)] == [True, True, True, False]
    assert [admits(limiter, limits, at / 100) for at in (5, 10, 11, 19, 20)] == [
        False, True, False, False, True,
    ]  # fmt: skip


def test_a_refusal_says_when_to_come_again():
    limiter, limits = Limiter("a"), Limits(rate="6/m", burst=1)
    assert admits(limiter, limits, 0.0)
    with pytest.raises(RateExceeded) as refused:
        limiter.admit([(AGENT, limits)], 1.0)
    assert refused.value.retry_after_seconds == 9
    assert admits(limiter, limits, 10.0)


def test_each_agent_has_its_own_and_a_role_has_one_for_all():
    limiter, own, shared = Limiter("a"), Limits(rate="1/h"), Limits(rate="3/h")

    def call(agent):
        limiter.admit([(f"agent/{agent}", own), ("role/reader", shared)], 0.0)

    for agent in "abc":
        call(agent)
        with pytest.raises(RateExceeded, match="this agent"):
            call(agent)
    with pytest.raises(RateExceeded, match="all agents of this role"):
        call("d")


def test_what_one_limit_refuses_uses_up_no_other():
    limiter, upstream = Limiter("a"), Limits(rate="1/h")
    assert admits(limiter, upstream, 0.0, "upstream/crm")
    for _ in range(5):
        with pytest.raises(RateExceeded, match="this upstream"):
            limiter.admit([(AGENT, Limits(rate="2/h")), ("upstream/crm", upstream)], 0.0)
    assert [admits(limiter, Limits(rate="2/h"), 0.0) for _ in range(3)] == [True, True, False]


def test_a_changed_limit_holds_at_once_and_what_was_used_stays_used():
    limiter = Limiter("a")
    assert all(admits(limiter, Limits(rate="10/h"), 0.0) for _ in range(5))
    assert not admits(limiter, Limits(rate="5/h"), 0.0)
    assert admits(limiter, Limits(rate="6/h"), 0.0)


def test_calls_that_are_open_count_until_they_are_over():
    limiter, limits = Limiter("a"), Limits(concurrent=2)
    first, _ = (limiter.admit([(AGENT, limits)], 0.0) for _ in range(2))
    with pytest.raises(ConcurrencyExceeded):
        limiter.admit([(AGENT, limits)], 0.0)
    first.release()
    first.release()
    limiter.admit([(AGENT, limits)], 0.0)
    with pytest.raises(ConcurrencyExceeded):
        limiter.admit([(AGENT, limits)], 0.0)


def test_bytes_are_paid_back_before_more_pass():
    limiter, limits = Limiter("a"), Limits(bytes_per_second=1000)
    call = limiter.admit([(AGENT, limits)], 0.0)
    assert not call.moved(1000)
    assert call.moved(2000)
    with pytest.raises(BandwidthExceeded) as refused:
        limiter.admit([(AGENT, limits)], 0.5)
    assert refused.value.retry_after_seconds == 2
    assert call.owes(1.9)
    assert not call.owes(2.0)
    limiter.admit([(AGENT, limits)], 2.0)


def test_of_several_limits_of_one_call_the_least_holds():
    allowance = Limiter("a").admit(
        [
            (AGENT, Limits(request_bytes=10, answer_seconds=5)),
            ("role/reader", UNLIMITED),
            ("upstream/crm", Limits(request_bytes=20, response_bytes=7, total_seconds=60)),
        ],
        100.0,
    )
    assert (allowance.request_bytes, allowance.response_bytes) == (10, 7)
    assert (allowance.answer_seconds, allowance.ends_at) == (5, 160.0)
    assert (FREE.request_bytes, FREE.ends_at) == (sys.maxsize, math.inf)


def test_what_is_not_used_any_more_is_forgotten():
    limiter, limits = Limiter("a"), Limits(rate="10/s", concurrent=5, bytes_per_second=10)
    call = limiter.admit([(AGENT, limits)], 0.0)
    call.moved(10)
    limiter.news(1.0)
    call.release()
    for now in (10.0, 20.0, 30.0):
        limiter.news(now)
    assert not limiter._buckets


def test_nothing_is_told_when_nothing_happened_and_not_all_the_time():
    limiter = Limiter("a")
    assert len(limiter.news(0.0)) == 1
    assert admits(limiter, Limits(rate="10/s"), 1.0)
    assert len(limiter.news(1.0)) == 1
    assert admits(limiter, Limits(rate="10/s"), 1.1)
    assert limiter.news(1.1) == []
    assert len(limiter.news(1.0 + TOLD_EVERY_SECONDS)) == 1
    assert limiter.news(3.0) == []


def test_many_keys_are_told_in_several_messages():
    limiter, other = Limiter("a"), Limiter("b")
    for number in range(200):
        assert admits(limiter, Limits(rate="1/d"), 0.0, f"agent/{number}")
    texts = limiter.news(0.0)
    assert len(texts) == 4 + 1
    other.hear(texts, 0.0)
    assert not any(admits(other, Limits(rate="1/d"), 1.0, f"agent/{number}") for number in range(200))


def test_a_process_does_not_hear_itself_nor_what_it_does_not_understand():
    limiter, limits = Limiter("a"), Limits(rate="2/d")
    assert admits(limiter, limits, 0.0)
    limiter.hear(limiter.news(0.0), 0.0)
    limiter.hear(["", "{}", '["b",{"agent/agt_1":[1]}]', '["b"]'], 0.0)
    assert admits(limiter, limits, 0.0)


def test_a_process_that_begins_asks_how_full_the_buckets_are():
    older, newcomer, limits = Limiter("a"), Limiter("b"), Limits(rate="10/d")
    assert all(admits(older, limits, 0.0) for _ in range(10))
    older.news(0.0)
    older.hear(newcomer.news(5.0), 5.0)
    assert newcomer.news(6.0) == []
    newcomer.hear(older.news(6.0), 6.0)
    assert not admits(newcomer, limits, 7.0)
    assert admits(newcomer, limits, 8640.0 + 7.0)
    assert older.news(7.0) == []


def test_open_calls_of_another_process_count_and_are_forgotten_when_it_is_silent():
    here, there, limits = Limiter("a"), Limiter("b"), Limits(concurrent=1)
    call = there.admit([(AGENT, limits)], 0.0)
    here.hear(there.news(0.0), 0.0)
    assert not admits(here, limits, 1.0)
    call.release()
    here.hear(there.news(2.0), 2.0)
    assert admits(here, limits, 2.0)

    there.admit([(AGENT, limits)], 3.0)
    here.hear(there.news(3.0), 3.0)
    for now in (9.0, 15.0, 21.0):
        here.hear(there.news(now), now)
        assert not admits(here, limits, now)
    assert admits(here, limits, 37.0)


@settings(max_examples=40)
@given(
    rate=st.integers(1, 50),
    burst=st.integers(1, 60),
    nodes=st.integers(1, 4),
    lag_steps=st.integers(0, 3),
    calls=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=40, max_size=120),
)
def test_what_all_processes_let_through_keeps_to_the_bound_that_is_promised(
    rate, burst, nodes, lag_steps, calls
):
    step = 0.1
    limits = Limits(rate=f"{rate}/s", burst=burst)
    limiters = [Limiter(str(number)) for number in range(nodes)]
    passed, in_flight = [], []
    for tick, (where, tries) in enumerate(calls):
        now = tick * step
        in_flight += [(tick + lag_steps, text) for limiter in limiters for text in limiter.news(now)]
        due = [text for at, text in in_flight if at == tick]
        for node, limiter in enumerate(limiters):
            limiter.hear(due, now)
            if node == where % nodes or tries > 8:
                passed += [now] * sum(admits(limiter, limits, now) for _ in range(tries))
    # A message waits for the others to have spoken, for its lag, and for the next turn.
    delay = TOLD_EVERY_SECONDS + (lag_steps + 2) * step
    error = (nodes - 1) * (burst + rate * delay)
    for first, begin in enumerate(passed):
        most = max(last - first + 1 - rate * (passed[last] - begin) for last in range(first, len(passed)))
        assert most <= burst + error + 1e-6


def test_in_the_long_run_two_processes_let_through_no_more_than_the_rate():
    limits, limiters = Limits(rate="10/s"), [Limiter("a"), Limiter("b")]
    passed = 0
    for tick in range(3000):
        now = tick / 20
        texts = [text for limiter in limiters for text in limiter.news(now)]
        for limiter in limiters:
            limiter.hear(texts, now)
            passed += sum(admits(limiter, limits, now) for _ in range(3))
    assert 10 * 150 * 0.9 <= passed <= 10 * 150 + 2 * (10 + 10)


def test_of_a_flood_of_refusals_the_first_is_recorded_and_the_others_counted():
    refusals, refused = Refusals(), Refused("agt_1", "crm", "rate-exceeded")
    assert [refusals.is_first(refused, 0.0) for _ in range(4)] == [True, False, False, False]
    assert refusals.is_first(Refused("agt_2", "crm", "rate-exceeded"), 0.0)
    assert refusals.due(WINDOW_SECONDS - 0.1) == []
    assert refusals.due(WINDOW_SECONDS) == [(refused, 3)]
    assert refusals.due(WINDOW_SECONDS) == []
    assert refusals.is_first(refused, 6.0)


def test_what_is_left_is_told_of_the_tightest_limit_and_counts_nothing():
    limiter, own, shared = Limiter("a"), Limits(rate="1/s", burst=4), Limits(rate="1/s", burst=10)
    bounds = [(AGENT, own), ("role/reader", shared)]

    assert limiter.left(bounds, 0.0) == 100
    for left in (75, 50, 25, 0):
        limiter.admit(bounds, 0.0).release()
        assert limiter.left(bounds, 0.0) == limiter.left(bounds, 0.0) == left
    assert limiter.left(bounds, 2.0) == 50
    assert limiter.left([(AGENT, UNLIMITED)], 2.0) == 100
