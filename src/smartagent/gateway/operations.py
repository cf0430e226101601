# SPDX-License-Identifier: Apache-2.0
"""What a call does, where its method and path do not say it: found out before it is decided about.

Which language an upstream speaks stands in its entry: `git`, or `graphql:` and the path of its one endpoint.

Spec: gitprotocol-http (smart clients); RFC 9110 section 8.3 for a body without a content type.
"""

from typing import Final

from smartagent.edge import Inbound
from smartagent.gateway.errors import OperationUnreadable
from smartagent.gateway.exchange import Exchange
from smartagent.gateway.graphql import Operation, read_request
from smartagent.gateway.ports import Said, Upstream

GIT: Final = "git"
GRAPHQL: Final = "graphql:"
_UNKNOWN_BODY: Final = "application/octet-stream"
_SERVICES: Final = {"git-upload-pack": "git-read", "git-receive-pack": "git-write"}
_NOTHING: Final = Operation()


async def said_in(exchange: Exchange, inbound: Inbound, entry: Upstream) -> Said:
    """Return what a call says beside its method and path.

    Raises:
        OperationUnreadable: Its upstream speaks GraphQL, and nobody can say what the call does.
        SmartAgentError: The body must be known for that, and did not come, or is too long.
    """
    media_type = content_type(inbound, has_body=exchange.head.body != 0)
    path = "/" + inbound.path[1:].partition("/")[2]
    operation = _NOTHING
    if entry.speaks == GIT:
        operation = git_operation(inbound.method, path, inbound.query)
    elif entry.speaks and _same(path, entry.speaks.removeprefix(GRAPHQL)):
        if inbound.method != "POST":
            raise OperationUnreadable("an operation is sent by POST")
        headers = dict(inbound.headers)
        operation = read_request(inbound.query, headers, media_type, await exchange.whole_body())
    return Said(media_type, operation.kind, operation.fields)


def content_type(inbound: Inbound, *, has_body: bool) -> str:
    """Return a body's content type without parameters; empty when there is no body and none is said."""
    stated = inbound.headers.get("content-type", "").partition(";")[0].strip().lower()
    return stated or (_UNKNOWN_BODY if has_body else "")


def git_operation(method: str, path: str, query: str) -> Operation:
    """Tell a fetch from a push, by the requests that smart clients make; nothing when it is neither."""
    if method == "GET" and path.endswith("/info/refs"):
        name, _, service = query.partition("=")
        return Operation(_SERVICES.get(service, "")) if name == "service" else _NOTHING
    if method == "POST":
        return Operation(_SERVICES.get(path.rpartition("/")[2], ""))
    return _NOTHING


def _same(path: str, declared: str) -> bool:
    # Many servers take these for one address, so the decision must.
    return path.rstrip("/").lower() == declared.lower()
