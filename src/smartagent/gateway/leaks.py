# SPDX-License-Identifier: Apache-2.0
"""What agents send is searched for every secret of an upstream: an agent that holds one has it from elsewhere.

All secrets are looked for at once, each in all forms in which `variants` knows it.  The search costs the same for one
secret and for thousands: the data is cut into pieces of eight bytes, and those are looked up in one table.  A form of
fifteen bytes or more holds, wherever it begins, one whole piece among its first fifteen bytes; shorter ones are looked
for by pieces of four.  What is in the table is then searched for as it is.

Forms of fewer than `SHORTEST` bytes are not looked for: they are found in any text.  Of a form longer than `LONGEST`
bytes its middle is looked for, so that little must be kept of what has passed.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple, Protocol
from urllib.parse import unquote_to_bytes

from smartagent.gateway.errors import SecretLeaking
from smartagent.gateway.head import RequestHead
from smartagent.gateway.plan import shown_in
from smartagent.gateway.ports import Doors
from smartagent.gateway.variants import forms_of
from smartagent.gateway.websocket import Spoken
from smartagent.kernel import Caller, Decision, Record, Secret, Work, Write

EVENT: Final = "gateway.secret-leaking"
HIDDEN: Final = "/********"
SHORTEST: Final = 8
LONGEST: Final = 64
_LONG: Final = 15
_PIECE: Final = 8
_SMALL_PIECE: Final = 4

Forms = tuple[bytes, ...]


class Table:
    """All forms of all secrets, by the pieces that one of them must hold.  Prints nothing of them."""

    __slots__ = ("_long", "_long_pieces", "_names", "_short", "_short_pieces")

    def __init__(self, forms: Mapping[str, Iterable[bytes]]) -> None:
        self._names: dict[bytes, str] = {}
        self._long: dict[int, list[bytes]] = {}
        self._short: dict[int, list[bytes]] = {}
        for name, found in forms.items():
            for form in found:
                if form not in self._names:
                    self._names[form] = name
                    self._enter(form)
        self._long_pieces = frozenset(self._long)
        self._short_pieces = frozenset(self._short)

    def __repr__(self) -> str:
        return "Table(********)"

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to look for."""
        return not self._names

    def holds(self, forms: Iterable[bytes]) -> bool:
        """Tell whether all of these are looked for."""
        return all(form in self._names for form in forms)

    def find(self, data: bytes) -> str:
        """Return the name of a secret that is in `data`; nothing when none is."""
        view, size = memoryview(data), len(data)
        found = ""
        if size >= _LONG:
            pieces = view[: size - size % _PIECE].cast("Q")
            if not self._long_pieces.isdisjoint(pieces):
                found = self._among(self._long_pieces.intersection(pieces), self._long, data)
        if self._short and size >= SHORTEST and not found:
            pieces = view[: size - size % _SMALL_PIECE].cast("I")
            if not self._short_pieces.isdisjoint(pieces):
                found = self._among(self._short_pieces.intersection(pieces), self._short, data)
        return found

    def _among(self, hits: Iterable[int], table: Mapping[int, list[bytes]], data: bytes) -> str:
        for hit in hits:
            for form in table[hit]:
                if form in data:
                    return self._names[form]
        return ""

    def _enter(self, form: bytes) -> None:
        is_long = len(form) >= _LONG
        table, piece = (self._long, _PIECE) if is_long else (self._short, _SMALL_PIECE)
        for start in range(piece):
            key = int.from_bytes(form[start : start + piece], sys.byteorder)
            table.setdefault(key, []).append(form)


class Leaked(NamedTuple):
    """In which request of whom a secret was found, and to which upstream it would have gone."""

    request: str
    caller: Caller | None
    upstream: str
    leaking: SecretLeaking


class Watch(Protocol):
    """Looks at what an agent sends, as it comes."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes, before they go on.

        Raises:
            SecretLeaking: They hold a secret, or complete one.
            MalformedRequest: They cannot be read.
        """
        ...


Find = Callable[[bytes], str]
"""Returns the name of a secret that is in some bytes; nothing when none is."""


