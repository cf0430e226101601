# SPDX-License-Identifier: Apache-2.0
"""What an HTTP/2 request may say, so that no HTTP/1.1 request is hidden in it; and the same for answers."""

import pytest

from smartagent.edge import MalformedRequest, MethodNotAllowed
from smartagent.gateway.errors import UpstreamMalformed
from smartagent.gateway.head import CHUNKED, parse_response_head
from smartagent.gateway.http2_fields import (
    answer_fields,
    answer_head,
    request_fields,
    request_head,
    trailer_fields,
    trailer_lines,
)
from smartagent.kernel import SmartAgentError

OWN = (
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":authority", b"api.example"),
    (b":path", b"/v1/x?y=1"),
)


def changed(name, value):
    return [(known, value if known == name else own) for known, own in OWN]


def without(name):
    return [field for field in OWN if field[0] != name]


def test_a_request_becomes_the_head_that_http_1_would_have_had():
    head = request_head(
        [*OWN, (b"accept", b"*/*"), (b"content-length", b"5"), (b"x-empty", b"")], ended=False
    )
    assert (head.method, head.target, head.body) == ("POST", "/v1/x?y=1", 5)
    assert head.fields == {"host": "api.example", "accept": "*/*", "content-length": "5", "x-empty": ""}
    assert head.old  # which means: no chunks for the agent
    assert head.keep_alive
    assert not (head.grpc)
    assert not (head.websocket)
    assert not (head.authority)


def test_without_a_length_a_body_is_as_long_as_its_stream():
    assert request_head(OWN, ended=False).body == CHUNKED
    assert request_head(OWN, ended=True).body == 0


@pytest.mark.parametrize(
    ("kind", "te", "expected"),
    [
        (b"application/grpc", b"trailers", True),
        (b"application/grpc+proto", b"trailers", True),
        (b"Application/GRPC;x=y", b"trailers", True),
        (b"application/grpc-web", b"trailers", False),
        (b"application/grpc-web+proto", b"trailers", False),
        (b"application/json", b"trailers", False),
        (b"application/grpc", None, False),
    ],
)
def test_a_grpc_call_is_one_by_its_type_and_its_wish_for_trailers(kind, te, expected):
    fields = [*OWN, (b"content-type", kind), *([(b"te", te)] if te else [])]
    assert request_head(fields, ended=False).grpc is expected


