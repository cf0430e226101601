# SPDX-License-Identifier: Apache-2.0
"""The edge: the one way in, and the shapes every room's routes are written in."""

from smartagent.edge.errors import (
    AuthenticationFailed,
    BodyTooLarge,
    MalformedRequest,
    MethodNotAllowed,
    NotPermitted,
    RouteNotFound,
    TargetRefused,
    UnsupportedMediaType,
)
from smartagent.edge.message import Inbound, Outcome, Proof, Reply, Route
from smartagent.edge.parse import parse_form, parse_json
from smartagent.edge.pipeline import Entered, House, enter, handle
from smartagent.edge.problem import bug, oauth_error, problem, status_of
from smartagent.edge.router import Router
from smartagent.edge.target import Target, parse_target
from smartagent.edge.wellknown import PublicDocument, well_known_path

__all__ = [
    "AuthenticationFailed",
    "BodyTooLarge",
    "Entered",
    "House",
    "Inbound",
    "MalformedRequest",
    "MethodNotAllowed",
    "NotPermitted",
    "Outcome",
    "Proof",
    "PublicDocument",
    "Reply",
    "Route",
    "RouteNotFound",
    "Router",
    "Target",
    "TargetRefused",
    "UnsupportedMediaType",
    "bug",
    "enter",
    "handle",
    "oauth_error",
    "parse_form",
    "parse_json",
    "parse_target",
    "problem",
    "status_of",
    "well_known_path",
]
