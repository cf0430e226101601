# SPDX-License-Identifier: Apache-2.0
"""Requests that some servers take for another request than others do."""

_H = b"Host: gw\r\n"
_AUTH = b"Authorization: Bearer token-of-the-agent\r\n"


def _post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /crm/a HTTP/1.1\r\n" + _H + _AUTH + fields + b"\r\n" + body


def _get(line: bytes, fields: bytes = _H) -> bytes:
    return line + b"\r\n" + fields + _AUTH + b"\r\n"


SMUGGLED = b"GET /crm/smuggled HTTP/1.1\r\n" + _H + _AUTH + b"\r\n"

SMUGGLING = [
    _post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"Content-Length: 0\r\nContent-Length: 5\r\n", SMUGGLED),
    _post(b"Content-Length: 5\r\nContent-Length: 5\r\n", SMUGGLED),
    _post(b"Content-Length: 5, 5\r\n", SMUGGLED),
    _post(b"Content-Length: +5\r\n", SMUGGLED),
    _post(b"Content-Length: -1\r\n", SMUGGLED),
    _post(b"Content-Length: 0x5\r\n", SMUGGLED),
    _post(b"Content-Length: 5 5\r\n", SMUGGLED),
    _post(b"Content-Length: \xb2\r\n", SMUGGLED),
    _post(b"Content-Length: \r\n", SMUGGLED),
    _post(b"Content-Length: 99999999999999999999\r\n", SMUGGLED),
    _post(b"Content-Length : 5\r\n", SMUGGLED),
    _post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"Transfer-Encoding: identity, chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n" + SMUGGLED),
    _post(b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b" Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"X: y\r\n Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"X: y\r\n\tfolded\r\n"),
    _post(b"X: y\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"X: y\rTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED),
    _post(b"X: y\x00z\r\n"),
    _post(b"X\x00: y\r\n"),
    _post(b"X(y): z\r\n"),
    _post(b": z\r\n"),
    _post(b"novalue\r\n"),
    _post(b"X\xe9: z\r\n"),
    _post(b"Expect: 200-ok\r\n"),
    _post(b"x: y\r\n" * 101),
    _get(b"GET /crm/a HTTP/1.1", b""),
    _get(b"GET /crm/a HTTP/1.1", _H + _H),
    _get(b"GET /crm/a HTTP/1.1", _H + b"host: other\r\n"),
    _get(b"GET /crm/a HTTP/1.1", b"Host: a b\r\n"),
    _get(b"GET /crm/a HTTP/1.1", b"Host: a@b\r\n"),
    _get(b"GET /crm/a HTTP/1.1", b"Host: a/b\r\n"),
    _get(b"GET /crm/a HTTP/1.1", b"Host: \r\n"),
    _get(b"GET http://evil/crm/a HTTP/1.1"),
    _get(b"GET http://gw@evil/crm/a HTTP/1.1"),
    _get(b"GET ftp://gw/crm/a HTTP/1.1"),
    _get(b"GET  /crm/a HTTP/1.1"),
    _get(b"GET /crm/a  HTTP/1.1"),
    _get(b"GET\t/crm/a\tHTTP/1.1"),
    _get(b"GET /crm/a HTTP/1.2"),
    _get(b"GET /crm/a HTTP/2.0"),
    _get(b"GET /crm/a http/1.1"),
    _get(b"GET /crm/a HTTP/1.1 x"),
    _get(b"GET /crm/a"),
    _get(b"get /crm/a HTTP/1.1"),
    _get(b"G@T /crm/a HTTP/1.1"),
    _get(b"GET * HTTP/1.1"),
    _get(b"CONNECT gw:80 HTTP/1.1"),
    _get(b"TRACE /crm/a HTTP/1.1"),
    _get(b"\r\nGET /crm/a HTTP/1.1"),
    _get(b" GET /crm/a HTTP/1.1"),
    b"GET /crm/a\n",
    b"GET /crm/a HTTP/1.1\nHost: gw\n\n",
    b"GET /crm/a HTTP/1.1\r\nHost: gw\r\n\n",
    b"GET /crm/a HTTP/1.1\r\rHost: gw\r\r",
]

BAD_CHUNKS = [
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"5\r\nhell\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5;a\x00b\r\nhello\r\n0\r\n\r\n",
    b"5;a=b\rc\r\nhello\r\n0\r\n\r\n",
    b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n",
    b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    b"\r\nhello\r\n0\r\n\r\n",
    b"g\r\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
    b"5\r\nhello\r\n0\r\n folded: x\r\n\r\n",
    b"5\r\nhello\r\n0\r\nA: b\nC: d\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\n",
    b"5\r\nhello\r\n0\r\nA: " + b"x" * 9000 + b"\r\n\r\n",
]
