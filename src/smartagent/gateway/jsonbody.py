# SPDX-License-Identifier: Apache-2.0
"""A credential as a member of a JSON body.

Only the objects on the way to the member are taken apart; what they hold stays byte for byte as the agent wrote it.
A name that stands twice on that way stands once afterwards, also in another case (some readers take one for the other): nothing competes with it.

Spec: RFC 8259, RFC 6901.
"""

from typing import Final

import msgspec

from smartagent.gateway.errors import BodyUnfit
from smartagent.gateway.head import RequestHead
from smartagent.kernel import Secret

_encode: Final = msgspec.json.Encoder().encode
_members: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def check_json(head: RequestHead) -> None:
    """Make sure that a request's body is said to be plain JSON.

    Raises:
        BodyUnfit: It has no body, or one of another type, or a compressed one.
    """
    media_type = head.fields.get("content-type", "").partition(";")[0].strip().lower()
    if not head.body or not (media_type == "application/json" or media_type.endswith("+json")):
        raise BodyUnfit(
            "the upstream takes its credential in a JSON body: send an object as application/json"
        )
    if head.fields.get("content-encoding", "identity").lower() != "identity":
        raise BodyUnfit("the upstream takes its credential in a JSON body: do not compress it")


def with_member(body: bytes, path: tuple[str, ...], value: Secret[bytes]) -> bytes:
    """Return `body` with the string `value` at `path`, and nowhere else by that way.

    Raises:
        BodyUnfit: It is not JSON, or something on the way is not an object.
    """
    name, *rest = path
    try:
        members = _members(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BodyUnfit(f"the body must be a JSON object down to {name}") from None
    if rest:
        inner = with_member(bytes(members.get(name, b"{}")), tuple(rest), value)
    else:
        inner = _encode(value.reveal().decode())
    own = name.casefold()
    kept = {other: raw for other, raw in members.items() if other.casefold() != own}
    return _encode({**kept, name: msgspec.Raw(inner)})
