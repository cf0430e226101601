# SPDX-License-Identifier: Apache-2.0
"""Limits as they are written: what they mean, and what cannot be meant."""

import math

import pytest

from smartagent.kernel import UNLIMITED, Limits, UnusableLimit, parse_limits


@pytest.mark.parametrize(
    ("written", "per_second", "at_once"),
    [
        (Limits(rate="10/s"), 10, 10),
        (Limits(rate="600/h"), 1 / 6, 600),
        (Limits(rate="90/m", burst=3), 1.5, 3),
        (Limits(rate="1/d"), 1 / 86_400, 1),
        (Limits(), math.inf, math.inf),
        (Limits(concurrent=3), math.inf, math.inf),
    ],
)
def test_a_rate_is_so_many_calls_in_a_time_and_all_of_them_at_once_unless_a_burst_is_said(
    written, per_second, at_once
):
    assert parse_limits(written) == written
    assert (written.calls_per_second, written.calls_at_once) == (per_second, at_once)


@pytest.mark.parametrize(
    ("written", "field"),
    [
        (Limits(rate="10"), "rate"),
        (Limits(rate="0/s"), "rate"),
        (Limits(rate="1.5/s"), "rate"),
        (Limits(rate="10/w"), "rate"),
        (Limits(rate="10 / s"), "rate"),
        (Limits(rate="\u0661/s"), "rate"),
        (Limits(burst=5), "burst"),
        (Limits(rate="1/s", burst=-1), "burst"),
        (Limits(concurrent=-1), "concurrent"),
        (Limits(answer_seconds=601), "answer_seconds"),
        (Limits(total_seconds=86_401), "total_seconds"),
        (Limits(request_bytes=2**53 + 1), "request_bytes"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_named(written, field):
    with pytest.raises(UnusableLimit) as refused:
        parse_limits(written)
    assert refused.value.field == field


def test_what_limits_nothing_is_one_object():
    assert parse_limits(Limits()) is UNLIMITED


@pytest.mark.parametrize("field", ["request_bytes", "response_bytes", "answer_seconds", "total_seconds"])
def test_what_many_share_is_no_limit_of_one_call(field):
    parse_limits(Limits(**{field: 5}))
    with pytest.raises(UnusableLimit):
        parse_limits(Limits(**{field: 5}), shared=True)
