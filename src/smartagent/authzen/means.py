# SPDX-License-Identifier: Apache-2.0
"""What the room is given."""

from collections.abc import Callable

import msgspec

from smartagent.policy import Book


class Means(msgspec.Struct, frozen=True):
    """What the room is given.

    `role_of` tells the role of an agent that is active, and `is_operator` whether a person is an operator.
    """

    book: Book
    role_of: Callable[[str], str | None]
    is_operator: Callable[[str], bool]
