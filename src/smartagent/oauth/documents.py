# SPDX-License-Identifier: Apache-2.0
"""The metadata of the authorization server: one document, at every place where a client may look.

Only what works stands in it: an endpoint when there is a route for it, a grant when it was
registered.  A client that reads more would try it.

Spec: RFC 8414 sections 2 and 3, OpenID Connect Discovery 1.0 sections 3 and 4, RFC 8705 and later for
the members of other specifications, each named below.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from smartagent.crypto import ASYMMETRIC
from smartagent.edge import Inbound, Reply, well_known_path
from smartagent.oauth.agentclaims import AGENT_CLAIMS
from smartagent.oauth.challenge import DPOP_ALGORITHMS
from smartagent.oauth.idtoken import ID_TOKEN_CLAIMS, SIGNING_ALGORITHMS
from smartagent.tokens import JWKS_LIFE_SECONDS, JWKS_PATH

AUTHORIZATION_SERVER: Final = "/.well-known/oauth-authorization-server"
OPENID_CONFIGURATION: Final = "/.well-known/openid-configuration"

AUTHORIZATION_CODE: Final = "authorization_code"
REFRESH_TOKEN: Final = "refresh_token"  # noqa: S105 -- a grant's name
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 -- a grant's name
CIBA: Final = "urn:openid:params:grant-type:ciba"
ID_JAG_PROFILE: Final = "urn:ietf:params:oauth:grant-profile:id-jag"

AUTHORIZE_PATH: Final = "/oauth/authorize"
TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 -- a path
REVOKE_PATH: Final = "/oauth/revoke"
INTROSPECT_PATH: Final = "/oauth/introspect"
USERINFO_PATH: Final = "/oauth/userinfo"
REGISTER_PATH: Final = "/oauth/register"
STATUS_LISTS_PATH: Final = "/oauth/status-lists"

_ENDPOINTS: Final = {
    "pushed_authorization_request_endpoint": "/oauth/par",
    "device_authorization_endpoint": "/oauth/device_authorization",
    "backchannel_authentication_endpoint": "/oauth/backchannel",
    "registration_endpoint": REGISTER_PATH,
    "revocation_endpoint": REVOKE_PATH,
    "introspection_endpoint": INTROSPECT_PATH,
    "userinfo_endpoint": USERINFO_PATH,
    "status_list_aggregation_endpoint": STATUS_LISTS_PATH,
}
_CACHE: Final = (("cache-control", f"public, max-age={JWKS_LIFE_SECONDS}"),)
_CLIENT_ALGORITHMS: Final = sorted(ASYMMETRIC)

Json = dict[str, object]
Page = Callable[[Inbound], Awaitable[Reply]]


def nothing_registered() -> tuple[str, ...]:
    """Know no resource beside the house's own."""
    return ()


class Abilities(msgspec.Struct, frozen=True):
    """What this authorization server really does, as the wiring knows it.

    Args:
        issuer: Its identifier; it stands in the document as it is here.
        gateway: The gateway's identifier.
        paths: The paths of all routes there are.
        grant_types: Those that are registered with the token endpoint.
        acr_values: How a person can sign in.
        prompt_values: What `prompt` may say.
        response_modes: How the answer to an authorization request can be given.
        authorization_details_types: Those that can be granted.
        requested_token_types: What a token exchange gives for other domains, e.g. an ID-JAG.
        client_id_metadata_documents: Whether a client's id may be the URL of its description.
        resources: The identifiers of registered resources that may be told to anybody.
    """

    issuer: str
    gateway: str
    paths: frozenset[str]
    grant_types: tuple[str, ...]
    acr_values: tuple[str, ...] = ()
    prompt_values: tuple[str, ...] = ()
    response_modes: tuple[str, ...] = ("query",)
    authorization_details_types: tuple[str, ...] = ()
    requested_token_types: tuple[str, ...] = ()
    client_id_metadata_documents: bool = False
    resources: Callable[[], Iterable[str]] = nothing_registered


def metadata_paths(issuer: str) -> tuple[str, ...]:
    """Return every path at which the metadata of `issuer` are looked for.

    When the issuer has a path, it goes behind the well-known part (RFC 8414 section 3), and for OpenID
    Connect also before it (Discovery section 4).  A proxy that takes the path away before us leaves the
    last of these without it.
    """
    path = urlsplit(issuer).path.rstrip("/")
    every = (
        well_known_path(AUTHORIZATION_SERVER, issuer),
        well_known_path(OPENID_CONFIGURATION, issuer),
        path + OPENID_CONFIGURATION,
        OPENID_CONFIGURATION,
    )
    return tuple(dict.fromkeys(every))


