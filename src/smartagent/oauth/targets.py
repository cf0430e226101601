# SPDX-License-Identifier: Apache-2.0
"""What a token shall be for: the resource that a request names, and the scopes to be had there.

Spec: RFC 8707 section 2, RFC 6749 section 3.3.
"""

from collections.abc import Mapping

from smartagent.clients import Client, Resource
from smartagent.oauth.errors import InvalidScope, InvalidTarget
from smartagent.tokens import ScopeNotGranted, narrow


def one_target(form: Mapping[str, str]) -> str:
    """Return the one resource that a request names; empty when it names none.

    Raises:
        InvalidTarget: It names several: a token that is good in two places is a worse token.
    """
    named = dict.fromkeys(
        value for name in ("resource", "audience") if name in form for value in form[name].split("\n")
    )
    if len(named) > 1:
        raise InvalidTarget("ask for one resource at a time")
    return next(iter(named), "")


def scopes_at(resource: Resource, client: Client, asked: str) -> str:
    """Return the scopes that `client` may have at `resource`, of those that it asks for; all, when it asks for none.

    Raises:
        InvalidScope: One of them is not to be had.
    """
    offered = dict.fromkeys(resource.scopes)
    if client.scope:
        ceiling = frozenset(client.scope.split())
        offered = dict.fromkeys(scope for scope in offered if scope in ceiling)
    if not asked:
        return " ".join(offered)
    try:
        return narrow(asked, frozenset(offered))
    except ScopeNotGranted:
        raise InvalidScope("the resource does not have it, or the client may not") from None
