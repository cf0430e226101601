# SPDX-License-Identifier: Apache-2.0
"""Notices by e-mail: plain text, over a connection that is checked, to the mail server of the site.

Spec: RFC 5321 (SMTP), RFC 5322 (messages), RFC 3207 (STARTTLS), RFC 8314 section 3 (TLS first), RFC 3834 section 5
(`Auto-Submitted`).
"""

import asyncio
import contextlib
import ipaddress
import re
import smtplib
import ssl
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

import msgspec

from smartagent.kernel import Secret
from smartagent.notices.errors import NotDelivered
from smartagent.notices.model import Channel, Notice

ANSWER_SECONDS: Final = 10.0
"""How long the mail server may take for each of its answers."""
_AT_ONCE: Final = 2
_NAME: Final = "SmartAgent"
_MAX_PORT: Final = 65_535
_URL: Final = re.compile(
    r"(smtps|smtp\+starttls|smtp)://(?:([^@:/\s]{1,256})@)?(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})"
    r"(?::([0-9]{1,5}))?/?"
)


class Safety(StrEnum):
    """How a connection is protected."""

    TLS = "smtps"
    STARTTLS = "smtp+starttls"
    NONE = "smtp"


_PORTS: Final = {Safety.TLS: 465, Safety.STARTTLS: 587, Safety.NONE: 25}


class MailServer(msgspec.Struct, frozen=True):
    """Where mail is handed in, and as whom; without a user, as anybody."""

    safety: Safety
    host: str
    port: int
    user: str


def parse_mail_server(raw: str) -> MailServer:
    """Read `smtps://user@host:465`, `smtp+starttls://user@host:587` or `smtp://127.0.0.1:25`.

    Raises:
        ValueError: It is none, it holds a password, or it would send mail in the clear over a network.
    """
    found = _URL.fullmatch(raw)
    port = int(found[4] or _PORTS[Safety(found[1])]) if found is not None else 0
    if found is None or not 0 < port <= _MAX_PORT:
        message = "write smtps://user@host:465, smtp+starttls://user@host:587 or smtp://127.0.0.1:25, and no password"
        raise ValueError(message)
    server = MailServer(Safety(found[1]), found[3].strip("[]"), port, unquote(found[2] or ""))
    if server.safety is Safety.NONE and (server.user or not _is_loopback(server.host)):
        message = (
            "smtp:// is for this machine, by its address and without a user; use smtps:// or smtp+starttls://"
        )
        raise ValueError(message)
    return server


class Mail:
    """Hands mail in.

    Args:
        server: Where.
        sender: The address that it is from.
        password: The user's; None without a user.
        trust: Which certificates are believed.
    """

    def __init__(
        self, server: MailServer, sender: str, password: Secret[str] | None, trust: ssl.SSLContext
    ) -> None:
        self._server = server
        self._sender = sender
        self._password = password
        self._trust = trust
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def send(self, channel: Channel, notice: Notice, secret: Secret[bytes]) -> None:  # noqa: ARG002 -- a sender's shape
        """Send one notice; return when the mail server has taken it.

        Raises:
            NotDelivered: It did not, or cannot be reached, or is not who it should be.
        """
        letter = letter_of(notice, self._sender, channel.email)
        async with self._places:
            await asyncio.to_thread(self._hand_in, letter, channel.email)

    def _hand_in(self, letter: bytes, to: str) -> None:
        try:
            client = self._connect()
            try:
                if self._password is not None:
                    client.login(self._server.user, self._password.reveal())
                client.sendmail(self._sender, [to], letter)
                with contextlib.suppress(smtplib.SMTPException, OSError):
                    # It has the letter, whatever it says now.
                    client.quit()
            finally:
                client.close()
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotDelivered(_reason(error)) from None

    def _connect(self) -> smtplib.SMTP:
        server, domain = self._server, _domain(self._sender)
        if server.safety is Safety.TLS:
            return smtplib.SMTP_SSL(
                server.host, server.port, domain, timeout=ANSWER_SECONDS, context=self._trust
            )
        client = smtplib.SMTP(server.host, server.port, domain, timeout=ANSWER_SECONDS)
        if server.safety is Safety.STARTTLS:
            try:
                client.starttls(context=self._trust)
            except BaseException:
                client.close()
                raise
        return client


def letter_of(notice: Notice, sender: str, to: str) -> bytes:
    """Write the message.  Whenever it is sent, it is the same one, by its `Message-ID`.

    Args:
        notice: What is said; its texts are clean, so nothing in them ends a header or a line.
        sender: The address that it is from.
        to: The address that it is for.
    """
    letter = EmailMessage(SMTP)
    letter["From"] = Address(_NAME, addr_spec=sender)
    letter["To"] = Address(addr_spec=to)
    letter["Subject"] = f"[{_NAME}] {notice.title}"
    letter["Date"] = datetime.fromtimestamp(notice.made_at, UTC)
    letter["Message-ID"] = f"<{notice.id}@{_domain(sender)}>"
    letter["Auto-Submitted"] = "auto-generated"
    text = "\n".join((notice.title, "", *notice.lines, "", f"Look here: {notice.link}", ""))
    letter.set_content(text, cte="quoted-printable")
    return letter.as_bytes()


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    """Say why in the house's own words: a server's may hold anything, the user's name among it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _ in error.recipients.values()}
        return f"the mail server refused the address with {min(codes)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answered {error.smtp_code}"
    return f"the mail server cannot be used ({type(error).__name__})"
