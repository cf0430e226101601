# SPDX-License-Identifier: Apache-2.0
"""The authorization server's metadata: all that is true, at every place where it is looked for."""

import pytest

from smartagent.edge import Inbound
from smartagent.oauth.documents import (
    CIBA,
    JWT_BEARER,
    TOKEN_EXCHANGE,
    Abilities,
    ServerMetadata,
    metadata_paths,
)

ISSUER = "https://auth.example"
GATEWAY = "https://gw.example"
EVERY_PATH = frozenset(
    {
        "/oauth/authorize",
        "/oauth/token",
        "/oauth/par",
        "/oauth/device_authorization",
        "/oauth/backchannel",
        "/oauth/register",
        "/oauth/revoke",
        "/oauth/introspect",
        "/oauth/userinfo",
        "/oauth/status-lists",
    }
)
ALL = Abilities(
    issuer=ISSUER,
    gateway=GATEWAY,
    paths=EVERY_PATH,
    grant_types=(
        "client_credentials",
        "authorization_code",
        "refresh_token",
        JWT_BEARER,
        TOKEN_EXCHANGE,
        "urn:ietf:params:oauth:grant-type:device_code",
        CIBA,
    ),
    acr_values=("urn:example:key",),
    prompt_values=("none", "login", "consent"),
    authorization_details_types=("smartagent_call",),
    requested_token_types=("urn:ietf:params:oauth:token-type:id-jag",),
    client_id_metadata_documents=True,
    resources=lambda: ("https://orders.example", GATEWAY),
)
BARE = Abilities(
    issuer=ISSUER, gateway=GATEWAY, paths=frozenset({"/oauth/token"}), grant_types=("client_credentials",)
)
SIGNATURES = ["ES256", "Ed25519", "EdDSA", "RS256"]
AGENT = ["agent_type", "agent_instance_id", "delegator_sub", "delegation_chain"]


def document(abilities):
    return ServerMetadata(abilities).document().body


EVERYTHING = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/oauth/authorize",
    "token_endpoint": f"{ISSUER}/oauth/token",
    "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
    "pushed_authorization_request_endpoint": f"{ISSUER}/oauth/par",
    "device_authorization_endpoint": f"{ISSUER}/oauth/device_authorization",
    "backchannel_authentication_endpoint": f"{ISSUER}/oauth/backchannel",
    "registration_endpoint": f"{ISSUER}/oauth/register",
    "revocation_endpoint": f"{ISSUER}/oauth/revoke",
    "introspection_endpoint": f"{ISSUER}/oauth/introspect",
    "userinfo_endpoint": f"{ISSUER}/oauth/userinfo",
    "status_list_aggregation_endpoint": f"{ISSUER}/oauth/status-lists",
    "scopes_supported": ["openid", "profile", "offline_access"],
    "response_types_supported": ["code"],
    "response_modes_supported": ["query"],
    "grant_types_supported": list(ALL.grant_types),
    "code_challenge_methods_supported": ["S256"],
    "authorization_response_iss_parameter_supported": True,
    "dpop_signing_alg_values_supported": SIGNATURES,
    "client_id_metadata_document_supported": True,
    "authorization_details_types_supported": ["smartagent_call"],
    "authorization_grant_profiles_supported": ["urn:ietf:params:oauth:grant-profile:id-jag"],
    "identity_chaining_requested_token_types_supported": ["urn:ietf:params:oauth:token-type:id-jag"],
    "backchannel_token_delivery_modes_supported": ["poll"],
    "backchannel_user_code_parameter_supported": False,
    "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
    "token_endpoint_auth_signing_alg_values_supported": SIGNATURES,
    "revocation_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
    "revocation_endpoint_auth_signing_alg_values_supported": SIGNATURES,
    "introspection_endpoint_auth_methods_supported": ["private_key_jwt", "Bearer", "DPoP"],
    "introspection_endpoint_auth_signing_alg_values_supported": SIGNATURES,
    "introspection_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
    "claim_types_supported": ["normal"],
    "claims_supported": [
        *["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "sid"],
        "name",
        *AGENT,
    ],
    "claims_parameter_supported": False,
    "request_parameter_supported": False,
    "request_uri_parameter_supported": False,
    "acr_values_supported": ["urn:example:key"],
    "prompt_values_supported": ["none", "login", "consent"],
    "agent_claims_supported": AGENT,
    "delegation_methods_supported": [TOKEN_EXCHANGE],
    "protected_resources": [ISSUER, GATEWAY, "https://orders.example"],
}


