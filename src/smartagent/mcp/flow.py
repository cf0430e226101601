# SPDX-License-Identifier: Apache-2.0
"""Where information flows: who has read private data and met untrusted content should not send anything outside.

Upstreams, and the tools, prompts and resources of MCP servers, carry labels.  Those that an agent meets are kept for an hour after it met them last,
over all its tokens and servers: each server has tokens of its own, and an agent remembers longer than a token lives.
A call that would complete the three is recorded as `would-have-stopped`; where the role says `flow = "stop"`, it is
refused until an operator has looked.

It reduces what an injected instruction can do with what an agent knows.  Labels are what operators say, and a
server can do more than its label tells.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.kernel import Caller, Detail, Label, NeedsApproval, Write
from smartagent.mcp.means import Means
from smartagent.mcp.model import McpServer
from smartagent.mcp.store import add_met, forget_met, read_met
from smartagent.policy import name_matches

MET_SECONDS: Final = 3600
AGAIN_SECONDS: Final = 60
"""A label that was met this recently is not written again."""
_FIRST_TWO: Final = frozenset({Label.READS_PRIVATE, Label.UNTRUSTED_CONTENT})


class Judged(msgspec.Struct, frozen=True):
    """What follows from a call: what is kept of it, what the record says, and who has to approve it first."""

    writes: tuple[Write, ...] = ()
    detail: dict[str, Detail] = {}
    stopped: bool = False
    """It would complete the three, and the caller's role says to stop that."""
    needs: NeedsApproval | None = None


class Flow:
    """Keeps what agents have met, and judges what they would do next."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def judge(self, caller: Caller, labels: frozenset[Label], request: str) -> Judged:
        """Judge a call of `caller` to what carries `labels`, which came as `request`.

        Raises:
            StoreUnavailable: What was met cannot be read.
        """
        if not labels:
            return Judged()
        now = int(self._means.clock.now())
        met = await read_met(self._means.database, caller.principal, now - MET_SECONDS)
        detail: dict[str, Detail] = {}
        if completes(labels, met):
            stored = self._means.book.known_role(caller.role)
            if stored is not None and stored.role.flow == "stop":
                return Judged(stopped=True)
            detail["flow"] = "would-have-stopped"
        fresh = [label for label in labels if met.get(label.value, 0) < now - AGAIN_SECONDS]
        kept = [add_met(request, label.value, caller.principal, now) for label in sorted(fresh)]
        if kept:
            kept.append(forget_met(caller.principal, now - MET_SECONDS))
        return Judged(tuple(kept), detail)

    async def met(self, caller: Caller) -> frozenset[str]:
        """Return the labels that an agent met in the last hour.

        Raises:
            StoreUnavailable: They cannot be read.
        """
        now = int(self._means.clock.now())
        return frozenset(await read_met(self._means.database, caller.principal, now - MET_SECONDS))


def labels_of(server: McpServer, name: str) -> frozenset[Label]:
    """Return the labels of what goes by `name` at a server."""
    found = (labels for pattern, labels in server.labels.items() if name_matches(pattern, name))
    return frozenset(label for labels in found for label in labels)


def completes(labels: frozenset[Label], met: Mapping[str, int]) -> bool:
    """Say whether a call with `labels` sends outside, when the other two were met or come with it."""
    held = labels | {label for label in _FIRST_TWO if label.value in met}
    return Label.SENDS_OUTSIDE in labels and held >= _FIRST_TWO
