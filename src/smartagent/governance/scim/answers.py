# SPDX-License-Identifier: Apache-2.0
"""SCIM's answers: resources with their version, lists, errors.

Spec: RFC 7644 sections 3.4.2, 3.9, 3.12 and 3.14.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from smartagent.crypto import strict_json
from smartagent.edge import Inbound, Reply, parse_form, status_of
from smartagent.governance.errors import ScimError, ScimMalformed, ScimStale
from smartagent.governance.scim.documents import shown
from smartagent.governance.scim.schemas import BASE, MAX_RESULTS, Document, Schema
from smartagent.kernel import Kind, SmartAgentError, rfc3339

MEDIA_TYPE: Final = "application/scim+json"
MEDIA_TYPES: Final = (MEDIA_TYPE, "application/json")
MAX_BODY_BYTES: Final = 1_048_576
_ERROR: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_FIELDS: Final = frozenset(
    {"filter", "startindex", "count", "attributes", "excludedattributes", "sortby", "sortorder"}
)
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")
_PRECONDITION_FAILED: Final = 412


class Query(msgspec.Struct, frozen=True):
    """What is asked of a list.  `start` counts from one."""

    filter: str = ""
    start: int = 1
    count: int = MAX_RESULTS
    attributes: str = ""
    excluded: str = ""


def parse_query(query: str) -> Query:
    """Read the parameters of a request.

    Raises:
        ScimMalformed: One is unknown or none.
    """
    fields = {name.lower(): value for name, value in parse_form(query.encode("utf-8", "replace")).items()}
    if fields.keys() - _FIELDS:
        raise ScimMalformed("unknown parameter", "invalidValue")
    # RFC 7644 section 3.4.2.4: what is too small is taken as the smallest.
    start = max(1, _number(fields.get("startindex", "1")))
    count = min(MAX_RESULTS, max(0, _number(fields.get("count", str(MAX_RESULTS)))))
    return Query(
        fields.get("filter", ""),
        start,
        count,
        fields.get("attributes", ""),
        fields.get("excludedattributes", ""),
    )


def parse_body(inbound: Inbound) -> Document:
    """Read a body as one JSON object.

    Raises:
        ScimMalformed: It is none.
    """
    try:
        value = strict_json(inbound.body, len(inbound.body))
    except SmartAgentError as error:
        raise ScimMalformed(str(error)[:200], "invalidSyntax") from None
    if not isinstance(value, dict):
        raise ScimMalformed("send a JSON object", "invalidSyntax")
    return value


def check_version(inbound: Inbound, version: int) -> None:
    """Make sure that the caller speaks of this version, if they name one.

    Raises:
        ScimStale: They do not.
    """
    wanted = inbound.headers.get("if-match", "")
    if wanted and wanted != "*" and etag(version) not in {each.strip() for each in wanted.split(",")}:
        raise ScimStale("it has another version")


def etag(version: int) -> str:
    """Write a version as HTTP does."""
    return f'W/"{version}"'


class Kept(msgspec.Struct, frozen=True):
    """What every resource has besides its document."""

    id: str
    version: int
    created_at: int
    changed_at: int


def represented(kept: Kept, document: Document, schema: Schema, base: str) -> Document:
    """Return a resource as SCIM writes it."""
    return {
        "schemas": [schema.id],
        "id": kept.id,
        **document,
        "meta": {
            "resourceType": schema.name,
            "created": rfc3339(kept.created_at),
            "lastModified": rfc3339(kept.changed_at),
            "location": f"{base}{BASE}{schema.endpoint}/{kept.id}",
            "version": etag(kept.version),
        },
    }


def answer(status: int, resource: Document, query: Query) -> Reply:
    """Answer with one resource."""
    meta = resource.get("meta")
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(meta, dict) and "version" in meta:
        headers = (("etag", str(meta["version"])), ("location", str(meta["location"])))
    return Reply(status, shown(resource, query.attributes, query.excluded), MEDIA_TYPE, headers)


def listed(resources: Sequence[Document], total: int, query: Query) -> Reply:
    """Answer with a page of resources."""
    page: Document = {
        "schemas": [_LIST],
        "totalResults": total,
        "startIndex": query.start,
        "itemsPerPage": len(resources),
        "Resources": [shown(each, query.attributes, query.excluded) for each in resources],
    }
    return Reply(200, page, MEDIA_TYPE)


def refused(error: SmartAgentError, request_id: str) -> Reply:  # noqa: ARG001 -- a renderer's shape
    """Render a refusal as directories read it (RFC 7644 section 3.12)."""
    status = _PRECONDITION_FAILED if isinstance(error, ScimStale) else status_of(error)
    body: Document = {"schemas": [_ERROR], "status": str(status), "detail": f"{error.title} {error}".strip()}
    if isinstance(error, ScimError) and error.scim_type:
        body["scimType"] = error.scim_type
    challenge = (("www-authenticate", "Bearer"),) if error.kind is Kind.UNAUTHENTICATED else ()
    return Reply(status, body, MEDIA_TYPE, (("cache-control", "no-store"), *challenge))


def _number(raw: str) -> int:
    if not _NUMBER.fullmatch(raw):
        raise ScimMalformed("startIndex and count are numbers", "invalidValue")
    return int(raw)
