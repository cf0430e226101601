# SPDX-License-Identifier: Apache-2.0
"""The second line behind destination pinning: no answer shows the agent the secret it was made with.

A hit is overwritten with asterisks, byte for byte, so that lengths stay true.  What ends in the beginning
of a variant is held back until more comes; anything else leaves at once, so events are not delayed.
There is no bound on findings: a flood of decoys cannot wear it out.
"""

from smartagent.gateway.variants import TEAR_BYTES, Variants


class Scrubber:
    """Scrubs one stream of bytes."""

    __slots__ = ("_covered", "_held", "_variants")

    def __init__(self, variants: Variants) -> None:
        self._variants = variants
        self._held = b""
        self._covered = 0
        """How many of the held bytes already belong to a hit."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what may leave."""
        if self._held:
            data, self._held = self._held + data, b""
        if not data:
            return b""
        variants = self._variants
        return self._release(data, _torn(data, variants))

    def finish(self, data: bytes = b"") -> bytes:
        """Take the last bytes; return them and what was held back: nothing more comes that could complete it."""
        if self._held:
            data, self._held = self._held + data, b""
        return self._release(data, len(data)) if data else b""

    def _release(self, data: bytes, cut: int) -> bytes:
        covered, self._covered = self._covered, 0
        whole = cut == len(data)
        self._held = b"" if whole else data[cut:]
        if not covered and not _suspicious(data, self._variants):
            return data if whole else data[:cut]
        masked, reach = _mask(data, covered, self._variants)
        self._covered = max(0, reach - cut)
        return masked[:cut]


def scrub(data: bytes, variants: Variants) -> bytes:
    """Return `data`, which is whole, without the secret."""
    return _mask(data, 0, variants)[0] if _suspicious(data, variants) else data


def _suspicious(data: bytes, variants: Variants) -> bool:
    # A loop, not `any`: this runs for every piece of every answer.
    for anchor in variants.anchors:  # noqa: SIM110 -- half the cost of a generator
        if anchor in data:
            return True
    return False


def _torn(data: bytes, variants: Variants) -> int:
    # Where the longest tail begins that is the beginning of a variant, and not all of one.
    prefixes = variants.prefixes
    size = len(data)
    longest = variants.longest - 1 if data[-TEAR_BYTES:] in variants.middles else TEAR_BYTES - 1
    for start in range(max(0, size - longest), size):
        if data[start:] in prefixes:
            return start
    return size


def _mask(data: bytes, covered: int, variants: Variants) -> tuple[bytes, int]:
    # Hits are looked up in the data as it came: one that overlaps another must not escape because the
    # other was overwritten first.
    masked = bytearray(data)
    masked[:covered] = b"*" * covered
    reach = covered
    for needle in variants.needles:
        size = len(needle)
        at = data.find(needle)
        while at >= 0:
            masked[at : at + size] = b"*" * size
            reach = max(reach, at + size)
            at = data.find(needle, at + 1)
    return bytes(masked), reach