SMUGGLING = {
    "a line feed in a value": [*OWN, (b"x", b"a\nauthorization: b")],
    "a carriage return in a value": [*OWN, (b"x", b"a\rauthorization: b")],
    "both, and a request behind them": [*OWN, (b"x", b"a\r\n\r\nGET /admin HTTP/1.1\r\nhost: b\r\n\r\n")],
    "a NUL in a value": [*OWN, (b"x", b"a\x00b")],
    "a control byte in a value": [*OWN, (b"x", b"a\x1bb")],
    "a DEL in a value": [*OWN, (b"x", b"a\x7fb")],
    "a space before a value": [*OWN, (b"x", b" a")],
    "a tab behind a value": [*OWN, (b"x", b"a\t")],
    "a line feed in a name": [*OWN, (b"x\r\nauthorization", b"b")],
    "a colon in a name": [*OWN, (b"x: y\r\nz", b"b")],
    "only a colon too many": [*OWN, (b"x:", b"b")],
    "a space in a name": [*OWN, (b"content-length ", b"0")],
    "no name": [*OWN, (b"", b"b")],
    "capitals in a name": [*OWN, (b"Content-Length", b"0")],
    "a name beyond ASCII": [*OWN, (b"x\xc3\xa4", b"b")],
    "chunks": [*OWN, (b"transfer-encoding", b"chunked")],
    "chunks and a length": [*OWN, (b"transfer-encoding", b"chunked"), (b"content-length", b"5")],
    "a connection field": [*OWN, (b"connection", b"authorization")],
    "keep-alive": [*OWN, (b"keep-alive", b"timeout=5")],
    "a proxy's connection field": [*OWN, (b"proxy-connection", b"close")],
    "an upgrade": [*OWN, (b"upgrade", b"websocket")],
    "te that is not trailers": [*OWN, (b"te", b"trailers, chunked")],
    "two lengths": [*OWN, (b"content-length", b"5"), (b"content-length", b"6")],
    "the same length twice": [*OWN, (b"content-length", b"5"), (b"content-length", b"5")],
    "a list of lengths": [*OWN, (b"content-length", b"5, 5")],
    "a length with a sign": [*OWN, (b"content-length", b"+5")],
    "a length in hex": [*OWN, (b"content-length", b"0x5")],
    "an empty length": [*OWN, (b"content-length", b"")],
    "another host": [*OWN, (b"host", b"other.example")],
    "two hosts": [*OWN, (b"host", b"api.example"), (b"host", b"other.example")],
    "a request line in the method": changed(b":method", b"GET /admin HTTP/1.1\r\nx:"),
    "a space in the method": changed(b":method", b"GET /admin"),
    "a method in small letters": changed(b":method", b"get"),
    "no method at all": changed(b":method", b""),
    "a request line in the path": changed(b":path", b"/ HTTP/1.1\r\nauthorization: b\r\nx: "),
    "a space in the path": changed(b":path", b"/a b"),
    "a tab in the path": changed(b":path", b"/a\tb"),
    "a byte beyond ASCII in the path": changed(b":path", b"/\xc3\xa4"),
    "an absolute path": changed(b":path", b"https://other.example/"),
    "an asterisk": changed(b":path", b"*"),
    "an empty path": changed(b":path", b""),
    "a path without its slash": changed(b":path", b"x"),
    "a path of 9000 bytes": changed(b":path", b"/" + b"x" * 9000),
    "a line feed in the authority": changed(b":authority", b"api.example\r\nx: y"),
    "a user in the authority": changed(b":authority", b"user@api.example"),
    "a path in the authority": changed(b":authority", b"api.example/x"),
    "two authorities": changed(b":authority", b"api.example, other.example"),
    "an empty authority": changed(b":authority", b""),
    "another scheme": changed(b":scheme", b"ftp"),
    "a request line in the scheme": changed(b":scheme", b"https://x/ HTTP/1.1\r\n"),
    "an answer's field": [*OWN, (b":status", b"200")],
    "a protocol": [*OWN, (b":protocol", b"websocket")],
    "a pseudo-field of no one's": [*OWN, (b":x", b"y")],
    "a pseudo-field behind a field": [*OWN[:3], (b"x", b"y"), OWN[3]],
    "a pseudo-field in capitals": [*without(b":path"), (b":Path", b"/")],
    "more fields than there may be": [*OWN, *((b"x-%d" % each, b"y") for each in range(101))],
} | {f"no {name.decode()}": without(name) for name, _ in OWN} | {
    f"{name.decode()} twice": [*OWN, (name, value)] for name, value in OWN
}  # fmt: skip


@pytest.mark.parametrize("fields", SMUGGLING.values(), ids=SMUGGLING)
@pytest.mark.parametrize("ended", [True, False])
def test_a_request_that_http_1_could_not_carry_is_refused(fields, ended):
    with pytest.raises(MalformedRequest):
        request_head(fields, ended=ended)


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE"])
def test_methods_that_are_not_forwarded_are_refused(method):
    with pytest.raises(MethodNotAllowed):
        request_head(changed(b":method", method), ended=True)


def test_a_stream_that_ended_with_its_head_has_no_length():
    with pytest.raises(MalformedRequest):
        request_head([*OWN, (b"content-length", b"5")], ended=True)
    assert request_head([*OWN, (b"content-length", b"0")], ended=True).body == 0


def test_a_scheme_that_is_not_the_tunnels_is_refused():
    with pytest.raises(MalformedRequest):
        request_head(changed(b":scheme", b"http"), ended=True, schemes=frozenset((b"https",)))


