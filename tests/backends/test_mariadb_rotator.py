# SPDX-License-Identifier: Apache-2.0
"""The password of a MariaDB user is replaced for real, by itself or by an administrator."""

import aiomysql
import pytest

from smartagent.crypto import system_entropy
from smartagent.drivers import DriverFailed, MariaDbAdmin, MariaDbTarget
from smartagent.kernel import Secret
from smartagent.rotation import MalformedRotation, Rotation, RotationFailed, RotationUnreachable, Task
from smartagent.rotation.backends.mariadb import MariaDbRotator
from tests.backends.servers import BROKER_PASSWORD, free_port

FIRST = "first-password-" + "01"
BY = pytest.mark.parametrize("admin", [False, True], ids=["by itself", "by another"])


class User:
    """A user with a password, and one who may set it."""

    def __init__(self, server):
        self.server = server
        self.admin = MariaDbAdmin()
        self.rotator = MariaDbRotator(self.admin, system_entropy)

    async def connect(self, user, password):
        return await aiomysql.connect(host="127.0.0.1", port=self.server.port, user=user, password=password)

    async def make(self):
        connection = await self.connect("broker", BROKER_PASSWORD)
        async with connection.cursor() as cursor:
            await cursor.execute("CREATE OR REPLACE USER `app_one`@'%%' IDENTIFIED BY %s", (FIRST,))
        connection.close()
        return self

    def task(self, old=FIRST, *, admin=False, **settings):
        entry = {
            "host": "127.0.0.1",
            "port": self.server.port,
            "database": "",
            "user": "app_one",
            "tls": "disable",
        }
        entry |= {"admin": "broker"} if admin else {}
        rotation = Rotation(
            "app", "mariadb-password", "app", entry | settings, {"admin_password": "a"} if admin else {}
        )
        opened = {"admin_password": Secret(BROKER_PASSWORD.encode())} if admin else {}
        return Task(rotation, Secret(old.encode()), opened)

    async def gets_in(self, password):
        target = MariaDbTarget("127.0.0.1", "", "app_one", self.server.port, "disable")
        try:
            await self.admin.check_login(target, Secret(password))
        except DriverFailed:
            return False
        return True


@pytest.fixture
async def user(mariadb):
    user = await User(mariadb).make()
    yield user
    await user.admin.close()


@BY
async def test_a_users_password_is_replaced_and_its_connections_stay(user, admin):
    task = user.task(admin=admin)
    user.rotator.check(task.rotation)
    await user.rotator.rehearse(task)
    held = await user.connect("app_one", FIRST)
    new = user.rotator.choose()

    assert (await user.rotator.make(task, new))[0] is new
    await user.rotator.verify(task, new)

    async with held.cursor() as cursor:
        await cursor.execute("SELECT 1")
    held.close()
    assert await user.gets_in(new.reveal().decode())
    assert not await user.gets_in(FIRST)
    assert new.reveal().decode() not in user.server.log.read_text(errors="replace")


@BY
async def test_making_it_again_after_a_crash_comes_to_the_same(user, admin):
    task = user.task(admin=admin)
    new = user.rotator.choose()
    await user.rotator.make(task, new)
    await user.rotator.make(task, new)
    await user.rotator.verify(task, new)


@BY
async def test_undoing_puts_the_old_one_in_force_whether_or_not_it_was_replaced(user, admin):
    task = user.task(admin=admin)
    new = user.rotator.choose()
    await user.rotator.undo(task, new)
    assert await user.gets_in(FIRST)
    await user.rotator.make(task, new)
    await user.rotator.undo(task, new)
    assert await user.gets_in(FIRST)
    assert not await user.gets_in(new.reveal().decode())


async def test_a_wrong_password_and_a_server_that_is_not_there_are_told_apart(user):
    with pytest.raises(RotationFailed, check=lambda error: error.reason == "1045"):
        await user.rotator.rehearse(user.task("wrong"))
    with pytest.raises(RotationUnreachable):
        await user.rotator.rehearse(user.task(port=free_port()))


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
        MariaDbRotator(MariaDbAdmin(), system_entropy).check(
            Rotation("r", "mariadb-password", "s", settings, secrets)
        )
