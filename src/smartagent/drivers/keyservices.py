# SPDX-License-Identifier: Apache-2.0
"""Services that wrap one key with another that never leaves them.

They are asked once when a process starts, before there is a loop, so these calls wait.  What is wrapped says what it
is for, where the service can be told, and opens as nothing else.
"""

import base64
import binascii
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from smartagent.drivers.aws import AwsAccount, ask_aws
from smartagent.drivers.errors import DriverFailed, DriverMissing, DriverUnreachable
from smartagent.drivers.google import GOOGLE_KMS, Google
from smartagent.kernel import Secret

PURPOSE: Final = "smartagent/v1/root-key"
_SECONDS: Final = 10
_TRANSIENT_STATUS: Final = 500
_NONCE_BYTES: Final = 12
_MAX_PIN_BYTES: Final = 256
_PATH: Final = re.compile(r"[A-Za-z0-9/_-]{1,200}")


class KeyService(Protocol):
    """Wraps and unwraps.

    Raises, both verbs:
        DriverMissing: Its library is not installed.
        DriverFailed: It said no.
        DriverUnreachable: It did not answer.
    """

    def wrap(self, key: Secret[bytes]) -> bytes:
        """Wrap `key`."""
        ...

    def unwrap(self, wrapped: bytes) -> Secret[bytes]:
        """Return what was wrapped."""
        ...


def key_service(uri: str) -> KeyService:
    """Return the service that a URI names.

        awskms:///alias/NAME?region=eu-west-1       or awskms:///arn:aws:kms:...
        gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K
        hashivault://MOUNT/KEY?address=https://...  token: VAULT_TOKEN, or ~/.vault-token
        pkcs11:token=T;object=KEY?module-path=/...&pin-source=/...      RFC 7512

    Raises:
        DriverFailed: It is none of these, or malformed.
    """
    scheme = uri.partition(":")[0]
    if scheme not in _SERVICES:
        raise DriverFailed(f"{scheme[:32]}: is no key service; there are {', '.join(sorted(_SERVICES))}")
    return _SERVICES[scheme](uri)