def test_a_host_that_is_the_authority_is_let_pass():
    assert request_head([*OWN, (b"host", b"api.example")], ended=True).fields["host"] == "api.example"


@pytest.mark.parametrize("byte", range(256))
def test_no_byte_in_a_value_makes_a_line(byte):
    field = (b"x", b"a" + bytes([byte]) + b"b: c")
    try:
        head = request_head([*OWN, field], ended=True)
    except SmartAgentError:
        return
    assert head.fields == {"host": "api.example", "x": field[1].decode("latin-1")}


@pytest.mark.parametrize("byte", range(256))
def test_no_byte_in_a_name_makes_another_name(byte):
    name = b"x" + bytes([byte]) + b"y"
    try:
        head = request_head([*OWN, (name, b"z")], ended=True)
    except SmartAgentError:
        return
    assert head.fields == {"host": "api.example", name.decode(): "z"}


def test_an_answer_loses_what_is_of_http_1():
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Y:  z \r\ntransfer-encoding: chunked\r\nconnection: close"
    )
    assert answer_fields(head) == (200, [(b":status", b"200"), (b"content-type", b"a/b"), (b"x-y", b"z")])


def test_a_request_to_an_upstream_is_packed_without_leaving_its_secret_in_a_table():
    head = b"POST /a?b HTTP/1.1\r\nhost: up:1\r\ncontent-type: application/grpc\r\ntransfer-encoding: chunked\r\nx-key: s"
    fields = request_fields(head, tls=False)
    assert {tuple(field) for field in fields} == {
        (b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"up:1"), (b":path", b"/a?b"),
        (b"te", b"trailers"), (b"grpc-accept-encoding", b"identity"),
        (b"content-type", b"application/grpc"), (b"x-key", b"s"),
    }  # fmt: skip
    assert not any(field.indexable for field in fields)


def test_an_upstreams_answer_becomes_a_head_with_chunks():
    fields = [(b":status", b"200"), (b"x", b"y"), (b"content-length", b"5")]
    raw = answer_head(fields, ended=False)
    assert raw.endswith(b"\r\n\r\n")
    head = parse_response_head(raw[:-2], "POST")
    assert (head.status, head.lines, head.body) == (200, ["x: y"], CHUNKED)
    assert parse_response_head(answer_head(fields, ended=True)[:-2], "POST").body == 0


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [(b":status", b"20")],
        [(b":status", b"200 OK\r\nx: y")],
        [(b":status", b"200"), (b":status", b"200")],
        [(b"x", b"y"), (b":status", b"200")],
        [(b":status", b"200"), (b":path", b"/")],
        [(b":status", b"200"), (b"x", b"a\r\nset-cookie: b")],
        [(b":status", b"200"), (b"x\r\ny", b"a")],
        [(b":status", b"200"), (b"X", b"a")],
        [(b":status", b"200"), (b"transfer-encoding", b"gzip")],
        [(b":status", b"200"), (b"connection", b"close")],
    ],
)
def test_an_answer_that_http_1_could_not_carry_is_refused(fields):
    with pytest.raises(UpstreamMalformed):
        answer_head(fields, ended=False)


def test_trailers_go_through_lines_and_lose_what_has_no_place_there():
    lines = trailer_lines(
        [(b"grpc-status", b"0"), (b"x-bin", b"AAEC"), (b"set-cookie", b"a"), (b"trailer", b"b")]
    )
    assert trailer_fields(lines) == [(b"grpc-status", b"0"), (b"x-bin", b"AAEC")]
    assert trailer_fields(b"") == []


@pytest.mark.parametrize(
    "field", [(b":status", b"200"), (b"x", b"a\r\nb: c"), (b"a b", b"c"), (b"connection", b"x")]
)
def test_trailers_that_are_no_fields_are_refused(field):
    with pytest.raises(UpstreamMalformed):
        trailer_lines([field])
