# SPDX-License-Identifier: Apache-2.0
"""What can be asked about reviews."""

from smartagent.edge import Proof, Route
from smartagent.governance.reviews.desk import Reviews
from smartagent.governance.reviews.views import (
    DecisionRequest,
    ItemPage,
    ItemView,
    ReviewList,
    ReviewRequest,
    ReviewView,
)
from smartagent.policy import Permission


def review_routes(reviews: Reviews) -> tuple[Route, ...]:
    """Return the routes on reviews."""
    return (*_reading(reviews), *_deciding(reviews))


def _reading(reviews: Reviews) -> tuple[Route, ...]:
    return (
        Route(
            method="GET",
            path="/v1/reviews",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REVIEWS_READ,
            event="reviews.listed",
            act=reviews.show_all,
            summary="List the access reviews",
            reply_schema=ReviewList,
        ),
        Route(
            method="GET",
            path="/v1/reviews/{name}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REVIEWS_READ,
            event="review.read",
            act=reviews.show,
            summary="Show an access review and a page of its items",
            reply_schema=ItemPage,
        ),
        Route(
            method="GET",
            path="/v1/reviews/{name}/evidence",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REVIEWS_READ,
            event="review.exported",
            act=reviews.export,
            summary="All of an access review as JSON lines, with the log's receipts",
        ),
    )


def _deciding(reviews: Reviews) -> tuple[Route, ...]:
    return (
        Route(
            method="POST",
            path="/v1/reviews",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REVIEWS_WRITE,
            event="review.begun",
            act=reviews.begin,
            summary="Begin a review of what agents may use",
            request_schema=ReviewRequest,
            reply_schema=ReviewView,
        ),
        Route(
            method="POST",
            path="/v1/reviews/{name}/items/{number}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REVIEWS_WRITE,
            event="review.decided",
            act=reviews.decide,
            summary="Keep, shrink or remove one grant; it is decided once",
            request_schema=DecisionRequest,
            reply_schema=ItemView,
        ),
        Route(
            method="DELETE",
            path="/v1/agents/{id}/withdrawals/{credential}",
            proof=Proof.ACCESS_TOKEN,
            permission=Permission.REVIEWS_WRITE,
            event="credential.given-back",
            act=reviews.give_back,
            summary="Give a credential back that a review took from an agent",
        ),
    )
