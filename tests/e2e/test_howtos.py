# SPDX-License-Identifier: Apache-2.0
"""Every command of the how-tos, as a reader would paste it, against a real authority.

A block that needs what is not here (a cluster, somebody else's issuer) is fenced `sh no-run`; all
others are run, in order, in one shell for each page.  What people decide is done between the blocks.
"""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.howtos_of_governance import elevate, govern, leavers, review
from tests.e2e.howtos_of_leases import (
    aws,
    backup,
    clouds,
    database,
    end_everything,
    files,
    mariadb,
    oauth_accounts,
    other_stores,
    places,
    proxy,
    root_key,
    rotate,
    run_a_program,
    scan,
    secrets,
    ssh,
    vault_clients,
)
from tests.e2e.howtos_of_mcp import mcp_servers
from tests.e2e.howtos_of_policies import blast_radius, decisions, lint, policy_tests, replay, shrink
from tests.interop.authority import RESOURCE, Authority

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ELSEWHERE = {"check-the-log.md"}
"""Run with the tutorial, whose work it looks at."""
PAGES = sorted(page.name for page in HOW_TO.glob("*.md") if BLOCK.search(page.read_text(encoding="utf-8")))
REDIRECT = "http://127.0.0.1:8912/callback"
PATIENCE_SECONDS = 60

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("howtos")]


