# SPDX-License-Identifier: Apache-2.0
"""The verifier before any ASGI application: nobody passes without a good token.

Spec: RFC 6750 section 3; RFC 9457; RFC 9470 section 3; RFC 9728 section 5; ASGI 3.0 (http, websocket and
its denial response).
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Final

import msgspec

from smartagent.sdk.errors import (
    InsufficientScope,
    InsufficientSignIn,
    InvalidToken,
    VerificationError,
)
from smartagent.sdk.resource import Message, ProtectedResource, Receive, Scope, Send, bearer_challenge
from smartagent.sdk.verifier import VerifiedToken, Verifier

Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SCOPE_KEY: Final = "smartagent"
_RETRY_AFTER: Final = b"5"
_POLICY_VIOLATION: Final = 1008
_DENIAL: Final = "websocket.http.response"


class Refusal(msgspec.Struct, frozen=True):
    """An answer that says no: its status, the code of the problem, and the challenge, if there is one."""

    status: int
    code: str
    title: str
    challenge: str = ""

    @property
    def body(self) -> bytes:
        """The problem, as RFC 9457 has it."""
        problem = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code}
        return msgspec.json.encode(problem)

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers that go with `body`."""
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(self.body)).encode("ascii")),
            (b"cache-control", b"no-store"),
        ]
        if self.challenge:
            headers.append((b"www-authenticate", self.challenge.encode("ascii")))
        else:
            headers.append((b"retry-after", _RETRY_AFTER))
        return headers


class TokenRequired:
    """ASGI middleware: verifies the bearer token of each request and each websocket handshake.

    The application finds the `VerifiedToken` in `scope["smartagent"]`; `verified_token(scope)`
    gives it with its type.  Whatever a client or an outer application put there is overwritten.
    A token in a query or a body is not looked for: it would end in logs.

    The application may ask more of a token with `Verifier.check_scope` and `Verifier.check_sign_in`; what they
    raise is answered here, as long as the application has not begun to answer itself.

    Args:
        app: What is protected.
        verifier: Decides.
        resource: The service's description: it is shown at its own address to anybody, and every refusal says
            where that is.
    """

    def __init__(
        self, app: Application, verifier: Verifier, resource: ProtectedResource | None = None
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._resource = resource

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its token, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if self._resource is not None and self._resource.is_asked_for(scope):
            await self._resource(scope, receive, send)
            return
        outcome = await self._verified(scope)
        if isinstance(outcome, VerifiedToken):
            await self._pass_on({**scope, SCOPE_KEY: outcome}, receive, send)
        elif scope["type"] == "websocket":
            await _refuse_websocket(scope, receive, send, outcome)
        else:
            await _answer("http.response", outcome, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except (InsufficientScope, InsufficientSignIn) as error:
            # What has begun cannot become a refusal any more: the server must cut it off.
            if begun or scope["type"] != "http":
                raise
            await _answer("http.response", refusal_of(error, self._resource), send)

    async def _verified(self, scope: Scope) -> VerifiedToken | Refusal:
        token = _bearer_token(scope, self._resource)
        if isinstance(token, Refusal):
            return token
        known = self._verifier.verify_cached(token)
        if known is not None:
            return known
        try:
            return await self._verifier.verify(token)
        except VerificationError as error:
            return refusal_of(error, self._resource)


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


def refusal_of(error: VerificationError, resource: ProtectedResource | None = None) -> Refusal:
    """Return the answer that `error` stands for: for frameworks that turn exceptions into answers themselves.

    Args:
        error: What a `Verifier` raised.
        resource: The service's description, if it has one.

    Spec: RFC 6750 section 3.1, RFC 9470 section 3, RFC 9728 section 5.1.
    """
    match error:
        case InsufficientScope():
            # Everything that is needed, not only what is missing: the next token replaces this one.
            challenge = bearer_challenge(resource, error="insufficient_scope", scope=" ".join(error.required))
            return Refusal(403, error.code, error.title, challenge)
        case InsufficientSignIn():
            challenge = bearer_challenge(
                resource,
                error="insufficient_user_authentication",
                error_description=error.title,
                acr_values=" ".join(error.acr_values),
                max_age=error.max_age_seconds,
            )
            return Refusal(401, error.code, error.title, challenge)
        case InvalidToken():
            challenge = bearer_challenge(resource, error="invalid_token", error_description=error.title)
            return Refusal(401, error.code, error.title, challenge)
        case _:
            # Keys or revocations that cannot be had now: nobody is served on a guess.
            return Refusal(503, error.code, error.title)


def _bearer_token(scope: Scope, resource: ProtectedResource | None) -> str | Refusal:
    headers = scope.get("headers")
    pairs: Iterable[tuple[bytes, bytes]] = headers if isinstance(headers, Iterable) else ()
    values = [value for name, value in pairs if name.lower() == b"authorization"]
    if len(values) > 1:
        challenge = bearer_challenge(resource, error="invalid_request")
        return Refusal(400, "token-ambiguous", "Send one Authorization header.", challenge)
    scheme, _, token = values[0].decode("latin-1").partition(" ") if values else ("", "", "")
    if scheme.lower() == "bearer":
        return token.strip(" ")
    # RFC 6750 section 3.1: who sent no token did nothing wrong; they are told what to ask for.
    scopes = "" if resource is None else " ".join(resource.scopes)
    return Refusal(
        401, "token-missing", "An access token is needed.", bearer_challenge(resource, scope=scopes)
    )


async def _refuse_websocket(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
    await receive()  # the handshake's websocket.connect
    extensions = scope.get("extensions")
    if isinstance(extensions, MutableMapping) and _DENIAL in extensions:
        await _answer(_DENIAL, refusal, send)
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": refusal.code})


async def _answer(kind: str, refusal: Refusal, send: Send) -> None:
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": refusal.headers})
    await send({"type": f"{kind}.body", "body": refusal.body})
