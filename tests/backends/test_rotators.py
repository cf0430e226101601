# SPDX-License-Identifier: Apache-2.0
"""Rotators against what they rotate for real: a PostgreSQL role, and keys of an HTTP API."""

import json

import asyncpg
import pytest
from aiohttp import web

from smartagent.crypto import system_entropy
from smartagent.drivers import PostgresAdmin, Web
from smartagent.kernel import Secret
from smartagent.rotation import MalformedRotation, Rotation, RotationFailed, RotationUnreachable, Task
from smartagent.rotation.backends.http import HttpRotator
from smartagent.rotation.backends.postgresql import PostgresRotator
from tests.backends.servers import BROKER_PASSWORD, free_port

FIRST = "first-password-" + "01"


class Role:
    """A role with a password, and one who may set it."""

    def __init__(self, server):
        self.server = server
        self.admin = PostgresAdmin(system_entropy)
        self.rotator = PostgresRotator(self.admin, system_entropy)

    async def make(self):
        connection = await asyncpg.connect(self.server.url())
        await connection.execute('DROP ROLE IF EXISTS "app ""x"; CREATE ROLE "app ""x" LOGIN')
        await connection.execute(f'ALTER ROLE "app ""x" PASSWORD \'{FIRST}\'')
        await connection.close()
        return self

    def task(self, old=FIRST, *, admin=False, **settings):
        entry = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "database": "postgres",
            "user": 'app "x',
            "tls": "disable",
        }
        entry |= {"admin": "postgres"} if admin else {}
        secrets = {"admin_password": "admin"} if admin else {}
        rotation = Rotation("app", "postgresql-password", "app", entry | settings, secrets)
        opened = {"admin_password": Secret(BROKER_PASSWORD.encode())} if admin else {}
        return Task(rotation, Secret(old.encode()), opened)

    async def gets_in(self, password):
        try:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=self.server.port, database="postgres", user='app "x', password=password
            )
        except asyncpg.InvalidPasswordError:
            return False
        await connection.close()
        return True


@pytest.fixture
async def role(postgres):
    role = await Role(postgres).make()
    yield role
    await role.admin.close()


@pytest.mark.parametrize("admin", [False, True], ids=["by itself", "by another"])
async def test_a_roles_password_is_replaced_and_its_connections_stay(role, admin):
    task = role.task(admin=admin)
    role.rotator.check(task.rotation)
    await role.rotator.rehearse(task)
    held = await asyncpg.connect(
        host="127.0.0.1", port=role.server.port, database="postgres", user='app "x', password=FIRST
    )
    new = role.rotator.choose()

    assert (await role.rotator.make(task, new))[0] is new
    await role.rotator.verify(task, new)

    assert await held.fetchval("SELECT 1") == 1
    await held.close()
    assert await role.gets_in(new.reveal().decode())
    assert not await role.gets_in(FIRST)
    assert new.reveal().decode() not in role.server.log.read_text()


@pytest.mark.parametrize("admin", [False, True], ids=["by itself", "by another"])
async def test_making_it_again_after_a_crash_comes_to_the_same(role, admin):
    task = role.task(admin=admin)
    new = role.rotator.choose()
    await role.rotator.make(task, new)
    await role.rotator.make(task, new)
    await role.rotator.verify(task, new)


@pytest.mark.parametrize("admin", [False, True], ids=["by itself", "by another"])
async def test_undoing_puts_the_old_one_in_force_whether_or_not_it_was_replaced(role, admin):
    task = role.task(admin=admin)
    new = role.rotator.choose()
    await role.rotator.undo(task, new)
    assert await role.gets_in(FIRST)
    await role.rotator.make(task, new)
    await role.rotator.undo(task, new)
    assert await role.gets_in(FIRST)
    assert not await role.gets_in(new.reveal().decode())


async def test_a_wrong_password_and_a_server_that_is_not_there_are_told_apart(role):
    with pytest.raises(RotationFailed) as told:
        await role.rotator.rehearse(role.task("wrong"))
    assert told.value.reason == "28P01"
    with pytest.raises(RotationUnreachable):
        await role.rotator.rehearse(role.task(port=free_port()))


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        ({}, {}),
        ({"host": "h", "database": "d", "user": "u", "tls": "no"}, {}),
        ({"host": "h", "database": "d", "user": "u\x00"}, {}),
        ({"host": "h", "database": "d", "user": "u", "admin": "a"}, {}),
        ({"host": "h", "database": "d", "user": "u"}, {"admin_password": "x"}),
        ({"host": "h", "database": "d", "user": "u", "colour": 1}, {}),
    ],
)
def test_an_entry_that_is_none_is_refused(settings, secrets):
    with pytest.raises(MalformedRotation):
        PostgresRotator(PostgresAdmin(system_entropy), system_entropy).check(
            Rotation("r", "postgresql-password", "s", settings, secrets)
        )


