# SPDX-License-Identifier: Apache-2.0
"""A service that describes itself, and tells whoever it refuses what would be enough."""

import json

import pytest

from smartagent.sdk import (
    InsufficientScope,
    InsufficientSignIn,
    KeysUnavailable,
    ProtectedResource,
    TokenRequired,
    refusal_of,
    verified_token,
)
from tests.unit.sdk.fakes import AUDIENCE, ISSUER, START, FakeIssuer
from tests.unit.sdk.test_asgi import Application, bearer, call, challenge

WELL_KNOWN = "/.well-known/oauth-protected-resource"
METADATA = f"{AUDIENCE}{WELL_KNOWN}"
KEY = "urn:example:key"


@pytest.fixture
def issuer():
    return FakeIssuer()


@pytest.fixture
def resource():
    return ProtectedResource(AUDIENCE, [ISSUER], scopes=("orders:read", "orders:write"), name="Orders")


def test_a_service_says_where_its_tokens_come_from(resource):
    assert json.loads(resource.document) == {
        "resource": AUDIENCE,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["orders:read", "orders:write"],
        "resource_name": "Orders",
    }
    bare = ProtectedResource(f"{AUDIENCE}/mcp", [ISSUER], documentation="https://docs.example")
    assert json.loads(bare.document) == {
        "resource": f"{AUDIENCE}/mcp",
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "resource_documentation": "https://docs.example",
    }


@pytest.mark.parametrize(
    ("identifier", "path", "url"),
    [
        ("https://o.example", WELL_KNOWN, f"https://o.example{WELL_KNOWN}"),
        ("https://o.example/", WELL_KNOWN, f"https://o.example{WELL_KNOWN}"),
        ("https://o.example/mcp", f"{WELL_KNOWN}/mcp", f"https://o.example{WELL_KNOWN}/mcp"),
        ("https://o.example/mcp?t=1", f"{WELL_KNOWN}/mcp", f"https://o.example{WELL_KNOWN}/mcp?t=1"),
        ("http://127.0.0.1:9000", WELL_KNOWN, f"http://127.0.0.1:9000{WELL_KNOWN}"),
    ],
)
def test_the_well_known_part_stands_before_the_path(identifier, path, url):
    resource = ProtectedResource(identifier, [ISSUER])

    assert (resource.path, resource.metadata_url) == (path, url)


@pytest.mark.parametrize("identifier", ["", "orders", "ftp://o.example", "https://", "https://o.example#a"])
def test_an_identifier_is_a_url_without_a_fragment(identifier):
    with pytest.raises(ValueError, match="identifier"):
        ProtectedResource(identifier, [ISSUER])


def test_a_resource_has_an_issuer():
    with pytest.raises(ValueError, match="issuer"):
        ProtectedResource(AUDIENCE, [])


@pytest.mark.parametrize("scope", ["", "a b", 'a"b', "a\\b", "\r\n", "offline_access"])
def test_a_scope_that_cannot_be_one_is_refused(scope):
    with pytest.raises(ValueError, match="scope"):
        ProtectedResource(AUDIENCE, [ISSUER], scopes=("ok", scope))


async def test_the_description_is_shown_to_anybody(issuer, resource):
    app = Application()
    guarded = TokenRequired(app, issuer.verifier(), resource)

    for method in ("GET", "HEAD"):
        start, body = await call(guarded, path=WELL_KNOWN, method=method)
        assert start["status"] == 200
        assert dict(start["headers"]) == {
            b"content-type": b"application/json",
            b"cache-control": b"public, max-age=3600",
            b"access-control-allow-origin": b"*",
            b"content-length": str(len(resource.document)).encode(),
        }
        assert body["body"] == resource.document
    assert app.scopes == []


async def test_a_browser_may_ask_for_the_description_first(issuer, resource):
    start, _ = await call(resource, path=WELL_KNOWN, method="OPTIONS")

    assert start["status"] == 204
    headers = dict(start["headers"])
    assert headers[b"access-control-allow-origin"] == b"*"
    assert b"mcp-protocol-version" in headers[b"access-control-allow-headers"]


async def test_the_description_cannot_be_changed(resource):
    start, _ = await call(resource, path=WELL_KNOWN, method="POST")

    assert (start["status"], dict(start["headers"])[b"allow"]) == (405, b"GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", ["/", f"{WELL_KNOWN}/", f"{WELL_KNOWN}x"])
async def test_every_other_address_needs_a_token(issuer, resource, path):
    start, _ = await call(TokenRequired(Application(), issuer.verifier(), resource), path=path, method="GET")

    assert start["status"] == 401


async def test_without_a_token_a_client_is_told_where_to_learn_how_to_get_one(issuer, resource):
    sent = await call(TokenRequired(Application(), issuer.verifier(), resource), path="/")

    assert sent[0]["status"] == 401
    assert challenge(sent) == f'Bearer scope="orders:read orders:write", resource_metadata="{METADATA}"'


async def test_a_bad_token_is_answered_with_the_way_to_a_good_one(issuer, resource):
    guarded = TokenRequired(Application(), issuer.verifier(), resource)

    sent = await call(guarded, bearer(issuer.token(exp=5)), path="/")

    assert sent[0]["status"] == 401
    assert challenge(sent) == (
        'Bearer error="invalid_token", error_description="The access token has expired.", '
        f'resource_metadata="{METADATA}"'
    )


