# SPDX-License-Identifier: Apache-2.0
"""What a user and a group are, and how SCIM is told so.  Pure.

Spec: RFC 7643 sections 4.1, 4.2, 5, 6 and 7.
"""

from typing import Final

import msgspec

USER: Final = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP: Final = "urn:ietf:params:scim:schemas:core:2.0:Group"
_CORE: Final = "urn:ietf:params:scim:schemas:core:2.0:"
MAX_RESULTS: Final = 200
BASE: Final = "/scim/v2"

Document = dict[str, object]


class Attribute(msgspec.Struct, frozen=True):
    """An attribute as a schema defines it (RFC 7643 section 7)."""

    name: str
    type: str = "string"
    description: str = ""
    multi: bool = False
    required: bool = False
    mutability: str = "readWrite"
    uniqueness: str = "none"
    returned: str = "default"
    case_exact: bool = False
    parts: tuple["Attribute", ...] = ()
    reference_types: tuple[str, ...] = ()
    canonical: tuple[str, ...] = ()

    def part(self, name: str) -> "Attribute | None":
        """Return the sub-attribute `name`, whatever its case."""
        return next((each for each in self.parts if each.name.lower() == name.lower()), None)

    def document(self) -> Document:
        """Return the definition as SCIM writes it."""
        written: Document = {
            "name": self.name,
            "type": self.type,
            "multiValued": self.multi,
            "description": self.description or self.name,
            "required": self.required,
            "caseExact": self.case_exact,
            "mutability": self.mutability,
            "returned": self.returned,
            "uniqueness": self.uniqueness,
        }
        if self.parts:
            written["subAttributes"] = [part.document() for part in self.parts]
        if self.canonical:
            written["canonicalValues"] = list(self.canonical)
        if self.reference_types:
            written["referenceTypes"] = list(self.reference_types)
        return written


class Schema(msgspec.Struct, frozen=True):
    """What a kind of resource is made of."""

    id: str
    name: str
    endpoint: str
    description: str
    attributes: tuple[Attribute, ...]

    def attribute(self, name: str) -> Attribute | None:
        """Return the attribute `name`, whatever its case; the common ones are every resource's."""
        known = (*self.attributes, EXTERNAL_ID)
        return next((each for each in known if each.name.lower() == name.lower()), None)

    def document(self, base: str) -> Document:
        """Return the schema as SCIM writes it."""
        return {
            "schemas": [_CORE + "Schema"],
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "attributes": [each.document() for each in self.attributes],
            "meta": {"resourceType": "Schema", "location": f"{base}{BASE}/Schemas/{self.id}"},
        }

    def resource_type(self, base: str) -> Document:
        """Return the kind of resource as SCIM writes it."""
        return {
            "schemas": [_CORE + "ResourceType"],
            "id": self.name,
            "name": self.name,
            "endpoint": self.endpoint,
            "description": self.description,
            "schema": self.id,
            "schemaExtensions": [],
            "meta": {"resourceType": "ResourceType", "location": f"{base}{BASE}/ResourceTypes/{self.name}"},
        }


EXTERNAL_ID: Final = Attribute("externalId", description="What the directory calls it.", case_exact=True)

USERS: Final = Schema(
    USER,
    "User",
    "/Users",
    "A person, who may answer for agents.",
    (
        Attribute(
            "userName",
            description="Names the person once in the directory.",
            required=True,
            uniqueness="server",
        ),
        Attribute(
            "name",
            "complex",
            "The parts of the person's name.",
            parts=(Attribute("formatted"), Attribute("familyName"), Attribute("givenName")),
        ),
        Attribute("displayName", description="What people are shown."),
        Attribute("active", "boolean", "False once the person has left: they answer for no agent then."),
        Attribute(
            "emails",
            "complex",
            "Addresses of the person.",
            multi=True,
            parts=(
                Attribute("value"),
                Attribute("display"),
                Attribute("type"),
                Attribute("primary", "boolean"),
            ),
        ),
    ),
)
GROUPS: Final = Schema(
    GROUP,
    "Group",
    "/Groups",
    "A group of people.",
    (
        Attribute("displayName", description="What people are shown.", required=True),
        Attribute(
            "members",
            "complex",
            "The people in the group.",
            multi=True,
            parts=(
                Attribute("value", description="The person's id.", mutability="immutable"),
                Attribute(
                    "$ref", "reference", "Their address.", mutability="immutable", reference_types=("User",)
                ),
                Attribute("type", description="User.", mutability="immutable", canonical=("User",)),
            ),
        ),
    ),
)
SERVED: Final = (USERS, GROUPS)


def _meta_schema(name: str, *attributes: Attribute) -> Schema:
    return Schema(_CORE + name, name, "", f"How SCIM describes a {name}.", attributes)


_SUPPORTED: Final = (Attribute("supported", "boolean", required=True, mutability="readOnly"),)
_READ_ONLY: Final = "readOnly"
ABOUT: Final = (
    _meta_schema(
        "ServiceProviderConfig",
        *(
            Attribute(name, "complex", required=True, mutability=_READ_ONLY, parts=_SUPPORTED)
            for name in ("patch", "changePassword", "sort", "etag")
        ),
        Attribute(
            "bulk",
            "complex",
            required=True,
            mutability=_READ_ONLY,
            parts=(
                *_SUPPORTED,
                Attribute("maxOperations", "integer", required=True, mutability=_READ_ONLY),
                Attribute("maxPayloadSize", "integer", required=True, mutability=_READ_ONLY),
            ),
        ),
        Attribute(
            "filter",
            "complex",
            required=True,
            mutability=_READ_ONLY,
            parts=(*_SUPPORTED, Attribute("maxResults", "integer", required=True, mutability=_READ_ONLY)),
        ),
        Attribute(
            "authenticationSchemes",
            "complex",
            multi=True,
            required=True,
            mutability=_READ_ONLY,
            parts=tuple(
                Attribute(name, required=True, mutability=_READ_ONLY)
                for name in ("type", "name", "description")
            ),
        ),
    ),
    _meta_schema(
        "ResourceType",
        *(Attribute(name, required=True, mutability=_READ_ONLY) for name in ("name", "endpoint", "schema")),
        Attribute("id", mutability=_READ_ONLY),
        Attribute("description", mutability=_READ_ONLY),
    ),
    _meta_schema(
        "Schema",
        Attribute("id", required=True, mutability=_READ_ONLY),
        Attribute("name", mutability=_READ_ONLY),
        Attribute("description", mutability=_READ_ONLY),
        Attribute(
            "attributes",
            "complex",
            multi=True,
            required=True,
            mutability=_READ_ONLY,
            parts=(
                Attribute("name", required=True, mutability=_READ_ONLY),
                Attribute("type", required=True, mutability=_READ_ONLY),
                Attribute("multiValued", "boolean", required=True, mutability=_READ_ONLY),
            ),
        ),
    ),
)


def service_provider_config(base: str) -> Document:
    """Say what is served (RFC 7643 section 5)."""
    return {
        "schemas": [_CORE + "ServiceProviderConfig"],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "A token that an operator makes: smartagentctl scim token",
                "primary": True,
            }
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base}{BASE}/ServiceProviderConfig"},
    }
