# SPDX-License-Identifier: Apache-2.0
"""A role as Cedar text that a person can read.

One `permit` per allow block and per credential, named by its `@id`; and one `forbid` for each block that asks.  Every value is written as a Cedar string
literal by `quote`, so nothing of a role file can become policy.
"""

from typing import Final

from smartagent.policy.model import (
    ANY,
    CREDENTIAL_SCOPE,
    MCP_SCOPE,
    Allow,
    Ask,
    Item,
    McpAllow,
    McpKind,
    ResourceAllow,
    ResourceKind,
    Role,
)
from smartagent.policy.operations import ANY_FIELD, by_kind
from smartagent.policy.patterns import Pattern, parse_pattern

_ESCAPES: Final = {'"': '\\"', "\\": "\\\\"}


def rule_id(role: str, number: int) -> str:
    """Name the `number`th allow block of a role, counted from one."""
    return f"role/{role}/{number}"


def mcp_rule_id(role: str, number: int) -> str:
    """Name the `number`th MCP block of a role, counted from one."""
    return f"role/{role}/mcp/{number}"


def asking_id(rule: str) -> str:
    """Name what asks for the approval of what the block `rule` allows."""
    return f"{rule}/ask"


def compile_role(role: Role) -> str:
    """Write `role` as Cedar policies; empty when it allows nothing."""
    blocks = [_permit(role, number, block) for number, block in enumerate(role.allow, 1)]
    blocks += [_permit_credential(role, name) for name in role.credentials]
    blocks += [_permit_mcp(role, number, block) for number, block in enumerate(role.mcp, 1)]
    blocks += [_permit_resource(role, number, block) for number, block in enumerate(role.resources, 1)]
    # Behind all that permits: rules are named by where they stand.
    blocks += [_ask(role, number, block) for number, block in enumerate(role.allow, 1) if block.ask]
    blocks += [_ask_mcp(role, number, block) for number, block in enumerate(role.mcp, 1) if block.ask]
    # A description is one line of printable characters, so it cannot leave the comment.
    head = [f"// {role.name}: {role.description}\n"] if blocks and role.description else []
    return "\n".join(head + blocks)


def quote(text: str) -> str:
    """Write `text` as a Cedar string literal."""
    return '"' + "".join(_quoted_char(char) for char in text) + '"'


