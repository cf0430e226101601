# SPDX-License-Identifier: Apache-2.0
"""The mail server's settings: what cannot be used stops the start, and says why without what is secret."""

import pytest

from smartagent.server.errors import SetUpBroken
from smartagent.server.settings import Settings, shown
from smartagent.server.wiring_notices import wire_mail

PASSWORD = "a-password-that-nobody-sees"
URL = "smtps://bot@mail.example"
FROM = "smartagent@example.com"


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


def test_without_a_mail_server_there_is_no_mail():
    assert wire_mail(Settings()) is None


def test_a_user_has_a_password_in_a_file(password_file):
    mail = wire_mail(Settings(smtp_url=URL, smtp_from=FROM, smtp_password_file=str(password_file)))
    assert mail._password.reveal() == PASSWORD
    assert PASSWORD not in repr(vars(mail))


def test_a_mail_server_on_this_machine_needs_none():
    assert wire_mail(Settings(smtp_url="smtp://127.0.0.1", smtp_from=FROM))._password is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"smtp_url": "smtps://bot:a-password@mail.example"}, "^smtp_url: .*no password"),
        ({"smtp_url": "smtp://mail.example"}, "^smtp_url: smtp:// is for this machine"),
        ({"smtp_url": "smtps://mail.example"}, "^smtp_from: email: "),
        ({"smtp_url": "smtps://mail.example", "smtp_from": "a\r\nBcc: b@c"}, "^smtp_from: email: "),
        ({"smtp_url": URL, "smtp_from": FROM}, "^smtp_password_file goes with a user"),
        ({"smtp_url": "smtps://mail.example", "smtp_from": FROM, "smtp_password_file": "/x"}, "goes with"),
        ({"smtp_url": URL, "smtp_from": FROM, "smtp_password_file": "/nonexistent"}, "cannot read"),
        (
            {"smtp_url": "smtps://m.example", "smtp_from": FROM, "smtp_ca_file": "/nonexistent"},
            "smtp_ca_file",
        ),
    ],
)
def test_what_cannot_be_used_is_told(settings, said):
    with pytest.raises(SetUpBroken, match=said) as refused:
        wire_mail(Settings(**settings))
    assert "a-password" not in str(refused.value)


def test_a_password_that_others_can_read_is_refused(password_file):
    password_file.chmod(0o644)
    with pytest.raises(SetUpBroken, match="chmod 600"):
        wire_mail(Settings(smtp_url=URL, smtp_from=FROM, smtp_password_file=str(password_file)))


@pytest.mark.parametrize("content", ["", "\n", "a\nb\n", "x" * 1025, "zoë"])
def test_a_password_is_one_line(password_file, content):
    password_file.write_text(content)
    with pytest.raises(SetUpBroken, match="one line of ASCII"):
        wire_mail(Settings(smtp_url=URL, smtp_from=FROM, smtp_password_file=str(password_file)))


def test_certificates_that_are_none_are_refused(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(SetUpBroken, match="smtp_ca_file"):
        wire_mail(
            Settings(smtp_url="smtps://m.example", smtp_from=FROM, smtp_ca_file=str(tmp_path / "ca.pem"))
        )


def test_a_password_that_somebody_wrote_into_the_url_is_not_shown():
    assert shown("smtp_url", "smtps://bot:a-password@mail.example") == "smtps://bot:***@mail.example"
