# SPDX-License-Identifier: Apache-2.0
"""What a report says."""

from enum import StrEnum

import msgspec


class Fate(StrEnum):
    """What became of something."""

    DEAD = "dead"
    """No part of the house takes it any more, nor does the place where it was good."""
    DYING = "dying"
    """It is being ended; when that fails it is tried again until it is dead."""
    OUTLIVES = "outlives"
    """It is dead here, and cannot be killed from here where it was good: until its deadline."""


class Line(msgspec.Struct, frozen=True):
    """One thing.  `deadline` is when what cannot be killed dies by itself."""

    what: str
    id: str
    fate: Fate
    died_at: str = ""
    deadline: str = ""
    note: str = ""


class Report(msgspec.Struct, frozen=True):
    """What died when.  `complete` says that nothing is dying any more."""

    iss: str
    agent: str
    name: str
    revoked_at: str
    made_at: str
    complete: bool
    lines: tuple[Line, ...]


class ReportView(msgspec.Struct, frozen=True):
    """A report, and the same signed: a JWS that the published keys verify."""

    report: Report
    signed: str


class EmergencyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """End everything of an agent."""

    agent: str
    reason: str


class EmergencyView(msgspec.Struct, frozen=True):
    """What has begun; the report is at `report_url`."""

    agent: str
    revoked_at: str
    report_url: str
