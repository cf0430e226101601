# SPDX-License-Identifier: Apache-2.0
"""Judgements about calls, remembered for as long as they hold.

What policies do not look at is not in the key, so that one judgement serves all calls that differ in nothing else.
What changes with time is in it by the minute; who asks for the age of a session is judged each time.
"""

from typing import Final

from smartagent.kernel import Caller, Verdict
from smartagent.policy.facts import Key as Circumstances
from smartagent.policy.judging import Chapter
from smartagent.policy.model import Call

_REMEMBERED: Final = 16_384
_MAX_REMEMBERED_CHARS: Final = 256

_Key = tuple[int, str, frozenset[str], str, str, str, str, str, str, tuple[str, ...], Circumstances | None]


class Judgements:
    """Judges calls, and remembers."""

    def __init__(self) -> None:
        self._remembered: dict[_Key, Verdict] = {}

    def of(self, chapter: Chapter, caller: Caller, call: Call, now: float) -> Verdict:
        """Say whether `caller` may make `call` at `now`, in Unix seconds."""
        circumstances = chapter.partition.asked.key(caller, now) if chapter.asks_facts else None
        if chapter.asks_facts and circumstances is None:
            return chapter.judge_call(caller, call, now)
        key = (
            chapter.serial,
            caller.principal if chapter.asks_who else "",
            caller.scopes,
            call.upstream,
            call.method,
            call.path,
            caller.client_ip if chapter.asks_ip else "",
            call.content_type if chapter.asks_type else "",
            *((call.operation, call.fields) if chapter.asks_operation else ("", ())),
            circumstances,
        )
        verdict = self._remembered.get(key)
        if verdict is None:
            verdict = chapter.judge_call(caller, call, now)
            self._remember(key, verdict)
        return verdict

    def _remember(self, key: _Key, verdict: Verdict) -> None:
        # Path, content type and fields are as long as the caller likes.
        if len(key[5]) + len(key[7]) + sum(map(len, key[9])) > _MAX_REMEMBERED_CHARS:
            return
        if len(self._remembered) >= _REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[key] = verdict
