# SPDX-License-Identifier: Apache-2.0
"""The shapes of the room's requests and replies."""

import msgspec

from smartagent.kernel import rfc3339
from smartagent.notices.model import StoredChannel


class ChannelRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The body of `PUT /v1/channels/{name}`: a webhook's URL or an e-mail address.

    `takes` are the kinds of notices; with none, all.  `new_secret` makes a new secret for a webhook that has one.
    """

    webhook: str = ""
    email: str = ""
    allow_private: bool = False
    takes: list[str] = []
    new_secret: bool = False


class ChannelView(msgspec.Struct, frozen=True):
    """A channel, as shown; never its secret.

    `state` is `working`, `failing` or `disabled`, and `failure` why.  `waiting` is how many notices wait.
    """

    name: str
    webhook: str
    email: str
    allow_private: bool
    takes: list[str]
    state: str
    failure: str
    failing_since: str
    delivered_at: str
    waiting: int
    version: int
    changed_at: str
    changed_by: str


class WrittenView(msgspec.Struct, frozen=True):
    """A channel that was written; `secret` is shown once, when it is made: what its messages are signed with."""

    channel: ChannelView
    secret: str


class ChannelList(msgspec.Struct, frozen=True):
    """All channels by name."""

    channels: list[ChannelView]


class TestView(msgspec.Struct, frozen=True):
    """What came of a test: `delivered` or `failed`, and why."""

    channel: str
    notice: str
    result: str
    reason: str


def channel_view(stored: StoredChannel, waiting: int) -> ChannelView:
    """Show a channel."""
    channel, state = stored.channel, stored.state
    return ChannelView(
        name=channel.name,
        webhook=channel.webhook,
        email=channel.email,
        allow_private=channel.allow_private,
        takes=[kind.value for kind in channel.takes],
        state="disabled" if state.disabled_at else "failing" if state.failing_since else "working",
        failure=state.failure,
        failing_since=_instant(state.failing_since),
        delivered_at=_instant(state.delivered_at),
        waiting=waiting,
        version=stored.version,
        changed_at=rfc3339(stored.changed_at),
        changed_by=stored.changed_by,
    )


def _instant(at: int) -> str:
    return rfc3339(at) if at else ""
