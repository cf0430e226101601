# SPDX-License-Identifier: Apache-2.0
"""From a raw path to a route."""

import pytest

from smartagent.edge import MethodNotAllowed, Proof, Route, RouteNotFound, Router
from smartagent.edge.errors import TargetRefused


async def act(caller, inbound):
    raise NotImplementedError


def route(method: str, path: str) -> Route:
    return Route(method, path, Proof.NONE, "p", "e", act)


ROUTES = [
    route("GET", "/v1/agents"),
    route("POST", "/v1/agents"),
    route("GET", "/v1/agents/{id}"),
    route("POST", "/v1/agents/{id}/status"),
    route("PUT", "/v1/policies/{name}"),
    route("POST", "/v1/policies/explain"),
    route("GET", "/v1/log/tile/{level}/{path}"),
    route("GET", "/v1/log/checkpoint"),
]
ROUTER = Router(ROUTES)


@pytest.mark.parametrize(
    ("method", "path", "pattern", "params"),
    [
        ("GET", "/v1/agents", "/v1/agents", {}),
        ("HEAD", "/v1/agents", "/v1/agents", {}),
        ("GET", "/v1/agents/agt_1", "/v1/agents/{id}", {"id": "agt_1"}),
        ("POST", "/v1/agents/agt_1/status", "/v1/agents/{id}/status", {"id": "agt_1"}),
        ("PUT", "/v1/policies/a%20b", "/v1/policies/{name}", {"name": "a b"}),
        ("POST", "/v1/policies/explain", "/v1/policies/explain", {}),
        ("GET", "/v1/log/tile/0/001", "/v1/log/tile/{level}/{path}", {"level": "0", "path": "001"}),
        (
            "GET",
            "/v1/log/tile/0/x001/002.p/5",
            "/v1/log/tile/{level}/{path}",
            {"level": "0", "path": "x001/002.p/5"},
        ),
    ],
)
def test_a_path_finds_its_route(method, path, pattern, params):
    found = ROUTER.match(method, path)

    assert (found.route.path, dict(found.params)) == (pattern, params)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/agents/",
        "/v1/agents/a/b",
        "/v1/log/tile/0",
        "/V1/agents",
        "/v1/agents/agt_1/Status",
        "/v1/agent",
    ],
)
def test_a_path_that_fits_no_pattern_is_not_found(path):
    with pytest.raises(RouteNotFound):
        ROUTER.match("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/agents", ("GET", "HEAD", "POST")),
        ("PATCH", "/v1/agents/agt_1", ("GET", "HEAD")),
        ("HEAD", "/v1/agents/agt_1/status", ("POST",)),
        ("OPTIONS", "/v1/policies/x", ("PUT",)),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(method, path, allowed):
    with pytest.raises(MethodNotAllowed) as refused:
        ROUTER.match(method, path)

    assert refused.value.allowed == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/v1/agents/..",
        "/v1/agents/%2e%2e",
        "/v1/agents/a%2fb",
        "/v1/agents/a%2Fb",
        "/v1/agents/a%252Fb",
        "/v1/agents/%00",
        "/v1/agents/%zz",
        "/v1//agents",
        "/v1/./agents/a",
        "v1/agents/a",
        "/v1/agents/a\\b",
        "http://else/v1/agents/a",
        "*",
    ],
)
def test_a_path_that_two_readers_could_read_differently_is_refused(path):
    with pytest.raises(TargetRefused):
        ROUTER.match("GET", path)


def test_two_routes_for_the_same_are_refused_when_the_house_is_built():
    with pytest.raises(ValueError, match="two routes"):
        Router([route("GET", "/a/{id}"), route("GET", "/a/{id}")])


def test_one_shape_has_one_way_to_name_its_parameters():
    with pytest.raises(ValueError, match="otherwise"):
        Router([route("GET", "/a/{id}"), route("PUT", "/a/{name}")])


def test_all_routes_can_be_listed():
    assert sorted((r.method, r.path) for r in ROUTER.routes) == sorted((r.method, r.path) for r in ROUTES)
