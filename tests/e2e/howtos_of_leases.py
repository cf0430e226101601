# SPDX-License-Identifier: Apache-2.0
"""Readers of the pages about leases and rotation, for `test_howtos`."""

import asyncio
import re
from pathlib import Path

from smartagent.crypto import system_entropy
from smartagent.server.rootkey import make_root_key, read_root_key
from smartagent.server.settings import Settings, derived
from tests.backends.conftest import furnish_shop
from tests.backends.servers import BROKER_PASSWORD, postgres_versions, running
from tests.backends.standins import StandIn
from tests.e2e.site import furnish
from tests.unit.cli.scan.planted import openai

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PATIENCE_SECONDS = 60


async def database(reader):
    with running(postgres_versions()["pip"]) as server:
        await asyncio.to_thread(furnish_shop, server)
        place = {"db.example.com": "127.0.0.1", "5432": str(server.port)}
        reader.stands_for |= place
        await reader.set("BROKER_PASSWORD", BROKER_PASSWORD)
        assert "answers" in await reader.do()
        await reader.do()
        await reader.do()
        await reader.enrol("reporter", "reporter")
        assert "1" in (await reader.do()).split()
        assert "active" in await reader.do()
        await until_dead(reader, "orders-read")


async def mariadb(reader):
    """The entries are checked when they are written; what they make is tested with a real server elsewhere."""
    assert "maria-read" in await reader.do()


async def ssh(reader):
    assert "deploy" in await reader.do()
    assert ": ok" in await reader.do()


async def aws(reader):
    """The entries are checked when they are written; what they make is tested with an emulator elsewhere."""
    assert "orders-bucket" in await reader.do()


async def clouds(reader):
    """The entries are checked when they are written; what they make is tested with stand-ins elsewhere."""
    assert "reports-bucket" in await reader.do()
    assert "blobs" in await reader.do()


async def secrets(reader):
    assert "billing-key" in await reader.do()
    assert "version 3 now" in await reader.do()
    assert "Destroyed of billing-key: 2." in await reader.do()
    assert "billing-database-password" in await reader.do()
    assert not (reader.shell.folder / ".env").exists()
    assert "pending" in await reader.do()


async def root_key(reader):
    """Follow the page on a machine of its own: the authority that other pages use goes on."""
    etc = reader.shell.folder / "etc"
    etc.mkdir(mode=0o700)
    reader.stands_for |= {"/etc/smartagent": str(etc), "/var/lib/smartagent": str(etc / "data")}
    (etc / "data").mkdir(mode=0o700)
    settings = derived(Settings(data_dir=str(etc / "data")))
    make_root_key(settings, system_entropy)
    before = read_root_key(settings).reveal()
    assert "root.key" in await reader.do()
    assert "as well" in await reader.do()
    assert "passphrase:" in await reader.do()
    by_passphrase = derived(Settings(data_dir=str(etc / "data"), root_key=f"passphrase:{etc}/passphrase"))
    assert read_root_key(by_passphrase).reveal() == before
    assert not (etc / "data" / "root.key").exists()


async def backup(reader):
    """Follow the page beside an authority that runs."""
    await reader.set("SMARTAGENT_DATA_DIR", reader.authority.site.folder)
    await reader.shell.run("export SMARTAGENT_DATA_DIR")
    assert "Keep the passphrase apart" in await reader.do()
    assert "Restored the authority" in await reader.do()


async def oauth_accounts(reader):
    def answer(method, path, headers, body):
        assert b"refresh_token=1%2F%2Frefresh-token" in body
        return 200, {"access_token": "ya29.token", "token_type": "Bearer", "expires_in": 3600}

    with StandIn(answer) as server:
        reader.stands_for |= {"https://oauth2.example.com": server.url}
        assert "connected" in await reader.do()
        assert "account://google/ada" in await reader.do()
        assert "ada-token" in await reader.do()


async def files(reader):
    """The entries are checked when they are written."""
    assert "orders-files" in await reader.do()


