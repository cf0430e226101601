# SPDX-License-Identifier: Apache-2.0
"""Labels of information flow."""

from enum import StrEnum


class Label(StrEnum):
    """What a tool, or a call to an upstream, does to what an agent knows, and to what leaves it."""

    READS_PRIVATE = "reads-private"
    UNTRUSTED_CONTENT = "untrusted-content"
    SENDS_OUTSIDE = "sends-outside"
