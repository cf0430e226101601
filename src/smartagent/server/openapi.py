# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document, made from the routes themselves: what is served is what is described."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from smartagent.edge import Proof, Route
from smartagent.edge.problem import MEDIA_TYPE, Problem

Json = dict[str, object]

SEGMENT: Final = "^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What a parameter in a path is made of: ids and names."""

_REF: Final = "#/components/schemas/{name}"
_ERRORS: Final[dict[int, str]] = {
    400: "The request is malformed.",
    401: "The proof of identity does not hold.",
    403: "The policy refused.",
    404: "There is no such thing, or not for this caller.",
    405: "The address does not take this method.",
    409: "It collides with what exists.",
    410: "It has expired.",
    413: "The body is too large.",
    415: "The content type is not read here.",
    429: "Too many requests.",
    502: "The upstream failed.",
    503: "The store cannot be reached; nothing was recorded, so nothing was answered.",
}
_SECURITY: Final[dict[Proof, list[dict[str, list[str]]]]] = {
    Proof.ACCESS_TOKEN: [{"agentToken": []}, {"operatorToken": []}],
    Proof.NONCE_SIGNATURE: [],
    Proof.NEXT_KEY: [],
    Proof.OPERATOR_SIGNATURE: [],
    Proof.CLIENT_AUTHENTICATION: [],
    Proof.CLIENT_OR_TOKEN: [{}, {"agentToken": []}, {"operatorToken": []}],
    Proof.REGISTRATION_TOKEN: [{"registrationToken": []}],
    Proof.SIGNED_IN: [{"browserSession": []}],
    Proof.CONSOLE_SESSION: [{"browserSession": []}],
    Proof.WORKLOAD: [],
    Proof.ENROLMENT: [],
    Proof.CLAIM_LINK: [],
    Proof.VAULT_LOGIN: [],
    Proof.MCP_TOKEN: [{"mcpToken": []}],
    Proof.VAULT_TOKEN: [{"vaultToken": []}],
    Proof.SCIM_TOKEN: [{"directoryToken": []}],
    Proof.NONE: [],
}

_SCHEMES: Final[Json] = {
    "vaultToken": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Vault-Token",
        "description": "An agent's access token, where programs that speak to Vault put it.",
    },
    "agentToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "mcpToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token whose audience is the MCP server's own address.",
    },
    "registrationToken": {"type": "http", "scheme": "bearer"},
    "directoryToken": {"type": "http", "scheme": "bearer"},
    "browserSession": {
        "type": "apiKey",
        "in": "cookie",
        "name": "smartagent",
        "description": "A person's session in a browser, with the form's `csrf`.",
    },
    "operatorToken": {
        "type": "http",
        "scheme": "dpop",
        "description": "An operator's token with a DPoP proof in the header `DPoP` (RFC 9449).",
    },
}


class OAuthError(msgspec.Struct, frozen=True):
    """An error as OAuth clients read it (RFC 6749 section 5.2)."""

    error: str
    error_description: str = ""


def describe(routes: Iterable[Route], *, version: str, server_url: str) -> Json:
    """Return the OpenAPI 3.1 document for `routes`.

    Args:
        routes: Everything that goes through the pipeline.
        version: The version of the API's description.
        server_url: The authority's public URL.
    """
    ordered = sorted(routes, key=lambda route: (route.path, route.method))
    schemas, components = _schemas(ordered)
    paths: dict[str, Json] = {}
    for route in ordered:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "SmartAgent",
            "version": version,
            "description": "A self-hosted authority for AI agents.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server_url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": _SCHEMES,
        },
    }


def _schemas(routes: Sequence[Route]) -> tuple[dict[type, Json], Json]:
    types: list[type] = [Problem, OAuthError]
    for route in routes:
        for schema in (route.request_schema, route.reply_schema):
            if schema is not None and schema not in types:
                types.append(schema)
    found, components = msgspec.json.schema_components(types, schema_hook=_anything, ref_template=_REF)
    return dict(zip(types, (dict(each) for each in found), strict=True)), dict(components)


def _anything(_type: type) -> dict[str, object]:
    return {"description": "Any value: what stands there is for others to say."}


