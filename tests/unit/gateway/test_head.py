# SPDX-License-Identifier: Apache-2.0
"""Heads, strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.edge import MalformedRequest, MethodNotAllowed
from smartagent.gateway.errors import UpgradeUnsupported, UpstreamMalformed
from smartagent.gateway.head import (
    CHUNKED,
    UNTIL_CLOSE,
    check_unfinished,
    parse_request_head,
    parse_response_head,
)
from smartagent.kernel import SmartAgentError
from tests.unit.gateway.corpus import SMUGGLING

START = b"GET /a HTTP/1.1\r\n"


@pytest.mark.parametrize("raw", [raw for raw in SMUGGLING if not raw.startswith(b"CONNECT")])
def test_a_head_that_two_parsers_could_read_differently_is_refused(raw):
    end = raw.find(b"\r\n\r\n")
    with pytest.raises(SmartAgentError):
        if end < 0:
            check_unfinished(raw)
        parse_request_head(raw[: end + 2])


def test_a_plain_head_is_read():
    head = parse_request_head(
        b"POST /a?b HTTP/1.1\r\nHost: gw:8701\r\nX-A:  1 \r\nx-a: 2\r\nContent-Length: 5\r\n"
    )
    assert (head.method, head.target, head.body, head.keep_alive) == ("POST", "/a?b", 5, True)
    assert head.fields["x-a"] == "1, 2"
    assert head.pairs[1:3] == [("x-a", "1"), ("x-a", "2")]


@pytest.mark.parametrize(
    ("raw", "keep_alive", "body"),
    [
        (START + b"Host: a\r\nConnection: close\r\n", False, 0),
        (START + b"Host: a\r\nConnection: Keep-Alive, x\r\n", True, 0),
        (b"GET /a HTTP/1.0\r\n", False, 0),
        (b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n", True, 0),
        (START + b"Host: a\r\nTransfer-Encoding: chunked\r\n", True, CHUNKED),
        (START + b"Host: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n", True, 0),
    ],
)
def test_what_follows_a_request_is_known_from_its_head(raw, keep_alive, body):
    head = parse_request_head(raw)
    assert (head.keep_alive, head.body) == (keep_alive, body)


def test_an_absolute_target_must_name_the_host():
    head = parse_request_head(b"GET http://GW:1/a?b HTTP/1.1\r\nHost: gw:1\r\n")
    assert head.target == "/a?b"
    with pytest.raises(MalformedRequest):
        parse_request_head(b"GET http://other/a HTTP/1.1\r\nHost: gw\r\n")


def test_a_tunnel_is_asked_for_by_host_and_port_and_names_no_path():
    head = parse_request_head(b"CONNECT gw:80 HTTP/1.1\r\nHost: gw\r\n")
    assert (head.method, head.target, head.authority) == ("CONNECT", "gw:80", "")
    plain = parse_request_head(b"GET http://GW:1/a?b HTTP/1.1\r\nHost: gw:1\r\n")
    assert (plain.target, plain.authority) == ("/a?b", "gw:1")


def test_upgrades_are_not_forwarded():
    with pytest.raises(UpgradeUnsupported):
        parse_request_head(START + b"Host: a\r\nUpgrade: tls/1.0\r\n")
    with pytest.raises((MethodNotAllowed, MalformedRequest)):
        parse_request_head(b"TRACE / HTTP/1.1\r\nHost: a\r\n")


@pytest.mark.parametrize(
    ("raw", "method", "status", "body", "keep_alive"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", "GET", 200, 3, True),
        (b"HTTP/1.1 200\r\n", "GET", 200, UNTIL_CLOSE, False),
        (b"HTTP/1.1 200 \r\nTransfer-Encoding: Chunked\r\n", "GET", 200, CHUNKED, True),
        (b"HTTP/1.1 204 No\r\n", "GET", 204, 0, True),
        (b"HTTP/1.1 304 No\r\nContent-Length: 9\r\n", "GET", 304, 0, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", "HEAD", 200, 0, True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n", "GET", 200, 9, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n", "GET", 200, 9, False),
    ],
)
def test_an_answer_says_where_it_ends(raw, method, status, body, keep_alive):
    head = parse_response_head(raw, method)
    assert (head.status, head.body, head.keep_alive) == (status, body, keep_alive)


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"A: b\r\n c\r\n",
        b"A : b\r\n",
        b"A: b\nB: c\r\n",
        b"A: \x00\r\n",
        b"x: y\r\n" * 101,
    ],
)
def test_an_answer_that_does_not_is_refused(fields):
    with pytest.raises(UpstreamMalformed):
        parse_response_head(b"HTTP/1.1 200 OK\r\n" + fields, "GET")


@given(st.binary(max_size=120))
def test_no_bytes_make_the_parser_fail_otherwise(raw):
    for begin in (b"", START, START + b"Host: a\r\n"):
        try:
            parse_request_head(begin + raw)
        except SmartAgentError:
            continue
