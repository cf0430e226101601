# SPDX-License-Identifier: Apache-2.0
"""How commands end."""

from typing import ClassVar

import pytest

from smartagent.cli.ctl.desk import refusal, rows_of, segment
from smartagent.cli.ctl.place import read_input
from smartagent.cli.exits import REFUSED, UNREACHABLE, USAGE, Exit, guarded
from smartagent.kernel import Kind, SmartAgentError


class Some(SmartAgentError):
    code: ClassVar[str] = "some"
    kind: ClassVar[Kind] = Kind.INVALID
    title: ClassVar[str] = "It went wrong."


def ends(error):
    def run():
        if error is not None:
            raise error

    with pytest.raises(SystemExit) as ended:
        guarded(run)
    return ended.value.code


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (None, 0, ""),
        (Exit(UNREACHABLE, "nobody answers"), 3, "nobody answers\n"),
        (Exit(REFUSED, ""), 1, ""),
        (Some("because"), 1, "It went wrong: because.\n"),
        (Some(), 1, "It went wrong.\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_every_end_has_a_code_and_a_sentence(capsys, error, code, words):
    assert ends(error) == code
    assert capsys.readouterr().err == words


def test_a_refusal_shows_title_detail_and_request():
    body = (
        b'{"title":"You may not do this.","detail":"missing permission: x","instance":"req_1","status":403}'
    )

    ended = refusal(403, body)

    assert ended.code == REFUSED
    assert str(ended) == "You may not do this. (missing permission: x)\nRequest: req_1"


def test_an_answer_that_is_no_problem_shows_its_status():
    assert str(refusal(502, b"<html>")) == "The authority answered 502."


def test_rows_of_another_shape_are_not_a_traceback():
    assert rows_of({"a": [{"x": 1}]}, "a") == [{"x": 1}]
    assert rows_of({}, "a") == []
    with pytest.raises(Exit):
        rows_of({"a": "text"}, "a")


def test_a_name_becomes_one_segment_of_a_path():
    assert segment("a/b c?") == "a%2Fb%20c%3F"


def test_a_secret_is_read_from_a_file_and_bounded(tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"value")
    assert read_input(file, "the secret") == b"value"

    file.write_bytes(b"x" * 1_048_577)
    with pytest.raises(Exit, match="longer"):
        read_input(file, "the secret")
    with pytest.raises(Exit, match="cannot be read") as ended:
        read_input(tmp_path / "nowhere", "the secret")
    assert ended.value.code == USAGE
