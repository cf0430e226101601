# SPDX-License-Identifier: Apache-2.0
"""What a directory, a person and a group are."""

from enum import StrEnum

import msgspec


class OnLeave(StrEnum):
    """What becomes of the agents of somebody who leaves."""

    SUSPEND = "suspend"
    REASSIGN = "reassign"
    RETIRE = "retire"


class Source(msgspec.Struct, frozen=True):
    """A directory that tells of people.

    `heir` owns leavers' agents from then on, where they are reassigned.  `issuer` is the outside issuer of the same
    people, whose `sub` is what the directory calls them (`externalId`); empty when there is none.

    With `groups` it is that issuer itself: whoever's ID token names one of them, in `claim`, and is not older than
    `fresh_seconds`, is one of its people.
    """

    name: str
    on_leave: OnLeave
    heir: str
    issuer: str
    expires_at: int
    version: int
    changed_at: int
    changed_by: str
    groups: tuple[str, ...] = ()
    claim: str = ""
    fresh_seconds: int = 0


class Person(msgspec.Struct, frozen=True, array_like=True):
    """Somebody of a directory.  `user_key` is their name there in lower case, and names one person.

    Who was deleted is kept, so that the log can be read and what they left behind is found: `deleted_at` is not 0.
    """

    id: str
    source: str
    user_key: str
    external_id: str
    active: int
    document: str
    version: int
    created_at: int
    changed_at: int
    deleted_at: int = 0

    @property
    def is_here(self) -> bool:
        """Whether they can answer for agents."""
        return bool(self.active) and not self.deleted_at


class Group(msgspec.Struct, frozen=True, array_like=True):
    """Some people of a directory."""

    id: str
    source: str
    external_id: str
    document: str
    version: int
    created_at: int
    changed_at: int
