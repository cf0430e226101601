# SPDX-License-Identifier: Apache-2.0
"""The public documents say what works, and nothing else."""

import json

from tests.unit.identity.world import ISSUER


async def test_the_metadata_names_what_works(world):
    reply = world.tokens.documents.authorization_server()
    document = json.loads(reply.body)
    assert document == {
        "issuer": ISSUER,
        "token_endpoint": f"{ISSUER}/oauth/token",
        "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA", "Ed25519"],
    }
    assert world.router.match("POST", "/oauth/token").route.oauth
