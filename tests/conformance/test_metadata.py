# SPDX-License-Identifier: Apache-2.0
"""The authorization server's metadata, as clients look for them."""

import msgspec
import pytest

from smartagent.edge import Inbound, Reply
from smartagent.oauth.documents import Abilities, ServerMetadata, metadata_paths
from smartagent.server.cors import Cors

SPACES = ("https://auth.example", "https://auth.example/tenant", "http://127.0.0.1:8700")
PREFLIGHT = {"origin": "https://inspector.example", "access-control-request-method": "POST"}
READABLE = (
    "/oauth/token",
    "/oauth/register",
    "/oauth/revoke",
    "/oauth/userinfo",
    "/.well-known/jwks.json",
    "/.well-known/oauth-protected-resource",
    "/oauth/status-lists",
    "/oauth/status/1",
)


def abilities(issuer=SPACES[0], grants=("client_credentials", "authorization_code")):
    return Abilities(
        issuer=issuer,
        gateway="https://gw.example",
        paths=frozenset({"/oauth/introspect", "/oauth/revoke", "/oauth/userinfo"}),
        grant_types=grants,
    )


def told(reply):
    """Return a document as a client decodes it."""
    return msgspec.json.decode(msgspec.json.encode(reply.body))


@pytest.fixture
def document():
    return told(ServerMetadata(abilities()).document())


@pytest.mark.requirement("RFC8414-2-1", "MCP-AS-2")
@pytest.mark.parametrize("grants", [(), ("client_credentials",)])
def test_what_every_client_needs_is_always_there(grants):
    document = told(ServerMetadata(abilities(grants=grants)).document())

    assert document["issuer"] == SPACES[0]
    assert document["authorization_endpoint"] == f"{SPACES[0]}/oauth/authorize"
    assert document["token_endpoint"] == f"{SPACES[0]}/oauth/token"
    assert document["jwks_uri"] == f"{SPACES[0]}/.well-known/jwks.json"
    assert document["response_types_supported"] == ["code"]


@pytest.mark.requirement("RFC8414-2-2", "RFC8414-2-4")
@pytest.mark.parametrize("endpoint", ["token", "revocation", "introspection"])
def test_methods_and_algorithms_of_authentication_are_said(document, endpoint):
    methods = document[f"{endpoint}_endpoint_auth_methods_supported"]
    algorithms = document[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]

    assert "private_key_jwt" in methods
    assert not any(method.startswith("client_secret") for method in methods)
    assert set(algorithms) == {"EdDSA", "Ed25519", "ES256", "RS256"}


@pytest.mark.requirement("RFC8414-2-3")
def test_a_token_is_a_way_to_authenticate_at_introspection(document):
    methods = document["introspection_endpoint_auth_methods_supported"]

    assert {"Bearer", "DPoP"} <= set(methods)
    assert "none" not in methods


@pytest.mark.requirement("RFC8414-3-1", "OIDCD-4-1", "RFC8414-3.3-1")
@pytest.mark.parametrize("issuer", SPACES)
async def test_the_document_is_found_by_every_rule_and_names_its_issuer(issuer):
    _, _, path = issuer.partition("://")[2].partition("/")
    path = f"/{path}" if path else ""
    pages = ServerMetadata(abilities(issuer)).pages()

    for address in (
        f"/.well-known/oauth-authorization-server{path}",
        f"/.well-known/openid-configuration{path}",
        f"{path}/.well-known/openid-configuration",
    ):
        reply = await pages[address](Inbound("req_1", "GET", address))
        assert told(reply)["issuer"] == issuer, address


@pytest.mark.requirement("RFC8414-3.2-1")
def test_the_document_is_json():
    reply = ServerMetadata(abilities()).document()

    assert (reply.status, reply.media_type) == (200, "application/json")


@pytest.mark.requirement("RFC8414-3.2-2")
def test_a_member_without_elements_is_left_out():
    document = told(ServerMetadata(abilities(grants=("client_credentials",))).document())

    assert [name for name, value in document.items() if value in ([], "", None)] == []


@pytest.mark.requirement("OIDCD-3-1", "OIDCD-3-2", "OIDCD-3-3")
def test_openid_clients_find_what_they_must(document):
    assert document["id_token_signing_alg_values_supported"][0] == "RS256"
    assert document["subject_types_supported"] == ["public"]
    assert document["request_uri_parameter_supported"] is False


@pytest.mark.requirement("MCP-AS-1")
def test_proof_keys_are_announced(document):
    assert document["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.requirement("RFC9700-2.6-1")
@pytest.mark.parametrize(
    "path", ["/oauth/authorize", "/oauth/par", "/oauth/introspect", "/oauth/register/clt_1", "/v1/agents"]
)
def test_what_a_person_sees_is_closed_to_scripts(path):
    cors = Cors(metadata_paths(SPACES[0]))

    assert cors.preflight(Inbound("req_1", "OPTIONS", path, headers=PREFLIGHT)) is None
    assert cors.opened(path, Reply(200)).headers == ()


@pytest.mark.requirement("RFC9700-2.6-2", "RFC9449-8.2-CORS")
@pytest.mark.parametrize("path", [*READABLE, *metadata_paths(SPACES[1])])
def test_what_scripts_need_is_open_to_them_without_credentials(path):
    cors = Cors(metadata_paths(SPACES[1]))

    preflight = cors.preflight(Inbound("req_1", "OPTIONS", path, headers=PREFLIGHT))
    asked = dict(preflight.headers)
    assert asked["access-control-allow-origin"] == "*"
    taken = set(asked["access-control-allow-headers"].split(", "))
    assert {"authorization", "content-type", "dpop", "mcp-protocol-version"} <= taken
    answered = dict(cors.opened(path, Reply(400)).headers)
    assert answered["access-control-expose-headers"] == "DPoP-Nonce, WWW-Authenticate"
    assert "access-control-allow-credentials" not in asked.keys() | answered.keys()
