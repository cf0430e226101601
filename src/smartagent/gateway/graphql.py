# SPDX-License-Identifier: Apache-2.0
"""What a GraphQL request does: its operation's type, and the fields at its top once fragments are put in.

Whoever forwards what it has not understood lets through what it has not decided about.  So a request is read strictly:
one operation, by POST as JSON, with no member and no parameter that some server could take for another operation.

Spec: GraphQL October 2021 sections 2.3 to 2.10; GraphQL over HTTP (draft) section 5; Apollo's automatic persisted queries.
"""

import hashlib
import json
import re
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
)

from smartagent.gateway.errors import OperationUnreadable

MAX_TEXT_CHARS: Final = 32_768
MAX_TOKENS: Final = 2000
PERSISTED: Final = "graphql:persisted"
_MEMBERS: Final = frozenset(("query", "operationName", "variables", "extensions"))
_MEDIA_TYPE: Final = "application/json"
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_ALWAYS: Final = "__typename"
"""A field of every type, which tells nothing but the type's name."""


class Operation(NamedTuple):
    """What a call does: the kind, as `graphql:query`, and the fields at its top, each once and in order."""

    kind: str = ""
    fields: tuple[str, ...] = ()


def read_request(query: str, headers: dict[str, str], media_type: str, body: bytes) -> Operation:
    """Read a request to a GraphQL server.

    Args:
        query: Of its address.
        headers: Its fields, in lower case.
        media_type: Of its body, without parameters.
        body: All of it.

    Raises:
        OperationUnreadable: It is not one operation, or could be another one to somebody else.
    """
    if query:
        _refuse("some servers take the operation from the address: send it in the body alone")
    if media_type != _MEDIA_TYPE or headers.get("content-encoding", "identity").lower() != "identity":
        _refuse("an operation is sent as application/json, and not compressed")
    request = _members(body)
    text, extensions = request.get("query"), request.get("extensions") or {}
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else _refuse("extensions")
    if text is None:
        return Operation(PERSISTED, (_hash_of(persisted),))
    if not isinstance(text, str) or len(text) > MAX_TEXT_CHARS:
        _refuse(f"the query is a text of at most {MAX_TEXT_CHARS} characters")
    if persisted is not None and _hash_of(persisted) != hashlib.sha256(text.encode()).hexdigest():
        _refuse("the hash is another query's")
    return read_operation(text)


@lru_cache(maxsize=512)
def read_operation(text: str) -> Operation:
    """Read the one operation of a document.

    Raises:
        OperationUnreadable: It has none, or several, or is no document.
    """
    try:
        document = parse(text, no_location=True, max_tokens=MAX_TOKENS)
    except (GraphQLSyntaxError, RecursionError):
        raise OperationUnreadable("the query is no GraphQL, or is too long or too deep") from None
    operation, fragments = _parts(document)
    fields = _top_fields(operation.selection_set, fragments)
    return Operation(f"graphql:{operation.operation.value}", tuple(sorted(fields - {_ALWAYS})))


def _parts(
    document: DocumentNode,
) -> tuple[OperationDefinitionNode, dict[str, FragmentDefinitionNode]]:
    operations = []
    fragments: dict[str, FragmentDefinitionNode] = {}
    for definition in document.definitions:
        match definition:
            case OperationDefinitionNode():
                operations.append(definition)
            case FragmentDefinitionNode() if definition.name.value not in fragments:
                fragments[definition.name.value] = definition
            case _:
                _refuse("a document has an operation and fragments, each name once")
    if len(operations) != 1:
        _refuse("a document has one operation")
    return operations[0], fragments


def _top_fields(selected: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> set[str]:
    fields: set[str] = set()
    pending, seen = [selected], set[str]()
    while pending:
        for selection in pending.pop().selections:
            if isinstance(selection, FieldNode):
                # The name, not the alias: what is asked for, whatever it is called in the answer.
                fields.add(selection.name.value)
            elif isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name not in fragments:
                    _refuse("a fragment is not in the document")
                if name not in seen:
                    seen.add(name)
                    pending.append(fragments[name].selection_set)
            elif isinstance(selection, InlineFragmentNode):
                pending.append(selection.selection_set)
    return fields


def _members(body: bytes) -> dict[str, object]:
    try:
        found: object = json.loads(body.decode("utf-8"), object_pairs_hook=_each_once)
    except (ValueError, RecursionError):
        raise OperationUnreadable("the body is not JSON, or names something twice") from None
    if not isinstance(found, dict):
        _refuse("one operation is sent at a time, as an object")
    unknown = found.keys() - _MEMBERS
    if unknown:
        _refuse(f"the body has members beside {', '.join(sorted(_MEMBERS))}")
    return found


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # The server might take the other one.
        message = "a name stands twice"
        raise ValueError(message)
    return found


def _hash_of(persisted: object) -> str:
    found = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(found, str) or not _HASH.fullmatch(found):
        _refuse("there is no query, and no hash of one")
    return found


def _refuse(why: str) -> NoReturn:
    raise OperationUnreadable(why)
