# SPDX-License-Identifier: Apache-2.0
"""Time goes on where the log ends."""

import logging

from smartagent.crypto import SystemClock
from smartagent.kernel import Record
from smartagent.server.timekeeping import catch_up_with_the_log


class Log:
    """A store's log with one record."""

    def __init__(self, *records):
        self.leaves = [record.encode() for record in records]

    async def fetch(self, _statement, parameters=None):
        if parameters is None:
            return [(len(self.leaves),)]
        framed = b"".join(len(leaf).to_bytes(2) + leaf for leaf in self.leaves)
        return [(0, len(self.leaves), framed)]


async def test_a_clock_that_was_set_back_goes_on_from_the_newest_record(caplog):
    clock = SystemClock()
    later = clock.now() + 3600
    with caplog.at_level(logging.WARNING):
        await catch_up_with_the_log(clock, Log(Record("a", 1, "r"), Record("b", int(later * 1000), "r")))
    assert later - 1 <= clock.now() < later + 60
    assert "behind the log" in caplog.text


async def test_a_clock_that_is_right_is_left_alone(caplog):
    clock = SystemClock()
    before = clock.now()
    await catch_up_with_the_log(clock, Log(Record("a", int((before - 9) * 1000), "r")))
    await catch_up_with_the_log(clock, Log())
    assert clock.now() < before + 60
    assert not caplog.text
