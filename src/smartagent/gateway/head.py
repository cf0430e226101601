# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 heads, strictly: one regular expression says what a head is, and nothing else is one.

No obs-fold, no bare CR or LF, no white space before a colon, no NUL, one Host, one way to know where
the body ends.  A request that breaks a rule is refused and its connection closed, for nobody can say
where the next request would begin.

Spec: RFC 9112 sections 2 to 6; RFC 9110 sections 5 and 7.
"""

import re
from functools import lru_cache
from typing import Final

import msgspec

from smartagent.edge import MalformedRequest, MethodNotAllowed
from smartagent.gateway.errors import UpstreamMalformed
from smartagent.gateway.websocket import check_handshake
from smartagent.vault import PLACEHOLDER_PREFIX

MAX_FIELDS: Final = 100
CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

JUDGED: Final = frozenset(
    (
        # Of this hop: never passed on.
        *("connection", "content-length", "keep-alive", "proxy-authenticate", "proxy-authentication-info"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        # A way around the gateway, and a session that the credential opened: neither is the agent's.
        *("alt-svc", "set-cookie", "set-cookie2"),
        # Passed on while they are true.
        *("content-encoding", "accept-ranges", "content-digest", "content-md5", "digest", "repr-digest"),
        *("signature", "signature-input"),
    )
)
"""The fields of an answer that the gateway looks at."""

Pairs = list[tuple[str, str]]

_MAX_REMEMBERED_BYTES: Final = 1024
_BLANK: Final = " \t"

_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_FIELDS: Final = rf"((?:{_NAME}:[\t\x20-\x7e\x80-\xff]*+\r\n)*+)"
_REQUEST_LINE: Final = re.compile(r"([A-Z][A-Z\-]{0,31}) ([!-~]{1,8192}) HTTP/1\.([01])")
_RESPONSE: Final = re.compile(rf"HTTP/1\.([01]) ([1-9][0-9]{{2}})(?: [\t\x20-\x7e\x80-\xff]*+)?\r\n{_FIELDS}")
_FIELD_BLOCK: Final = re.compile(_FIELDS)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9\-._~]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)|\x00")
_ABSOLUTE: Final = re.compile(r"https?://([^/?#@]+)(/.*|\?.*)?", re.IGNORECASE)
_NO_CONTENT: Final = frozenset((204, 304))
_MARK: Final = PLACEHOLDER_PREFIX.encode()
_FORBIDDEN_METHODS: Final = frozenset(("TRACE",))
ALLOWED: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


_NOBODY: Final = object()


class Kept(msgspec.Struct, gc=False):
    """What was made of a head's fields, by `inject` for a plan.  Heads with the same fields share it."""

    plan: object = None
    text: str = ""
    clean_for: object = None
    """The secrets that `leaks` did not find in them."""


class RequestHead(msgspec.Struct, gc=False):
    """A request's head.  Names are in lower case; `body` is a length in bytes or `CHUNKED`.

    `block` is the fields as they came, by which the next head on the connection is recognised: clients
    send the same ones again and again.
    """

    method: str
    target: str
    pairs: Pairs
    fields: dict[str, str]
    body: int
    keep_alive: bool
    expects_continue: bool
    old: bool
    """It knows no chunks: HTTP/1.0, and HTTP/2."""
    block: bytes = b""
    kept: Kept = msgspec.field(default_factory=Kept)
    authority: str = ""
    """Host and port of a target in absolute form, as a proxy is asked (RFC 9112 section 3.2.2)."""
    websocket: bool = False
    """It asks for a WebSocket."""
    marked: bool = True
    """A placeholder could stand in its fields."""
    grpc: bool = False
    """It is a gRPC call: its upstream is spoken to in HTTP/2, and the answer's trailers pass."""


class ResponseHead(msgspec.Struct, gc=False):
    """An upstream's head.  `body` is a length in bytes, `CHUNKED` or `UNTIL_CLOSE`.

    `lines` are the fields that nobody here has an opinion on, as they came; `fields` are those that
    somebody has, by their names in lower case.  `passed` is what `answer` made of them for `passed_for`.
    """

    status: int
    lines: list[str]
    fields: dict[str, str]
    body: int
    keep_alive: bool
    passed: bytes = b""
    passed_for: object = _NOBODY


