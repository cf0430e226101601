# SPDX-License-Identifier: Apache-2.0
"""Somebody who follows a page of the docs, in a shell, against a real authority."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

from tests.interop.authority import RESOURCE

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
REDIRECT = "http://127.0.0.1:8912/callback"
PATIENCE_SECONDS = 60


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