async def test_two_tokens_are_a_malformed_request(issuer, resource):
    guarded = TokenRequired(Application(), issuer.verifier(), resource)

    sent = await call(guarded, bearer(issuer.token()) * 2, path="/")

    assert sent[0]["status"] == 400
    assert challenge(sent) == f'Bearer error="invalid_request", resource_metadata="{METADATA}"'


class Demanding:
    """An application that asks more of the token for one thing."""

    def __init__(self, verifier, begins=False, **demand):
        self.verifier = verifier
        self.begins = begins
        self.demand = demand

    async def __call__(self, scope, receive, send):
        if self.begins:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        token = verified_token(scope)
        if "scope" in self.demand:
            self.verifier.check_scope(token, self.demand["scope"])
        else:
            self.verifier.check_sign_in(token, **self.demand)
        await send({"type": "application.reached"})


async def refused(issuer, resource, verifier, demand, **claims):
    guarded = TokenRequired(Demanding(verifier, **demand), verifier, resource)
    return await call(guarded, bearer(issuer.token(**claims)), path="/")


async def test_an_operation_that_needs_more_scope_lists_all_that_it_needs(issuer, resource):
    verifier = issuer.verifier(required_scope="orders:read")

    sent = await refused(
        issuer, resource, verifier, {"scope": "orders:write orders:refund"}, scope="orders:read orders:write"
    )

    assert sent[0]["status"] == 403
    assert challenge(sent) == (
        'Bearer error="insufficient_scope", scope="orders:read orders:write orders:refund", '
        f'resource_metadata="{METADATA}"'
    )
    assert json.loads(sent[1]["body"])["code"] == "insufficient-scope"


async def test_a_token_with_every_scope_passes(issuer, resource):
    sent = await refused(issuer, resource, issuer.verifier(), {"scope": "a b"}, scope="b a")

    assert sent == [{"type": "application.reached"}]


@pytest.mark.parametrize(
    ("demand", "claims", "told"),
    [
        ({"acr_values": f"{KEY} x"}, {"acr": "y"}, f'acr_values="{KEY} x"'),
        ({"acr_values": KEY}, {}, f'acr_values="{KEY}"'),
        ({"max_age_seconds": 60}, {"auth_time": START - 91}, 'max_age="60"'),
        ({"max_age_seconds": 0}, {}, 'max_age="0"'),
        ({"max_age_seconds": 60}, {"auth_time": START + 31}, 'max_age="60"'),
        (
            {"acr_values": KEY, "max_age_seconds": 5},
            {"acr": KEY, "auth_time": START - 60},
            f'acr_values="{KEY}", max_age="5"',
        ),
    ],
)
async def test_a_sign_in_that_is_not_enough_is_401_and_says_what_would_be(
    issuer, resource, demand, claims, told
):
    sent = await refused(issuer, resource, issuer.verifier(), demand, **claims)

    assert sent[0]["status"] == 401
    assert challenge(sent) == (
        'Bearer error="insufficient_user_authentication", '
        f'error_description="A different or more recent sign-in is needed.", {told}, '
        f'resource_metadata="{METADATA}"'
    )
    assert json.loads(sent[1]["body"])["code"] == "insufficient-user-authentication"


@pytest.mark.parametrize(
    ("demand", "claims"),
    [
        ({}, {}),
        ({"acr_values": f"x {KEY}"}, {"acr": KEY}),
        ({"max_age_seconds": 60}, {"auth_time": START - 90}),
        ({"max_age_seconds": 60}, {"auth_time": START + 30}),
    ],
)
async def test_a_sign_in_that_is_enough_passes(issuer, resource, demand, claims):
    sent = await refused(issuer, resource, issuer.verifier(), demand, **claims)

    assert sent == [{"type": "application.reached"}]


async def test_an_answer_that_has_begun_is_not_turned_into_another(issuer, resource):
    verifier = issuer.verifier()
    guarded = TokenRequired(Demanding(verifier, begins=True, scope="more"), verifier, resource)

    with pytest.raises(InsufficientScope):
        await call(guarded, bearer(issuer.token()), path="/")


async def test_in_a_websocket_the_application_answers_for_itself(issuer, resource):
    verifier = issuer.verifier()
    guarded = TokenRequired(Demanding(verifier, scope="more"), verifier, resource)

    with pytest.raises(InsufficientScope):
        await call(guarded, bearer(issuer.token()), "websocket", path="/")


async def test_a_token_says_who_acts_and_how_its_person_signed_in(issuer):
    verified = await issuer.verifier().verify(
        issuer.token(sub="opr_1", act={"sub": "agt_2", "act": {"sub": "agt_1"}}, acr=KEY, auth_time=START - 9)
    )

    assert (verified.subject, verified.actor) == ("opr_1", "agt_2")
    assert (verified.acr, verified.auth_time) == (KEY, START - 9)
    plain = await issuer.verifier().verify(issuer.token())
    assert (plain.actor, plain.acr, plain.auth_time) == ("", "", 0)


def test_a_framework_can_answer_for_itself(resource):
    refusal = refusal_of(InsufficientSignIn((KEY,), None), resource)

    assert refusal.status == 401
    assert dict(refusal.headers)[b"www-authenticate"].decode() == refusal.challenge
    assert dict(refusal.headers)[b"content-length"] == str(len(refusal.body)).encode()
    down = refusal_of(KeysUnavailable("down"), resource)
    assert (down.status, dict(down.headers)[b"retry-after"]) == (503, b"5")
    assert (
        refusal_of(InsufficientScope(("a",), ("a",))).challenge
        == 'Bearer error="insufficient_scope", scope="a"'
    )
