# SPDX-License-Identifier: Apache-2.0
"""What tokens can be asked to do.  The key set is a plain page: `Documents`."""

from smartagent.edge import Proof, Route
from smartagent.identity import OperatorSessionRequest, SessionRequest
from smartagent.tokens.revoke import RevocationRequest, RevocationView
from smartagent.tokens.service import Tokens
from smartagent.tokens.sessions import EVENT
from smartagent.tokens.shapes import KeyList, RotateRequest, RotateView, SessionView


def tokens_routes(tokens: Tokens) -> tuple[Route, ...]:
    """Return the room's routes."""
    return (*_granting(tokens), *_operating(tokens))


def _granting(tokens: Tokens) -> tuple[Route, ...]:
    sessions = tokens.sessions
    return (
        Route(
            "POST",
            "/v1/sessions",
            Proof.NONCE_SIGNATURE,
            "sessions.open",
            EVENT,
            sessions.open_session,
            summary="Get a token for a signed nonce",
            max_body_bytes=16_384,
            request_schema=SessionRequest,
            reply_schema=SessionView,
        ),
        Route(
            "DELETE",
            "/v1/sessions/{id}",
            Proof.ACCESS_TOKEN,
            "sessions.end",
            "revoked",
            sessions.end_session,
            summary="End the session of the token, with all that hangs on it",
        ),
        Route(
            "POST",
            "/v1/operator-sessions",
            Proof.OPERATOR_SIGNATURE,
            "operator-sessions.open",
            EVENT,
            sessions.open_operator_session,
            summary="Get an operator's token, bound to their key",
            max_body_bytes=4096,
            request_schema=OperatorSessionRequest,
            reply_schema=SessionView,
        ),
    )


def _operating(tokens: Tokens) -> tuple[Route, ...]:
    return (
        Route(
            "POST",
            "/v1/revocations",
            Proof.ACCESS_TOKEN,
            "revocations.create",
            "revoked",
            tokens.revocations.revoke,
            summary="Revoke an agent, a session or a token",
            request_schema=RevocationRequest,
            reply_schema=RevocationView,
        ),
        Route(
            "GET",
            "/v1/keys",
            Proof.ACCESS_TOKEN,
            "keys.read",
            "keys.listed",
            tokens.keys.list_keys,
            summary="List signing keys",
            reply_schema=KeyList,
        ),
        Route(
            "POST",
            "/v1/keys/rotate",
            Proof.ACCESS_TOKEN,
            "keys.rotate",
            "signing-key.activated",
            tokens.keys.rotate,
            summary="Rotate the signing key",
            request_schema=RotateRequest,
            reply_schema=RotateView,
        ),
    )
