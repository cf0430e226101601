# SPDX-License-Identifier: Apache-2.0
"""Errors as answers."""

import re
from typing import ClassVar

import msgspec
import pytest

from smartagent.edge import AuthenticationFailed, MethodNotAllowed, oauth_error, problem, status_of
from smartagent.edge.problem import STATUS, Problem, bug
from smartagent.kernel import Kind, SmartAgentError


def error_of(kind: Kind, **fields: object) -> SmartAgentError:
    class Some(SmartAgentError):
        code: ClassVar[str] = "some-error"
        title: ClassVar[str] = "Something."

    Some.kind = kind
    error = Some("what happened")
    vars(error).update(fields)
    return error


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_failure_has_a_status_in_both_protocols(kind):
    error = error_of(kind)

    assert problem(error, instance="req_1").status == status_of(error) == STATUS[kind]
    assert 400 <= oauth_error(error).status < 600


@pytest.mark.parametrize("kind", Kind)
def test_a_problem_has_the_members_of_rfc_9457(kind):
    reply = problem(error_of(kind), instance="req_1")

    assert reply.media_type == "application/problem+json"
    assert ("cache-control", "no-store") in reply.headers
    assert reply.body == {
        "type": "urn:smartagent:error:some-error",
        "title": "Something.",
        "status": reply.status,
        "detail": "what happened",
        "instance": "req_1",
    }
    assert msgspec.convert(reply.body, Problem).instance == "req_1"


def test_only_named_fields_of_an_error_are_shown():
    error = error_of(Kind.FORBIDDEN, missing="orders.read", reason="only for the log", secret="s3cret")

    body = problem(error, instance="req_1").body

    assert body["missing"] == "orders.read"
    assert "log" not in str(body)
    assert "s3cret" not in str(body)


def test_the_reason_of_a_failed_proof_is_in_no_answer():
    error = AuthenticationFailed("the agent is suspended")

    assert "suspended" not in str(problem(error, instance="req_1"))
    assert "suspended" not in str(oauth_error(error))


def test_an_unauthenticated_answer_says_which_proofs_are_taken():
    headers = problem(AuthenticationFailed("x"), instance="req_1").headers

    assert [value.split()[0] for name, value in headers if name == "www-authenticate"] == ["Bearer", "DPoP"]
    assert all('error="invalid_token"' in value for name, value in headers if name == "www-authenticate")


def test_a_wrong_method_is_answered_with_the_right_ones():
    reply = problem(MethodNotAllowed(("GET", "HEAD")), instance="req_1")

    assert reply.status == 405
    assert ("allow", "GET, HEAD") in reply.headers
    assert reply.body["allowed"] == ("GET", "HEAD")


@pytest.mark.parametrize("kind", [Kind.LIMITED, Kind.UNAVAILABLE])
def test_what_may_work_later_says_when(kind):
    assert ("retry-after", "1") in problem(error_of(kind), instance="").headers
    assert ("retry-after", "9") in problem(error_of(kind, retry_after_seconds=9), instance="").headers


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        (Kind.INVALID, "invalid_request", 400),
        (Kind.UNAUTHENTICATED, "invalid_client", 401),
        (Kind.FORBIDDEN, "unauthorized_client", 400),
        (Kind.EXPIRED, "invalid_grant", 400),
        (Kind.UNAVAILABLE, "temporarily_unavailable", 503),
    ],
)
def test_oauth_clients_get_the_codes_they_know(kind, code, status):
    reply = oauth_error(error_of(kind))

    assert (reply.body["error"], reply.status) == (code, status)
    assert reply.body["error_description"] == "Something. what happened"
    assert reply.media_type == "application/json"
    assert ("cache-control", "no-store") in reply.headers


def test_an_error_may_name_its_own_oauth_code():
    class InvalidScope(SmartAgentError):
        code: ClassVar[str] = "invalid-scope"
        kind: ClassVar[Kind] = Kind.INVALID
        title: ClassVar[str] = "No such scope."
        oauth_code: ClassVar[str] = "invalid_scope"

    assert oauth_error(InvalidScope()).body == {
        "error": "invalid_scope",
        "error_description": "No such scope.",
    }


def test_an_oauth_description_has_only_the_characters_it_may_have():
    error = error_of(Kind.INVALID)
    error.args = ('a "b" \\ \n é',)

    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*", oauth_error(error).body["error_description"])


def test_a_bug_shows_the_request_id_and_nothing_else():
    reply = bug("req_9")

    assert reply.status == 500
    assert msgspec.to_builtins(reply.body) == {
        "type": "urn:smartagent:error:internal",
        "title": "Something went wrong on our side.",
        "status": 500,
        "detail": "quote the instance",
        "instance": "req_9",
    }
