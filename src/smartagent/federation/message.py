# SPDX-License-Identifier: Apache-2.0
"""What is sent to somebody outside, and what comes back."""

from collections.abc import Mapping

import msgspec

from smartagent.federation.destinations import Destination


class Sent(msgspec.Struct, frozen=True):
    """What goes out."""

    method: str
    destination: Destination
    headers: Mapping[str, str]
    body: bytes = b""


class Answer(msgspec.Struct, frozen=True):
    """What came back, whatever its status.  Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetched(msgspec.Struct, frozen=True):
    """A document, and for how long its sender lets it be kept: None when that was not said."""

    body: bytes
    max_age_seconds: int | None = None


class Posted(msgspec.Struct, frozen=True):
    """The answer to what was posted, whatever its status."""

    status: int
    body: bytes
