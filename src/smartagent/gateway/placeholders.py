# SPDX-License-Identifier: Apache-2.0
"""Placeholders in what an agent sends: honoured in the one place that is the upstream's, refused anywhere else.

A client that insists on a key sends its upstream's placeholder, and the credential takes its place like that of
anything that stands there.  Anywhere else it would make the agent a way to show the place of a key to others, and a
honeytoken is one that nobody has a reason to have.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from smartagent.gateway.errors import PlaceholderRefused
from smartagent.gateway.head import RequestHead
from smartagent.gateway.inject import bare_name
from smartagent.gateway.plan import Plan
from smartagent.gateway.ports import Doors
from smartagent.vault import PLACEHOLDER_CHARS, PLACEHOLDER_PREFIX

_MARK: Final = PLACEHOLDER_PREFIX.encode()
_PLACEHOLDER: Final = re.compile(re.escape(PLACEHOLDER_PREFIX) + "[a-z2-7]{32}")
_BODY: Final = "the body"


class Found(NamedTuple):
    """A placeholder, and where it stood: a field's name, `?` and a parameter's, `/`, or the body."""

    value: str
    where: str

    @property
    def shown(self) -> str:
        """Where it stood, for people."""
        if self.where in {"/", _BODY}:
            return "the path" if self.where == "/" else _BODY
        return f"the parameter {self.where[1:]}" if self.where[0] == "?" else f"the field {self.where}"


def found_in(head: RequestHead) -> Sequence[Found]:
    """Return the placeholders in a request's head."""
    if not head.marked and PLACEHOLDER_PREFIX not in head.target:
        return ()
    path, _, query = head.target.partition("?")
    texts = [("/", path)]
    for part in query.split("&"):
        name, _, value = part.partition("=")
        texts.append((f"?{unquote_plus(name)[:64]}", f"{name} {unquote_plus(value)}"))
    for name, value in head.pairs:
        texts.append((name, value if name != "authorization" else _opened(value)))
    return [Found(value, where) for where, text in texts for value in _PLACEHOLDER.findall(text)]


def found_in_body(body: bytes) -> Sequence[Found]:
    """Return the placeholders in a body, or a part of one."""
    if _MARK not in body:
        return ()
    return [Found(value, _BODY) for value in _PLACEHOLDER.findall(body.decode("latin-1"))]


class BodyWatch:
    """Looks for placeholders in a body as it comes.

    Args:
        refuse: Is told of what was found, and raises.
    """

    __slots__ = ("_refuse", "_tail")

    def __init__(self, refuse: Callable[[Sequence[Found]], None]) -> None:
        self._refuse = refuse
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes, before they go on.

        Raises:
            PlaceholderRefused: They hold a placeholder, or complete one.
            NotPermitted: It is a honeytoken.
        """
        window = self._tail + data if self._tail else data
        begin = window.find(_MARK)
        if begin >= 0 and len(window) >= begin + PLACEHOLDER_CHARS:
            found = found_in_body(window)
            if found:
                self._refuse(found)
            begin = window.rfind(_MARK, len(window) - PLACEHOLDER_CHARS + 1)
        self._tail = window[begin:] if begin >= 0 else window[1 - len(_MARK) :]


def honeytoken_in(found: Sequence[Found], doors: Doors) -> tuple[str, str] | None:
    """Return the name of a honeytoken and where it stood; None when there is none."""
    for each in found:
        name = doors.honeytoken(each.value)
        if name:
            return name, each.shown
    return None


def check_placed(found: Sequence[Found], plan: Plan, own: str) -> None:
    """Make sure that each is the upstream's own, and stands where its credential goes.

    Raises:
        PlaceholderRefused: One is another's, or stands elsewhere; says where it belongs.
    """
    wanted = _place_of(plan)
    for each in found:
        if each.where != wanted and bare_name(each.where) != bare_name(wanted):
            belongs = f"it belongs in {Found('', wanted).shown}" if wanted else "the upstream takes none"
            raise PlaceholderRefused(f"a placeholder stands in {each.shown}; {belongs}")
        if each.value != own:
            raise PlaceholderRefused("this is not the placeholder of this upstream")
    if len(found) > 1:
        raise PlaceholderRefused("a placeholder stands in a request once")


def _place_of(plan: Plan) -> str:
    if plan.member:
        return _BODY
    if plan.in_query:
        return f"?{plan.place}"
    if plan.signer is not None:
        return plan.signer.field
    return plan.place


def _opened(value: str) -> str:
    scheme, _, login = value.partition(" ")
    if scheme.lower() != "basic":
        return value
    try:
        return base64.b64decode(login.strip(), validate=True).decode("latin-1")
    except (binascii.Error, ValueError):
        return value