class AwsKms:
    """AWS KMS, with the machine's own credentials."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        asked = _query(parts.query, {"region", "endpoint"})
        self._key = unquote(parts.path).lstrip("/")
        if not self._key or parts.netloc:
            raise DriverFailed("awskms:///alias/NAME or awskms:///arn:aws:kms:...")
        region = asked.get("region") or (self._key.split(":")[3] if self._key.startswith("arn:") else "")
        if not region:
            raise DriverFailed("awskms: say the region, as in ?region=eu-west-1")
        self._account = AwsAccount(region, endpoint=asked.get("endpoint", ""))

    def wrap(self, key: Secret[bytes]) -> bytes:
        """Wrap `key`, bound to what it is for."""
        answer = ask_aws(
            self._account,
            "kms",
            lambda client: client.encrypt(
                KeyId=self._key, Plaintext=key.reveal(), EncryptionContext={"purpose": PURPOSE}
            ),
        )
        return _bytes_of(answer.get("CiphertextBlob"))

    def unwrap(self, wrapped: bytes) -> Secret[bytes]:
        """Return what was wrapped."""
        answer = ask_aws(
            self._account,
            "kms",
            lambda client: client.decrypt(
                KeyId=self._key, CiphertextBlob=wrapped, EncryptionContext={"purpose": PURPOSE}
            ),
        )
        return Secret(_bytes_of(answer.get("Plaintext")))


class GoogleKms:
    """Google Cloud KMS, with the machine's own credentials (Application Default Credentials)."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        self._key = f"{parts.netloc}{parts.path}"
        if not re.fullmatch(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+", self._key):
            raise DriverFailed("gcpkms://projects/P/locations/L/keyRings/R/cryptoKeys/K")
        self._google = Google(_query(parts.query, {"endpoint"}).get("endpoint", GOOGLE_KMS))

    def wrap(self, key: Secret[bytes]) -> bytes:
        """Wrap `key`, bound to what it is for."""
        asked = {"plaintext": _text(key.reveal()), "additionalAuthenticatedData": _text(PURPOSE.encode())}
        answer = self._google.ask("POST", f"/v1/{self._key}:encrypt", asked)
        return _bytes_in(answer, "ciphertext")

    def unwrap(self, wrapped: bytes) -> Secret[bytes]:
        """Return what was wrapped."""
        asked = {"ciphertext": _text(wrapped), "additionalAuthenticatedData": _text(PURPOSE.encode())}
        answer = self._google.ask("POST", f"/v1/{self._key}:decrypt", asked)
        return Secret(_bytes_in(answer, "plaintext"))


class VaultTransit:
    """The transit engine of HashiCorp Vault or OpenBao."""

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        asked = _query(parts.query, {"address"})
        self._mount, self._key = parts.netloc, parts.path.lstrip("/")
        if not (_PATH.fullmatch(self._mount) and _PATH.fullmatch(self._key)):
            raise DriverFailed("hashivault://MOUNT/KEY?address=https://...")
        self._address = asked.get("address")

    def wrap(self, key: Secret[bytes]) -> bytes:
        """Wrap `key`."""
        answer = self._ask("encrypt", {"plaintext": _text(key.reveal())})
        return str(answer.get("ciphertext", "")).encode()

    def unwrap(self, wrapped: bytes) -> Secret[bytes]:
        """Return what was wrapped."""
        answer = self._ask("decrypt", {"ciphertext": wrapped.decode("ascii", "replace")})
        return Secret(_bytes_in(answer, "plaintext"))

    def _ask(self, verb: str, asked: dict[str, str]) -> dict[str, object]:
        try:
            hvac, requests = import_module("hvac"), import_module("requests")
        except ModuleNotFoundError:
            raise DriverMissing("install smartagent[vault]") from None
        try:
            client = hvac.Client(url=self._address, timeout=_SECONDS, allow_redirects=False)
            context = _text(PURPOSE.encode())
            answer = client.adapter.post(
                url=f"/v1/{self._mount}/{verb}/{self._key}", json={**asked, "associated_data": context}
            )
            return dict(answer["data"])
        except hvac.exceptions.VaultDown:
            raise DriverUnreachable("sealed") from None
        except hvac.exceptions.VaultError as error:
            raise DriverFailed(type(error).__name__) from None
        except (requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise DriverUnreachable(type(error).__name__) from None


class Pkcs11:
    """A key in a hardware module, or in SoftHSM: AES-GCM, 256 bits."""

    def __init__(self, uri: str) -> None:
        path, _, query = uri.removeprefix("pkcs11:").partition("?")
        named = dict(pair.partition("=")[::2] for pair in path.split(";") if pair)
        asked = dict(pair.partition("=")[::2] for pair in query.split("&") if pair)
        if "pin-value" in asked or "pin-value" in named:
            raise DriverFailed("pkcs11: a PIN does not belong in a URI; use pin-source")
        self._token, self._label = unquote(named.get("token", "")), unquote(named.get("object", ""))
        self._module, self._pin_source = (
            unquote(asked.get("module-path", "")),
            unquote(asked.get("pin-source", "")).removeprefix("file:"),
        )
        if not (self._token and self._label and self._module and self._pin_source):
            raise DriverFailed("pkcs11:token=T;object=KEY?module-path=/...&pin-source=/...")

    def wrap(self, key: Secret[bytes]) -> bytes:
        """Wrap `key`, bound to what it is for; the nonce is the module's."""
        return self._with_key(lambda session, held, params: _gcm_wrap(session, held, params, key))

    def unwrap(self, wrapped: bytes) -> Secret[bytes]:
        """Return what was wrapped."""
        return Secret(self._with_key(lambda _, held, params: _gcm_unwrap(held, params, wrapped)))

    def _with_key(self, act: "_Act") -> bytes:
        try:
            pkcs11 = import_module("pkcs11")
        except ModuleNotFoundError:
            raise DriverMissing("install smartagent[pkcs11]") from None
        try:
            pin = Path(self._pin_source).read_bytes()[:_MAX_PIN_BYTES].strip().decode("utf-8", "replace")
        except OSError as error:
            raise DriverFailed(f"cannot read the PIN from {self._pin_source}: {error.strerror}") from None
        try:
            token = pkcs11.lib(self._module).get_token(token_label=self._token)
            with token.open(user_pin=pin) as session:
                held = session.get_key(
                    object_class=pkcs11.ObjectClass.SECRET_KEY,
                    key_type=pkcs11.KeyType.AES,
                    label=self._label,
                )
                return act(session, held, pkcs11)
        except (pkcs11.PKCS11Error, RuntimeError) as error:
            raise DriverFailed(type(error).__name__) from None


class _Held(Protocol):
    def encrypt(self, data: bytes, **named: object) -> bytes:
        """Encrypt inside the module."""
        ...

    def decrypt(self, data: bytes, **named: object) -> bytes:
        """Decrypt inside the module."""
        ...


class _Session(Protocol):
    def generate_random(self, *bits: int) -> bytes:
        """Return random bytes of the module."""
        ...


class _Library(Protocol):
    Mechanism: "_Mechanisms"

    def GCMParams(self, *arguments: object) -> object:  # noqa: N802 -- the library's name
        """Return parameters of AES-GCM."""
        ...


class _Mechanisms(Protocol):
    AES_GCM: object


class _Act(Protocol):
    def __call__(self, session: _Session, held: _Held, library: _Library, /) -> bytes:
        """Do it with the key."""
        ...


def _gcm_wrap(session: _Session, held: _Held, library: _Library, key: Secret[bytes]) -> bytes:
    nonce = bytes(session.generate_random(_NONCE_BYTES * 8))
    params = library.GCMParams(nonce, PURPOSE.encode(), 128)
    return nonce + held.encrypt(key.reveal(), mechanism=library.Mechanism.AES_GCM, mechanism_param=params)


def _gcm_unwrap(held: _Held, library: _Library, wrapped: bytes) -> bytes:
    params = library.GCMParams(wrapped[:_NONCE_BYTES], PURPOSE.encode(), 128)
    return held.decrypt(wrapped[_NONCE_BYTES:], mechanism=library.Mechanism.AES_GCM, mechanism_param=params)


def _query(raw: str, known: set[str]) -> dict[str, str]:
    asked = {name: values[-1] for name, values in parse_qs(raw, keep_blank_values=True).items()}
    unknown = asked.keys() - known
    if unknown:
        raise DriverFailed(f"unknown in the URI: {', '.join(sorted(unknown))}")
    return asked


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes_in(answer: dict[str, object], name: str) -> bytes:
    try:
        return base64.b64decode(str(answer.get(name, "")), validate=True)
    except binascii.Error:
        raise DriverFailed("answer-not-understood") from None


def _bytes_of(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise DriverFailed("answer-not-understood")
    return value


_SERVICES: Final[dict[str, Callable[[str], KeyService]]] = {
    "awskms": AwsKms,
    "gcpkms": GoogleKms,
    "hashivault": VaultTransit,
    "pkcs11": Pkcs11,
}