class KeyApi:
    """An API whose keys are made, used and deleted with a key of it."""

    def __init__(self):
        self.keys = {"k0": "key-zero-" + "9"}
        self.trouble = 0
        self.made = 0
        self.broken = False

    async def start(self):
        app = web.Application()
        app.router.add_post("/keys", self._create)
        app.router.add_get("/me", self._me)
        app.router.add_delete("/keys/{id}", self._delete)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        return self

    def _let_in(self, request):
        if self.trouble:
            raise web.HTTPServiceUnavailable
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.keys.values():
            raise web.HTTPUnauthorized

    async def _create(self, request):
        self._let_in(request)
        assert (await request.json()) == {"name": "smartagent"}
        self.made += 1
        key = f"k{self.made}"
        self.keys[key] = f"key-number-{self.made}"
        shown = "not-the-key" if self.broken else self.keys[key]
        return web.json_response({"data": [{"id": key, "secret": shown}]}, status=201)

    async def _me(self, request):
        self._let_in(request)
        return web.Response()

    async def _delete(self, request):
        self._let_in(request)
        if self.keys.pop(request.match_info["id"], None) is None:
            raise web.HTTPNotFound
        return web.Response(status=204)

    def settings(self, **change):
        bearer = {"authorization": "Bearer {old}"}
        calls = {
            "create": {"method": "POST", "url": f"{self.url}/keys", "headers": bearer, "body": {"name": "smartagent"},
                       "status": 201, "value": "/data/0/secret", "mark": "/data/0/id"},
            "verify": {"url": f"{self.url}/me", "headers": {"authorization": "Bearer {new}"}, "status": 200},
            "retire": {"method": "DELETE", "url": f"{self.url}/keys/{{mark}}", "headers": bearer, "status": 204},
            "mark": "k0",
        }  # fmt: skip
        return calls | change


@pytest.fixture
async def api():
    api = await KeyApi().start()
    yield api
    await api.runner.cleanup()


def task_of(api, old, mark="", **change):
    return Task(Rotation("r", "http", "key", api.settings(**change)), Secret(old.encode()), {}, mark)


async def test_an_apis_key_is_made_used_and_the_former_one_deleted(api):
    rotator = HttpRotator(Web())
    task = task_of(api, api.keys["k0"])
    rotator.check(task.rotation)
    await rotator.rehearse(task)

    new, mark = await rotator.make(task, None)
    await rotator.verify(task, new)
    assert (mark, new.reveal().decode()) == ("k1", api.keys["k1"])

    former = Secret(api.keys["k0"].encode())
    for _ in range(2):
        await rotator.retire(task_of(api, api.keys["k1"], "k0"), former)
    assert set(api.keys) == {"k1"}


async def test_a_key_that_does_not_work_is_deleted_again(api):
    rotator = HttpRotator(Web())
    api.broken = True
    task = task_of(api, api.keys["k0"])
    new, mark = await rotator.make(task, None)
    with pytest.raises(RotationFailed) as told:
        await rotator.verify(task, new)
    assert told.value.reason == "verify-status-401"
    await rotator.undo(task_of(api, api.keys["k0"], mark), new)
    assert set(api.keys) == {"k0"}


async def test_trouble_of_the_api_and_a_refusal_are_told_apart(api):
    rotator = HttpRotator(Web())
    with pytest.raises(RotationFailed):
        await rotator.rehearse(task_of(api, "wrong"))
    api.trouble = 1
    with pytest.raises(RotationUnreachable):
        await rotator.rehearse(task_of(api, api.keys["k0"]))
    with pytest.raises(RotationUnreachable):
        await rotator.rehearse(
            task_of(api, "x", verify={"url": f"http://127.0.0.1:{free_port()}/", "status": 200})
        )


@pytest.mark.parametrize(
    "pointer", ["/data/1/secret", "/nothing", "/data", "/data/x", "/data/0/secret/deeper"]
)
async def test_an_answer_without_a_key_is_no_key(api, pointer):
    settings = api.settings()
    with pytest.raises(RotationFailed) as told:
        await HttpRotator(Web()).make(
            task_of(api, api.keys["k0"], create={**settings["create"], "value": pointer}), None
        )
    assert told.value.reason == "no-key-in-the-answer"


@pytest.mark.parametrize(
    "change",
    [
        {"create": {"url": "https://x/", "status": 201}},
        {"create": {"url": "http://example.com/", "status": 201, "value": "/a"}},
        {"create": {"url": "https://x/{old}", "status": 201, "value": "/a"}},
        {"create": {"url": "https://x/", "status": 201, "value": "a"}},
        {"verify": {"url": "https://x/?k={new}", "status": 200}},
        {"verify": {"url": "https://x/", "status": 200, "headers": {"bad header": "x"}}},
        {"verify": {"url": "https://x/", "status": 200, "method": "TRACE"}},
        {"verify": {"url": "https://x/", "status": "200"}},
        {"surprise": {}},
    ],
)
async def test_calls_that_are_none_are_refused(api, change):
    with pytest.raises(MalformedRotation):
        HttpRotator(Web()).check(Rotation("r", "http", "key", api.settings(**change)))


async def test_what_the_api_says_never_stands_in_an_error(api):
    with pytest.raises(RotationFailed) as told:
        await HttpRotator(Web()).rehearse(task_of(api, "secret-in-transit"))
    assert "secret-in-transit" not in json.dumps([str(told.value), repr(told.value)])
