# SPDX-License-Identifier: Apache-2.0
"""The endpoints of the Authorization API."""

from smartagent.authzen.model import Answer, Answers, Batch, Evaluation
from smartagent.authzen.service import Evaluations, answer_to
from smartagent.edge import Proof, Route
from smartagent.policy import Permission


def authzen_routes(evaluations: Evaluations) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (
        Route(
            method="POST",
            path="/access/v1/evaluation",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCESS_EVALUATE,
            event="access.evaluated",
            act=evaluations.one,
            summary="Decide whether a subject may do something with a resource (AuthZEN)",
            render=answer_to,
            echoes_request_id=True,
            request_schema=Evaluation,
            reply_schema=Answer,
        ),
        Route(
            method="POST",
            path="/access/v1/evaluations",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.ACCESS_EVALUATE,
            event="access.evaluated",
            act=evaluations.several,
            summary="Decide several evaluations at once (AuthZEN)",
            render=answer_to,
            echoes_request_id=True,
            request_schema=Batch,
            reply_schema=Answers,
        ),
    )