def _operation(route: Route, schemas: dict[type, Json]) -> Json:
    operation: Json = {
        "operationId": f"{route.method.lower()}_{route.path.strip('/').translate(_TO_NAME)}",
        "summary": route.summary or route.event,
        "tags": [_tag(route.path)],
        "security": _SECURITY[route.proof] or [{}],
        "responses": _responses(route, schemas),
        "x-smartagent-proof": route.proof.value,
        "x-smartagent-permission": route.permission,
        "x-smartagent-event": route.event,
    }
    parameters = [*_path_parameters(route), *_query_parameters(route)]
    if parameters:
        operation["parameters"] = parameters
    if route.method in {"POST", "PUT", "PATCH"} and (route.request_schema or not _reads_json_only(route)):
        operation["requestBody"] = {
            "required": True,
            "content": {
                media: {"schema": _body_schema(route, media, schemas)} for media in route.media_types if media
            },
        }
    return operation


_TO_NAME: Final = str.maketrans({"/": "_", "{": "", "}": "", ".": "_", "-": "_"})


def _reads_json_only(route: Route) -> bool:
    return route.media_types == ("application/json",)


def _body_schema(route: Route, media_type: str, schemas: dict[type, Json]) -> Json:
    if media_type == "application/octet-stream" or route.request_schema is None:
        return {"type": "string", "format": "binary"} if media_type == "application/octet-stream" else {}
    return schemas[route.request_schema]


def _path_parameters(route: Route) -> Iterable[Json]:
    for segment in route.path.split("/"):
        if segment.startswith("{"):
            yield {
                "name": segment[1:-1],
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": SEGMENT, "maxLength": 128},
            }


def _query_parameters(route: Route) -> Iterable[Json]:
    # A GET has no body: where it has a request schema, that is its query's.
    if route.method != "GET" or route.request_schema is None:
        return
    inner, components = msgspec.json.schema_components(
        [route.request_schema], schema_hook=_anything, ref_template=_REF
    )
    name = str(inner[0].get("$ref", "")).rpartition("/")[2]
    schema = components.get(name, inner[0])
    required = schema.get("required", [])
    for member, member_schema in schema.get("properties", {}).items():
        yield {"name": member, "in": "query", "required": member in required, "schema": member_schema}


def _responses(route: Route, schemas: dict[type, Json]) -> Json:
    done: Json = {"description": "Done, and recorded."}
    if route.reply_schema is not None:
        done["content"] = {"application/json": {"schema": schemas[route.reply_schema]}}
    if route.proof is Proof.SCIM_TOKEN:
        return _scim()
    if route.render is not None and not route.oauth:
        return _pages(done) if route.reply_schema is None else _another_api(done)
    problem = OAuthError if route.oauth else Problem
    media_type = "application/json" if route.oauth else MEDIA_TYPE
    responses: Json = {"2XX": done}
    for status, meaning in _ERRORS.items():
        responses[str(status)] = {
            "description": meaning,
            "content": {media_type: {"schema": schemas[problem]}},
        }
    if route.oauth:
        # What fails before the route is found or read is answered as a problem.
        for early in (400, 405, 413):
            content: Json = {"schema": {"anyOf": [schemas[OAuthError], schemas[Problem]]}}
            responses[str(early)] = {
                "description": _ERRORS[early],
                "content": {"application/json": content, MEDIA_TYPE: content},
            }
    return responses


def _another_api(done: Json) -> Json:
    """Describe what is answered as somebody else's API does: its errors are JSON of its own."""
    problem: Json = {"application/json": {}, MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    errors = {str(status): {"description": said, "content": problem} for status, said in _ERRORS.items()}
    return {"2XX": done, **errors}


def _scim() -> Json:
    """Describe what directories are answered (RFC 7644), whose schemas SCIM itself tells."""
    content: Json = {
        "application/scim+json": {},
        MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}},
    }
    said = {"2XX": "Done, and recorded.", "412": "It is of another version.", "501": "It is not served."}
    said |= {str(status): meaning for status, meaning in _ERRORS.items()}
    return {status: {"description": meaning, "content": content} for status, meaning in said.items()}


def _pages(done: Json) -> Json:
    """Describe a page: whatever happened, it is HTML, or leads somewhere else."""
    html: Json = {"text/html": {"schema": {"type": "string"}}}
    responses: Json = {
        "2XX": {**done, "content": html},
        "3XX": {"description": "Go on elsewhere."},
    }
    problem: Json = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}}
    for status, meaning in _ERRORS.items():
        responses[str(status)] = {"description": meaning, "content": {**html, **problem}}
    return responses


def _tag(path: str) -> str:
    parts = path.strip("/").split("/")
    return parts[1] if len(parts) > 1 else parts[0]
