# SPDX-License-Identifier: Apache-2.0
"""What the room is given."""

from collections.abc import Callable

import msgspec

from smartagent.policy import Book


class Means(msgspec.Struct, frozen=True):
    """What the room is given.

    `role_of` tells the role of an agent that is active, and `is_operator` whether a person is an operator.
    `standing_of` tells how far an agent is trusted; empty when nobody knows.
    """

    book: Book
    role_of: Callable[[str], str | None]
    is_operator: Callable[[str], bool]
    standing_of: Callable[[str], str]
