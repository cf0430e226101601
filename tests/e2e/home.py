# SPDX-License-Identifier: Apache-2.0
"""A house, an upstream that speaks TLS, and an agent whose programs run behind the proxy."""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager

import msgspec

from smartagent.crypto import system_entropy
from smartagent.sdk import enrol, make_key_file, save_key_file
from tests.e2e.site import UPSTREAM_KEY

SHOP = """
[[allow]]
scope = "shop.read"
upstream = "shop"
methods = ["GET", "POST"]
paths = ["/orders/**"]
"""
INHERITED = ("PATH", "PYTHONPATH", "LANG")
SHOW = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"


class Home:
    """A house, and a caller's key and folder."""

    def __init__(self, site, operator, url, folder):
        self.site, self.operator, self.url, self.folder = site, operator, url, folder
        self.key = folder.with_name(f"{folder.name}.key")
        known = {name: os.environ[name] for name in INHERITED if name in os.environ}  # noqa: TID251 -- what the child inherits
        self.inherited = known | {"HOME": str(folder), "NO_PROXY": "", "no_proxy": ""}

    async def furnish(self):
        """Put a shop at the upstream, whose orders the caller may see."""
        await self.keep("shop-key", UPSTREAM_KEY)
        await self.upstream("shop", self.url, "shop-key", "bearer")
        return await self.enrol(SHOP)

    async def keep(self, name, secret):
        raw = secret.encode()
        await self.operator.send("PUT", f"/v1/secrets/{name}", raw, "application/octet-stream")

    async def upstream(self, name, url, secret, place):
        entry = {"base_url": url, "secret": secret, "place": place, "allow_private": True}
        await self.operator.request("PUT", f"/v1/upstreams/{name}", entry)

    async def enrol(self, allowed):
        """Enrol the caller, in a role that allows this."""
        self.folder.mkdir()
        role = {"role_file": f'name = "caller"\nttl = "10m"\n{allowed}', "allow_broad": True}
        await self.operator.request("PUT", "/v1/roles/caller", role)
        raw = await self.operator.request("POST", "/v1/enrolments", {"role": "caller"})
        token = msgspec.json.decode(raw)["enrolment_token"]
        holder = await enrol(make_key_file(self.key, system_entropy), self.site.url, token, "caller")
        save_key_file(self.key, holder)
        return self

    async def start(self, *words, stdin=asyncio.subprocess.DEVNULL, environ=()):
        """Start a program behind the proxy."""
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", "from smartagent.cli.smartagent import main; main()",
            "run", "--role", "caller", "--key", str(self.key), "--proxy", "--", *words,
            cwd=self.folder, env=self.inherited | dict(environ), stdin=stdin,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    async def run(self, *words):
        """Run a program behind the proxy, and return how it ended and what it said."""
        process = await self.start(*words)
        out, err = await asyncio.wait_for(process.communicate(), 40)
        return process.returncode, out.decode(), err.decode()

    @asynccontextmanager
    async def environment(self):
        """Give the environment that one session's programs have, as long as it lasts."""
        process = await self.start(sys.executable, "-c", SHOW, stdin=asyncio.subprocess.PIPE)
        line = await asyncio.wait_for(process.stdout.readline(), 40)
        try:
            yield json.loads(line)
        finally:
            process.stdin.close()
            await process.wait()
