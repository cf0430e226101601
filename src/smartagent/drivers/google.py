# SPDX-License-Identifier: Apache-2.0
"""Google Cloud's APIs, by google-auth: the machine's own credentials, wherever it runs."""

from importlib import import_module
from typing import Final

from smartagent.drivers.errors import DriverFailed, DriverMissing, DriverUnreachable

GOOGLE_KMS: Final = "https://cloudkms.googleapis.com"
GOOGLE_SECRETS: Final = "https://secretmanager.googleapis.com"
_SCOPES: Final = ("https://www.googleapis.com/auth/cloud-platform",)
_SECONDS: Final = 10
_OK: Final = 200
_TOO_MANY: Final = 429
_SERVERS_TROUBLE: Final = 500
_LOCAL: Final = "http://127.0.0.1:"


class Google:
    """Calls one API.  `endpoint` at 127.0.0.1 is an emulator: it is asked without credentials."""

    def __init__(self, endpoint: str) -> None:
        if not endpoint.startswith(("https://", _LOCAL)):
            raise DriverFailed("endpoint: https")
        self._endpoint = endpoint.rstrip("/")

    def ask(self, method: str, path: str, asked: dict[str, str] | None = None) -> dict[str, object]:
        """Send one request, and wait for what it says.

        Raises:
            DriverMissing: The library is not installed.
            DriverFailed: Google said no; `reason` is the status.
            DriverUnreachable: It did not answer, or is in trouble.
        """
        try:
            auth, requests, transport = (
                import_module(name) for name in ("google.auth", "requests", "google.auth.transport.requests")
            )
            errors = import_module("google.auth.exceptions")
        except ModuleNotFoundError:
            raise DriverMissing("install smartagent[gcp]") from None
        try:
            if self._endpoint.startswith(_LOCAL):
                session = requests.Session()
            else:
                credentials, _ = auth.default(scopes=_SCOPES)
                session = transport.AuthorizedSession(credentials)
            with session:
                answer = session.request(
                    method, self._endpoint + path, json=asked, timeout=_SECONDS, allow_redirects=False
                )
            if answer.status_code == _TOO_MANY or answer.status_code >= _SERVERS_TROUBLE:
                raise DriverUnreachable(f"status-{answer.status_code}")
            if answer.status_code != _OK:
                raise DriverFailed(f"status-{answer.status_code}")
            return dict(answer.json())
        except errors.DefaultCredentialsError:
            raise DriverFailed("no-credentials") from None
        except (errors.GoogleAuthError, requests.RequestException, ValueError) as error:
            raise DriverUnreachable(type(error).__name__) from None
