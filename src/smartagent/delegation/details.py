# SPDX-License-Identifier: Apache-2.0
"""The two types of authorization details that an exchange knows.

    smartagent_call         binds the new token to one call: gateway, method, path, body, perhaps one use
    smartagent_delegation   makes a token to hand over: for the token endpoint only, by one named agent

Spec: RFC 9396 sections 2, 5 and 7; RFC 8693 section 4.4.
"""

import re
from typing import Final

import msgspec

from smartagent.crypto import MalformedEncoding, MalformedJson, strict_json, unb64u
from smartagent.delegation.errors import DetailsRefused
from smartagent.edge import TargetRefused, parse_target
from smartagent.kernel import IdPrefix, SmartAgentError, parse_id
from smartagent.tokens import CALL_DETAIL

HAND_OVER_DETAIL: Final = "smartagent_delegation"
TYPES: Final = (CALL_DETAIL, HAND_OVER_DETAIL)
MAX_BYTES: Final = 4096
_MAX_LOCATIONS: Final = 8
_MAX_PATH_CHARS: Final = 2048
_DIGEST_BYTES: Final = 32
_METHOD: Final = re.compile(r"[A-Z]{1,16}")


class CallDetail(
    msgspec.Struct,
    frozen=True,
    tag_field="type",
    tag=CALL_DETAIL,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """One call.  `path` is the whole target at the gateway, with its query when it has one."""

    locations: tuple[str, ...]
    method: str
    path: str
    digest: str = ""
    once: bool = False


class HandOver(
    msgspec.Struct,
    frozen=True,
    tag_field="type",
    tag=HAND_OVER_DETAIL,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """To whom a token is handed over, and for which audiences what they make of it may be."""

    actor: str
    locations: tuple[str, ...] = ()

    def within(self, audience: str, gateway: str) -> "HandOver":
        """Return the same, for no more than the token it is made of is for: the gateway's is a session."""
        if self.locations or audience == gateway:
            return self
        return HandOver(self.actor, (audience,))


AnyDetail = CallDetail | HandOver


def parse_details(raw: str, gateway: str) -> AnyDetail | None:
    """Read the `authorization_details` parameter; None when there is none.

    Args:
        raw: As received.
        gateway: The gateway's URL, which alone enforces a call.

    Raises:
        DetailsRefused: It is malformed, of another type, or has a member that is not known.
    """
    if not raw:
        return None
    try:
        value = strict_json(raw.encode(), MAX_BYTES)
    except MalformedJson as error:
        raise DetailsRefused(str(error)) from None
    if not isinstance(value, list) or len(value) != 1:
        raise DetailsRefused("send an array with one object")
    try:
        detail: AnyDetail = msgspec.convert(value[0], AnyDetail)
    except msgspec.ValidationError:
        known = ", ".join(TYPES)
        raise DetailsRefused(
            f"the type is one of {known}, and nothing but its members may stand there"
        ) from None
    if isinstance(detail, CallDetail):
        _check_call(detail, gateway)
    else:
        _check_hand_over(detail)
    return detail


def shown(detail: AnyDetail | None) -> tuple[dict[str, object], ...]:
    """Return the details as they stand in a token and in an answer."""
    if detail is None:
        return ()
    built: dict[str, object] = msgspec.to_builtins(detail)
    return (built,)


def read_hand_over(details: tuple[dict[str, object], ...]) -> HandOver | None:
    """Return the hand-over that a token of ours says it is; None for any other details."""
    if len(details) != 1 or details[0].get("type") != HAND_OVER_DETAIL:
        return None
    return msgspec.convert(details[0], HandOver)


def _check_call(detail: CallDetail, gateway: str) -> None:
    if detail.locations != (gateway,):
        raise DetailsRefused("locations is the gateway's URL and nothing else")
    if not _METHOD.fullmatch(detail.method):
        raise DetailsRefused("method is 1 to 16 capital letters")
    try:
        parse_target(detail.path[: _MAX_PATH_CHARS + 1])
    except TargetRefused as error:
        raise DetailsRefused(f"path: {error}") from None
    if len(detail.path) > _MAX_PATH_CHARS or detail.path.endswith("?"):
        raise DetailsRefused(f"path is a target of at most {_MAX_PATH_CHARS} characters")
    if detail.digest and _size_of(detail.digest) != _DIGEST_BYTES:
        raise DetailsRefused("digest is a SHA-256 in base64url without padding")


def _check_hand_over(detail: HandOver) -> None:
    try:
        parse_id(detail.actor, IdPrefix.AGENT)
    except SmartAgentError:
        raise DetailsRefused("actor is an agent's id") from None
    if len(detail.locations) > _MAX_LOCATIONS:
        raise DetailsRefused(f"at most {_MAX_LOCATIONS} locations")


def _size_of(digest: str) -> int:
    try:
        return len(unb64u(digest))
    except MalformedEncoding:
        return 0
