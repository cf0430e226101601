# SPDX-License-Identifier: Apache-2.0
"""Mail for real: to a mail server that wants TLS and a password, and whose certificate is checked."""

import asyncio
import ipaddress
import ssl
from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509

from smartagent.kernel import Secret
from smartagent.notices import Channel, NotDelivered, Notice, NoticeKind
from smartagent.notices.backends.mail import Mail, MailServer, Safety, letter_of, parse_mail_server
from smartagent.notices.rules import cleaned, cleaned_lines
from tests.unit.federation.test_fetching import certificate

# It does not know that its own socket is one with TLS.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

PASSWORD = "a-password-that-nobody-sees"
FROM = "smartagent@example.com"
ADA = Channel("ada", email="ada@example.com")
NOTICE = Notice(
    "ntc_1",
    NoticeKind.APPROVALS,
    "apr_1",
    "Refund 30 € to Zoë?",
    ("first", ".", "größer"),
    "https://a/x",
    1_800_000_000,
)


class Postbox:
    """Keeps what was handed in, and refuses when it is told to."""

    def __init__(self):
        self.letters = []
        self.answer = "250 OK"
        self.users = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 -- aiosmtpd's name
        if address.startswith("nobody"):
            return "550 hostile-words"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd's name
        if self.answer.startswith("250"):
            self.letters.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.answer

    def check(self, server, session, envelope, mechanism, data):
        self.users.append(data.login.decode())
        return AuthResult(success=data.password.decode() == PASSWORD, handled=False)


class Place:
    """A mail server on a free port."""

    def __init__(self, server, postbox, trust):
        self.port = server.sockets[0].getsockname()[1]
        self.postbox = postbox
        self.trust = trust

    def mail(self, safety, user="bot", password=PASSWORD, trust=None, host="127.0.0.1"):
        server = MailServer(safety, host, self.port, user)
        return Mail(server, FROM, Secret(password) if user else None, trust or self.trust)


@pytest.fixture(params=list(Safety))
def safety(request):
    return request.param


