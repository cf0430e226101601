# SPDX-License-Identifier: Apache-2.0
"""PATCH: operations on a document, one after the other, all or none.  Pure.

Spec: RFC 7644 section 3.5.2.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from smartagent.governance.errors import ScimMalformed
from smartagent.governance.scim.documents import check_required, value_of
from smartagent.governance.scim.filters import Test, parse_filter
from smartagent.governance.scim.schemas import Attribute, Document, Schema

PATCH_OP: Final = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MAX_OPERATIONS: Final = 100
_PATH: Final = re.compile(
    r"(?P<name>[A-Za-z$][\w$-]*)(?:\[(?P<filter>.*)\])?(?:\.(?P<part>[A-Za-z$][\w$-]*))?"
)
_OPS: Final = frozenset({"add", "replace", "remove"})


class _Target(msgspec.Struct, frozen=True):
    """Where an operation points: an attribute, perhaps one part of it, perhaps only some of its values."""

    attribute: Attribute
    part: Attribute | None
    test: Test | None


def _target(schema: Schema, path: str) -> _Target | None:
    """Read a path; None when it names what no schema here has, which is not kept.

    Raises:
        ScimMalformed: It is no path.
    """
    bare = path[len(schema.id) + 1 :] if path.lower().startswith(schema.id.lower() + ":") else path
    if bare.lower().startswith("urn:"):
        return None
    found = _PATH.fullmatch(bare)
    if found is None:
        raise ScimMalformed("the path cannot be read", "invalidPath")
    attribute = schema.attribute(found["name"])
    if attribute is None:
        return None
    part = attribute.part(found["part"]) if found["part"] else None
    if found["part"] and part is None:
        return None
    if found["filter"] and not attribute.multi:
        raise ScimMalformed("only what has several values is chosen from", "invalidPath")
    return _Target(attribute, part, parse_filter(found["filter"]) if found["filter"] else None)


def patched(document: Mapping[str, object], body: Mapping[str, object], schema: Schema) -> Document:
    """Return `document` after all operations of `body`.

    Raises:
        ScimMalformed: The request is no PATCH, or what comes of it is no sound resource.
    """
    folded = {str(name).lower(): value for name, value in body.items()}
    operations = folded.get("operations")
    schemas = folded.get("schemas")
    if not isinstance(schemas, list) or PATCH_OP not in schemas:
        raise ScimMalformed(f"schemas must name {PATCH_OP}", "invalidSyntax")
    if not isinstance(operations, list) or not 0 < len(operations) <= MAX_OPERATIONS:
        raise ScimMalformed(f"Operations are 1 to {MAX_OPERATIONS}", "invalidSyntax")
    after: Document = {**document}
    for operation in operations:
        if not isinstance(operation, dict):
            raise ScimMalformed("an operation is an object", "invalidSyntax")
        said = {str(name).lower(): value for name, value in operation.items()}
        _apply(after, said, schema)
    check_required(after, schema)
    return {name: value for name, value in after.items() if value not in ([], {})}


def _apply(document: Document, said: Mapping[str, object], schema: Schema) -> None:
    # Some directories write `Add` and `Replace`.
    op, path, value = str(said.get("op", "")).lower(), said.get("path"), said.get("value")
    if op not in _OPS:
        raise ScimMalformed("op is add, replace or remove", "invalidSyntax")
    if path is not None:
        if not isinstance(path, str):
            raise ScimMalformed("a path is a text", "invalidPath")
        _apply_at(document, path, (op, value), schema)
        return
    if op == "remove":
        raise ScimMalformed("remove needs a path", "noTarget")
    if not isinstance(value, dict):
        raise ScimMalformed("without a path the value is an object", "invalidValue")
    for name, each in value.items():
        _apply_at(document, str(name), (op, each), schema)


def _apply_at(document: Document, path: str, what: tuple[str, object], schema: Schema) -> None:
    op, value = what
    target = _target(schema, path)
    if target is None:
        return
    if op == "remove":
        _remove(document, target, value)
    else:
        _change(document, target, op, value)


def _change(document: Document, target: _Target, op: str, value: object) -> None:
    attribute, part = target.attribute, target.part
    if value is None:
        _remove(document, target, None)
    elif target.test is not None:
        _change_some(document, target, value)
    elif part is not None:
        _change_part(document, attribute, part, value)
    elif attribute.multi:
        new = _listed(value_of(attribute, value))
        document[attribute.name] = _added(_listed(document.get(attribute.name)), new) if op == "add" else new
    elif attribute.type == "complex":
        before = document.get(attribute.name)
        new_parts = value_of(attribute, value)
        merged = (
            {**before, **new_parts} if isinstance(before, dict) and isinstance(new_parts, dict) else new_parts
        )
        document[attribute.name] = merged
    else:
        document[attribute.name] = value_of(attribute, value)


def _change_part(document: Document, attribute: Attribute, part: Attribute, value: object) -> None:
    kept = value_of(part, value)
    before = document.get(attribute.name)
    if attribute.multi:
        document[attribute.name] = [{**each, part.name: kept} for each in _objects(before)] or [
            {part.name: kept}
        ]
    else:
        document[attribute.name] = {**(before if isinstance(before, dict) else {}), part.name: kept}


def _change_some(document: Document, target: _Target, value: object) -> None:
    attribute, part, test = target.attribute, target.part, target.test
    after, hit = [], False
    for each in _objects(document.get(attribute.name)):
        if test is not None and test(each):
            hit = True
            if part is not None:
                after.append({**each, part.name: value_of(part, value)})
            else:
                new = _listed(value_of(attribute, value))
                after += [item for item in new if isinstance(item, dict)]
        else:
            after.append(each)
    if not hit:
        raise ScimMalformed("no value is what the path chooses", "noTarget")
    document[attribute.name] = after


def _remove(document: Document, target: _Target, value: object) -> None:
    attribute, part = target.attribute, target.part
    if attribute.required and part is None:
        raise ScimMalformed(f"{attribute.name} is required", "mutability")
    before = document.pop(attribute.name, None)
    if attribute.multi:
        document[attribute.name] = _remaining(_objects(before), target, value)
    elif part is not None and isinstance(before, dict):
        document[attribute.name] = _without(before, part)


def _remaining(before: list[Document], target: _Target, value: object) -> list[Document]:
    """Return the values that are left when those that the target or `value` chooses are removed."""
    test, part = target.test, target.part
    gone = _listed(value_of(target.attribute, value)) if value is not None and test is None else None
    after: list[Document] = []
    for each in before:
        chosen = test(each) if test is not None else gone is None or _is_among(each, gone)
        if not chosen:
            after.append(each)
        elif part is not None:
            after.append(_without(each, part))
    return after


def _without(value: Document, part: Attribute) -> Document:
    return {name: each for name, each in value.items() if name != part.name}


def _added(before: list[object], new: list[object]) -> list[object]:
    """Add values; one that is there already is not there twice (RFC 7644 section 3.5.2.1)."""
    return before + [each for each in new if not _is_among(each, before)]


def _is_among(value: object, values: list[object]) -> bool:
    if value in values:
        return True
    named = value.get("value") if isinstance(value, dict) else None
    return named is not None and any(isinstance(each, dict) and each.get("value") == named for each in values)


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _objects(value: object) -> list[Document]:
    return [each for each in _listed(value) if isinstance(each, dict)]
