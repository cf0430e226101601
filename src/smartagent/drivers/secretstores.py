# SPDX-License-Identifier: Apache-2.0
"""Stores of secrets that are not ours: one value, read when it is needed.

    hashivault://MOUNT/PATH?key=FIELD&address=https://...&token=NAME    KV of HashiCorp Vault or OpenBao, version 2
    awssm:///NAME?region=eu-west-1                                      AWS Secrets Manager, by name or ARN
    gcpsm://projects/P/secrets/S                                        Google Secret Manager, latest or /versions/N

`key` picks one field when the value is a JSON object.  `token` names the secret of our vault that is presented there;
AWS and Google take the machine's own credentials.
"""

import asyncio
import base64
import binascii
import re
from importlib import import_module
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from smartagent.drivers.aws import AwsAccount, ask_aws
from smartagent.drivers.errors import DriverFailed, DriverMissing, DriverUnreachable
from smartagent.drivers.google import GOOGLE_SECRETS, Google
from smartagent.kernel import Secret

MAX_CACHE_SECONDS: Final = 300
CACHE_SECONDS: Final = 30
_SECONDS: Final = 10
_PATH: Final = re.compile(r"[A-Za-z0-9/_.+=@-]{1,512}")
_GOOGLE_NAME: Final = re.compile(r"projects/[^/]+/secrets/[^/]+(/versions/[^/]+)?")
_KNOWN: Final = {
    "hashivault": frozenset({"key", "address", "token", "namespace", "cache"}),
    "awssm": frozenset({"key", "region", "endpoint", "cache"}),
    "gcpsm": frozenset({"key", "endpoint", "cache"}),
}


class SecretPlace(msgspec.Struct, frozen=True):
    """Where a value is.  `token` names a secret of ours; it may be remembered for `cache_seconds`."""

    kind: str
    path: str
    key: str = ""
    address: str = ""
    region: str = ""
    namespace: str = ""
    token: str = ""
    cache_seconds: int = CACHE_SECONDS


def parse_place(uri: str) -> SecretPlace:
    """Read where a value is.

    Raises:
        DriverFailed: It is none of the known forms.
    """
    parts = urlsplit(uri)
    known = _KNOWN.get(parts.scheme)
    if known is None:
        raise DriverFailed(f"there is no kind {parts.scheme[:32]!r}; there are {', '.join(sorted(_KNOWN))}")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    asked = dict(pairs)
    if len(asked) != len(pairs) or asked.keys() - known or parts.fragment or "@" in parts.netloc:
        raise DriverFailed(f"{parts.scheme}: takes {', '.join(sorted(known))}, each once")
    cache = asked.get("cache", str(CACHE_SECONDS))
    if not cache.isascii() or not cache.isdigit() or int(cache) > MAX_CACHE_SECONDS:
        raise DriverFailed(f"cache: 0 to {MAX_CACHE_SECONDS} seconds")
    place = SecretPlace(
        kind=parts.scheme,
        path=unquote(f"{parts.netloc}{parts.path}").strip("/"),
        key=asked.get("key", ""),
        address=asked.get("address", asked.get("endpoint", "")),
        region=asked.get("region", ""),
        namespace=asked.get("namespace", ""),
        token=asked.get("token", ""),
        cache_seconds=int(cache),
    )
    _check(place)
    return place


async def read_place(place: SecretPlace, token: Secret[bytes] | None) -> Secret[bytes]:
    """Read the value.

    Raises:
        DriverMissing: The library is not installed.
        DriverFailed: The store said no, or has no such field.
        DriverUnreachable: It did not answer.
    """
    readers = {"hashivault": _from_vault, "awssm": _from_aws, "gcpsm": _from_google}
    return await asyncio.to_thread(readers[place.kind], place, token)


def _check(place: SecretPlace) -> None:
    if place.address and not place.address.startswith(("https://", "http://127.0.0.1:")):
        raise DriverFailed("the address is https")
    if place.kind == "hashivault" and not (place.address and place.token and "/" in place.path):
        raise DriverFailed("hashivault://MOUNT/PATH?address=https://...&token=NAME")
    if place.kind == "hashivault" and not _PATH.fullmatch(place.path):
        raise DriverFailed("hashivault: the path has letters, digits and -_.+=@/")
    if place.kind == "awssm" and not (place.path and _region(place)):
        raise DriverFailed("awssm:///NAME?region=eu-west-1")
    if place.kind == "gcpsm" and not _GOOGLE_NAME.fullmatch(place.path):
        raise DriverFailed("gcpsm://projects/P/secrets/S or .../versions/N")


def _from_vault(place: SecretPlace, token: Secret[bytes] | None) -> Secret[bytes]:
    try:
        hvac, requests = import_module("hvac"), import_module("requests")
    except ModuleNotFoundError:
        raise DriverMissing("install smartagent[vault]") from None
    mount, _, path = place.path.partition("/")
    presented = "" if token is None else token.reveal().decode("ascii", "replace").strip()
    try:
        client = hvac.Client(
            url=place.address,
            token=presented,
            namespace=place.namespace or None,
            timeout=_SECONDS,
            allow_redirects=False,
        )
        answer = client.secrets.kv.v2.read_secret_version(
            path=path, mount_point=mount, raise_on_deleted_version=True
        )
        return _field(dict(answer["data"]["data"]), place.key)
    except hvac.exceptions.VaultDown:
        raise DriverUnreachable("sealed") from None
    except hvac.exceptions.VaultError as error:
        raise DriverFailed(type(error).__name__) from None
    except (requests.RequestException, KeyError, TypeError) as error:
        raise DriverUnreachable(type(error).__name__) from None


def _from_aws(place: SecretPlace, _token: Secret[bytes] | None) -> Secret[bytes]:
    account = AwsAccount(_region(place), endpoint=place.address)
    answer = ask_aws(account, "secretsmanager", lambda client: client.get_secret_value(SecretId=place.path))
    text = answer.get("SecretString")
    if isinstance(text, str):
        return _picked(text.encode(), place.key)
    raw = answer.get("SecretBinary")
    if not isinstance(raw, bytes):
        raise DriverFailed("answer-not-understood")
    return _picked(raw, place.key)


def _from_google(place: SecretPlace, _token: Secret[bytes] | None) -> Secret[bytes]:
    path = place.path if "/versions/" in place.path else f"{place.path}/versions/latest"
    answer = Google(place.address or GOOGLE_SECRETS).ask("GET", f"/v1/{path}:access")
    payload = answer.get("payload")
    try:
        raw = base64.b64decode(str(payload["data"]) if isinstance(payload, dict) else "!", validate=True)
    except (binascii.Error, KeyError):
        raise DriverFailed("answer-not-understood") from None
    return _picked(raw, place.key)


def _region(place: SecretPlace) -> str:
    return place.region or (place.path.split(":")[3] if place.path.startswith("arn:aws:") else "")


def _picked(raw: bytes, key: str) -> Secret[bytes]:
    if not key:
        return Secret(raw)
    try:
        return _field(msgspec.json.decode(raw, type=dict[str, object]), key)
    except msgspec.DecodeError:
        raise DriverFailed("the value is no JSON object, so it has no fields") from None


def _field(fields: dict[str, object], key: str) -> Secret[bytes]:
    if not key and len(fields) == 1:
        key = next(iter(fields))
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise DriverFailed("there is no such field, or it is no text; say which as key=")
    return Secret(value.encode())
