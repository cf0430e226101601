# SPDX-License-Identifier: Apache-2.0
"""The middleware: nobody reaches the application without a good token."""

import json

import pytest

from smartagent.sdk import TokenRequired, VerifiedToken, verified_token
from tests.unit.sdk.fakes import FakeIssuer


class Application:
    def __init__(self):
        self.scopes = []

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        await send({"type": "application.reached"})


@pytest.fixture
def issuer():
    return FakeIssuer()


@pytest.fixture
def app():
    return Application()


async def call(middleware, headers=(), kind="http", **scope):
    sent = []

    async def receive():
        return {"type": f"{kind}.connect"}

    async def send(message):
        sent.append(message)

    await middleware({"type": kind, "headers": list(headers), **scope}, receive, send)
    return sent


def bearer(token, scheme="Bearer"):
    return [(b"host", b"orders.example"), (b"authorization", f"{scheme} {token}".encode("latin-1"))]


def challenge(sent):
    return dict(sent[0]["headers"]).get(b"www-authenticate", b"").decode()


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_good_token_passes_and_is_in_the_scope(issuer, app, kind, scheme):
    middleware = TokenRequired(app, issuer.verifier())
    token = issuer.token()

    for _ in range(2):
        assert await call(middleware, bearer(token, scheme), kind) == [{"type": "application.reached"}]
    assert isinstance(app.scopes[0]["smartagent"], VerifiedToken)
    assert verified_token(app.scopes[1]).subject == "agt_1"


async def test_no_token_is_answered_with_a_plain_challenge(issuer, app):
    for headers in (
        [],
        [(b"authorization", b"Basic YTpi")],
        [(b"authorization", b"")],
        [(b"x-authorization", b"Bearer a")],
    ):
        sent = await call(TokenRequired(app, issuer.verifier()), headers)
        assert sent[0]["status"] == 401
        assert challenge(sent) == "Bearer"
        assert json.loads(sent[1]["body"])["code"] == "token-missing"
    assert app.scopes == []


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "\u00e9", "a b"])
async def test_a_bad_token_is_answered_with_invalid_token(issuer, app, token):
    sent = await call(TokenRequired(app, issuer.verifier()), bearer(token))

    assert sent[0]["status"] == 401
    assert challenge(sent).startswith('Bearer error="invalid_token"')
    assert app.scopes == []


async def test_the_answer_says_what_is_wrong_and_is_not_stored(issuer, app):
    sent = await call(TokenRequired(app, issuer.verifier()), bearer(issuer.token(exp=5)))
    headers = dict(sent[0]["headers"])
    body = json.loads(sent[1]["body"])

    assert body == {
        "type": "about:blank",
        "title": "The access token has expired.",
        "status": 401,
        "code": "token-expired",
    }
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"content-length"] == str(len(sent[1]["body"])).encode()
    assert headers[b"cache-control"] == b"no-store"


async def test_a_missing_scope_is_403_and_lists_what_is_needed(issuer, app):
    sent = await call(
        TokenRequired(app, issuer.verifier(required_scope="a b")), bearer(issuer.token(scope="a"))
    )

    assert sent[0]["status"] == 403
    assert challenge(sent) == 'Bearer error="insufficient_scope", scope="a b"'
    assert app.scopes == []


async def test_two_authorization_headers_are_refused(issuer, app):
    headers = bearer(issuer.token()) + bearer(issuer.token())
    sent = await call(TokenRequired(app, issuer.verifier()), headers)

    assert sent[0]["status"] == 400
    assert challenge(sent) == 'Bearer error="invalid_request"'
    assert app.scopes == []


async def test_without_keys_it_is_our_trouble_and_not_the_callers(issuer, app):
    issuer.down = True
    sent = await call(TokenRequired(app, issuer.verifier()), bearer(issuer.token()))

    assert sent[0]["status"] == 503
    assert dict(sent[0]["headers"])[b"retry-after"] == b"5"
    assert challenge(sent) == ""
    assert app.scopes == []


async def test_a_websocket_is_refused_before_it_opens(issuer, app):
    sent = await call(TokenRequired(app, issuer.verifier()), bearer("bad"), "websocket")

    assert sent == [{"type": "websocket.close", "code": 1008, "reason": "token-malformed"}]
    assert app.scopes == []


async def test_a_websocket_is_told_why_where_the_server_can(issuer, app):
    extensions = {"websocket.http.response": {}}
    sent = await call(
        TokenRequired(app, issuer.verifier()), bearer("bad"), "websocket", extensions=extensions
    )

    assert [message["type"] for message in sent] == [
        "websocket.http.response.start",
        "websocket.http.response.body",
    ]
    assert sent[0]["status"] == 401
    assert app.scopes == []


async def test_a_token_that_something_else_put_into_the_scope_is_overwritten(issuer, app):
    scope_token = object()
    await call(TokenRequired(app, issuer.verifier()), bearer(issuer.token()), smartagent=scope_token)

    assert app.scopes[0]["smartagent"] is not scope_token


async def test_a_token_in_the_query_is_not_looked_for(issuer, app):
    query = b"access_token=" + issuer.token().encode()
    sent = await call(TokenRequired(app, issuer.verifier()), query_string=query)

    assert sent[0]["status"] == 401


async def test_start_up_and_shut_down_pass(issuer, app):
    assert await call(TokenRequired(app, issuer.verifier()), kind="lifespan") == [
        {"type": "application.reached"}
    ]


async def test_a_kind_of_scope_that_nobody_knows_yet_does_not_pass(issuer, app):
    assert (await call(TokenRequired(app, issuer.verifier()), kind="webtransport"))[0]["status"] == 401
    assert app.scopes == []


def test_an_application_in_the_open_is_told_so():
    with pytest.raises(LookupError, match="not behind"):
        verified_token({"type": "http"})
