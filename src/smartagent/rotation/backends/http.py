# SPDX-License-Identifier: Apache-2.0
"""Rotating a key of an HTTP API that is described by configuration.

settings = {
    "create": {"method": "POST", "url": "https://api.example/keys", "headers": {"authorization": "Bearer {old}"},
               "body": {"name": "smartagent"}, "status": 201, "value": "/secret", "mark": "/id"},
    "verify": {"method": "GET", "url": "https://api.example/me", "headers": {"authorization": "Bearer {new}"}, "status": 200},
    "retire": {"method": "DELETE", "url": "https://api.example/keys/{mark}", "headers": {"authorization": "Bearer {old}"}, "status": 204},
}

In headers and bodies `{old}`, `{new}`, `{mark}` and `{secret:<part>}` are put in as they are, and in URLs `{mark}`;
`value` and `mark` are JSON pointers (RFC 6901) into the answer.  Secrets never go into a URL.  `retire` is asked with
the mark of the key that it ends, as `{old}` with the key in force, and as `{former}` with the one it ends.  The mark
of the first key, which was not made here, is the setting `mark`.
"""

import re
from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from smartagent.drivers import DriverFailed, DriverUnreachable, WebAnswer
from smartagent.kernel import Secret
from smartagent.rotation.errors import MalformedRotation, RotationFailed, RotationUnreachable
from smartagent.rotation.model import Rotation, Task

_PLACE: Final = re.compile(r"\{(old|new|former|mark|secret:[a-z0-9_-]{1,63})\}")
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_MARK: Final = re.compile(r"[A-Za-z0-9._~-]{1,256}")
_STEPS: Final = ("create", "verify", "retire")
_NEEDED: Final = ("create", "verify")


class Sender(Protocol):
    """Calls an HTTP API; see `drivers.Web`."""

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> WebAnswer:
        """Send one request, and return the answer whatever its status."""
        ...


