# SPDX-License-Identifier: Apache-2.0
"""From what a directory sends to what is kept, and from that to what it is shown.  Pure.

Names are whatever case; attributes that no schema here has are left out, as directories send what others want.

Spec: RFC 7643 sections 2.1 and 2.5; RFC 7644 section 3.9.
"""

from collections.abc import Mapping
from typing import Final

from smartagent.governance.errors import ScimMalformed
from smartagent.governance.scim.schemas import Attribute, Document, Schema

MAX_TEXT_CHARS: Final = 512
MAX_VALUES: Final = 100
_ALWAYS: Final = frozenset({"schemas", "id", "meta"})
_TRUTH: Final = {"true": True, "false": False}


def taken(body: Mapping[str, object], schema: Schema) -> Document:
    """Return what is kept of a resource as it was sent.

    Raises:
        ScimMalformed: A value is not of its type, a required one is missing, or one stands there twice.
    """
    schemas = body.get("schemas")
    if not isinstance(schemas, list) or schema.id not in schemas:
        raise ScimMalformed(f"schemas must name {schema.id}", "invalidSyntax")
    document: Document = {}
    for name, value in body.items():
        attribute = schema.attribute(name)
        if attribute is None or value is None:
            continue
        if attribute.name in document:
            raise ScimMalformed(f"{attribute.name} stands there twice", "invalidSyntax")
        kept = value_of(attribute, value)
        if kept not in ([], {}):
            document[attribute.name] = kept
    check_required(document, schema)
    return document


def check_required(document: Document, schema: Schema) -> None:
    """Make sure that nothing is missing.

    Raises:
        ScimMalformed: Something is.
    """
    for attribute in schema.attributes:
        if attribute.required and not document.get(attribute.name):
            raise ScimMalformed(f"{attribute.name} is required", "invalidValue")


def value_of(attribute: Attribute, value: object) -> object:
    """Return a value of `attribute` as it is kept; one value of many may come alone.

    Raises:
        ScimMalformed: It is none.
    """
    if not attribute.multi:
        return _single(attribute, value)
    values = value if isinstance(value, list) else [value]
    if len(values) > MAX_VALUES and attribute.name != "members":
        raise ScimMalformed(f"{attribute.name} has at most {MAX_VALUES} values", "tooMany")
    return [_single(attribute, each) for each in values]


def _single(attribute: Attribute, value: object) -> object:
    if attribute.type == "complex":
        if not isinstance(value, dict):
            raise ScimMalformed(f"{attribute.name} has parts", "invalidValue")
        return _parts(attribute, value)
    if attribute.type == "boolean":
        # Some directories write booleans as text.
        truth = _TRUTH.get(value.lower()) if isinstance(value, str) else value
        if not isinstance(truth, bool):
            raise ScimMalformed(f"{attribute.name} is true or false", "invalidValue")
        return truth
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS:
        raise ScimMalformed(
            f"{attribute.name} is a text of at most {MAX_TEXT_CHARS} characters", "invalidValue"
        )
    return value


def _parts(attribute: Attribute, value: Mapping[object, object]) -> Document:
    kept: Document = {}
    for name, each in value.items():
        part = attribute.part(str(name))
        if part is not None and each is not None:
            kept[part.name] = _single(part, each)
    return kept


def shown(document: Document, attributes: str, excluded: str) -> Document:
    """Return the part of a resource that was asked for.

    Args:
        document: All of it.
        attributes: Comma-separated; empty for all.
        excluded: The same, for what shall be left out.
    """
    if attributes:
        wanted = _names(attributes)
        return {name: value for name, value in document.items() if name in _ALWAYS or name.lower() in wanted}
    left_out = _names(excluded)
    return {
        name: value for name, value in document.items() if name in _ALWAYS or name.lower() not in left_out
    }


def _names(listed: str) -> frozenset[str]:
    # A part of an attribute is shown with the whole of it; a URN before the name changes nothing.
    heads = (name.strip().rpartition(":")[2].partition(".")[0].lower() for name in listed.split(","))
    return frozenset(heads)
