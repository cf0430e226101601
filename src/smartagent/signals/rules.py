# SPDX-License-Identifier: Apache-2.0
"""Status lists as bits, and what a client accepts; pure.

    index      0  1  2  3   4 ...
    byte 0     bits 1-0, 3-2, 5-4, 7-6      the lowest bits first

Spec: draft-ietf-oauth-status-list-21 sections 4.1 and 8.1; RFC 9110 section 12.5.1.
"""

import zlib
from typing import Final

from smartagent.kernel import Caller, CallerKind
from smartagent.signals.model import EntryState

BITS: Final = 2
LIST_SIZE: Final = 1 << 17
FULL: Final = LIST_SIZE * 3 // 4
"""Entries after which a list gets no more: a free place is still found at the second or third throw."""
LIST_BYTES: Final = LIST_SIZE * BITS // 8
_MASK: Final = (1 << BITS) - 1
_PER_BYTE: Final = 8 // BITS


def put_state(packed: bytearray, idx: int, state: EntryState) -> bool:
    """Set the value at `idx`, and say whether that changed anything.

    Raises:
        IndexError: The list is not that long.
    """
    place, shift = idx // _PER_BYTE, idx % _PER_BYTE * BITS
    before = packed[place]
    packed[place] = before & ~(_MASK << shift) | state << shift
    return packed[place] != before


def state_at(packed: bytes | bytearray, idx: int) -> EntryState:
    """Return the value at `idx`.

    Raises:
        IndexError: The list is not that long.
    """
    return EntryState(packed[idx // _PER_BYTE] >> idx % _PER_BYTE * BITS & _MASK)


def compressed(packed: bytes | bytearray) -> bytes:
    """Return the list as it travels: DEFLATE in the ZLIB format, as small as it gets."""
    return zlib.compress(packed, level=9)


def accepts(accept: str, media_type: str) -> bool:
    """Say whether an `Accept` header (empty when absent) admits `media_type`; the most specific range decides."""
    if not accept.strip():
        return True
    ranges: dict[str, bool] = {}
    for part in accept.split(","):
        name, *parameters = [each.strip().lower() for each in part.split(";")]
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        ranges[name] = quality.strip("0.") != ""
    major = media_type.partition("/")[0]
    for name in (media_type, f"{major}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return False


def may(caller: Caller, scope: str) -> bool:
    """Say whether `caller` may do what `scope` names.

    The house's policy says what agents and clients may do as such; what one of them may do stands in its
    token.  Operators' tokens have no scopes.
    """
    return caller.kind is CallerKind.OPERATOR or scope in caller.scopes