class Call(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request as it is described."""

    url: str
    status: int
    method: str = "GET"
    headers: dict[str, str] = {}
    body: dict[str, object] | None = None
    value: str = ""
    mark: str = ""


class HttpRotator:
    """Rotates keys of HTTP APIs.

    Args:
        web: Calls them.
        kind: How rotations name it.
        period_days: How often it is done when an entry does not say.
    """

    chooses = False

    def __init__(self, web: Sender, kind: str = "http", period_days: int = 90) -> None:
        self._web = web
        self.kind = kind
        self.period_days = period_days

    def check(self, rotation: Rotation) -> None:
        """Check an entry.

        Raises:
            MalformedRotation: A call is missing or malformed, or would put a secret into a URL.
        """
        unknown = rotation.settings.keys() - {*_STEPS, "mark"}
        if unknown:
            raise MalformedRotation(f"settings.{min(unknown)[:64]}", "this kind has no such member")
        for step in _STEPS:
            if step in rotation.settings:
                _check_call(step, _call(rotation, step))
            elif step in _NEEDED:
                raise MalformedRotation(f"settings.{step}", "is missing")
        if not _call(rotation, "create").value:
            raise MalformedRotation("settings.create.value", "say where in the answer the new key stands")

    def choose(self) -> Secret[bytes]:
        """The API chooses."""
        raise RotationFailed("the-api-chooses")

    async def rehearse(self, task: Task) -> None:
        """Verify the key in force.

        Raises:
            RotationFailed: It does not work.
            RotationUnreachable: There was no answer.
        """
        await self._do(task, "verify", task.old)

    async def make(self, task: Task, new: Secret[bytes] | None) -> tuple[Secret[bytes], str]:  # noqa: ARG002 -- a rotator's shape
        """Have the API make a key.

        Raises:
            RotationFailed: It does not, or the answer has no key where it should be.
            RotationUnreachable: There was no answer: it may have made one, which its list of keys shows.
        """
        call = _call(task.rotation, "create")
        answer = await self._do(task, "create", None)
        value = _at(answer.body, call.value)
        mark = _at(answer.body, call.mark) if call.mark else ""
        if mark and not _MARK.fullmatch(mark):
            raise RotationFailed("malformed-mark")
        return Secret(value.encode()), mark

    async def verify(self, task: Task, new: Secret[bytes]) -> None:
        """Use the new key.

        Raises:
            RotationFailed: It does not work.
            RotationUnreachable: There was no answer.
        """
        await self._do(task, "verify", new)

    async def undo(self, task: Task, new: Secret[bytes] | None) -> None:
        """End the new key, when it is known and the API can.

        Raises:
            RotationFailed: The API says no.
            RotationUnreachable: There was no answer.
        """
        if new is not None and task.mark and "retire" in task.rotation.settings:
            await self._do(task, "retire", None, former=new)

    async def retire(self, task: Task, former: Secret[bytes]) -> None:
        """End the former key, when its mark is known and the API can.

        Raises:
            RotationFailed: The API says no.
            RotationUnreachable: There was no answer.
        """
        if "retire" in task.rotation.settings and task.mark:
            await self._do(task, "retire", None, former=former)

    async def _do(
        self, task: Task, step: str, new: Secret[bytes] | None, former: Secret[bytes] | None = None
    ) -> WebAnswer:
        call = _call(task.rotation, step)
        fill = _Filler(task, new, former)
        url = _PLACE.sub(lambda found: task.mark if found[1] == "mark" else found[0], call.url)
        headers = {name: fill.text(value) for name, value in call.headers.items()}
        body = b""
        if call.body is not None:
            headers.setdefault("content-type", "application/json")
            body = msgspec.json.encode(fill.value(call.body))
        try:
            answer = await self._web.send(call.method, url, headers, body)
        except DriverUnreachable as error:
            raise RotationUnreachable(error.reason) from None
        except DriverFailed as error:
            raise RotationFailed(error.reason) from None
        if answer.status == call.status or (step == "retire" and answer.status in {404, 410}):
            return answer
        if answer.status in {408, 425, 429} or answer.status >= 500:  # noqa: PLR2004 -- the server's own trouble
            raise RotationUnreachable(f"{step}-status-{answer.status}")
        raise RotationFailed(f"{step}-status-{answer.status}")


class _Filler:
    """Puts values where a call's description says."""

    def __init__(self, task: Task, new: Secret[bytes] | None, former: Secret[bytes] | None) -> None:
        self._task = task
        self._new = new
        self._former = former

    def text(self, template: str) -> str:
        return _PLACE.sub(lambda found: self._named(found[1]), template)

    def value(self, template: object) -> object:
        if isinstance(template, str):
            return self.text(template)
        if isinstance(template, dict):
            return {key: self.value(inner) for key, inner in template.items()}
        if isinstance(template, list):
            return [self.value(inner) for inner in template]
        return template

    def _named(self, name: str) -> str:
        if name == "mark":
            return self._task.mark
        if name == "old":
            return self._task.old.reveal().decode()
        if name == "former":
            return (self._former or self._task.old).reveal().decode()
        if name == "new":
            return (self._new or self._task.old).reveal().decode()
        return self._task.secrets[name.removeprefix("secret:")].reveal().decode()


def _call(rotation: Rotation, step: str) -> Call:
    try:
        return msgspec.convert(rotation.settings[step], Call)
    except msgspec.ValidationError as error:
        raise MalformedRotation(f"settings.{step}", str(error)[:200]) from None


def _check_call(step: str, call: Call) -> None:
    place = f"settings.{step}"
    if call.method not in _METHODS:
        raise MalformedRotation(f"{place}.method", "GET, POST, PUT, PATCH or DELETE")
    if not call.url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
        raise MalformedRotation(f"{place}.url", "https")
    if any(found != "mark" for found in _PLACE.findall(call.url)):
        raise MalformedRotation(f"{place}.url", "a secret never goes into a URL")
    if not all(_HEADER.fullmatch(name) for name in call.headers):
        raise MalformedRotation(f"{place}.headers", "a header's name has letters, digits and hyphens")
    for pointer in (call.value, call.mark):
        if pointer and not pointer.startswith("/"):
            raise MalformedRotation(place, "a JSON pointer begins with a slash")


def _at(body: bytes, pointer: str) -> str:
    try:
        found: object = msgspec.json.decode(body)
        for raw in pointer[1:].split("/"):
            key = raw.replace("~1", "/").replace("~0", "~")
            found = found[int(key)] if isinstance(found, list) else found[key]  # type: ignore[index]  # KeyError and TypeError say the rest
    except (msgspec.MsgspecError, KeyError, IndexError, ValueError, TypeError, RecursionError):
        raise RotationFailed("no-key-in-the-answer") from None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    if not isinstance(found, str) or not found:
        raise RotationFailed("no-key-in-the-answer")
    return found
