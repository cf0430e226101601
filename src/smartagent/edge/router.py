# SPDX-License-Identifier: Apache-2.0
"""From a request's raw path to its route.

Patterns are matched against the path as it was sent, segment by segment, and only then is a
captured segment percent-decoded, once.  So an encoded slash never changes which route is
taken, and what a room is given is what was matched.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from smartagent.edge.errors import MethodNotAllowed, RouteNotFound
from smartagent.edge.message import EMPTY, Route
from smartagent.edge.target import parse_target

_REST: Final = "path"


class Match(msgspec.Struct, frozen=True, gc=False):
    """A route, and what its pattern captured."""

    route: Route
    params: Mapping[str, str]


class _Pattern(msgspec.Struct, frozen=True):
    """`literals` holds the segments that must be equal, and None where `names` captures."""

    literals: tuple[str | None, ...]
    names: tuple[str, ...]
    takes_rest: bool
    routes: dict[str, Route]

    def captured(self, raw: Sequence[str], decoded: Sequence[str]) -> list[str] | None:
        """Return the decoded captures when the `raw` segments fit."""
        size = len(self.literals)
        if len(raw) != size and not (self.takes_rest and len(raw) > size):
            return None
        captures = []
        for literal, segment, text in zip(self.literals, raw, decoded, strict=False):
            if literal is None:
                captures.append(text)
            elif literal != segment:
                return None
        if self.takes_rest:
            captures[-1] = "/".join(decoded[size - 1 :])
        return captures if all(captures) else None


class Router:
    """Finds the route for a method and a raw path.

    A pattern's `{name}` takes one segment; a last `{path}` takes the rest, slashes included.
    `HEAD` is answered by the `GET` route.
    """

    __slots__ = ("_found", "_patterns", "_static")

    def __init__(self, routes: Iterable[Route]) -> None:
        self._static: dict[str, dict[str, Route]] = {}
        self._found: dict[tuple[str, str], Match] = {}
        patterns: dict[tuple[str | None, ...], _Pattern] = {}
        for route in routes:
            table = self._table(route.path, patterns)
            if route.method in table:
                message = f"two routes for {route.method} {route.path}"
                raise ValueError(message)
            table[route.method] = route
        for path, table in self._static.items():
            for method, route in table.items():
                self._found[method, path] = Match(route, EMPTY)
        # The more a pattern spells out, the earlier it is tried; one that takes the rest comes last.
        self._patterns = sorted(
            patterns.values(), key=lambda p: (p.takes_rest, p.literals.count(None), -len(p.literals))
        )

    @property
    def routes(self) -> list[Route]:
        """All routes, in no particular order."""
        tables = [*self._static.values(), *(pattern.routes for pattern in self._patterns)]
        return [route for table in tables for route in table.values()]

    def match(self, method: str, raw_path: str) -> Match:
        """Return the route for `method` at `raw_path`, which was not decoded.

        Raises:
            RouteNotFound: Nothing lives there.
            MethodNotAllowed: Something does, for other methods.
            TargetRefused: Two readers could read the path differently.
        """
        if method == "HEAD":
            method = "GET"
        found = self._found.get((method, raw_path))
        if found is not None:
            return found
        table = self._static.get(raw_path)
        if table is not None:
            raise MethodNotAllowed(_allowed(table))
        return self._match_pattern(method, raw_path)

    def _match_pattern(self, method: str, raw_path: str) -> Match:
        target = parse_target(raw_path)
        raw = raw_path[1:].split("/")
        refused: dict[str, Route] = {}
        for pattern in self._patterns:
            captures = pattern.captured(raw, target.segments)
            if captures is None:
                continue
            route = pattern.routes.get(method)
            if route is None:
                refused |= pattern.routes
                continue
            return Match(route, dict(zip(pattern.names, captures, strict=True)))
        if refused:
            raise MethodNotAllowed(_allowed(refused))
        raise RouteNotFound("check the path")

    def _table(self, path: str, patterns: dict[tuple[str | None, ...], _Pattern]) -> dict[str, Route]:
        segments = path[1:].split("/")
        names = tuple(s[1:-1] for s in segments if s.startswith("{"))
        if not names:
            return self._static.setdefault(path, {})
        literals = tuple(None if s.startswith("{") else s for s in segments)
        takes_rest = segments[-1] == f"{{{_REST}}}"
        pattern = patterns.setdefault(literals, _Pattern(literals, names, takes_rest, {}))
        if pattern.names != names:
            message = f"{path} names its parameters otherwise than another route of its shape"
            raise ValueError(message)
        return pattern.routes


def _allowed(table: dict[str, Route]) -> tuple[str, ...]:
    methods = set(table)
    if "GET" in methods:
        methods.add("HEAD")
    return tuple(sorted(methods))