def check_unfinished(raw: bytes) -> None:
    """Refuse early what can no longer become a head.

    Raises:
        MalformedRequest: It holds a bare CR or LF, or a NUL.
    """
    if _BARE.search(raw):
        raise MalformedRequest("lines end in CR LF, and hold no NUL")


def parse_request_head(raw: bytes, known: RequestHead | None = None) -> RequestHead:
    """Read a request's head, which ends in the CR LF of its last field.

    Args:
        raw: The bytes as they came.
        known: The head before it on the same connection.

    Raises:
        MalformedRequest: It is not exactly one well-formed head.
        MethodNotAllowed: The method is TRACE.
        UpgradeUnsupported: It asks for another protocol.
    """
    line, _, block = raw.partition(b"\r\n")
    match = _REQUEST_LINE.fullmatch(line.decode("latin-1"))
    if match is None:
        raise MalformedRequest("the request line is malformed")
    method, target, minor = match.groups()
    if method in _FORBIDDEN_METHODS:
        raise MethodNotAllowed(ALLOWED)
    if known is None or known.block != block or known.old != (minor == "0"):
        known = _read_fields(block, minor == "0")
    authority = ""
    if known.websocket and (method != "GET" or known.old):
        raise MalformedRequest("a WebSocket is asked for by GET")
    if target[0] != "/" and method != "CONNECT":
        authority, target = _origin_form(target, known.fields.get("host", ""))
    return RequestHead(
        method,
        target,
        known.pairs,
        known.fields,
        known.body,
        known.keep_alive,
        known.expects_continue,
        known.old,
        block,
        known.kept,
        authority,
        known.websocket,
        known.marked,
    )


def _read_fields(block: bytes, old: bool) -> RequestHead:
    # A head without its request line: everything that the same fields mean every time.
    text = block.decode("latin-1")
    if _FIELD_BLOCK.fullmatch(text) is None:
        raise MalformedRequest("a header field is malformed")
    pairs = _split(text)
    if len(pairs) > MAX_FIELDS:
        raise MalformedRequest(f"more than {MAX_FIELDS} header fields")
    fields = _joined(pairs)
    _check_host(fields.get("host"), old)
    websocket = "upgrade" in fields and check_handshake(fields)
    return RequestHead(
        "",
        "",
        pairs,
        fields,
        _request_body(fields, old),
        _keeps_alive(fields.get("connection", "").lower(), old),
        "expect" in fields and _expects_continue(fields["expect"], old),
        old,
        websocket=websocket,
        # In a login by Basic it would be in base64.
        marked=_MARK in block or fields.get("authorization", "")[:6].lower() == "basic ",
    )


def parse_response_head(raw: bytes, method: str) -> ResponseHead:
    """Read an upstream's head, which ends in the CR LF of its last field.

    Args:
        raw: The bytes as they came.
        method: Of the request that it answers; a HEAD's answer has no body.

    Raises:
        UpstreamMalformed: It is not a well-formed head, or does not say once where its body ends.
    """
    # Under load an upstream says the same many times a second.
    if len(raw) <= _MAX_REMEMBERED_BYTES:
        return _remembered(raw, method)
    return _read_response(raw, method)


@lru_cache(maxsize=128)
def _remembered(raw: bytes, method: str) -> ResponseHead:
    return _read_response(raw, method)


def _read_response(raw: bytes, method: str) -> ResponseHead:
    match = _RESPONSE.fullmatch(raw.decode("latin-1"))
    if match is None:
        raise UpstreamMalformed("the status line or a header field is malformed")
    minor, digits, block = match.groups()
    lines, fields = _sorted(block)
    status = int(digits)
    body = _response_body(fields, minor == "0")
    if method == "HEAD" or status < 200 or status in _NO_CONTENT:  # noqa: PLR2004 -- informational (RFC 9110)
        body = 0
    keep_alive = body != UNTIL_CLOSE and _keeps_alive(fields.get("connection", "").lower(), minor == "0")
    return ResponseHead(status, lines, fields, body, keep_alive)