class Shell:
    """A shell that stays open: what one block sets, the next one has."""

    def __init__(self, folder):
        self.folder = folder
        self._mark = 0

    async def start(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SMARTAGENT_")}  # noqa: TID251 -- what the child inherits
        self._process = await asyncio.create_subprocess_exec(
            "bash",
            cwd=self.folder,
            env={
                **kept,
                "HOME": str(self.folder),
                "XDG_CONFIG_HOME": str(self.folder / "config"),
                "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            limit=10_000_000,
        )
        return self

    async def run(self, script):
        """Run `script`, and return what it printed; a command that fails ends it."""
        self._mark += 1
        ended = f"__block_{self._mark}_ended__"
        self._process.stdin.write(f"set -eo pipefail\n{script}\nset +e\necho {ended}\n".encode())
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self._until(ended)

    async def _until(self, ended):
        printed = ""
        while ended not in printed:
            line = await self._process.stdout.readline()
            assert line, f"the shell ended: {printed}"
            printed += line.decode()
        return printed.replace(ended, "").strip()

    async def close(self):
        if self._process.returncode is None:
            self._process.kill()
        await self._process.communicate()


class Reader:
    """Somebody who follows a page: their shell, the authority, and what stands for the page's placeholders."""

    def __init__(self, authority, shell, page):
        self.authority, self.shell, self.name = authority, shell, page.partition(".")[0]
        self.blocks = BLOCK.findall((HOW_TO / page).read_text(encoding="utf-8"))
        self.stands_for = {
            "https://auth.example.com": authority.issuer,
            "http://127.0.0.1:8700": authority.issuer,
            "https://gw.example.com": authority.gateway,
            "https://orders.example.com/api": RESOURCE,
            "orders:write": "read",
            "sleep 5": "sleep 0.2",
        }

    async def do(self, *, also=None):
        """Run the page's next block, and return what it printed."""
        script = self.blocks.pop(0)
        for written, meant in {**self.stands_for, **(also or {})}.items():
            script = script.replace(written, meant)
        return await self.shell.run(script)

    async def set(self, name, value):
        await self.shell.run(f"{name}={value}")

    async def log_in(self):
        link = (await self.authority.api("POST", "/v1/claim-links", {}))["link"]
        await self.shell.run(f"smartagentctl login '{link}' --name {self.name}")

    async def enrol(self, name, role="reader"):
        """Enrol an agent whose key is in `name`.key, and return its id."""
        token = (await self.authority.api("POST", "/v1/enrolments", {"role": role}))["enrolment_token"]
        enrolled = await self.shell.run(
            f"echo '{token}' | smartagentctl agent enrol --key-file {name}.key --name {name} --server {self.authority.issuer} --json"
        )
        return json.loads(enrolled)["agent"]

    async def client(self, *grants):
        more = {"grant_types": list(grants)} if grants else {}
        return await self.authority.client(redirect_uris=[REDIRECT], **more)


async def client_credentials(reader):
    await reader.enrol("bot")
    while reader.blocks:
        assert "access_token" in await reader.do()


async def exchanging(reader):
    """Define the functions that other pages take from this one."""
    text = (HOW_TO / "delegate-to-a-sub-agent.md").read_text(encoding="utf-8")
    await reader.shell.run(
        BLOCK.findall(text)[0].replace("https://auth.example.com", reader.authority.issuer)
    )


async def delegate(reader):
    alice, bob = await reader.enrol("alice"), await reader.enrol("bob")
    await reader.set("ALICE_ID", alice)
    await reader.set("BOB_ID", bob)
    reader.stands_for |= {"agt_...": bob, "orders:read": "read"}
    await reader.do()
    await reader.do()
    assert await reader.do() == "ok"
    delegation = re.search(r"dlg_\w+", await reader.do()).group()
    assert delegation in await reader.do(also={"dlg_...": delegation})


async def per_call(reader):
    await reader.enrol("bot")
    await exchanging(reader)
    assert await reader.do() == "ok"


async def for_a_person(reader):
    await reader.enrol("bot")
    await exchanging(reader)
    form = {"scope": "openid read", "login_hint": "Ada"}
    asked = await ask_in_the_background(reader, form)
    await reader.set("PERSONS_TOKEN", asked["access_token"])
    await reader.do()
    acting = json.loads(await reader.shell.run("cat acting.json"))
    assert acting["issued_token_type"].endswith("access_token"), acting
    reader.blocks[:-1] = []
    body = {"from": (await reader.authority.api("GET", "/v1/operators"))["operators"][0]["id"]}
    body["to"] = await reader.enrol("other")
    delegation = (await reader.authority.api("POST", "/v1/delegations", {**body, "reason": "test"}))["id"]
    await reader.do(also={"dlg_...": delegation})


async def ask_in_the_background(reader, form):
    fields = " ".join(f"--data-urlencode '{name}={value}'" for name, value in form.items())
    proven = (
        "-d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer "
        '-d client_assertion="$(smartagentctl agent assertion --key-file bot.key)"'
    )
    url = f"{reader.authority.issuer}/oauth"
    asked = json.loads(await reader.shell.run(f"curl -s {url}/backchannel {proven} {fields}"))
    await allow(reader)
    poll = f"-d grant_type=urn:openid:params:grant-type:ciba -d auth_req_id={asked['auth_req_id']}"
    return json.loads(await reader.shell.run(f"curl -s {url}/token {proven} {poll}"))


async def allow(reader):
    (waiting,) = (await reader.authority.api("GET", "/v1/consent-requests"))["requests"]
    await reader.authority.api("POST", f"/v1/consent-requests/{waiting['id']}", {"decision": "allow"})


async def background(reader):
    await reader.enrol("bot")
    reader.stands_for["login_hint=Ada"] = f"login_hint={reader.name}"
    await reader.do()
    listed = json.loads(await reader.shell.run("smartagentctl request list --json"))
    reader.stands_for["gnt_..."] = listed[0]["id"] + " --yes"
    await reader.do()
    assert "access_token" in await reader.do()


async def device(reader):
    client = await reader.client("urn:ietf:params:oauth:grant-type:device_code")
    reader.stands_for |= {
        "clt_...": client,
        'scope="openid orders:read"': f'scope="openid orders:read" -d resource={RESOURCE}',
    }
    await reader.do()
    code = json.loads(await reader.shell.run("cat device.json"))["user_code"]
    # The person decides while the device polls; the page tells both stories one after the other.
    polling, deciding = reader.blocks.pop(0), reader.blocks.pop(0)
    reader.blocks[:0] = [deciding, polling]
    await reader.do(also={"WDJB-MJHT": f"{code} --yes"})
    assert "access_token" in await reader.do()
    given = json.loads(await reader.shell.run("smartagentctl request list --given --json"))
    await reader.do(also={"gnt_...": given[0]["id"]})


async def code(reader):
    await reader.set("CLIENT", await reader.client())
    await reader.set("REDIRECT", REDIRECT)
    await reader.do()
    address = (await reader.do()).splitlines()[-1]
    assert re.search(r"[a-z2-7]{4}(-[a-z2-7]{4})+", await reader.do())
    answer = await reader.authority.person().visit(address)
    await reader.set("CODE", re.search(r"code=([^&]+)", answer)[1])
    assert "id_token" in await reader.do()
    await reader.do()
    assert "refresh_token" in json.loads(await reader.shell.run("cat token.json"))
    await reader.do()


async def register(reader):
    key = await reader.shell.run(
        f"curl -s {reader.authority.issuer}/.well-known/jwks.json > report-keys.json; echo ok"
    )
    assert key == "ok"
    assert "Order desk" in await reader.do() or True
    assert "clt_" in await reader.do()
    assert "registration_access_token" in await reader.do()
    await reader.set("CLIENT", await reader.client())
    assert "Removed" in await reader.do()


async def protect(reader):
    reader.stands_for["https://orders.example.com/api"] = "https://other.example.com/api"
    assert "https://other.example.com/api" in await reader.do()
    assert "Removed" in await reader.do()


async def introspect(reader):
    await reader.enrol("server")
    await reader.enrol("bot")
    for _ in range(2):
        assert "active" in await reader.do()
    assert (await reader.do()).count(".") == 2


async def revoke(reader):
    await reader.enrol("bot")
    assert await reader.do() == "200"


async def openid(reader):
    assert "jwks_uri" in await reader.do()
    await reader.enrol("bot")
    asked = await ask_in_the_background(reader, {"scope": "openid read", "login_hint": "Ada"})
    await reader.set("TOKEN", asked["access_token"])
    assert "sub" in await reader.do()


async def follow(reader):
    await reader.do()
    # The stream never ends by itself: curl's own limit does, with its own code.
    reader.blocks[0] = reader.blocks[0].replace("--max-time 5", "--max-time 1").rstrip() + " || true\n"
    assert "event: synced" in await reader.do()
    assert "status_lists" in await reader.do()
    await reader.do()
    await reader.do()
    assert "stm_" in await reader.do()


async def transaction(reader):
    # Other pages need the shop as it is.
    reader.stands_for["put shop "] = "put inner "
    reader.stands_for["https://shop.internal.example.com"] = reader.authority.shop.url + "/in --allow-private"
    assert "txn token        yes" in await reader.do()


async def assertion(reader):
    await reader.do(also={"corp": "partner"})


async def attest(reader):
    reader.stands_for |= {"order-reader": "reader", "deployer": "reader"}
    for name in ("github", "google"):
        assert name in await reader.do()


async def limit(reader):
    # The page defines the role that its agent has, so the agent is there once the first block was run.
    reader.stands_for["https://orders.example.com"] = reader.authority.shop.url + "/api --allow-private"
    assert "orders" in await reader.do()
    agent = await reader.enrol("bot", "order-reader")
    # The shop wants a key, and has not been given one: it is asked three times.
    assert (await reader.do()).split() == ["401"] * 3 + ["429"]
    assert "graphql:/graphql" in await reader.do()
    assert "fetcher" in await reader.do()
    explained = await reader.do(also={"agt_...": agent})
    assert "policy/no-push/1" in explained
    assert "Deleted" in explained


SCENARIOS = {
    "act-for-a-person.md": for_a_person,
    "ask-for-decisions.md": decisions,
    "attest-workloads.md": attest,
    "authorization-code.md": code,
    "ciba.md": background,
    "client-credentials.md": client_credentials,
    "delegate-to-a-sub-agent.md": delegate,
    "device-code.md": device,
    "elevate-an-agent.md": elevate,
    "end-everything-of-an-agent.md": end_everything,
    "find-keys-and-replace-them.md": scan,
    "find-rules-that-need-attention.md": lint,
    "follow-revocations.md": follow,
    "govern-agents.md": govern,
    "identity-assertion.md": assertion,
    "people-and-leavers.md": leavers,
    "introspect-a-token.md": introspect,
    "back-up-and-restore.md": backup,
    "grant-files-on-a-host.md": files,
    "limit-what-agents-do.md": limit,
    "work-behind-the-proxy.md": proxy,
    "put-a-secret-in-its-place.md": places,
    "keep-secrets.md": secrets,
    "use-accounts-at-oauth-providers.md": oauth_accounts,
    "lease-google-cloud-and-azure-tokens.md": clouds,
    "protect-the-root-key.md": root_key,
    "use-secrets-of-other-stores.md": other_stores,
    "lease-a-database-login.md": database,
    "lease-a-mariadb-login.md": mariadb,
    "lease-an-ssh-certificate.md": ssh,
    "lease-aws-credentials.md": aws,
    "per-call-tokens.md": per_call,
    "put-mcp-servers-behind-the-gateway.md": mcp_servers,
    "protect-a-resource.md": protect,
    "register-a-client.md": register,
    "review-access.md": review,
    "revoke-a-token.md": revoke,
    "rotate-secrets.md": rotate,
    "run-a-program-with-credentials.md": run_a_program,
    "see-what-an-agent-can-reach.md": blast_radius,
    "shrink-a-role.md": shrink,
    "sign-in-with-openid-connect.md": openid,
    "test-policies.md": policy_tests,
    "transaction-tokens.md": transaction,
    "try-a-policy-on-the-past.md": replay,
    "use-vault-clients.md": vault_clients,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def authority(tmp_path_factory):
    authority = await Authority(tmp_path_factory.mktemp("authority")).start()
    yield authority
    await authority.close()


def test_every_page_with_commands_is_followed_by_somebody():
    assert set(PAGES) == set(SCENARIOS) | ELSEWHERE


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("page", sorted(SCENARIOS))
async def test_every_command_of_a_page_works(authority, tmp_path, page):
    shell = await Shell(tmp_path).start()
    reader = Reader(authority, shell, page)
    try:
        await reader.log_in()
        await SCENARIOS[page](reader)
        assert reader.blocks == []
    finally:
        await shell.close()
