# SPDX-License-Identifier: Apache-2.0
"""The composition root's part for notices: how they leave this house."""

import ssl
from pathlib import Path
from typing import Final

from smartagent.crypto import system_entropy
from smartagent.federation import SafeFetch
from smartagent.kernel import IdPrefix, Secret
from smartagent.notices import MalformedChannel, Means, Notices, Sender
from smartagent.notices.backends.webhook import Webhooks
from smartagent.notices.rules import parse_email
from smartagent.server.errors import SetUpBroken
from smartagent.server.foundation import Foundation
from smartagent.server.premises import check_private
from smartagent.server.settings import Settings
from smartagent.signals import LedgerLease

TURN_SECONDS: Final = 20
ANSWER_SECONDS: Final = 10.0
MAX_PASSWORD_CHARS: Final = 1024


def wire_notices(base: Foundation) -> Notices:
    """Build what tells people.

    Raises:
        SetUpBroken: The settings of the mail server cannot be used.
    """
    store = base.store
    holder = base.ids.new(IdPrefix.REQUEST)
    public = SafeFetch(total_seconds=ANSWER_SECONDS)
    site = SafeFetch(total_seconds=ANSWER_SECONDS, allow_private=True, allow_http=True, allow_site=True)
    return Notices(
        Means(
            clock=base.clock,
            entropy=system_entropy,
            ids=base.ids,
            database=store.database,
            ledger=store.ledger,
            turn=LedgerLease(store.database, store.ledger, base.clock, "notices", holder, TURN_SECONDS),
            sealing=base.keyset,
            issuer=base.settings.issuer,
            webhooks=Webhooks(public, site, base.clock),
            mail=wire_mail(base.settings),
        )
    )


def wire_mail(settings: Settings) -> Sender | None:
    """Build what sends mail; None when no mail server is set.

    Raises:
        SetUpBroken: The settings of the mail server cannot be used.
    """
    if not settings.smtp_url:
        return None
    from smartagent.notices.backends.mail import Mail, parse_mail_server  # noqa: PLC0415 -- loads what writes mail

    try:
        server = parse_mail_server(settings.smtp_url)
        sender = parse_email(settings.smtp_from)
    except ValueError as error:
        raise SetUpBroken(f"smtp_url: {error}") from None
    except MalformedChannel as error:
        raise SetUpBroken(f"smtp_from: {error}") from None
    if bool(server.user) != bool(settings.smtp_password_file):
        raise SetUpBroken("smtp_password_file goes with a user in smtp_url, and the user with it")
    password = _password(Path(settings.smtp_password_file)) if server.user else None
    try:
        trust = ssl.create_default_context(cafile=settings.smtp_ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise SetUpBroken(f"smtp_ca_file cannot be used: {error.strerror or 'it is no PEM'}") from None
    return Mail(server, sender, password, trust)


def _password(path: Path) -> Secret[str]:
    try:
        check_private(path, "chmod 600")
        with path.open(encoding="utf-8") as file:
            password = file.read(MAX_PASSWORD_CHARS + 2).rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise SetUpBroken(f"cannot read the mail server's password from {path}") from None
    if not 0 < len(password) <= MAX_PASSWORD_CHARS or not (password.isascii() and password.isprintable()):
        raise SetUpBroken(f"the mail server's password in {path} is one line of ASCII")
    return Secret(password)
