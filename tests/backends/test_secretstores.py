# SPDX-License-Identifier: Apache-2.0
"""Reading other stores: moto for AWS, stand-ins that say what Google and Vault say."""

import base64
import logging

import boto3
import pytest
from moto.server import ThreadedMotoServer

from smartagent.drivers import DriverFailed, DriverUnreachable, parse_place, read_place
from smartagent.kernel import Secret
from tests.backends.servers import free_port
from tests.backends.standins import StandIn, environment


async def read(uri, token=None):
    return (await read_place(parse_place(uri), token)).reveal()


@pytest.fixture(scope="module")
def aws():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{server._port}"
    with environment(AWS_ACCESS_KEY_ID="AKIAX", AWS_SECRET_ACCESS_KEY="x"):
        client = boto3.client("secretsmanager", endpoint_url=endpoint, region_name="eu-west-1")
        client.create_secret(
            Name="prod/db", SecretString='{"user": "app", "password": "p\\u00e4ss", "port": 5}'
        )
        client.create_secret(Name="plain", SecretString="just text")
        client.create_secret(Name="binary", SecretBinary=b"\x00\xff")
        yield endpoint
    server.stop()


async def test_aws_gives_text_fields_and_bytes(aws):
    where = f"?region=eu-west-1&endpoint={aws}"
    assert await read(f"awssm:///plain{where}") == b"just text"
    assert await read(f"awssm:///prod/db{where}&key=password") == "päss".encode()
    assert await read(f"awssm:///binary{where}") == b"\x00\xff"


@pytest.mark.parametrize(
    ("name", "key"), [("nothing", ""), ("plain", "x"), ("prod/db", "x"), ("prod/db", "port")]
)
async def test_what_aws_does_not_have_is_refused(aws, name, key):
    with pytest.raises(DriverFailed):
        await read(
            f"awssm:///{name}?region=eu-west-1&endpoint={aws}&key={key}" + ("x" if name == "nothing" else "")
        )


async def test_google_gives_the_newest_version_or_the_one_that_is_named():
    def answer(method, path, headers, body):
        assert method == "GET"
        values = {
            "/v1/projects/p/secrets/s/versions/latest:access": b"newest",
            "/v1/projects/p/secrets/s/versions/3:access": b"third",
        }
        if path not in values:
            return 404, {"error": {"status": "NOT_FOUND"}}
        return 200, {"payload": {"data": base64.b64encode(values[path]).decode()}}

    with StandIn(answer) as server:
        assert await read(f"gcpsm://projects/p/secrets/s?endpoint={server.url}") == b"newest"
        assert await read(f"gcpsm://projects/p/secrets/s/versions/3?endpoint={server.url}") == b"third"
        with pytest.raises(DriverFailed, match="404"):
            await read(f"gcpsm://projects/p/secrets/t?endpoint={server.url}")


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"payload": {"data": "%"}}', b'{"payload": 5}'])
async def test_an_answer_of_google_that_is_none_is_refused(body):
    with StandIn(lambda *_: (200, body)) as server, pytest.raises((DriverFailed, DriverUnreachable)):
        await read(f"gcpsm://projects/p/secrets/s?endpoint={server.url}")


@pytest.fixture
def vault():
    def answer(method, path, headers, body):
        if headers.get("X-Vault-Token") != "hvs.right":
            return 403, {"errors": ["permission denied"]}
        if path == "/v1/kv/data/app/db":
            data = {"password": "from vault", "user": "app"}
            return 200, {
                "data": {"data": data, "metadata": {"version": 1, "deletion_time": "", "destroyed": False}}
            }
        return 404, {"errors": []}

    with StandIn(answer) as server:
        yield server.url


async def test_vault_gives_a_field_for_a_token(vault):
    token = Secret(b"hvs.right\n")
    assert await read(f"hashivault://kv/app/db?address={vault}&token=t&key=password", token) == b"from vault"


@pytest.mark.parametrize(
    ("path", "key", "token"),
    [("app/db", "password", b"hvs.wrong"), ("app/none", "x", b"hvs.right"), ("app/db", "", b"hvs.right")],
)
async def test_what_vault_does_not_give_is_refused_without_its_words(vault, path, key, token):
    more = f"&key={key}" if key else ""
    with pytest.raises(DriverFailed) as refused:
        await read(f"hashivault://kv/{path}?address={vault}&token=t{more}", Secret(token))
    assert "permission denied" not in str(refused.value)


async def test_a_store_that_does_not_answer_is_told_from_one_that_refuses():
    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(DriverUnreachable):
        await read(f"hashivault://kv/a?address={address}&token=t", Secret(b"x"))
    with pytest.raises(DriverUnreachable):
        await read(f"gcpsm://projects/p/secrets/s?endpoint={address}")
