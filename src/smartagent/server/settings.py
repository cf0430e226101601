# SPDX-License-Identifier: Apache-2.0
"""What can be set, what it means, and what it is when nobody set it."""

from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of `smartagent serve`, each with its meaning and default.

    An empty text means "derived": `smartagent config show` prints what it was derived to.
    """

    data_dir: Annotated[str, Meta(description="Where everything lives that must survive a restart.")] = (
        "./data"
    )
    store: Annotated[
        str,
        Meta(
            description="A SQLite file, or postgresql://... for several nodes. Empty: <data_dir>/smartagent.db"
        ),
    ] = ""
    root_key: Annotated[
        str,
        Meta(
            description="File of the root key, mode 0600, or what wraps it: passphrase:FILE, awskms:, gcpkms:, hashivault:, pkcs11:. Empty: <data_dir>/root.key"
        ),
    ] = ""
    issuer: Annotated[
        str,
        Meta(description="The authority's public URL; it is in every token. Empty: http://127.0.0.1:<port>"),
    ] = ""
    gateway_url: Annotated[
        str,
        Meta(
            description="The gateway's public URL, and tokens' default audience. Empty: http://127.0.0.1:<gateway_port>"
        ),
    ] = ""
    listen: Annotated[Text, Meta(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535, description="The authority's port.")] = 8700
    gateway_port: Annotated[int, Meta(ge=1, le=65535, description="The gateway's port.")] = 8701
    workers: Annotated[int, Meta(ge=1, le=64, description="Processes that answer; they share one store.")] = 1
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="The least important line to log.")
    ] = "info"
    log_format: Annotated[Literal["text", "json"], Meta(description="`json` writes one object a line.")] = (
        "text"
    )
    rotation_seconds: Annotated[
        int,
        Meta(
            ge=7200,
            le=31_536_000,
            description="Age at which a token signing key is replaced.",
            extra={"unit": "s"},
        ),
    ] = 2_592_000
    drain_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="How long requests in flight may take to finish on SIGTERM.",
            extra={"unit": "s"},
        ),
    ] = 10.0
    keep_alive_seconds: Annotated[
        int, Meta(ge=1, le=600, description="How long an idle connection is kept.", extra={"unit": "s"})
    ] = 75
    max_connections: Annotated[
        int, Meta(ge=16, le=100_000, description="Connections a worker takes on the authority's port.")
    ] = 4096

    approval_seconds: Annotated[
        int,
        Meta(ge=60, le=86_400, description="How long a call waits for approvers.", extra={"unit": "s"}),
    ] = 600
    confirm_seconds: Annotated[
        int,
        Meta(
            ge=30,
            le=3600,
            description="How long a call waits for the person that its agent acts for.",
            extra={"unit": "s"},
        ),
    ] = 120
    approval_wait_seconds: Annotated[
        float,
        Meta(
            ge=0,
            le=300,
            description="How long the gateway holds a call that waits for approval, before it answers 202.",
            extra={"unit": "s"},
        ),
    ] = 60.0
    gateway_ca_names: Annotated[
        str,
        Meta(
            pattern=r"^(?:[a-z0-9.-]+(?: [a-z0-9.-]+)*)?$",
            description="The only names, with all below them, that the forward proxy's certificate authority may speak for, with blanks between them; it says so in its certificate. Empty: any.",
        ),
    ] = ""
    agent_life_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36_500,
            description="How long after their enrolment agents may act that have no terms of their own. 0: for ever.",
            extra={"unit": "d"},
        ),
    ] = 0
    agent_idle_days: Annotated[
        int,
        Meta(
            ge=0,
            le=3650,
            description="Agents that did nothing for so long are suspended, unless their own terms say otherwise. 0: none.",
            extra={"unit": "d"},
        ),
    ] = 0
    trust_domain: Annotated[
        str, Meta(description="The audience of transaction tokens. Empty: there are none.")
    ] = ""
    max_actors: Annotated[
        int, Meta(ge=1, le=16, description="How many agents may stand in one delegation chain.")
    ] = 4
    call_token_seconds: Annotated[
        int,
        Meta(ge=1, le=300, description="How long a token for one call lives.", extra={"unit": "s"}),
    ] = 300
    identity_assertions: Annotated[
        str,
        Meta(
            description="TOML file of the authorization servers that identities may be asserted to (ID-JAG)."
        ),
    ] = ""
    client_registration: Annotated[
        bool, Meta(description="Let OAuth clients register themselves (RFC 7591).")
    ] = True
    client_metadata_documents: Annotated[
        bool, Meta(description="Take clients whose id is the URL of their own description.")
    ] = True
    client_metadata_hosts: Annotated[
        str,
        Meta(description="Only from these hosts, with blanks between them. Empty: from every public host."),
    ] = ""
    mcp_programs: Annotated[
        str,
        Meta(
            description="Whole paths of the programs that MCP servers may be started from, with blanks between them. Empty: none."
        ),
    ] = ""
    smtp_url: Annotated[
        str,
        Meta(
            description="Where e-mail is handed in: smtps://user@host:465, smtp+starttls://user@host:587, or smtp://127.0.0.1:25 on this machine. Empty: none is sent."
        ),
    ] = ""
    smtp_from: Annotated[str, Meta(description="The address that e-mail is from.")] = ""
    smtp_password_file: Annotated[
        str,
        Meta(description="File of the mail server's password, mode 0600; goes with a user in `smtp_url`."),
    ] = ""
    smtp_ca_file: Annotated[
        str,
        Meta(
            description="PEM file of the certificates that the mail server's must be signed by. Empty: the system's."
        ),
    ] = ""
    allow_loopback_fetch: Annotated[
        bool,
        Meta(description="For tests: fetch outside documents from this machine, and without TLS."),
    ] = False

    @property
    def data_path(self) -> Path:
        """The data directory."""
        return Path(self.data_dir)

    @property
    def run_path(self) -> Path:
        """The directory of what lives only while the authority runs: sockets and counters."""
        return self.data_path / "run"

    @property
    def is_postgres(self) -> bool:
        """Whether the store is PostgreSQL."""
        return self.store.startswith(("postgresql://", "postgres://"))


SECRET_PARTS: Final = frozenset({"store", "smtp_url"})
"""Settings whose value may hold a password: shown without it."""


def derived(settings: Settings) -> Settings:
    """Return `settings` with every empty text filled in."""
    data = settings.data_path
    return msgspec.structs.replace(
        settings,
        store=settings.store or str(data / "smartagent.db"),
        root_key=settings.root_key or str(data / "root.key"),
        issuer=(settings.issuer or f"http://127.0.0.1:{settings.port}").rstrip("/"),
        gateway_url=(settings.gateway_url or f"http://127.0.0.1:{settings.gateway_port}").rstrip("/"),
    )


def shown(name: str, value: object) -> str:
    """Return `value` as it may be printed: a password in a URL becomes `***`."""
    text = str(value)
    if name not in SECRET_PARTS or "://" not in text:
        return text
    parts = urlsplit(text)
    location = parts.netloc
    if "@" in location:
        user, _, host = location.rpartition("@")
        location = f"{user.partition(':')[0]}:***@{host}" if ":" in user else f"{user}@{host}"
    query = "&".join(_shown_parameter(pair) for pair in parts.query.split("&")) if parts.query else ""
    return urlunsplit(parts._replace(netloc=location, query=query))


def _shown_parameter(pair: str) -> str:
    name, _, _ = pair.partition("=")
    return f"{name}=***" if "pass" in name.lower() else pair