def _sorted(block: str) -> tuple[list[str], dict[str, str]]:
    # Most fields of an answer just pass: they are not taken apart.
    lines = []
    fields: dict[str, str] = {}
    came = block.split("\r\n")
    if len(came) > MAX_FIELDS + 1:
        raise UpstreamMalformed(f"more than {MAX_FIELDS} header fields")
    came.pop()
    for line in came:
        name, _, value = line.partition(":")
        name = name.lower()
        if name not in JUDGED:
            lines.append(line)
        elif name in fields:
            fields[name] = f"{fields[name]}, {value.strip(_BLANK)}"
        else:
            fields[name] = value.strip(_BLANK)
    return lines, fields


def are_fields(raw: bytes) -> bool:
    """Tell whether `raw` is nothing but well-formed field lines: a chunked body's trailers."""
    return _FIELD_BLOCK.fullmatch(raw.decode("latin-1")) is not None


@lru_cache(maxsize=256)
def nominated(connection: str) -> frozenset[str]:
    """Return the fields that a Connection field says are for this hop only."""
    # It takes few values in practice, and every head has one.
    return frozenset(token.strip().lower() for token in connection.split(","))


def _split(block: str) -> Pairs:
    pairs = []
    for line in block.split("\r\n")[:-1]:
        name, _, value = line.partition(":")
        pairs.append((name.lower(), value.strip(_BLANK)))
    return pairs


def _joined(pairs: Pairs) -> dict[str, str]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        fields = {}
        for name, value in pairs:
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _check_host(host: str | None, old: bool) -> None:
    if host is None and not old:
        raise MalformedRequest("the Host field is missing")
    # Two Host fields were joined with a comma, which no host has.
    if host is not None and _HOST.fullmatch(host) is None:
        raise MalformedRequest("the Host field must name one host")


def _origin_form(target: str, host: str) -> tuple[str, str]:
    if target == "*":
        raise MalformedRequest("there is nothing to ask of the gateway itself")
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise MalformedRequest("the request target must be a path")
    authority, path = match.groups()
    if authority.lower() != host.lower():
        raise MalformedRequest("the request target and the Host field name different hosts")
    asked = path if path and path[0] == "/" else f"/{path or ''}"
    return (authority.lower() if target[:5].lower() == "http:" else ""), asked


def _request_body(fields: dict[str, str], old: bool) -> int:
    length = fields.get("content-length")
    coding = fields.get("transfer-encoding")
    if coding is None:
        return 0 if length is None else _length(length)
    if length is not None:
        raise MalformedRequest("Content-Length and Transfer-Encoding together")
    if old or coding.lower() != "chunked":
        raise MalformedRequest("the only transfer coding is chunked, and HTTP/1.0 has none")
    return CHUNKED


def _length(raw: str) -> int:
    # `isdecimal` alone would take other scripts' digits; a list, a sign and a space fail here too.
    if not (raw.isascii() and raw.isdecimal() and len(raw) <= 15):  # noqa: PLR2004 -- a petabyte
        raise MalformedRequest("Content-Length must be one decimal number")
    return int(raw)


def _response_body(fields: dict[str, str], old: bool) -> int:
    length = fields.get("content-length")
    coding = fields.get("transfer-encoding")
    if coding is None:
        if length is None:
            return UNTIL_CLOSE
        if not (length.isascii() and length.isdecimal() and len(length) <= 15):  # noqa: PLR2004 -- a petabyte
            raise UpstreamMalformed("Content-Length must be one decimal number")
        return int(length)
    if length is not None or old or coding.lower() != "chunked":
        raise UpstreamMalformed("the answer does not say once where its body ends")
    return CHUNKED


def _keeps_alive(connection: str, old: bool) -> bool:
    if not connection:
        return not old
    tokens = nominated(connection)
    return "keep-alive" in tokens and "close" not in tokens if old else "close" not in tokens


def _expects_continue(expectation: str, old: bool) -> bool:
    if expectation.lower() != "100-continue":
        raise MalformedRequest("the only expectation is 100-continue")
    return not old
