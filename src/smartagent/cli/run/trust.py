# SPDX-License-Identifier: Apache-2.0
"""What tells a program's runtimes where the proxy is and which authority to trust, each in its own way.

Java reads neither the variables nor PEM, and takes no proxy's password from its environment: it gets a trust store
and a port of its own.
"""

import contextlib
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from smartagent.crypto import java_truststore

_PROXIES: Final = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
_TRUST: Final = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
_DIRECT: Final = "localhost,127.0.0.1,::1"
_JAVA: Final = "JAVA_TOOL_OPTIONS"
_STORE_PASSWORD: Final = "changeit"  # noqa: S105 -- what every Java's own store has; certificates are no secret
_HOST: Final = re.compile(r"[A-Za-z0-9._*-]+")


class Addresses(NamedTuple):
    """Where the proxy listens: by password, for Java, and by a Unix socket."""

    url: str
    java_port: int
    path: str


def write_trust(folder: Path, authority: bytes) -> None:
    """Write what the program's clients shall trust: what this machine does, and the authority.

    Args:
        folder: A folder of this user alone.
        authority: A certificate in PEM.
    """
    trusted = _trusted() + authority
    _bundle(folder).write_bytes(trusted)
    _store(folder).write_bytes(java_truststore(trusted, _STORE_PASSWORD.encode()))


def variables(addresses: Addresses, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what common programs read to find the proxy, and to trust what it shows.

    Args:
        addresses: Where it listens.
        folder: Where `write_trust` wrote.
        environ: As it is; who is not to be asked for by the proxy stays so.
    """
    direct = environ.get("NO_PROXY", environ.get("no_proxy", _DIRECT))
    java = " ".join(_java_options(addresses.java_port, folder, direct))
    own = environ.get(_JAVA, "")
    return {
        **dict.fromkeys(_PROXIES, addresses.url),
        **dict.fromkeys(_TRUST, str(_bundle(folder))),
        "NO_PROXY": direct,
        "no_proxy": direct,
        "NODE_USE_ENV_PROXY": "1",
        _JAVA: f"{own} {java}" if own else java,
        "SMARTAGENT_PROXY_SOCKET": addresses.path,
    }


def _java_options(port: int, folder: Path, direct: str) -> Iterator[str]:
    for scheme in ("http", "https"):
        yield f"-D{scheme}.proxyHost=127.0.0.1"
        yield f"-D{scheme}.proxyPort={port}"
    yield f"-Dhttp.nonProxyHosts={'|'.join(_java_hosts(direct))}"
    yield f"-Djavax.net.ssl.trustStore={_store(folder)}"
    yield "-Djavax.net.ssl.trustStoreType=PKCS12"
    yield f"-Djavax.net.ssl.trustStorePassword={_STORE_PASSWORD}"


def _java_hosts(direct: str) -> Iterator[str]:
    # Elsewhere a name stands for all beneath it too; networks (10.0.0.0/8) cannot be said here.
    for entry in direct.split(","):
        name = entry.strip().removeprefix(".")
        if name == "::1":
            yield "[::1]"
        elif _HOST.fullmatch(name):
            yield name
            yield f"*.{name}"


def _bundle(folder: Path) -> Path:
    return folder / "ca.pem"


def _store(folder: Path) -> Path:
    return folder / "ca.p12"


def _trusted() -> bytes:
    """Return what this machine trusts, for hosts that are called without the proxy."""
    paths = ssl.get_default_verify_paths()
    for place in (os.path.realpath(paths.cafile or ""), "/etc/ssl/certs/ca-certificates.crt"):
        with contextlib.suppress(OSError):
            return Path(place).read_bytes() + b"\n"
    return b""