class BodyWatch:
    """Looks at a body."""

    __slots__ = ("_find", "_tail", "_where")

    def __init__(self, find: Find, where: str = "body") -> None:
        self._find = find
        self._where = where
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes, before they go on.

        Raises:
            SecretLeaking: They hold a secret, or complete one.
        """
        window = self._tail + data if self._tail else data
        self._tail = window[1 - LONGEST :]
        found = self._find(window)
        if found:
            raise SecretLeaking(found, self._where)


class SocketWatch:
    """Looks at what an agent says in a WebSocket, without its masks; a secret may be split over messages."""

    __slots__ = ("_find", "_said", "_spoken")

    def __init__(self, find: Find) -> None:
        self._find = find
        self._spoken = Spoken()
        self._said = BodyWatch(find, "websocket")

    def feed(self, data: bytes) -> None:
        """Take the next bytes, before they go on.

        Raises:
            SecretLeaking: They hold a secret, or complete one.
            MalformedRequest: They are not frames as a client sends them.
        """
        said, controls = self._spoken.feed(data)
        if said:
            self._said.feed(said)
        for control in controls:
            BodyWatch(self._find, "websocket").feed(control)


class Leaks:
    """Knows the secrets of all upstreams.

    Args:
        doors: The house.
    """

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._table: Table | None = None
        self._learnt: dict[str, Forms] = {}
        self._forms: dict[Secret[bytes], Forms] = {}

    def forget(self) -> None:
        """Secrets or upstreams have changed: look at them anew when the next call comes."""
        self._table = None

    def learn(self, name: str, secrets: Iterable[Secret[bytes]]) -> None:
        """Look for secrets, too, that another store keeps: they are known when they are used."""
        forms = tuple(form for secret in secrets for form in self._forms_of(secret))
        if not (self._table or self._read()).holds(forms):
            self._learnt[name] = forms
            self._table = None

    def watch(self, head: RequestHead) -> Watch | None:
        """Return what looks at one call's body, or at one WebSocket; None when there is none, or are no secrets."""
        if not (head.body or head.websocket) or (self._table or self._read()).is_empty:
            return None
        return SocketWatch(self.find) if head.websocket else BodyWatch(self.find)

    def find(self, data: bytes) -> str:
        """Return the name of a secret that is in `data`, of those that there are now; nothing when none is."""
        return (self._table or self._read()).find(data)

    def in_head(self, head: RequestHead) -> str:
        """Return the name of a secret that is in a request's path, query or fields; nothing when none is."""
        table = self._table or self._read()
        target = head.target.encode("latin-1", "replace")
        # Clients differ in what of a path or query they escape.
        found = table.find(target) or (table.find(unquote_to_bytes(target)) if b"%" in target else "")
        if not found and head.kept.clean_for is not table:
            found = table.find("\n".join(head.fields.values()).encode("latin-1", "replace"))
            head.kept.clean_for = None if found else table
        return found

    def shown(self, path: str) -> str:
        """Return a path as the log may have it."""
        return HIDDEN if self.find(path.encode("latin-1", "replace")) else path

    def alert(self, leaked: Leaked) -> Work:
        """Say in the log that an agent has a secret, and which."""
        caller = leaked.caller
        record = Record(
            event=EVENT,
            at_ms=int(self._doors.now() * 1000),
            request=leaked.request,
            caller=caller.principal if caller is not None else "",
            session=caller.session if caller is not None else "",
            jti=caller.jti if caller is not None else "",
            subject=leaked.upstream,
            decision=Decision.DENY,
            outcome=leaked.leaking.code,
            detail={"secret": leaked.leaking.secret, "where": leaked.leaking.where},
        )
        return Work((record,), writes=(self._alarm(record, leaked.leaking),))

    def _alarm(self, record: Record, leaking: SecretLeaking) -> Write:
        look = record.caller or record.subject
        lines = (
            "Agents are never given it: it has it from elsewhere, so replace it.  The request was stopped.",
            f"It stood in the {leaking.where} of a request to {record.subject or 'an upstream'}.",
            f"Caller: {record.caller or 'unknown'}",
            f"Request: {record.request}",
            *((f"smartagentctl audit list {look}",) if look else ()),
        )
        return self._doors.alarm(
            f"secret/{leaking.secret}", f"An agent sent the secret {leaking.secret}", lines, look
        )

    def _read(self) -> Table:
        forms = dict(self._learnt)
        known: dict[Secret[bytes], Forms] = {}
        for entry, secrets in self._doors.known_secrets():
            for secret in shown_in(entry, secrets):
                known[secret] = self._forms_of(secret)
                forms[entry.secret] = forms.get(entry.secret, ()) + known[secret]
        self._forms = known
        self._table = Table(forms)
        return self._table

    def _forms_of(self, secret: Secret[bytes]) -> Forms:
        found = self._forms.get(secret)
        return _searched(forms_of(secret)) if found is None else found


def _searched(forms: Iterable[bytes]) -> Forms:
    return tuple({_middle(form) for form in forms if len(form) >= SHORTEST})


def _middle(form: bytes) -> bytes:
    begin = max(0, (len(form) - LONGEST) // 2)
    return form[begin : begin + LONGEST]
