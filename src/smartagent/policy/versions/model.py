# SPDX-License-Identifier: Apache-2.0
"""What a version of a rule is."""

import msgspec

from smartagent.crypto import sha256
from smartagent.policy.model import RuleKind


class Version(msgspec.Struct, frozen=True, array_like=True):
    """One version of a role or a policy, as it was accepted.

    `text` is the role file or the Cedar text, empty when the version is that there is none any more (`deleted`).
    Numbers go on after a deletion: no two texts of one name ever had the same.  `changed_at` is Unix seconds.
    """

    kind: RuleKind
    name: str
    version: int
    text: str
    allow_broad: int
    deleted: int
    reason: str
    changed_at: int
    changed_by: str

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal."""
        return digest_of(self.text)


def digest_of(text: str) -> str:
    """Return the SHA-256 of `text` in UTF-8, in hexadecimal."""
    return sha256(text.encode()).hex()
