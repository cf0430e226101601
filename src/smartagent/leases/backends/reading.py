# SPDX-License-Identifier: Apache-2.0
"""Reading entries as a kind of provider has them."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from smartagent.leases.errors import MalformedCredential, MalformedProvider
from smartagent.leases.model import Provider

T = TypeVar("T")


def settings_of(provider: Provider, shape: type[T]) -> T:
    """Return a provider's settings.

    Raises:
        MalformedProvider: One is missing, unknown or malformed.
    """
    try:
        return msgspec.convert(dict(provider.settings), shape)
    except msgspec.ValidationError as error:
        raise MalformedProvider("settings", str(error)[:200]) from None


def told(grant: msgspec.Struct) -> Mapping[str, object]:
    """Return a grant as an entry has it."""
    return msgspec.json.decode(msgspec.json.encode(grant), type=dict[str, object])


def grant_of(grant: Mapping[str, object], shape: type[T]) -> T:
    """Return what a credential grants.

    Raises:
        MalformedCredential: A member is missing, unknown or malformed.
    """
    try:
        return msgspec.convert(dict(grant), shape)
    except msgspec.ValidationError as error:
        raise MalformedCredential("grant", str(error)[:200]) from None
