# SPDX-License-Identifier: Apache-2.0
"""What a scan knows: kinds of keys, what replaces each, and where one was found."""

import re
from enum import StrEnum
from typing import Final

import msgspec

from smartagent.crypto import hmac_sha256
from smartagent.kernel import Secret

PLACEHOLDER: Final = "replaced-by-smartagent"
"""What stands in a file where a key was.  The gateway takes it out and puts the key in."""

_DIGEST_CHARS: Final = 12


class Means(StrEnum):
    """How an agent gets on without the key."""

    GATEWAY = "gateway"
    LEASE = "lease"
    WORKLOAD = "workload identity"
    VAULT = "vault"


class Binding(msgspec.Struct, frozen=True):
    """An upstream that the gateway puts the key into calls of."""

    upstream: str
    base_url: str
    place: str


class KeyKind(msgspec.Struct, frozen=True):
    """A kind of key.

    Attributes:
        title: What people call it.
        prefix: What every key of this kind begins with: public, so it may be shown.
        hint: In lower case, without which a text has none of them.
        pattern: Over bytes; its group `key` is the key.
        means: What replaces it.
        binding: For the gateway; without one a person decides.
        advice: What that person should know, and the page that helps.
    """

    title: str
    prefix: str
    hint: bytes
    pattern: re.Pattern[bytes]
    means: Means
    binding: Binding | None = None
    advice: str = ""


class Text(msgspec.Struct, frozen=True):
    """What was read.

    Attributes:
        name: Below the folder that is scanned, with slashes.
        raw: The bytes that are searched; never shown.
        exact: They are the file's own bytes, so an offset in them is one in the file.
        object_id: Of git, for what is in the history only.
    """

    name: str
    raw: bytes
    exact: bool = True
    object_id: str = ""

    def __repr__(self) -> str:
        return f"Text({self.name!r}, {len(self.raw)} bytes)"


class Hit(msgspec.Struct, frozen=True):
    """A key in a text: `start` to `end`, in bytes."""

    kind: KeyKind
    start: int
    end: int


class Finding(msgspec.Struct, frozen=True):
    """A key that was found.

    Attributes:
        name: Of the file; may have any bytes that a file's name may have.
        line: From 1.
        column: From 1, in bytes.
        start: In the file, in bytes.
        end: Behind it.
        label: The variable or member that it is the value of; may be empty.
        kind: What it is.
        value: The key.
        exact: The file can be edited at `start`.
        commit: In which it was last seen, when it is in the history only.
    """

    name: str
    line: int
    column: int
    start: int
    end: int
    label: str
    kind: KeyKind
    value: Secret[bytes]
    exact: bool
    commit: str = ""


def digest_of(value: Secret[bytes], key: Secret[bytes]) -> str:
    """Return what tells one key from another, and without `key` tells nothing."""
    return hmac_sha256(key, value.reveal()).hex()[:_DIGEST_CHARS]


def fingerprint(finding: Finding, key: Secret[bytes]) -> str:
    """Return how a key is shown: its public beginning, its length, and a keyed digest."""
    length = finding.end - finding.start
    return f"{finding.kind.prefix}... ({length} characters, #{digest_of(finding.value, key)})"
