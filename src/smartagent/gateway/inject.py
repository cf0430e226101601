# SPDX-License-Identifier: Apache-2.0
"""Put the credential in its one place, and take out everything that could compete with it.

What the agent sent in that place goes, under every spelling a server could take for it; so does whatever
speaks about this hop, about who forwarded, or about other credentials.  The secret is revealed only
while the head's bytes are made.

Spec: RFC 9110 section 7.6.1 (this hop's fields), RFC 6750 section 2.1, RFC 6265 section 4.1.1, RFC 7617 section 2.
"""

import re
from typing import Final
from urllib.parse import quote, unquote_plus

from smartagent.gateway.head import CHUNKED, Pairs, RequestHead, nominated
from smartagent.gateway.plan import DROPPED, Plan
from smartagent.gateway.signing import Covered, Outgoing

_DROPPED_FAMILIES: Final = ("proxy-", "x-forwarded-")
_PLAIN: Final = frozenset(("keep-alive", "close"))


def inject(
    head: RequestHead,
    path: str,
    query: str,
    plan: Plan,
    txn_token: str = "",
    signed: tuple[Covered, float] | None = None,
) -> bytes:
    """Return the request head that goes to the upstream.

    Args:
        head: As the agent sent it.
        path: What was matched, and nothing else.
        query: As the agent sent it.
        plan: Where the credential goes.
        txn_token: What tells an upstream of the trust domain what the call is about.
        signed: What is known of the body, and when it is (Unix seconds), where the plan has a signer.
    """
    kept = head.kept
    if kept.plan is not plan:
        kept.plan = plan
        kept.text = "".join([f"{name}: {value}\r\n" for name, value in _kept(head, plan)]) + _asked(
            head, plan
        )
    own = ""
    if plan.in_query:
        query = _with_parameter(query, plan.place, plan.credential.reveal().decode("latin-1"))
    elif plan.place:
        own = f"{plan.place}: {plan.credential.reveal().decode('latin-1')}\r\n"
    elif plan.signer is not None and signed is not None:
        fields = [("host", plan.host), *_kept(head, plan)]
        asked = Outgoing(head.method, f"{plan.base_path}{path}", query, fields)
        own = "".join([f"{name}: {value}\r\n" for name, value in plan.signer.sign(asked, *signed)])
    if txn_token:
        own += f"txn-token: {txn_token}\r\n"
    target = f"{plan.base_path}{path}?{query}" if query else f"{plan.base_path}{path}"
    return f"{head.method} {target} HTTP/1.1\r\nhost: {plan.host}\r\n{kept.text}{own}\r\n".encode("latin-1")


def _asked(head: RequestHead, plan: Plan) -> str:
    # What the gateway says for itself: how the body is framed, and that no coding is wanted.
    if head.websocket:
        return "connection: Upgrade\r\nupgrade: websocket\r\n"
    coding = "accept-encoding: identity\r\n" if "accept-encoding" in plan.dropped else ""
    if head.body == CHUNKED:
        return coding + "transfer-encoding: chunked\r\n"
    if head.body or "content-length" in head.fields:
        return f"{coding}content-length: {head.body}\r\n"
    return coding


def _kept(head: RequestHead, plan: Plan) -> Pairs:
    dropped = plan.dropped
    connection = head.fields.get("connection")
    if connection is not None and connection not in _PLAIN:
        dropped = dropped | nominated(connection)
    if head.websocket:
        # What is compressed cannot be searched as it passes.
        dropped = dropped | {"sec-websocket-extensions"}
    own = bare_name(plan.place) if plan.place and not plan.in_query else ""
    kept = []
    for name, value in head.pairs:
        # Servers that hand fields on as CGI variables take `_` and `-` for the same letter.
        spelt = name.replace("_", "-") if "_" in name else name
        if spelt in dropped or spelt.startswith(_DROPPED_FAMILIES) or (own and bare_name(spelt) == own):
            continue
        kept.append((name, value))
    return kept


def passing(head: RequestHead) -> Pairs:
    """Return the fields that may go along, whichever plan the call is made by."""
    spelt = ((name.replace("_", "-"), name, value) for name, value in head.pairs)
    return [
        (name, value)
        for plain, name, value in spelt
        if plain not in DROPPED and not plain.startswith(_DROPPED_FAMILIES)
    ]


def bare_name(name: str) -> str:
    """Return a name as servers that do not look closely could read it."""
    return name.replace("-", "").replace("_", "").replace(".", "").replace(" ", "").lower()


def _with_parameter(query: str, name: str, value: str) -> str:
    own = bare_name(name)
    kept = [part for part in re.split("[&;]", query) if part and _parameter_name(part) != own]
    return "&".join([*kept, f"{quote(name, safe='')}={value}"])


def _parameter_name(part: str) -> str:
    # `key[]` and `key[0]` are `key` to PHP and Rails.
    return bare_name(unquote_plus(part.partition("=")[0]).replace("\0", "").partition("[")[0])
