# SPDX-License-Identifier: Apache-2.0
"""The verifier before any ASGI application: nobody passes without a good token.

Spec: RFC 6750 section 3; RFC 9457; ASGI 3.0 (http, websocket and its denial response).
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Final

import msgspec

from smartagent.sdk.errors import InsufficientScope, InvalidToken, KeysUnavailable, VerificationError
from smartagent.sdk.verifier import VerifiedToken, Verifier

Scope = MutableMapping[str, object]
Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SCOPE_KEY: Final = "smartagent"
_RETRY_AFTER: Final = b"5"
_POLICY_VIOLATION: Final = 1008
_DENIAL: Final = "websocket.http.response"


class _Refusal(msgspec.Struct, frozen=True):
    status: int
    code: str
    title: str
    challenge: str = ""


_NO_TOKEN: Final = _Refusal(401, "token-missing", "An access token is needed.", "Bearer")
_TWO_TOKENS: Final = _Refusal(
    400, "token-ambiguous", "Send one Authorization header.", 'Bearer error="invalid_request"'
)


class TokenRequired:
    """ASGI middleware: verifies the bearer token of each request and each websocket handshake.

    The application finds the `VerifiedToken` in `scope["smartagent"]`; `verified_token(scope)`
    gives it with its type.  Whatever a client or an outer application put there is overwritten.
    A token in a query or a body is not looked for: it would end in logs.

    Args:
        app: What is protected.
        verifier: Decides.
    """

    def __init__(self, app: Application, verifier: Verifier) -> None:
        self._app = app
        self._verifier = verifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its token, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        outcome = await self._verified(scope)
        if isinstance(outcome, VerifiedToken):
            await self._app({**scope, SCOPE_KEY: outcome}, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(scope, receive, send, outcome)
        else:
            await _answer("http.response", outcome, send)

    async def _verified(self, scope: Scope) -> VerifiedToken | _Refusal:
        token = _bearer_token(scope)
        if isinstance(token, _Refusal):
            return token
        known = self._verifier.verify_cached(token)
        if known is not None:
            return known
        try:
            return await self._verifier.verify(token)
        except VerificationError as error:
            return _refusal(error)


def verified_token(scope: Scope) -> VerifiedToken:
    """Return the token that `TokenRequired` put into the scope.

    Raises:
        LookupError: The application does not stand behind `TokenRequired`.
    """
    found = scope.get(SCOPE_KEY)
    if not isinstance(found, VerifiedToken):
        message = "this application is not behind TokenRequired"
        raise LookupError(message)  # noqa: TRY004 -- absent, not of the wrong type
    return found


def _bearer_token(scope: Scope) -> str | _Refusal:
    headers = scope.get("headers")
    pairs: Iterable[tuple[bytes, bytes]] = headers if isinstance(headers, Iterable) else ()
    values = [value for name, value in pairs if name.lower() == b"authorization"]
    if not values:
        return _NO_TOKEN
    if len(values) > 1:
        return _TWO_TOKENS
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else _NO_TOKEN


def _refusal(error: VerificationError) -> _Refusal:
    match error:
        case InsufficientScope():
            challenge = f'Bearer error="insufficient_scope", scope="{" ".join(error.required)}"'
            return _Refusal(403, error.code, error.title, challenge)
        case InvalidToken():
            challenge = f'Bearer error="invalid_token", error_description="{error.title}"'
            return _Refusal(401, error.code, error.title, challenge)
        case _:
            return _Refusal(503, KeysUnavailable.code, KeysUnavailable.title)


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send, refusal: _Refusal) -> None:
    await receive()  # the handshake's websocket.connect
    extensions = scope.get("extensions")
    if isinstance(extensions, MutableMapping) and _DENIAL in extensions:
        await _answer(_DENIAL, refusal, send)
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": refusal.code})


async def _answer(kind: str, refusal: _Refusal, send: Send) -> None:
    body = msgspec.json.encode(
        {"type": "about:blank", "title": refusal.title, "status": refusal.status, "code": refusal.code}
    )
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
    if refusal.challenge:
        headers.append((b"www-authenticate", refusal.challenge.encode("ascii")))
    else:
        headers.append((b"retry-after", _RETRY_AFTER))
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
