# SPDX-License-Identifier: Apache-2.0
"""The API's description is made from the routes."""

import msgspec

from smartagent.edge import Proof, Route
from smartagent.server.openapi import describe


class Ask(msgspec.Struct):
    name: str
    size: int = 1


class Told(msgspec.Struct):
    id: str
    raw: msgspec.Raw


async def act(caller, inbound):
    raise NotImplementedError


def described(*routes):
    document = describe(routes, version="1.2.3", server_url="https://a.example")
    return msgspec.json.decode(msgspec.json.encode(document))


MAKE = Route(
    "POST",
    "/v1/things",
    Proof.ACCESS_TOKEN,
    "things.make",
    "thing.made",
    act,
    "Make",
    request_schema=Ask,
    reply_schema=Told,
)


def test_a_route_is_described_with_its_body_its_answer_and_every_error():
    document = described(MAKE)

    operation = document["paths"]["/v1/things"]["post"]
    assert document["openapi"] == "3.1.0"
    assert operation["requestBody"]["content"] == {
        "application/json": {"schema": {"$ref": "#/components/schemas/Ask"}}
    }
    assert operation["responses"]["2XX"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Told"
    }
    for status in ("400", "401", "403", "404", "405", "409", "410", "413", "415", "429", "503"):
        assert "application/problem+json" in operation["responses"][status]["content"]
    assert "500" not in operation["responses"]
    assert operation["x-smartagent-permission"] == "things.make"
    assert {"operatorToken": []} in operation["security"]
    assert set(document["components"]["schemas"]) >= {"Ask", "Told", "Problem", "OAuthError"}


def test_parameters_of_the_path_are_described():
    route = Route("GET", "/v1/things/{id}", Proof.ACCESS_TOKEN, "p", "e", act)

    operation = described(route)["paths"]["/v1/things/{id}"]["get"]

    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("id", "path", True)
    assert "requestBody" not in operation


def test_the_schema_of_a_get_is_that_of_its_query():
    route = Route("GET", "/v1/things", Proof.NONE, "p", "e", act, request_schema=Ask)

    parameters = described(route)["paths"]["/v1/things"]["get"]["parameters"]

    assert [(p["name"], p["in"], p["required"]) for p in parameters] == [
        ("name", "query", True),
        ("size", "query", False),
    ]


def test_an_oauth_route_describes_oauths_errors():
    route = Route(
        "POST",
        "/oauth/token",
        Proof.CLIENT_AUTHENTICATION,
        "p",
        "e",
        act,
        oauth=True,
        media_types=("application/x-www-form-urlencoded",),
    )

    operation = described(route)["paths"]["/oauth/token"]["post"]

    assert operation["responses"]["401"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/OAuthError"
    }
    assert list(operation["requestBody"]["content"]) == ["application/x-www-form-urlencoded"]
    assert operation["security"] == [{}]