def _quoted_char(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    return char if char.isprintable() else f"\\u{{{ord(char):x}}}"


def _permit(role: Role, number: int, block: Allow) -> str:
    conditions = [f"context.scopes.contains({quote(block.scope)})", *_calls_of(block)]
    return _statement(role, rule_id(role.name, number), ("call", _upstream(block)), conditions)


def _ask(role: Role, number: int, block: Allow) -> str:
    # Whatever permits the call, and with whichever scope: what is marked so is never let through unseen.
    name = asking_id(rule_id(role.name, number))
    return _statement(role, name, ("call", _upstream(block)), _calls_of(block), block.ask)


def _upstream(block: Allow) -> str:
    return (
        "resource is Upstream" if block.upstream == ANY else f"resource == Upstream::{quote(block.upstream)}"
    )


def _calls_of(block: Allow) -> list[str]:
    conditions = []
    if block.methods != (ANY,):
        conditions.append(_one_of([quote(method) for method in block.methods]))
    conditions.append(_any_of([condition_of(parse_pattern(path)) for path in block.paths]))
    if block.content_types:
        # A request without a body has no content type, and nothing that one could forbid.
        types = ", ".join(quote(each) for each in ("", *block.content_types))
        conditions.append(f"[{types}].contains(context.content_type)")
    if block.operations:
        kinds = by_kind(block.operations).items()
        conditions.append(_any_of([_operation(kind, fields) for kind, fields in kinds]))
    return conditions


def _permit_credential(role: Role, name: str) -> str:
    resource = f"resource == Upstream::{quote(CREDENTIAL_SCOPE + name)}"
    conditions = [f"context.scopes.contains({quote(CREDENTIAL_SCOPE + name)})"]
    return _statement(role, f"role/{role.name}/credential/{name}", ("lease", resource), conditions)


def _permit_resource(role: Role, number: int, block: ResourceAllow) -> str:
    # That it is leased at all, and each thing that the lease gives, is asked by itself.
    scope = quote(CREDENTIAL_SCOPE + block.credential)
    named = ['context.method == "LEASE"', *(_item(block, item) for item in block.items)]
    conditions = [f"context.scopes.contains({scope})", _any_of(named)]
    name = f"role/{role.name}/{block.kind}/{number}"
    return _statement(role, name, ("lease", f"resource == Upstream::{scope}"), conditions)


def _item(block: ResourceAllow, item: Item) -> str:
    place = item.of(block.credential).path
    if block.kind is ResourceKind.CLOUD:
        return f"context.method like {_wildcards(item.verb)} && context.path like {_wildcards(place)}"
    below = f"context.path == {quote(place)} || context.path like {_wildcards(place + '/*')}"
    return f"context.method == {quote(item.verb)} && ({below})"


def _permit_mcp(role: Role, number: int, block: McpAllow) -> str:
    # What is asked of arguments is no Cedar: `Book` asks it of the block that permits.
    server = quote(MCP_SCOPE + block.server)
    conditions = [f"context.scopes.contains({server})", _any_of(_named_in(block))]
    return _statement(
        role, mcp_rule_id(role.name, number), ("call", f"resource == Upstream::{server}"), conditions
    )


def _ask_mcp(role: Role, number: int, block: McpAllow) -> str:
    resource = f"resource == Upstream::{quote(MCP_SCOPE + block.server)}"
    name = asking_id(mcp_rule_id(role.name, number))
    return _statement(role, name, ("call", resource), [_any_of(_named_in(block))], block.ask)


def _named_in(block: McpAllow) -> list[str]:
    kinds = (
        (McpKind.TOOL, block.tools),
        (McpKind.PROMPT, block.prompts),
        (McpKind.RESOURCE, block.resources),
    )
    return [
        f"context.method == {quote(kind.value)} && context.path like {_wildcards(pattern)}"
        for kind, patterns in kinds
        for pattern in patterns
    ]


def _wildcards(pattern: str) -> str:
    return '"' + "*".join(_like_literal(piece) for piece in pattern.split("*")) + '"'


def _statement(
    role: Role, name: str, what: tuple[str, str], conditions: list[str], ask: Ask | None = None
) -> str:
    """Write what permits, or with `ask` what forbids until it is approved."""
    action, resource = what
    if role.networks and ask is None:
        conditions.append(
            _any_of([f"context.client_ip.isInRange(ip({quote(net)}))" for net in role.networks])
        )
    if role.hours and ask is None:
        conditions.append(_any_of([f"context.hours.contains({quote(window)})" for window in role.hours]))
    lines = [
        f"@id({quote(name)})",
        *([] if ask is None else [f"@ask({quote(ask)})"]),
        "permit (" if ask is None else "forbid (",
        f"  principal in Role::{quote(role.name)},",
        f"  action == Action::{quote(action)},",
        f"  {resource}",
        ")",
        "when {",
        "  " + " &&\n  ".join(conditions),
        "};",
        "",
    ]
    return "\n".join(lines)


def _operation(kind: str, fields: tuple[str, ...]) -> str:
    condition = f"context.operation == {quote(kind)}"
    if not fields or ANY_FIELD in fields:
        return condition
    return f"{condition} && [{', '.join(quote(field) for field in fields)}].containsAll(context.fields)"


def _one_of(methods: list[str]) -> str:
    return f"[{', '.join(methods)}].contains(context.method)"


def _any_of(alternatives: list[str]) -> str:
    if len(alternatives) == 1:
        return alternatives[0] if " || " not in alternatives[0] else f"({alternatives[0]})"
    return "(\n    " + " ||\n    ".join(f"({one})" for one in alternatives) + "\n  )"


def condition_of(pattern: Pattern) -> str:
    """Write what `pattern` asks of a path as a Cedar expression.

    Cedar's `like` lets `*` match slashes and nothing at all.  A path with exactly as many
    slashes as the pattern leaves none for a `*` to match; a doubled or trailing slash is
    what an empty segment looks like.
    """
    prefix = "".join("/" + ("*" if segment is None else segment) for segment in pattern.segments)
    if not pattern.has_star:
        if not pattern.open_end:
            return f"context.path == {quote(prefix)}"
        below = f"context.path like {_like(pattern, '/*')}"
        return f"context.path == {quote(prefix)} || {below}" if prefix else below
    depth = len(pattern.segments)
    # With `**` the whole path may be deeper, so the question is asked of its first segments alone.
    subject = f"context.under.d{depth}" if pattern.open_end else "context.path"
    first = f"context.under has d{depth}" if pattern.open_end else f"context.depth == {depth}"
    parts = [first, f"{subject} like {_like(pattern)}"]
    if None in pattern.segments[:-1]:
        parts.append(f'!({subject} like "*//*")')
    if pattern.segments[-1] is None:
        parts.append(f'!({subject} like "*/")')
    return " && ".join(parts)


def _like(pattern: Pattern, tail: str = "") -> str:
    # Inside a pattern literal, `\*` is an asterisk and a bare `*` the wildcard.
    text = "".join("/" + ("*" if segment is None else _like_literal(segment)) for segment in pattern.segments)
    return f'"{text}{tail}"'


def _like_literal(segment: str) -> str:
    return quote(segment)[1:-1].replace("*", "\\*")
