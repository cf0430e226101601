# SPDX-License-Identifier: Apache-2.0
"""What a notice is, and a channel that it goes through."""

from enum import StrEnum
from typing import Final

import msgspec

DAY_SECONDS: Final = 86_400


class NoticeKind(StrEnum):
    """What notices are about: a channel takes all of them, or those that it says."""

    APPROVALS = "approvals"
    """Somebody has to decide before an agent goes on."""
    ALARMS = "alarms"
    """A credential is where it should not be."""
    REVIEWS = "reviews"
    """Access is to be looked at by a date."""
    BREAK_GLASS = "break-glass"
    """An agent has, or is to have, more than its own role in an emergency."""
    AGENTS = "agents"
    """Agents lost whoever answered for them."""
    TEST = "test"
    """An operator tries a channel.  No channel chooses it."""


class Notice(msgspec.Struct, frozen=True):
    """Something that people should hear of.

    `id` stays the same however often it is sent.  `subject` is the id of what it is about, `link` where to look.
    The texts are clean.  `made_at` is Unix seconds.
    """

    id: str
    kind: NoticeKind
    subject: str
    title: str
    lines: tuple[str, ...]
    link: str
    made_at: int


class Waiting(msgspec.Struct, frozen=True):
    """A notice on its way through a channel.  It is not tried before `not_before` (Unix seconds)."""

    notice: Notice
    channel: str
    attempts: int
    not_before: int


class Channel(msgspec.Struct, frozen=True):
    """Where notices go: a webhook's URL or an e-mail address, one of the two.

    `takes` says which kinds; with none, all of them.
    """

    name: str
    webhook: str = ""
    email: str = ""
    allow_private: bool = False
    takes: tuple[NoticeKind, ...] = ()


class State(msgspec.Struct, frozen=True):
    """What came of a channel's notices lately.  Times are Unix seconds, 0 when it is not so.

    A channel is disabled when its receiver said that it wants nothing any more.  `failure` is why the last one failed.
    """

    disabled_at: int = 0
    failing_since: int = 0
    failure: str = ""
    delivered_at: int = 0


class StoredChannel(msgspec.Struct, frozen=True):
    """A channel as the store keeps it.  `sealed_secret` signs what goes to a webhook; empty for e-mail."""

    channel: Channel
    sealed_secret: bytes
    version: int
    changed_at: int
    changed_by: str
    state: State = State()


def sealed_as(name: str) -> str:
    """Return the identity that a channel's secret is sealed under."""
    return f"channel/{name}"
