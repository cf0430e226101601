# SPDX-License-Identifier: Apache-2.0
"""How a refusal is said to clients of gRPC."""

from urllib.parse import unquote

import pytest

from smartagent import edge
from smartagent.edge import AuthenticationFailed, Reply
from smartagent.gateway import GatewayFull, UpstreamTimeout, UpstreamUnknown, UpstreamUnreachable
from smartagent.gateway.grpc import grpc_answer


def said(reply):
    line, *lines = grpc_answer(reply).decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    assert line == "HTTP/1.1 200 OK"
    return dict(each.split(": ", 1) for each in lines)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AuthenticationFailed("no such token"), "16"),
        (UpstreamUnknown("no upstream has this name"), "5"),
        (UpstreamUnreachable("the connection was refused"), "14"),
        (UpstreamTimeout("no answer within 5 seconds"), "4"),
        (GatewayFull("try again later"), "14"),
    ],
)
def test_a_refusal_has_the_status_that_its_kind_has_in_grpc(error, status):
    fields = said(edge.problem(error, instance="req_1"))
    assert (fields["content-type"], fields["grpc-status"]) == ("application/grpc", status)
    assert fields["grpc-message"] == f"{error.title} {error}"


def test_a_challenge_is_kept():
    reply = edge.problem(AuthenticationFailed("no such token"), instance="req_1")
    assert "invalid_token" in said(reply)["www-authenticate"]


def test_a_bug_is_internal():
    assert said(edge.bug("req_1"))["grpc-status"] == "13"


@pytest.mark.parametrize("text", ["100%", "ü\r\nx: y", "\x00\x7f", "a b"])
def test_a_message_is_one_line_whatever_it_says(text):
    message = said(Reply(400, {"title": "", "detail": text}))["grpc-message"]
    assert unquote(message) == text
    assert message.isprintable()
