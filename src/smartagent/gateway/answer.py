# SPDX-License-Identifier: Apache-2.0
"""Heads and whole answers as bytes, on their way to the agent."""

from http import HTTPStatus
from typing import Final

import msgspec

from smartagent.edge import Reply
from smartagent.gateway.head import CHUNKED, ResponseHead, nominated
from smartagent.gateway.scrub import scrub
from smartagent.gateway.variants import Variants

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_UNTRUE_WHEN_SCRUBBED: Final = (
    *(
        "accept-ranges",
        "content-digest",
        "content-md5",
        "digest",
        "repr-digest",
        "signature",
        "signature-input",
    ),
)
_STATUS_LINES: Final = {
    int(status): f"HTTP/1.1 {int(status)} {status.phrase}\r\n".encode("latin-1") for status in HTTPStatus
}
"""The upstream's own phrase is not passed on: it means nothing (RFC 9112 section 4), and could say anything."""
_PLAIN: Final = frozenset(("keep-alive", "close"))


def whole_answer(reply: Reply, *, head_only: bool, close: bool) -> bytes:
    """Return an answer of the gateway's own."""
    body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
    lines = [f"{name}: {value}\r\n" for name, value in reply.headers]
    lines.append("connection: close\r\n" if close else "")
    head = (
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\ncontent-type: {reply.media_type}\r\n"
        f"content-length: {len(body)}\r\n{''.join(lines)}\r\n"
    )
    return head.encode("latin-1") if head_only else head.encode("latin-1") + body


def reply_head(
    reply: ResponseHead, length: int | None, *, close: bool, variants: Variants | None, decoded: bool
) -> bytes:
    """Return an upstream's head as the agent gets it: scrubbed, with this hop's own framing.

    Args:
        reply: As the upstream sent it.
        length: Of the body in bytes, `CHUNKED`, or None to say nothing.
        close: The connection ends with the body.
        variants: What to scrub it of.
        decoded: The body's coding was undone.
    """
    if reply.passed_for is not variants:
        reply.passed = _passed(reply, variants, decoded=decoded)
        reply.passed_for = variants
    # Framing comes after scrubbing: no secret is so short that it could break an answer.
    return b"%b%b%b%b\r\n" % (
        _STATUS_LINES.get(reply.status) or b"HTTP/1.1 %d \r\n" % reply.status,
        reply.passed,
        _framing(length),
        b"connection: close\r\n" if close else b"",
    )


def _passed(reply: ResponseHead, variants: Variants | None, *, decoded: bool) -> bytes:
    lines = reply.lines
    connection = reply.fields.get("connection")
    if connection is not None and connection not in _PLAIN:
        named = nominated(connection)
        lines = [line for line in lines if line.partition(":")[0].lower() not in named]
    lines = [*lines, *_still_true(reply, scrubbed=variants is not None, decoded=decoded), ""]
    passed = "\r\n".join(lines).encode("latin-1")
    return passed if variants is None else scrub(passed, variants)


def _still_true(reply: ResponseHead, *, scrubbed: bool, decoded: bool) -> list[str]:
    fields = reply.fields
    names = () if scrubbed else _UNTRUE_WHEN_SCRUBBED
    lines = [f"{name}: {fields[name]}" for name in names if name in fields]
    if "content-encoding" in fields and not decoded:
        lines.append(f"content-encoding: {fields['content-encoding']}")
    return lines


def _framing(length: int | None) -> bytes:
    if length is None:
        return b""
    return b"transfer-encoding: chunked\r\n" if length == CHUNKED else b"content-length: %d\r\n" % length
