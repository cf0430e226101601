# SPDX-License-Identifier: Apache-2.0
"""The two endpoints: one evaluation, and several.

Spec: Authorization API 1.0, sections "Access Evaluation API", "Access Evaluations API", "HTTPS Binding".
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from msgspec import structs

from smartagent import edge
from smartagent.authzen.errors import MalformedEvaluation
from smartagent.authzen.mapping import decide
from smartagent.authzen.means import Means
from smartagent.authzen.model import Answer, Answers, Batch, Evaluation, Semantics
from smartagent.crypto import strict_json
from smartagent.edge import Inbound, NotPermitted, Outcome, Reply
from smartagent.kernel import Caller, CallerKind, Detail, Kind, Permitted, SmartAgentError

SCOPE: Final = "access.evaluate"
"""What an agent's token needs; an operator needs none."""
MAX_EVALUATIONS: Final = 256
_BAD_REQUEST: Final = 400
_REASON_CHARS: Final = 240
# What the defaults of a batch fill in where an evaluation names an entity without it.
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "subject": ("type", "id"),
    "action": ("name",),
    "resource": ("type", "id"),
}

T = TypeVar("T")


class Evaluations:
    """Decides for other services."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def one(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Decide one evaluation.

        Raises:
            NotPermitted: The caller's token does not have the scope.
            MalformedEvaluation: The request is none.
        """
        _check(caller)
        return self._single(_convert(_read(inbound.body), Evaluation))

    async def several(self, caller: Caller, inbound: Inbound) -> Outcome:
        """Decide several evaluations, or one when there is no list of them.

        Raises:
            NotPermitted: The caller's token does not have the scope.
            MalformedEvaluation: The request as a whole is none.
        """
        _check(caller)
        raw = _read(inbound.body)
        batch = _convert(raw, Batch)
        if not batch.evaluations:
            return self._single(_convert(raw, Evaluation))
        if len(batch.evaluations) > MAX_EVALUATIONS:
            raise MalformedEvaluation(f"at most {MAX_EVALUATIONS} evaluations at once")
        answers: list[Answer] = []
        for each in batch.evaluations:
            answer = self._answer_item(_merged(batch, each))
            answers.append(answer)
            if batch.options.evaluations_semantic is _ENDS[answer.decision]:
                break
        permitted = sum(answer.decision for answer in answers)
        return Outcome(
            Reply(200, Answers(answers)), detail={"evaluations": len(answers), "permitted": permitted}
        )

    def _single(self, asked: Evaluation) -> Outcome:
        answer = self._answer(asked)
        detail: dict[str, Detail] = {
            "decision": "permit" if answer.decision else "deny",
            "action": asked.action.name[:200],
            "resource": f"{asked.resource.type}/{asked.resource.id}"[:200],
        }
        return Outcome(Reply(200, answer), subject=asked.subject.id[:200], detail=detail)

    def _answer_item(self, raw: Mapping[str, object]) -> Answer:
        # What is wrong with one evaluation is told in its place; the others are decided.
        try:
            return self._answer(_convert(raw, Evaluation))
        except MalformedEvaluation as error:
            return Answer(False, {"error": {"status": _BAD_REQUEST, "message": str(error)}})

    def _answer(self, asked: Evaluation) -> Answer:
        verdict = decide(self._means, asked)
        if isinstance(verdict, Permitted):
            return Answer(True, {"rules": list(verdict.rules)})
        told: dict[str, object] = {"reason_admin": {"en": verdict.reason[:_REASON_CHARS]}}
        return Answer(False, {**told, "rules": list(verdict.rules)} if verdict.rules else told)


_ENDS: Final = {True: Semantics.PERMIT_ON_FIRST_PERMIT, False: Semantics.DENY_ON_FIRST_DENY}


def answer_to(error: SmartAgentError, request_id: str) -> Reply:
    """Render an error as the specification says: a status, and a message, which is a JSON string."""
    reply = edge.problem(error, instance=request_id)
    status = _BAD_REQUEST if error.kind is Kind.UNSUPPORTED else reply.status
    text = f"{error.title} {error}".strip() if error.kind is Kind.INVALID else error.title
    return structs.replace(
        reply, status=status, body=msgspec.json.encode(text), media_type="application/json"
    )


def _check(caller: Caller) -> None:
    if caller.kind is not CallerKind.OPERATOR and SCOPE not in caller.scopes:
        raise NotPermitted(SCOPE)


def _read(body: bytes) -> dict[str, object]:
    if not body:
        raise MalformedEvaluation("send a JSON body")
    value = strict_json(body, len(body))
    if not isinstance(value, dict):
        raise MalformedEvaluation("send a JSON object")
    return value


def _convert(raw: object, shape: type[T]) -> T:
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise MalformedEvaluation(str(error)[:_REASON_CHARS]) from error


def _merged(batch: Batch, item: Mapping[str, object]) -> Mapping[str, object]:
    """Return an evaluation with the batch's defaults: whole entities, and names and types that one lacks."""
    merged: dict[str, object] = {}
    for member, required in _REQUIRED.items():
        common: dict[str, object] = getattr(batch, member)
        own = item.get(member)
        if own is None and common:
            merged[member] = common
        elif isinstance(own, dict):
            merged[member] = {**{name: common[name] for name in required if name in common}, **own}
        elif own is not None:
            merged[member] = own
    merged["context"] = item.get("context", batch.context)
    return merged