class ServerMetadata:
    """What anybody may read about this authorization server, without a record."""

    def __init__(self, abilities: Abilities) -> None:
        self._abilities = abilities
        self._unchanging = _unchanging(abilities)

    @property
    def paths(self) -> tuple[str, ...]:
        """Where it is served."""
        return metadata_paths(self._abilities.issuer)

    def pages(self) -> Mapping[str, Page]:
        """Return the pages by their paths."""

        async def show(_: Inbound) -> Reply:
            return self.document()

        return dict.fromkeys(self.paths, show)

    def document(self) -> Reply:
        """Return the metadata; they may be kept for an hour."""
        able = self._abilities
        resources = dict.fromkeys((able.issuer, able.gateway, *able.resources()))
        # RFC 9728 section 4.
        return Reply(
            200, {**self._unchanging, "protected_resources": list(resources)}, "application/json", _CACHE
        )


def _unchanging(able: Abilities) -> Json:
    return {
        "issuer": able.issuer,
        **_endpoints(able),
        **_granting(able),
        **_authenticating(able.grant_types),
        **_openid(able),
        **_agents(able.grant_types),
    }


def _endpoints(able: Abilities) -> Json:
    # The first two are there in any case: clients fail on a document without them.
    return {
        "authorization_endpoint": able.issuer + AUTHORIZE_PATH,
        "token_endpoint": able.issuer + TOKEN_PATH,
        "jwks_uri": able.issuer + JWKS_PATH,
        **{name: able.issuer + path for name, path in _ENDPOINTS.items() if path in able.paths},
    }


def _granting(able: Abilities) -> Json:
    grants: Collection[str] = able.grant_types
    # Only what is the same for every resource: a client takes this list when it finds no other, and asks for all.
    scopes = ["openid", "profile", *(["offline_access"] if REFRESH_TOKEN in grants else [])]
    document: Json = {
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": list(able.response_modes),
        "grant_types_supported": list(grants),
        "code_challenge_methods_supported": ["S256"],
        # RFC 9207 section 3.
        "authorization_response_iss_parameter_supported": True,
        # RFC 9449 section 5.1.
        "dpop_signing_alg_values_supported": list(DPOP_ALGORITHMS),
        "client_id_metadata_document_supported": able.client_id_metadata_documents,
    }
    if able.authorization_details_types:
        # RFC 9396 section 10.
        document["authorization_details_types_supported"] = list(able.authorization_details_types)
    if JWT_BEARER in grants:
        document["authorization_grant_profiles_supported"] = [ID_JAG_PROFILE]
    if TOKEN_EXCHANGE in grants and able.requested_token_types:
        document["identity_chaining_requested_token_types_supported"] = list(able.requested_token_types)
    if CIBA in grants:
        # CIBA Core section 4.
        document["backchannel_token_delivery_modes_supported"] = ["poll"]
        document["backchannel_user_code_parameter_supported"] = False
    return document


def _authenticating(grants: Collection[str]) -> Json:
    # Left out, these would say `client_secret_basic`.  A client with no key is one of a person's, or none.
    methods = ["private_key_jwt", *(["none"] if AUTHORIZATION_CODE in grants else [])]
    return {
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": _CLIENT_ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": _CLIENT_ALGORITHMS,
        # RFC 8414 section 2: an access token's type here means that one is taken for the caller's.
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt", "Bearer", "DPoP"],
        "introspection_endpoint_auth_signing_alg_values_supported": _CLIENT_ALGORITHMS,
        # RFC 9701 section 7.
        "introspection_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
    }


def _openid(able: Abilities) -> Json:
    document: Json = {
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(SIGNING_ALGORITHMS),
        "claim_types_supported": ["normal"],
        "claims_supported": [*ID_TOKEN_CLAIMS, "name", *AGENT_CLAIMS],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        # Its default is true, and means what comes from a client's own address; ours come from PAR alone.
        "request_uri_parameter_supported": False,
    }
    if able.acr_values:
        document["acr_values_supported"] = list(able.acr_values)
    if able.prompt_values:
        document["prompt_values_supported"] = list(able.prompt_values)
    return document


def _agents(grants: Collection[str]) -> Json:
    # OIDC-A 1.0 (a proposal), section 4.2: what can be told is derived, and never what decides.
    document: Json = {"agent_claims_supported": list(AGENT_CLAIMS)}
    if TOKEN_EXCHANGE in grants:
        document["delegation_methods_supported"] = [TOKEN_EXCHANGE]
    return document
