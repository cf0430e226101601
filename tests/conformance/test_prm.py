# SPDX-License-Identifier: Apache-2.0
"""Protected resource metadata: the house's, the gateway's, and those of a service that uses our library."""

import msgspec
import pytest

from smartagent.clients import Resource
from smartagent.edge import AuthenticationFailed, RouteNotFound, problem
from smartagent.oauth.challenge import challenges, completed
from smartagent.oauth.documents import Abilities, ServerMetadata
from smartagent.oauth.protected import ProtectedResources, metadata_url
from smartagent.sdk import ProtectedResource, TokenRequired
from tests.unit.sdk.fakes import FakeIssuer
from tests.unit.sdk.test_asgi import Application, call, challenge

ISSUER, GATEWAY = "https://auth.example", "https://gw.example"
WELL_KNOWN = "/.well-known/oauth-protected-resource"
ADDRESSES = {
    "https://gw.example": WELL_KNOWN,
    "https://gw.example/": WELL_KNOWN,
    "https://gw.example/mcp": f"{WELL_KNOWN}/mcp",
    "https://gw.example/mcp?tenant=1": f"{WELL_KNOWN}/mcp?tenant=1",
}


def resources(*known):
    found = {resource.identifier: resource for resource in known}
    return ProtectedResources(ISSUER, GATEWAY, found.get)


def told(reply):
    return msgspec.json.decode(msgspec.json.encode(reply.body))


@pytest.mark.requirement("RFC9728-2-1", "MCP-RS-1", "RFC9728-3.2-1")
@pytest.mark.parametrize("base", [ISSUER, GATEWAY])
def test_the_house_and_the_gateway_describe_themselves(base):
    reply = resources().at(base, WELL_KNOWN)

    assert (reply.status, reply.media_type) == (200, "application/json")
    document = told(reply)
    assert document["resource"] == base
    assert document["authorization_servers"] == [ISSUER]
    assert [name for name, value in document.items() if value in ([], "", None)] == []


@pytest.mark.requirement("RFC9728-2-2", "MCP-RS-3")
def test_a_resource_says_what_it_takes():
    known = Resource(
        identifier=f"{GATEWAY}/mcp",
        name="Orders",
        scopes=("orders:read", "offline_access"),
        dpop_required=True,
    )

    document = told(resources(known).at(GATEWAY, f"{WELL_KNOWN}/mcp"))
    assert document["scopes_supported"] == ["orders:read"]
    assert document["bearer_methods_supported"] == ["header"]
    assert document["dpop_bound_access_tokens_required"] is True
    assert set(document["dpop_signing_alg_values_supported"]) == {"EdDSA", "Ed25519", "ES256", "RS256"}


@pytest.mark.requirement("RFC9728-3.1-1", "RFC9728-3.1-2", "RFC9728-3.3-1")
@pytest.mark.parametrize(("identifier", "target"), ADDRESSES.items())
def test_the_address_is_made_of_the_identifier_and_leads_to_it(identifier, target):
    assert metadata_url(identifier) == GATEWAY + target
    assert ProtectedResource(identifier, [ISSUER]).metadata_url == GATEWAY + target
    path, _, query = target.partition("?")
    known = {identifier: Resource(identifier=identifier)}

    found = ProtectedResources(ISSUER, "https://elsewhere.example", known.get)
    assert told(found.at(GATEWAY, path, query))["resource"] == identifier


@pytest.mark.requirement("RFC9728-3.3-1")
@pytest.mark.parametrize("path", [f"{WELL_KNOWN}/other", f"{WELL_KNOWN}/mcp/"])
def test_no_address_shows_another_resource(path):
    with pytest.raises(RouteNotFound):
        resources(Resource(identifier=f"{GATEWAY}/mcp")).at(GATEWAY, path)


@pytest.mark.requirement("RFC9728-4-1")
def test_the_issuer_lists_its_resources():
    able = Abilities(ISSUER, GATEWAY, frozenset(), (), resources=lambda: ("https://orders.example",))

    assert told(ServerMetadata(able).document())["protected_resources"] == [
        ISSUER,
        GATEWAY,
        "https://orders.example",
    ]


@pytest.mark.requirement("RFC9728-5.1-1")
@pytest.mark.parametrize("token_was_sent", [True, False])
def test_a_refusal_says_where_the_metadata_are(token_was_sent):
    refusal = problem(AuthenticationFailed("no"), instance="req_1")

    reply = completed(refusal, metadata_url=metadata_url(ISSUER), token_was_sent=token_was_sent)
    told_schemes = [value for name, value in reply.headers if name == "www-authenticate"]
    assert [value.partition(" ")[0] for value in told_schemes] == ["Bearer", "DPoP"]
    for value in told_schemes:
        assert value.endswith(f'resource_metadata="{ISSUER}{WELL_KNOWN}"')


@pytest.mark.requirement("MCP-RS-2", "MCP-RS-3", "RFC9728-5.1-1")
async def test_a_service_of_ours_tells_a_newcomer_what_to_ask_for():
    issuer = FakeIssuer()
    resource = ProtectedResource("https://orders.example/mcp", [ISSUER], scopes=("orders:read",))

    sent = await call(TokenRequired(Application(), issuer.verifier(), resource), path="/mcp")

    assert sent[0]["status"] == 401
    assert challenge(sent) == (
        f'Bearer scope="orders:read", resource_metadata="https://orders.example{WELL_KNOWN}/mcp"'
    )
    with pytest.raises(ValueError, match="offline_access"):
        ProtectedResource("https://orders.example", [ISSUER], scopes=("offline_access",))


@pytest.mark.requirement("RFC9728-5.1-1")
def test_the_house_can_name_its_metadata_in_any_challenge():
    for _, value in challenges(resource_metadata=metadata_url(ISSUER)):
        assert f'resource_metadata="{ISSUER}{WELL_KNOWN}"' in value
