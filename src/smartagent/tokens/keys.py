# SPDX-License-Identifier: Apache-2.0
"""Showing the signing keys, and rotating them on command."""

from collections.abc import Sequence

from smartagent.edge import Inbound, Outcome, Reply, parse_json
from smartagent.identity import parse_reason
from smartagent.kernel import Caller, rfc3339
from smartagent.tokens.keyrings import KeyRings
from smartagent.tokens.means import Means
from smartagent.tokens.model import KeyState, RingKey
from smartagent.tokens.rules import Schedule, ready_at
from smartagent.tokens.shapes import KeyList, KeyView, RotateRequest, RotateView


class Keys:
    """What operators can do with signing keys."""

    def __init__(self, means: Means, rings: KeyRings) -> None:
        self._means = means
        self._rings = rings

    async def list_keys(self, _caller: Caller, _inbound: Inbound) -> Outcome:
        """Show all signing keys and, of the pending ones, when they may sign."""
        schedule = self._means.schedule
        views = [_view(key, ring.ring, schedule) for ring in self._rings.all() for key in ring.ring]
        return Outcome(Reply(200, KeyList(views)))

    async def rotate(self, _caller: Caller, inbound: Inbound) -> Outcome:
        """Let the pending key sign from now on.

        Raises:
            KeyNotPublishedYet: Some verifier may not know it yet, and nothing is compromised.
            KeysChanged: Another rotation came first.
        """
        request = parse_json(inbound.body, RotateRequest)
        reason = parse_reason(request.reason)
        turn = await self._rings.of(request.algorithm).rotate(
            now=self._means.clock.now(), compromised=request.compromised
        )
        return Outcome(
            Reply(200, RotateView(turn.kid, str(turn.detail["next"]))),
            event=turn.event,
            subject=turn.kid,
            detail={**turn.detail, "reason": reason},
            writes=turn.writes,
            changes=turn.changes,
        )


def _view(key: RingKey, ring: Sequence[RingKey], schedule: Schedule) -> KeyView:
    return KeyView(
        kid=key.kid,
        algorithm=key.algorithm.value,
        state=key.state,
        created_at=rfc3339(key.created_at),
        activated_at=_shown(key.activated_at),
        retiring_at=_shown(key.retiring_at),
        retired_at=_shown(key.retired_at),
        ready_at=rfc3339(ready_at(ring, key, schedule)) if key.state is KeyState.PENDING else "",
    )


def _shown(instant: int | None) -> str:
    return rfc3339(instant) if instant is not None else ""
