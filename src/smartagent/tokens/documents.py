# SPDX-License-Identifier: Apache-2.0
"""The public documents: the key set, and what this authorization server can do.

Only what works stands in the metadata: a client that reads more would try it.

Spec: RFC 8414 sections 2 and 3, RFC 7517 section 5.
"""

from typing import Final

import msgspec

from smartagent.edge import Reply
from smartagent.tokens.keyring import KeyRing
from smartagent.tokens.means import Means
from smartagent.tokens.oauth import GRANT_TYPE
from smartagent.tokens.rules import JWKS_LIFE_SECONDS

JWKS_PATH: Final = "/.well-known/jwks.json"
METADATA_PATH: Final = "/.well-known/oauth-authorization-server"
_CACHE: Final = (
    ("cache-control", f"public, max-age={JWKS_LIFE_SECONDS}"),
    # Verifiers in browsers, too, may read what is public.
    ("access-control-allow-origin", "*"),
)


class Documents:
    """What anybody may read, without a record."""

    def __init__(self, means: Means, keys: KeyRing) -> None:
        self._keys = keys
        self._metadata = msgspec.json.encode(_metadata(means.issuer))

    def jwks(self) -> Reply:
        """Return the key set; it may be kept for an hour.

        Raises:
            KeysNotReady: There are no keys on this node yet, and an empty set must not be kept.
        """
        _ = self._keys.active
        return Reply(200, self._keys.jwks(), "application/jwk-set+json", _CACHE)

    def authorization_server(self) -> Reply:
        """Return the authorization server's metadata."""
        return Reply(200, self._metadata, "application/json", _CACHE)


def _metadata(issuer: str) -> dict[str, str | list[str]]:
    return {
        "issuer": issuer,
        "token_endpoint": f"{issuer}/oauth/token",
        "jwks_uri": issuer + JWKS_PATH,
        # Required even where no grant uses the authorization endpoint, which is therefore absent.
        "response_types_supported": [],
        "grant_types_supported": [GRANT_TYPE],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["EdDSA", "Ed25519"],
    }