async def proxy(reader):
    """The commands that need a shop with a certificate are run in test_run_proxy."""
    assert "SmartAgent gateway" in await reader.do()
    # Other pages may have described the shop in another way, or under another name.
    authority = reader.authority
    for each in (await authority.api("GET", "/v1/upstreams"))["upstreams"]:
        if each["base_url"] == authority.shop.url:
            await authority.api("DELETE", f"/v1/upstreams/{each['name']}")
    await furnish(authority.operator, authority.shop)
    agent = await reader.enrol("caller")
    reader.stands_for |= {"https://api.example.com/v1": reader.authority.shop.url, "agt_...": agent}
    explained = await reader.do()
    assert "shop-key" in explained
    assert "bearer" in explained


async def places(reader):
    """Nothing is called: the entries are checked when they are written."""
    assert "json:/auth/key" in await reader.do()
    assert "hmac:X-Signature,X-Timestamp" in await reader.do()
    assert "jwt:https://billing.example.com" in await reader.do()
    assert "sak_ph_" in await reader.do()
    made = await reader.do()
    assert "sak_ph_" in made
    assert "in .netrc" in made


async def scan(reader):
    project = reader.shell.folder / "project"
    project.mkdir()
    (project / ".env").write_text(f"OPENAI_API_KEY={openai()}\n", encoding="utf-8")
    await reader.shell.run("git -C project init -q")
    assert "upstream openai" in await reader.do()
    assert "OPENAI_API_KEY" in await reader.do()
    assert "No long-lived key was found." in await reader.do()
    assert "secret put openai-key" in await reader.do()
    assert "Done." in await reader.do()
    assert (project / ".env").read_text(encoding="utf-8") == "OPENAI_API_KEY=replaced-by-smartagent\n"


async def other_stores(reader):
    def answer(method, path, headers, body):
        assert headers["X-Vault-Token"] == "hvs.CAES-example"
        assert path == "/v1/kv/data/billing"
        return 200, {"data": {"data": {"stripe": "sk_live_x"}, "metadata": {}}}

    with StandIn(answer) as server:
        reader.stands_for |= {"https://vault.example.com:8200": server.url}
        assert "is read from" in await reader.do()
        assert "hashivault://" in await reader.do()


async def until_dead(reader, credential):
    for _ in range(PATIENCE_SECONDS * 5):
        leases = (await reader.authority.api("GET", f"/v1/leases?credential={credential}"))["leases"]
        if all(each["state"] == "dead" for each in leases):
            return
        await asyncio.sleep(0.2)
    raise AssertionError(leases)


async def worker(reader):
    """Do what the page that others build on does first."""
    text = (HOW_TO / "run-a-program-with-credentials.md").read_text(encoding="utf-8")
    await reader.shell.run(BLOCK.findall(text)[0])
    return await reader.enrol("worker", "worker")


async def run_a_program(reader):
    await reader.do()
    await reader.enrol("worker", "worker")
    assert await reader.do() == "the key has 18 letters"
    assert await reader.do() == "['api_key']"


async def rotate(reader):
    with running(postgres_versions()["pip"]) as server:
        await asyncio.to_thread(furnish_shop, server)
        reader.stands_for |= {"db.example.com": "127.0.0.1", "5432": str(server.port)}
        await reader.set("BROKER_PASSWORD", BROKER_PASSWORD)
        assert "broker: ready." in await reader.do()
        await reader.enrol("worker")
        assert "signs with its new key" in await reader.do()
        assert "secret/broker" in await reader.do()
        for _ in range(PATIENCE_SECONDS * 5):
            if (await reader.authority.api("GET", "/v1/secrets/broker"))["version"] > 1:
                break
            await asyncio.sleep(0.2)
        shown = await reader.authority.api("GET", "/v1/rotations/broker")
        assert (shown["failure"], shown["rotated_at"] != "") == ("", True)
        await reader.authority.api(
            "PUT",
            "/v1/rotations/broker",
            {"kind": shown["kind"], "secret": "broker", "settings": shown["settings"], "enabled": False},
        )


async def end_everything(reader):
    agent = await worker(reader)
    reader.stands_for["agt_..."] = agent
    assert "every token it was given" in await reader.do()
    assert '"typ":"smartagent-revocation-report+jwt"' in await reader.do()
    reader.stands_for["--role reporter"] = "--role worker"
    assert "The drill passed." in await reader.do()


async def vault_clients(reader):
    await worker(reader)
    assert await reader.do() == "['api_key']"