@pytest.fixture
async def place(safety, tmp_path):
    pem, key = certificate(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    (tmp_path / "chain.pem").write_bytes(pem + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain.pem")
    postbox, loop = Postbox(), asyncio.get_running_loop()
    settings = {
        Safety.TLS: {"authenticator": postbox.check, "auth_required": True, "auth_require_tls": False},
        Safety.STARTTLS: {
            "authenticator": postbox.check, "auth_required": True, "require_starttls": True, "tls_context": context,
        },
        Safety.NONE: {},
    }[safety]  # fmt: skip
    server = await loop.create_server(
        lambda: SMTP(postbox, hostname="mail.example", loop=loop, **settings),
        "127.0.0.1",
        0,
        ssl=context if safety is Safety.TLS else None,
    )
    yield Place(server, postbox, ssl.create_default_context(cadata=pem.decode()))
    server.close()
    await server.wait_closed()


def user(safety):
    return "" if safety is Safety.NONE else "bot"


async def test_a_notice_arrives_as_plain_text_under_its_own_id(place, safety):
    mail = place.mail(safety, user(safety))
    await mail.send(ADA, NOTICE, Secret(b""))
    await mail.send(ADA, NOTICE, Secret(b""))
    (sender, to, raw), again = place.postbox.letters
    assert again[2] == raw
    assert (sender, to) == (FROM, ["ada@example.com"])
    letter = message_from_bytes(raw, policy=default)
    assert letter["From"] == f"SmartAgent <{FROM}>"
    assert letter["To"] == "ada@example.com"
    assert letter["Subject"] == "[SmartAgent] Refund 30 € to Zoë?"
    assert letter["Message-ID"] == "<ntc_1@example.com>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert letter.get_content_type() == "text/plain"
    assert letter.get_content().splitlines() == [
        "Refund 30 € to Zoë?", "", "first", ".", "größer", "", "Look here: https://a/x",
    ]  # fmt: skip
    assert raw.isascii()
    assert place.postbox.users == [user(safety)] * 2 * bool(user(safety))


@pytest.mark.parametrize("safety", [Safety.TLS, Safety.STARTTLS])
async def test_a_server_that_is_not_who_it_should_be_gets_no_password(place, safety):
    for trust, host in ((ssl.create_default_context(), "127.0.0.1"), (None, "localhost")):
        with pytest.raises(NotDelivered, match="SSLCertVerificationError"):
            await place.mail(safety, trust=trust, host=host).send(ADA, NOTICE, Secret(b""))
    assert place.postbox.users == place.postbox.letters == []


@pytest.mark.parametrize("safety", [Safety.TLS, Safety.STARTTLS])
async def test_a_wrong_password_is_told_as_a_number(place, safety, caplog):
    caplog.set_level("INFO")
    with pytest.raises(NotDelivered, match="the mail server answered 535") as refused:
        await place.mail(safety, password="another-password").send(ADA, NOTICE, Secret(b""))
    assert "another-password" not in caplog.text + str(refused.value)


async def test_a_refused_address_is_told_without_the_servers_words(place, safety):
    with pytest.raises(NotDelivered) as refused:
        await place.mail(safety, user(safety)).send(
            Channel("n", email="nobody@example.com"), NOTICE, Secret(b"")
        )
    assert refused.value.reason == "the mail server refused the address with 550"


async def test_a_letter_that_is_not_taken_is_not_delivered(place, safety):
    place.postbox.answer = "451 hostile-words"
    with pytest.raises(NotDelivered, match="the mail server answered 451"):
        await place.mail(safety, user(safety)).send(ADA, NOTICE, Secret(b""))


async def test_a_server_that_is_not_there_is_told():
    trust = ssl.create_default_context()
    mail = Mail(MailServer(Safety.NONE, "127.0.0.1", 1, ""), FROM, None, trust)
    with pytest.raises(NotDelivered, match="ConnectionRefusedError"):
        await mail.send(ADA, NOTICE, Secret(b""))


async def test_a_server_that_does_not_speak_tls_after_all_gets_nothing():
    """Who strips STARTTLS on the way gets neither the password nor the letter."""
    postbox, loop = Postbox(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(postbox, hostname="m", loop=loop), "127.0.0.1", 0)
    place = Place(server, postbox, ssl.create_default_context())
    with pytest.raises(NotDelivered, match="SMTPNotSupportedError"):
        await place.mail(Safety.STARTTLS).send(ADA, NOTICE, Secret(b""))
    assert postbox.letters == []
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize(
    "hostile",
    [
        "a\r\nBcc: eve@example.com",
        "a\n\n.\r\nMAIL FROM:<eve@example.com>",
        "a\x00b",
        "\u202egnihsihp",
        "a\u2028b",
        "\ud800",
    ],
)
def test_what_an_agent_wrote_ends_no_header_and_no_line(hostile):
    notice = Notice(
        "ntc_1", NoticeKind.TEST, "x", cleaned(hostile, 120), cleaned_lines([hostile]), "https://a/x", 0
    )
    letter = message_from_bytes(letter_of(notice, FROM, "ada@example.com"), policy=default)
    assert letter["Bcc"] is None
    assert len(letter["Subject"].splitlines()) == 1
    assert "[U+" in letter["Subject"]
    assert len(letter.get_content().splitlines()) == 5


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://bot@mail.example", MailServer(Safety.TLS, "mail.example", 465, "bot")),
        (
            "smtps://bot%40example.com@mail.example:4465",
            MailServer(Safety.TLS, "mail.example", 4465, "bot@example.com"),
        ),
        ("smtp+starttls://mail.example/", MailServer(Safety.STARTTLS, "mail.example", 587, "")),
        ("smtp://127.0.0.1:1025", MailServer(Safety.NONE, "127.0.0.1", 1025, "")),
        ("smtp://[::1]", MailServer(Safety.NONE, "::1", 25, "")),
    ],
)
def test_a_mail_server_is_read(url, server):
    assert parse_mail_server(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "", "mail.example", "http://mail.example", "smtps://bot:secret@mail.example", "smtp://mail.example",
        "smtp://10.0.0.1", "smtp://localhost", "smtp://bot@127.0.0.1", "smtps://mail.example:0",
        "smtps://mail.example:99999", "smtps://mail.example/x", "smtps://a b@mail.example", "smtps://mail.example\r\nx",
    ],
)  # fmt: skip
def test_what_is_no_mail_server_is_refused_and_not_repeated(url):
    with pytest.raises(ValueError, match="smtp") as refused:
        parse_mail_server(url)
    assert "secret" not in str(refused.value)
