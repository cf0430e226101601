# SPDX-License-Identifier: Apache-2.0
"""What wraps the root key: SoftHSM for real, moto for AWS, and stand-ins for Google Cloud and Vault's transit engine."""

import base64
import json
import logging
import os
import shutil
import subprocess
from pathlib import Path

import boto3
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto.server import ThreadedMotoServer

from smartagent.drivers import DriverFailed, DriverUnreachable, key_service
from smartagent.kernel import Secret
from tests.backends.servers import free_port
from tests.backends.standins import StandIn, environment

KEY = Secret(bytes(range(32)))
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = "9" * 8 + "4411"


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory):
    """A token with an AES key in it, made by the tools that an operator has."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    (folder / "pin").write_text(PIN + "\n")
    # The module reads its configuration when it is loaded, once for each process.
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")  # noqa: TID251 -- what the module looks at
    words = ["softhsm2-util", "--init-token", "--free", "--label", "house", "--pin", PIN, "--so-pin", PIN]
    subprocess.run(words, check=True, capture_output=True)
    import pkcs11

    with pkcs11.lib(str(SOFTHSM)).get_token(token_label="house").open(rw=True, user_pin=PIN) as session:
        session.generate_key(pkcs11.KeyType.AES, 256, store=True, label="root")
    return folder


def hsm_uri(folder, **changes):
    named = {"token": "house", "object": "root"} | changes
    path = ";".join(f"{name}={value}" for name, value in named.items())
    return f"pkcs11:{path}?module-path={SOFTHSM}&pin-source=file:{folder}/pin"


def test_a_hardware_module_wraps_and_unwraps(softhsm):
    service = key_service(hsm_uri(softhsm))
    wrapped = service.wrap(KEY)

    assert KEY.reveal() not in wrapped
    assert service.unwrap(wrapped).reveal() == KEY.reveal()
    assert service.wrap(KEY) != wrapped


def test_a_touched_wrapped_key_does_not_come_back(softhsm):
    service = key_service(hsm_uri(softhsm))
    wrapped = bytearray(service.wrap(KEY))
    wrapped[-1] ^= 1
    with pytest.raises(DriverFailed):
        service.unwrap(bytes(wrapped))


@pytest.mark.parametrize("changes", [{"token": "other"}, {"object": "other"}])
def test_another_token_or_key_is_refused(softhsm, changes):
    with pytest.raises(DriverFailed):
        key_service(hsm_uri(softhsm, **changes)).wrap(KEY)


def test_a_wrong_pin_is_refused_and_not_repeated(softhsm, tmp_path):
    (tmp_path / "pin").write_text("0000")
    with pytest.raises(DriverFailed) as refused:
        key_service(hsm_uri(softhsm).replace(f"{softhsm}/pin", f"{tmp_path}/pin")).wrap(KEY)
    assert "0000" not in str(refused.value)


@pytest.fixture(scope="module")
def aws():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{server._port}"
    given = {"aws_access_key_id": "AKIAX", "aws_secret_access_key": "x", "region_name": "eu-central-1"}
    with environment(AWS_ACCESS_KEY_ID="AKIAX", AWS_SECRET_ACCESS_KEY="x"):
        client = boto3.client("kms", endpoint_url=endpoint, **given)
        arn = client.create_key()["KeyMetadata"]["Arn"]
        client.create_alias(AliasName="alias/house", TargetKeyId=arn)
        yield endpoint, arn
    server.stop()


def test_aws_kms_wraps_and_unwraps_by_alias_and_by_arn(aws):
    endpoint, arn = aws
    by_alias = key_service(f"awskms:///alias/house?region=eu-central-1&endpoint={endpoint}")
    by_arn = key_service(f"awskms:///{arn}?endpoint={endpoint}")

    wrapped = by_alias.wrap(KEY)

    assert KEY.reveal() not in wrapped
    assert by_alias.unwrap(wrapped).reveal() == by_arn.unwrap(wrapped).reveal() == KEY.reveal()


def test_aws_kms_refuses_what_it_did_not_wrap_for_this(aws):
    endpoint, arn = aws
    client = boto3.client("kms", endpoint_url=endpoint, region_name="eu-central-1")
    other = client.encrypt(KeyId=arn, Plaintext=KEY.reveal())["CiphertextBlob"]
    with pytest.raises(DriverFailed):
        key_service(f"awskms:///{arn}?endpoint={endpoint}").unwrap(other)
    with pytest.raises(DriverFailed):
        key_service(f"awskms:///alias/nobody?region=eu-central-1&endpoint={endpoint}").wrap(KEY)


def test_a_service_that_does_not_answer_says_so():
    uri = f"awskms:///alias/x?region=eu-west-1&endpoint=http://127.0.0.1:{free_port()}"
    credentials = environment(AWS_ACCESS_KEY_ID="AKIAX", AWS_SECRET_ACCESS_KEY="x")
    with credentials, pytest.raises(DriverUnreachable):
        key_service(uri).wrap(KEY)


class Wrapping:
    """Does what both services do: AES-GCM, bound to what the caller says."""

    def __init__(self):
        self._key = AESGCM(os.urandom(32))

    def wrap(self, plaintext, bound):
        nonce = os.urandom(12)
        return nonce + self._key.encrypt(nonce, plaintext, bound)

    def unwrap(self, wrapped, bound):
        return self._key.decrypt(wrapped[:12], wrapped[12:], bound)


@pytest.fixture
def google():
    wrapping = Wrapping()

    def answer(method, path, headers, body):
        asked = {name: base64.b64decode(value) for name, value in json.loads(body).items()}
        assert path.startswith("/v1/projects/p/locations/global/keyRings/r/cryptoKeys/k:")
        bound = asked["additionalAuthenticatedData"]
        try:
            if path.endswith(":encrypt"):
                return 200, {
                    "ciphertext": base64.b64encode(wrapping.wrap(asked["plaintext"], bound)).decode()
                }
            return 200, {"plaintext": base64.b64encode(wrapping.unwrap(asked["ciphertext"], bound)).decode()}
        except InvalidTag:
            return 400, {"error": {"status": "INVALID_ARGUMENT"}}

    with StandIn(answer) as server:
        yield server


def test_google_kms_wraps_and_unwraps(google):
    service = key_service(
        f"gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k?endpoint={google.url}"
    )
    wrapped = service.wrap(KEY)
    assert service.unwrap(wrapped).reveal() == KEY.reveal()
    with pytest.raises(DriverFailed, match="status-400"):
        service.unwrap(wrapped[:-1] + b"\0")


def test_google_trouble_is_told_from_a_refusal():
    with StandIn(lambda *_: (503, {})) as server:
        uri = f"gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k?endpoint={server.url}"
        with pytest.raises(DriverUnreachable, match="status-503"):
            key_service(uri).wrap(KEY)


@pytest.fixture
def vault(tmp_path):
    wrapping = Wrapping()

    def answer(method, path, headers, body):
        if headers.get("X-Vault-Token") != "hvs.test":
            return 403, {"errors": ["permission denied"]}
        asked = json.loads(body)
        bound = base64.b64decode(asked["associated_data"])
        try:
            if path == "/v1/transit/encrypt/house":
                wrapped = wrapping.wrap(base64.b64decode(asked["plaintext"]), bound)
                return 200, {"data": {"ciphertext": "vault:v1:" + base64.b64encode(wrapped).decode()}}
            raw = base64.b64decode(asked["ciphertext"].removeprefix("vault:v1:"))
            return 200, {"data": {"plaintext": base64.b64encode(wrapping.unwrap(raw, bound)).decode()}}
        except InvalidTag:
            return 400, {"errors": ["cipher: message authentication failed"]}

    with StandIn(answer) as server, environment(VAULT_TOKEN="hvs.test"):
        yield server


def test_vaults_transit_engine_wraps_and_unwraps(vault):
    service = key_service(f"hashivault://transit/house?address={vault.url}")
    wrapped = service.wrap(KEY)
    assert wrapped.startswith(b"vault:v1:")
    assert service.unwrap(wrapped).reveal() == KEY.reveal()
    with pytest.raises(DriverFailed, match="InvalidRequest"):
        service.unwrap(wrapped[:-4] + b"AAA=")


def test_vault_without_a_right_token_refuses(vault):
    with environment(VAULT_TOKEN="hvs.other"), pytest.raises(DriverFailed, match="Forbidden"):
        key_service(f"hashivault://transit/house?address={vault.url}").wrap(KEY)


def test_softhsm_is_there():
    """Nothing above may be left out."""
    assert SOFTHSM.exists()
    assert shutil.which("softhsm2-util")
