# SPDX-License-Identifier: Apache-2.0
"""Counters that every worker adds to and any worker can sum.

Each worker owns one file of 64-bit slots, mapped into its memory; counting is one addition
there.  All workers lay their slots out the same way, so whoever is asked for `/metrics` maps
the others' files and adds slot to slot.  A worker that dies leaves its counts behind, and the
one that takes its place goes on from them.
"""

import mmap
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from smartagent.edge import Route

STATUSES: Final = (200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 409, 410, 413, 415, 429, 500, 502, 503)
BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_STATUS_SLOT: Final = {status: slot for slot, status in enumerate(STATUSES)}
_OTHER: Final = len(STATUSES)
_BUCKETS: Final = _OTHER + 1
_SUM_US: Final = _BUCKETS + len(BOUNDS_SECONDS) + 1
_WIDTH: Final = _SUM_US + 1
"""Per route: a slot for each status and one for the rest, one for each bucket, and the sum of microseconds."""

Gauge = Callable[[], float]


class Meter:
    """Counts requests by route and status, and how long they took."""

    def __init__(self, routes: Sequence[Route], directory: Path, worker: int) -> None:
        self._names = [("", ""), *sorted((route.method, route.path) for route in routes)]
        self._slot = {name: index * _WIDTH for index, name in enumerate(self._names)}
        self._directory = directory
        size = len(self._names) * _WIDTH * 8
        path = directory / f"metrics-{worker}"
        with path.open("a+b") as file:
            file.truncate(size)
            self._map = mmap.mmap(file.fileno(), size)
        self._counts = memoryview(self._map).cast("Q")
        self._size = size
        self._gauges: list[tuple[str, str, Gauge]] = []

    def gauge(self, name: str, meaning: str, read: Gauge) -> None:
        """Show what `read` returns, of the worker that is asked, as `name`."""
        self._gauges.append((name, meaning, read))

    def request(self, route: Route | None, status: int, seconds: float) -> None:
        """Count one answered request; `route` is None when none was found."""
        start = self._slot["", ""] if route is None else self._slot[route.method, route.path]
        counts = self._counts
        counts[start + _STATUS_SLOT.get(status, _OTHER)] += 1
        counts[start + _BUCKETS + bisect_left(BOUNDS_SECONDS, seconds)] += 1
        counts[start + _SUM_US] += int(seconds * 1_000_000)

    def render(self) -> bytes:
        """Return all workers' counts in Prometheus' text format 0.0.4."""
        sums = self._sums()
        lines = [*self._requests(sums), *self._durations(sums)]
        for name, meaning, read in self._gauges:
            lines += [f"# HELP {name} {meaning}", f"# TYPE {name} gauge", f"{name} {read():g}"]
        return ("\n".join(lines) + "\n").encode()

    def close(self) -> None:
        """Unmap the file."""
        self._counts.release()
        self._map.close()

    def _sums(self) -> list[int]:
        sums = [0] * (self._size // 8)
        for path in self._directory.glob("metrics-*"):
            raw = path.read_bytes()
            if len(raw) == self._size:
                sums = [a + b for a, b in zip(sums, memoryview(raw).cast("Q"), strict=True)]
        return sums

    def _requests(self, sums: Sequence[int]) -> Iterable[str]:
        name = "smartagent_requests_total"
        yield f"# HELP {name} Requests answered on the authority's port, by route and status."
        yield f"# TYPE {name} counter"
        for (method, path), start in self._slot.items():
            for slot, status in enumerate((*map(str, STATUSES), "other")):
                count = sums[start + slot]
                if count:
                    yield f'{name}{{method="{method}",route="{path}",status="{status}"}} {count}'

    def _durations(self, sums: Sequence[int]) -> Iterable[str]:
        name = "smartagent_request_duration_seconds"
        yield f"# HELP {name} From the request's head to its answer."
        yield f"# TYPE {name} histogram"
        for (method, path), start in self._slot.items():
            label = f'method="{method}",route="{path}"'
            total = 0
            lines = []
            for slot, bound in enumerate((*map(str, BOUNDS_SECONDS), "+Inf")):
                total += sums[start + _BUCKETS + slot]
                lines.append(f'{name}_bucket{{{label},le="{bound}"}} {total}')
            if total:
                yield from lines
                yield f"{name}_sum{{{label}}} {sums[start + _SUM_US] / 1_000_000:g}"
                yield f"{name}_count{{{label}}} {total}"
