# SPDX-License-Identifier: Apache-2.0
"""What the pages about approvals and channels read of the API's answers."""

import msgspec


class Line(msgspec.Struct, frozen=True):
    """A line of a card."""

    name: str
    value: str


class Card(msgspec.Struct, frozen=True):
    """What will be sent; every text of it is safe to print."""

    title: str
    lines: list[Line]
    notes: list[str]


class Vote(msgspec.Struct, frozen=True):
    """What somebody said."""

    by: str
    seat: str
    at: str
    reason: str


class Approval(msgspec.Struct, frozen=True):
    """What an agent asks leave for."""

    id: str
    state: str
    agent: str
    role: str
    session: str
    acts_for: str
    kind: str
    upstream: str
    method: str
    card: Card
    digest: str
    rules: list[str]
    confirm: bool
    confirmer: str
    people: int
    votes: list[Vote]
    created_at: str
    ends_at: str
    version: int


class ApprovalPage(msgspec.Struct, frozen=True):
    """A page of approvals, the newest first."""

    approvals: list[Approval]
    next_cursor: str


class Grant(msgspec.Struct, frozen=True):
    """A yes that goes further than one call."""

    id: str
    approval: str
    agent: str
    role: str
    session: str
    acts_for: str
    upstream: str
    methods: list[str]
    paths: list[str]
    approved_by: str
    ends_at: str
    uses: int


class GrantList(msgspec.Struct, frozen=True):
    """The grants in force."""

    grants: list[Grant]


class Decided(msgspec.Struct, frozen=True):
    """What came of a decision; `clamped` says what of the wish was cut."""

    approval: Approval
    clamped: list[str]


class Channel(msgspec.Struct, frozen=True):
    """Where notices go."""

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


class ChannelList(msgspec.Struct, frozen=True):
    """All channels."""

    channels: list[Channel]


class ChannelWritten(msgspec.Struct, frozen=True):
    """A channel that was written; `secret` is shown once, when it is made."""

    channel: Channel
    secret: str


class ChannelTested(msgspec.Struct, frozen=True):
    """What came of a test."""

    result: str
    reason: str
