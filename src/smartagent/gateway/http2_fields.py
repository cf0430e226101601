# SPDX-License-Identifier: Apache-2.0
"""Heads of HTTP/1.1 and fields of HTTP/2, one made of the other, on both sides of the gateway.

Inside there is one form, the head of HTTP/1.1, so that one way decides, injects and scrubs.  What comes in HTTP/2 is
checked field by field before lines are made of it: HPACK carries any byte, and a line feed in a value would be a field
of its own one step later.  Then the same parser reads it that reads what came in HTTP/1.1.

Spec: RFC 9113 sections 8.1 to 8.3.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from hpack import NeverIndexedHeaderTuple
from msgspec import structs

from smartagent.edge import MalformedRequest, MethodNotAllowed
from smartagent.gateway.errors import UpstreamMalformed
from smartagent.gateway.grpc import is_grpc
from smartagent.gateway.head import ALLOWED, JUDGED, MAX_FIELDS, RequestHead, parse_request_head

Field = tuple[bytes, bytes]

ACCEPTED: Final = b"grpc-accept-encoding"

_HEAD_END: Final = b"\r\n\r\n"
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]{1,256}")
_VALUE: Final = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")
_METHOD: Final = re.compile(rb"[A-Z][A-Z\-]{0,31}")
_PATH: Final = re.compile(rb"/[!-~]{0,8191}")
_STATUS: Final = re.compile(rb"[1-9][0-9]{2}")
_SCHEMES: Final = frozenset((b"http", b"https"))
_OF_REQUESTS: Final = frozenset((b":method", b":scheme", b":authority", b":path"))
_OF_ANSWERS: Final = frozenset((b":status",))
_OF_HTTP_1: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_FRAMING: Final = frozenset((b"connection", b"keep-alive", b"transfer-encoding"))
_IN_NO_TRAILER: Final = frozenset(name.encode() for name in JUDGED) | {b"authorization", b"host"}


def request_head(
    fields: Iterable[Field], *, ended: bool, schemes: frozenset[bytes] = _SCHEMES
) -> RequestHead:
    """Read an agent's fields.

    Args:
        fields: As they came, in their order.
        ended: The stream ended with them: there is no body.
        schemes: Those that the request may be of.

    Raises:
        MalformedRequest: They are no request, or one that HTTP/1.1 could not carry.
        MethodNotAllowed: The method is CONNECT or TRACE.
    """
    try:
        pseudo, rest = _taken_apart(fields, _OF_REQUESTS)
    except ValueError as error:
        raise MalformedRequest(str(error)) from None
    method, path, authority = pseudo[b":method"], pseudo[b":path"], pseudo[b":authority"]
    if method == b"CONNECT":
        raise MethodNotAllowed(ALLOWED)
    if not (_METHOD.fullmatch(method) and _PATH.fullmatch(path) and pseudo[b":scheme"] in schemes):
        raise MalformedRequest("the method, the path or the scheme is malformed")
    lines = _request_lines(rest, authority)
    if not ended and not any(name == b"content-length" for name, _ in rest):
        lines.append(b"transfer-encoding: chunked\r\n")
    line = b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (method, path, authority)
    head = parse_request_head(line + b"".join(lines))
    if ended and head.body:
        raise MalformedRequest("the body is shorter than Content-Length says")
    return structs.replace(head, old=True, grpc=is_grpc(head.fields))


def _request_lines(fields: Iterable[Field], authority: bytes) -> list[bytes]:
    lines = []
    for name, value in fields:
        if name == b"te" and value != b"trailers":
            raise MalformedRequest("TE can only be trailers")
        if name != b"host":
            lines.append(b"%b: %b\r\n" % (name, value))
        elif value != authority:
            raise MalformedRequest("Host and :authority name different hosts")
    return lines


def answer_fields(head: bytes) -> tuple[int, list[Field]]:
    """Return the status and the fields of a head that the gateway made for the agent."""
    line, *lines = head.split(b"\r\n")
    status = line.split(b" ")[1]
    fields = [(b":status", status)]
    for name, value in _named(lines):
        if name not in _FRAMING:
            fields.append((name, value))
    return int(status), fields


def request_fields(head: bytes, *, tls: bool) -> list[Field]:
    """Return the fields of a head that the gateway made for an upstream.

    Nothing in them goes into a table that is kept: one of them is the secret (RFC 7541 section 7.1).
    """
    line, *lines = head.split(b"\r\n")
    method, target, _ = line.split(b" ")
    named = list(_named(lines))
    authority = next(value for name, value in named if name == b"host")
    pseudo = (b":method", method), (b":scheme", b"https" if tls else b"http"), (b":authority", authority)
    fields: list[Field] = [*pseudo, (b":path", target), (b"te", b"trailers")]
    if not any(name == ACCEPTED for name, _ in named):
        # Where messages are searched; silence would leave it to the upstream.
        fields.append((ACCEPTED, b"identity"))
    for name, value in named:
        if name not in _FRAMING and name != b"host":
            fields.append((name, value))
    return [NeverIndexedHeaderTuple(*field) for field in fields]


def answer_head(fields: Iterable[Field], *, ended: bool) -> bytes:
    """Make a head of an upstream's fields; its body, if any, is in chunks.

    Raises:
        UpstreamMalformed: They are no answer, or one that HTTP/1.1 could not carry.
    """
    try:
        pseudo, rest = _taken_apart(fields, _OF_ANSWERS)
    except ValueError as error:
        raise UpstreamMalformed(str(error)) from None
    if _STATUS.fullmatch(pseudo[b":status"]) is None:
        raise UpstreamMalformed("the status is not a number")
    lines = [b"%b: %b\r\n" % field for field in rest if field[0] != b"content-length"]
    framing = b"content-length: 0\r\n" if ended else b"transfer-encoding: chunked\r\n"
    return b"HTTP/1.1 %b \r\n%b%b\r\n" % (pseudo[b":status"], b"".join(lines), framing)


def trailer_lines(fields: Sequence[Field]) -> bytes:
    """Make lines of what an upstream says behind its body.

    Raises:
        UpstreamMalformed: They are no fields.
    """
    try:
        _, rest = _taken_apart(fields, frozenset())
    except ValueError as error:
        raise UpstreamMalformed(str(error)) from None
    return b"".join([b"%b: %b\r\n" % field for field in rest])


def trailer_fields(lines: bytes) -> list[Field]:
    """Return the fields in trailers that the agent may see."""
    return [(name, value) for name, value in _named(lines.split(b"\r\n")) if name not in _IN_NO_TRAILER]


def _taken_apart(fields: Iterable[Field], wanted: frozenset[bytes]) -> tuple[dict[bytes, bytes], list[Field]]:
    """Tell pseudo-fields from fields.

    Raises:
        ValueError: One is malformed, or the pseudo-fields are not exactly those that are wanted.
    """
    pseudo: dict[bytes, bytes] = {}
    rest: list[Field] = []
    for name, value in fields:
        if _VALUE.fullmatch(value) is None:
            raise ValueError("a field's value is malformed")
        if name.startswith(b":"):
            if rest or name in pseudo or name not in wanted:
                raise ValueError("a pseudo-field is unknown, comes twice or comes too late")
            pseudo[name] = value
        elif _NAME.fullmatch(name) is None or name in _OF_HTTP_1:
            raise ValueError("a field's name is malformed, or is of HTTP/1.1 only")
        else:
            rest.append((name, value))
    if len(pseudo) != len(wanted):
        raise ValueError("a pseudo-field is missing")
    if len(rest) > MAX_FIELDS:
        raise ValueError(f"more than {MAX_FIELDS} fields")
    return pseudo, rest


def _named(lines: Iterable[bytes]) -> Iterable[Field]:
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon:
            yield name.lower(), value.strip(b" \t")
