# SPDX-License-Identifier: Apache-2.0
"""Certificates and revocation lists, looked at by a real OpenSSH."""

import asyncio
import getpass
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from msgspec import structs

from smartagent.crypto import SshCa, SystemClock, system_entropy
from smartagent.kernel import Secret
from smartagent.leases import Credential, MalformedCredential, MalformedProvider, Provider, ProviderFailed
from smartagent.leases.backends.ssh import SshBackend, serial_of
from tests.backends.conformance import ALL, at_the_end, order
from tests.backends.servers import READY_SECONDS, free_port

SSHD = "/usr/sbin/sshd"
pytestmark = [
    pytest.mark.needs("ssh-keygen", "ssh"),
    pytest.mark.skipif(not Path(SSHD).exists(), reason="needs sshd, which is not installed"),
]


class SshHost:
    """A host that trusts one CA and reads its revocation list."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="smartagent-ssh-"))
        self.port = free_port()
        self.user = getpass.getuser()
        self.process = None

    def keygen(self, name):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name], check=True)
        return (self.folder / name).read_bytes()

    def start(self):
        self.keygen("host")
        self.ca_key = self.keygen("ca")
        self.ca = SshCa(Secret(self.ca_key))
        (self.folder / "ca.pub").write_text(self.ca.public_key + "\n")
        self.revoke([])
        settings = {
            "Port": self.port, "ListenAddress": "127.0.0.1", "HostKey": self.folder / "host",
            "PidFile": self.folder / "pid", "TrustedUserCAKeys": self.folder / "ca.pub",
            "RevokedKeys": self.folder / "krl", "AuthorizedPrincipalsCommand": "/bin/echo deploy",
            "AuthorizedPrincipalsCommandUser": self.user, "PermitRootLogin": "yes", "StrictModes": "no",
            "PasswordAuthentication": "no", "KbdInteractiveAuthentication": "no", "UsePAM": "no",
            "AuthorizedKeysFile": "none", "LogLevel": "VERBOSE", "PerSourcePenalties": "no",
        }  # fmt: skip
        config = self.folder / "config"
        config.write_text(
            "".join(f"{name} {value}\n" for name, value in settings.items() if name != "PerSourcePenalties")
        )
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        self.log = self.folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=log)
        end = time.monotonic() + READY_SECONDS
        while b"Server listening" not in self.log.read_bytes():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, "sshd does not start"
        return self

    def revoke(self, serials):
        now = int(SystemClock().now())
        fresh = self.folder / "krl.new"
        fresh.write_bytes(self.ca.revocation_list(serials, version=now, at=now))
        fresh.replace(self.folder / "krl")

    async def login(self, fields, command="echo hello"):
        """Log in, and return what was printed; None when the host says no."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        key, certificate = folder / "key", folder / "key-cert.pub"
        key.touch(mode=0o600)
        key.write_text(fields["private_key"].reveal())
        certificate.write_text(fields["certificate"].reveal() + "\n")
        options = [
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
        ]
        words = [word for option in options for word in ("-o", option)]
        process = await asyncio.create_subprocess_exec(
            "ssh", "-F", "none", "-i", str(key), "-p", str(self.port), *words, f"{self.user}@127.0.0.1", command,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await asyncio.wait_for(process.communicate(), 20)
        return out.decode().strip() if process.returncode == 0 else None

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(READY_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def host():
    host = SshHost()
    try:
        yield host.start()
    finally:
        host.close()


class SshRig:
    def __init__(self, host):
        self.host = host
        self.backend = SshBackend(system_entropy)
        self.provider = Provider("hosts", "ssh", {}, {"ca_key": "ca"})
        self.secrets = {"ca_key": Secret(host.ca_key)}
        self.grant = {"principals": ["deploy"]}

    async def works(self, fields):
        return await self.host.login(fields) == "hello"


@pytest.fixture
def rig(host):
    host.revoke([])
    return SshRig(host)


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)


async def test_a_certificate_is_for_its_principals_only(rig):
    rig.grant = {"principals": ["somebody-else"]}
    assert not await rig.works((await rig.backend.issue(order(rig))).fields)


async def test_a_forced_command_is_what_runs(rig):
    rig.grant = {"principals": ["deploy"], "force_command": "echo forced"}
    made = await rig.backend.issue(order(rig))
    assert await rig.host.login(made.fields, "echo wanted") == "forced"


@pytest.mark.parametrize(("network", "works"), [("127.0.0.0/8", True), ("10.9.0.0/16", False)])
async def test_a_source_address_is_held(rig, network, works):
    rig.grant = {"principals": ["deploy"], "source_addresses": [network]}
    assert await rig.works((await rig.backend.issue(order(rig))).fields) == works


async def test_a_certificate_ends(rig):
    assert not await rig.works((await rig.backend.issue(order(rig, seconds=-30))).fields)


async def test_the_hosts_log_names_the_lease_and_the_agent(rig):
    wanted = order(rig)
    await rig.works((await rig.backend.issue(wanted)).fields)
    log = rig.host.log.read_text()
    assert f"{wanted.lease_id} {wanted.agent}" in log
    assert wanted.handle in log


async def test_a_host_refuses_what_stands_on_the_list_and_nothing_else(rig):
    first, second = order(rig), order(rig)
    one, two = await rig.backend.issue(first), await rig.backend.issue(second)
    ended = await rig.backend.revoke(at_the_end(first, one), None)
    assert ended.outlives_until == first.expires_at

    rig.host.revoke([int(first.handle)])

    assert not await rig.works(one.fields)
    assert await rig.works(two.fields)


async def test_openssh_reads_certificate_and_list(rig, tmp_path):
    wanted = order(rig)
    made = await rig.backend.issue(wanted)
    certificate = tmp_path / "key-cert.pub"
    certificate.write_text(made.fields["certificate"].reveal() + "\n")
    shown = await printed("ssh-keygen", "-L", "-f", str(certificate))
    for part in (
        f"Serial: {wanted.handle}",
        "deploy",
        "user certificate",
        "Critical Options: (none)",
        "Extensions: (none)",
    ):
        assert part in shown
    rig.host.revoke([int(wanted.handle), 5])
    listed = str(rig.host.folder / "krl")
    assert "REVOKED" in await printed("ssh-keygen", "-Q", "-f", listed, str(certificate), code=1)
    rig.host.revoke([5])
    assert "ok" in await printed("ssh-keygen", "-Q", "-f", listed, str(certificate))


async def printed(*words, code=0):
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == code, out
    return out.decode()


def test_serials_have_63_bits_and_are_the_same_each_time():
    assert serial_of("lse_1") == serial_of("lse_1") != serial_of("lse_2")
    assert 0 < serial_of("lse_1") < 2**63


async def test_a_key_that_is_none_is_told(rig):
    rig.secrets = {"ca_key": Secret(b"not a key")}
    with pytest.raises(ProviderFailed):
        await rig.backend.issue(order(rig))
    with pytest.raises(ProviderFailed):
        await rig.backend.probe(rig.provider, rig.secrets)


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"principals": []},
        {"principals": [""]},
        {"principals": ["a,b"]},
        {"principals": ["a\nb"]},
        {"principals": ["a"] * 33},
        {"principals": ["a"], "force_command": "a\nb"},
        {"principals": ["a"], "source_addresses": ["10.0.0.1/8"]},
        {"principals": ["a"], "source_addresses": ["!10.0.0.0/8"]},
        {"principals": ["a"], "extensions": ["no-such"]},
        {"principals": ["a"], "colour": 1},
    ],
)
def test_a_grant_that_is_none_is_refused(grant):
    with pytest.raises(MalformedCredential):
        SshBackend(system_entropy).check_credential(Provider("p", "ssh"), Credential("c", "p", grant))


def test_a_long_life_is_refused():
    credential = Credential("c", "p", {"principals": ["a"]}, 900, 7200)
    with pytest.raises(MalformedCredential):
        SshBackend(system_entropy).check_credential(Provider("p", "ssh"), credential)
    SshBackend(system_entropy).check_credential(
        Provider("p", "ssh"), structs.replace(credential, max_ttl_seconds=3600)
    )


@pytest.mark.parametrize(
    "provider", [Provider("p", "ssh", {"a": 1}, {"ca_key": "x"}), Provider("p", "ssh", {}, {})]
)
def test_a_provider_that_is_none_is_refused(provider):
    with pytest.raises(MalformedProvider):
        SshBackend(system_entropy).check_provider(provider)
