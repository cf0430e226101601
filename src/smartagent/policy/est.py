# SPDX-License-Identifier: Apache-2.0
"""Reading a policy as data: Cedar's JSON form, walked without recursion.

Used for questions about a policy that evaluating it cannot answer: what of a request it
looks at, and which names and texts it mentions.  Where in doubt the answer is "more".
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from smartagent.policy.facts import FACTS

Est = dict[str, object]
"""One policy in Cedar's JSON form."""


class Needs(msgspec.Struct, frozen=True):
    """What of a request can make a difference to a set of policies."""

    principal: bool = False
    client_ip: bool = False
    under: bool = False
    content_type: bool = False
    operation: bool = False
    facts: frozenset[str] = frozenset()
    """Those of `facts.FACTS`."""


class Mentions(msgspec.Struct, frozen=True):
    """What a policy names.

    A `like` pattern stands among the texts with `probe` for each wildcard.  `attributes` are
    those of the context, and `context` when it is used as a whole.
    """

    attributes: frozenset[str]

    texts: tuple[str, ...]
    entities: tuple[tuple[str, str], ...]


def needs_of(policies: Iterable[Est]) -> Needs:
    """Say what of a request `policies` look at.  Errs towards more."""
    used: set[str] = set()
    for policy in policies:
        scope = policy.get("principal")
        if not isinstance(scope, dict) or not _is_of_a_role(scope):
            used.add("principal")
        used |= _used_in(policy.get("conditions"))
    everything = "context" in used
    return Needs(
        principal="principal" in used,
        client_ip=everything or "client_ip" in used,
        under=everything or "under" in used,
        content_type=everything or "content_type" in used,
        operation=everything or not used.isdisjoint(("operation", "fields")),
        facts=FACTS if everything else FACTS & used,
    )


def annotation_of(policy: Est, name: str = "id") -> str | None:
    """Return what the policy says under `@id`, or another name; None when it does not."""
    annotations = policy.get("annotations")
    if not isinstance(annotations, dict) or name not in annotations:
        return None
    value = annotations[name]
    # One without a value is null here.
    return value if isinstance(value, str) else ""


def entity_of(scope: object) -> tuple[str, str] | None:
    """Return the entity (type, id) that a policy's scope names: `== X`, `in X`, `is T in X`; None when it names none."""
    if not isinstance(scope, dict):
        return None
    within = scope.get("in")
    entity = within.get("entity") if isinstance(within, dict) else scope.get("entity")
    return (str(entity.get("type")), str(entity.get("id"))) if isinstance(entity, dict) else None


def mentions_of(policy: Est) -> Mentions:
    """List the texts and the entities (type, id) that `policy` names, each once."""
    texts: dict[str, None] = {}
    entities: dict[tuple[str, str], None] = {}
    for node in _nodes(policy):
        kind, name = node.get("type"), node.get("id")
        if isinstance(kind, str) and isinstance(name, str):
            entities[kind, name] = None
        value, pattern = node.get("Value"), node.get("pattern")
        if isinstance(value, str):
            texts[value] = None
        if isinstance(pattern, list):
            texts["".join(_element(element) for element in pattern)] = None
    return Mentions(frozenset(_used_in(policy.get("conditions"))), tuple(texts), tuple(entities))


def hours_of(policy: Est) -> tuple[str, ...]:
    """Return the windows that `policy` asks about.

    Raises:
        ValueError: It asks of `context.hours` something else than whether it contains a text.
    """
    windows, seen = [], 0
    for node in _nodes(policy.get("conditions")):
        # However it came by it: `{a: context}.a.hours` is asked about as well.
        access = node.get(".") or node.get("has")
        seen += isinstance(access, dict) and access.get("attr") == "hours"
        contained = node.get("contains")
        if not isinstance(contained, dict) or not _is_hours(contained.get("left")):
            continue
        right = contained.get("right")
        text = right.get("Value") if isinstance(right, dict) else None
        if isinstance(text, str):
            windows.append(text)
    if seen != len(windows):
        msg = 'of hours one can ask: context.hours.contains("Mon-Fri 08:00-18:00 Europe/Berlin")'
        raise ValueError(msg)
    return tuple(windows)


def _is_hours(node: object) -> bool:
    return isinstance(node, dict) and _attribute_of_context(node) == "hours"


def _nodes(tree: object) -> Iterator[dict[str, object]]:
    pending: list[object] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            yield node
            pending.extend(node.values())


def _element(element: object) -> str:
    literal = element.get("Literal") if isinstance(element, dict) else None
    return literal if isinstance(literal, str) else "probe"


def _is_of_a_role(scope: Mapping[str, object]) -> bool:
    # Every caller of a partition is an Agent in its Role, so these hold for all of them or none.
    entity = scope.get("entity")
    match scope.get("op"):
        case "All":
            return True
        case "is":
            return "in" not in scope
        case "in":
            return isinstance(entity, dict) and entity.get("type") == "Role"
        case _:
            return False


def _used_in(expression: object) -> set[str]:
    """Collect `principal`, `context` (as a whole), and the names of context's attributes."""
    used: set[str] = set()
    pending: list[object] = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            attribute = _attribute_of_context(node)
            variable = node.get("Var")
            if attribute:
                used.add(attribute)
            elif isinstance(variable, str):
                used.add(variable)
            else:
                pending.extend(node.values())
    return used


def _attribute_of_context(node: Mapping[str, object]) -> str:
    access = node.get(".") or node.get("has")
    if not isinstance(access, dict) or access.get("left") != {"Var": "context"}:
        return ""
    attribute = access.get("attr")
    return attribute if isinstance(attribute, str) else ""
