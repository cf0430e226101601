# SPDX-License-Identifier: Apache-2.0
"""What the room is given."""

import msgspec

from smartagent.audit import LogReader
from smartagent.policy import Book


class Means(msgspec.Struct, frozen=True):
    """What the room is given: the rules in force, and the log."""

    book: Book
    log: LogReader