def test_everything_that_is_done_stands_in_the_document():
    assert document(ALL) == EVERYTHING


def test_what_is_not_done_stands_nowhere():
    told = document(BARE)

    assert {name for name in told if name.endswith("_endpoint")} == {
        "authorization_endpoint",
        "token_endpoint",
    }
    assert told["grant_types_supported"] == ["client_credentials"]
    assert told["scopes_supported"] == ["openid", "profile"]
    assert told["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
    assert told["client_id_metadata_document_supported"] is False
    absent = {
        "authorization_details_types_supported",
        "authorization_grant_profiles_supported",
        "identity_chaining_requested_token_types_supported",
        "backchannel_token_delivery_modes_supported",
        "acr_values_supported",
        "prompt_values_supported",
        "delegation_methods_supported",
    }
    assert not absent & told.keys()


def test_no_member_is_empty_or_null():
    for abilities in (ALL, BARE):
        assert [name for name, value in document(abilities).items() if value in (None, "", [])] == []


@pytest.mark.parametrize(
    ("issuer", "paths"),
    [
        (
            "https://h",
            ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"),
        ),
        (
            "https://h/t1",
            (
                "/.well-known/oauth-authorization-server/t1",
                "/.well-known/openid-configuration/t1",
                "/t1/.well-known/openid-configuration",
                "/.well-known/openid-configuration",
            ),
        ),
        (
            "https://h/a/b",
            (
                "/.well-known/oauth-authorization-server/a/b",
                "/.well-known/openid-configuration/a/b",
                "/a/b/.well-known/openid-configuration",
                "/.well-known/openid-configuration",
            ),
        ),
    ],
)
async def test_the_document_is_at_every_place_where_it_is_looked_for(issuer, paths):
    assert metadata_paths(issuer) == paths
    metadata = ServerMetadata(Abilities(issuer, GATEWAY, frozenset(), ("client_credentials",)))
    shown = {path: await page(Inbound("req_1", "GET", path)) for path, page in metadata.pages().items()}
    assert tuple(shown) == paths
    assert {reply.body["issuer"] for reply in shown.values()} == {issuer}


@pytest.mark.parametrize(
    "issuer", ["https://h", "https://h/t1", "http://127.0.0.1:8700", "https://H.example"]
)
def test_the_issuer_stands_there_byte_for_byte(issuer):
    told = document(Abilities(issuer, GATEWAY, frozenset(), ("client_credentials",)))

    assert told["issuer"] == issuer
    assert told["token_endpoint"] == f"{issuer}/oauth/token"


def test_the_document_may_be_kept_for_an_hour():
    reply = ServerMetadata(ALL).document()

    assert (reply.status, reply.media_type) == (200, "application/json")
    assert reply.headers == (("cache-control", "public, max-age=3600"),)


def test_a_resource_that_comes_later_is_told_as_well():
    known = []
    metadata = ServerMetadata(
        Abilities(ISSUER, GATEWAY, frozenset(), ("client_credentials",), resources=lambda: known)
    )
    assert metadata.document().body["protected_resources"] == [ISSUER, GATEWAY]

    known.append("https://orders.example")
    assert metadata.document().body["protected_resources"] == [ISSUER, GATEWAY, "https://orders.example"]
