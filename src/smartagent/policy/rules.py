# SPDX-License-Identifier: Apache-2.0
"""What a role means, without the engine: whether it is too broad, and how close a call came.

The engine decides.  These functions say the same in plain words, for a person who was
refused; a property test holds the two together.
"""

import ipaddress
import math
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from smartagent.policy.compile import rule_id
from smartagent.policy.model import ANY, Allow, Call, Condition, NearestRule, Role
from smartagent.policy.operations import covers
from smartagent.policy.patterns import known_pattern

COMMON_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
"""Who has these on a path can do everything there."""


def grants_everything(role: Role) -> tuple[str, str] | None:
    """Say which rule of `role` gives too much, and what it would let; None when none does.

    Blocks count together: one with GET on `/**` and another with all the rest is the same as
    one with both.
    """
    reach: dict[str, set[str]] = {}
    for number, block in enumerate(role.allow, 1):
        if block.upstream == ANY:
            return rule_id(role.name, number), f"role {role.name} call every upstream there is or will be"
        if any(known_pattern(path).is_everything for path in block.paths):
            methods = reach.setdefault(block.upstream, set())
            methods.update(block.methods)
            if ANY in methods or methods.issuperset(COMMON_METHODS):
                what = f"role {role.name} do everything on {block.upstream}: every method on every path"
                return rule_id(role.name, number), what
    return None


@lru_cache(maxsize=4096)
def canonical_ip(raw: str) -> str:
    """Write an address in the one form policies are asked about; empty when it is none.

    An IPv4 address that arrived over an IPv6 socket is the IPv4 address.
    """
    try:
        address = ipaddress.ip_address(raw.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def nearest_rule(
    role: Role, call: Call, scopes: frozenset[str], client_ip: str, hours: Collection[str] = ()
) -> NearestRule | None:
    """Find the allow block that comes closest to allowing `call`; None when there is no block at all.

    The right upstream counts most, then the right path, the right method, and how few conditions fail.

    Args:
        role: What the caller's role says.
        call: What they want.
        scopes: Those their token holds.
        client_ip: In canonical form; empty when unknown.
        hours: Those of the role's windows that are open.
    """
    best: NearestRule | None = None
    best_rank = (False, False, False, -math.inf)
    for number, block in enumerate(role.allow, 1):
        conditions = (*_conditions(role, block, call, scopes, client_ip), *_conditions_of_hours(role, hours))
        held = {condition.name: condition.holds for condition in conditions}
        # Blocks ask for different numbers of things: what counts is how many fail.
        rank = (held["upstream"], held["path"], held["method"], sum(held.values()) - len(held))
        if rank > best_rank:
            best, best_rank = NearestRule(rule_id(role.name, number), conditions), rank
    return best


def _conditions(
    role: Role, block: Allow, call: Call, scopes: frozenset[str], client_ip: str
) -> tuple[Condition, ...]:
    return (
        Condition("upstream", block.upstream in (ANY, call.upstream), block.upstream, call.upstream),
        Condition(
            "method",
            ANY in block.methods or call.method in block.methods,
            ", ".join(block.methods),
            call.method,
        ),
        Condition(
            "path",
            any(known_pattern(path).matches(call.path) for path in block.paths),
            ", ".join(block.paths),
            call.path[:200],
        ),
        Condition("scope", block.scope in scopes, block.scope, " ".join(sorted(scopes)) or "none"),
        Condition(
            "network",
            _is_within(client_ip, role.networks),
            ", ".join(role.networks) or "any",
            client_ip or "unknown",
        ),
        *_conditions_of_content(block, call),
    )


def _conditions_of_hours(role: Role, hours: Collection[str]) -> tuple[Condition, ...]:
    if not role.hours:
        return ()
    holds = not set(hours).isdisjoint(role.hours)
    return (Condition("hours", holds, ", ".join(role.hours), "open" if holds else "closed"),)


def _conditions_of_content(block: Allow, call: Call) -> tuple[Condition, ...]:
    found = []
    if block.content_types:
        holds = call.content_type in ("", *block.content_types)
        wanted = ", ".join(block.content_types)
        found.append(Condition("content type", holds, wanted, call.content_type[:200] or "none"))
    if block.operations:
        holds = covers(block.operations, call.operation, call.fields)
        got = f"{call.operation} {' '.join(call.fields)}".strip()[:200]
        found.append(Condition("operation", holds, ", ".join(block.operations), got or "not known"))
    return tuple(found)


def _is_within(client_ip: str, networks: tuple[str, ...]) -> bool:
    if not networks:
        return True
    if not client_ip:
        return False
    address = ipaddress.ip_address(client_ip)
    return any(address in ipaddress.ip_network(network) for network in networks)


def in_plain_words(role: str, call: Call, nearest: NearestRule | None) -> str:
    """Say why nothing allows `call`."""
    if nearest is None:
        return f"role {role} allows nothing"
    failed = [condition for condition in nearest.conditions if not condition.holds]
    lacks = "; ".join(f"the {one.name} is {one.got}, not {one.wanted}" for one in failed)
    return f"no rule of role {role} allows {call}; the nearest is {nearest.rule}, but {lacks}"
