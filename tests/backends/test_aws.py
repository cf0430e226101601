# SPDX-License-Identifier: Apache-2.0
"""AWS leases and rotation against moto, which keeps what it was sent and enforces no policy."""

import json
import logging

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.sts.models import sts_backends
from msgspec import structs

from smartagent.drivers import Aws, AwsAccount, DriverFailed
from smartagent.kernel import Secret
from smartagent.leases import (
    Credential,
    MalformedCredential,
    MalformedProvider,
    Provider,
    ProviderUnreachable,
)
from smartagent.leases.backends.aws import MAX_POLICY_CHARS, AwsBackend
from smartagent.rotation import MalformedRotation, Rotation, RotationFailed, RotationUnreachable, Task
from smartagent.rotation.backends.aws import AwsKeyRotator
from tests.backends.conformance import ALL, order
from tests.backends.servers import free_port

REGION = "eu-central-1"
READ = {"statements": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::orders/*"]}]}


@pytest.fixture(scope="module")
def endpoint():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server._port}"
    server.stop()


class AwsRig:
    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.backend = AwsBackend(Aws())
        settings = {
            "role_arn": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/agents",
            "region": REGION,
            "endpoint": endpoint,
        }
        names = {"access_key_id": "aws-id", "secret_access_key": "aws-secret"}
        self.provider = Provider("cloud", "aws", settings, names)
        self.secrets = {"access_key_id": Secret(b"AKIABROKER"), "secret_access_key": Secret(b"broker-secret")}
        self.grant = READ

    async def works(self, fields):
        account = AwsAccount(
            fields["region"].reveal(),
            fields["access_key_id"].reveal(),
            fields["secret_access_key"],
            self.endpoint,
        )
        return bool(await Aws().who_am_i(account))


@pytest.fixture
def rig(endpoint):
    return AwsRig(endpoint)


def sent(rig, lease_id):
    [role] = [
        each
        for each in sts_backends[DEFAULT_ACCOUNT_ID]["aws"].assumed_roles
        if each.session_name == lease_id
    ]
    return role


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.__name__)
async def test_it_is_a_backend(rig, check):
    await check(rig)


async def test_the_policy_that_is_sent_is_what_the_credential_grants(rig):
    rig.grant = {
        "statements": [
            {"actions": ["s3:GetObject", "s3:ListBucket"], "resources": ["arn:aws:s3:::orders", "arn:aws:s3:::orders/*"],
             "conditions": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
        ]
    }  # fmt: skip
    wanted = order(rig, seconds=1800)
    made = await rig.backend.issue(wanted)
    role = sent(rig, wanted.lease_id)
    assert json.loads(role.policy) == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"],
             "Resource": ["arn:aws:s3:::orders", "arn:aws:s3:::orders/*"],
             "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}
        ],
    }  # fmt: skip
    assert role.arn.endswith(f"/{wanted.lease_id}")
    assert abs(made.dies_at - wanted.expires_at) < 10


async def test_a_short_lease_gives_what_outlives_it_and_says_until_when(rig):
    wanted = order(rig, seconds=60)
    made = await rig.backend.issue(wanted)
    assert made.dies_at > wanted.expires_at + 800
    ended = await rig.backend.revoke(structs.replace(wanted, expires_at=made.dies_at), None)
    assert ended.outlives_until == made.dies_at


def long_grant(characters):
    shell = (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject"],"Resource":[""]}]}'
    )
    return {"statements": [{"actions": ["s3:GetObject"], "resources": ["r" * (characters - len(shell))]}]}


async def test_a_policy_of_2048_characters_is_taken_and_one_more_is_refused_before_it_is_sent(rig):
    rig.grant = long_grant(MAX_POLICY_CHARS)
    rig.backend.check_credential(rig.provider, Credential("c", "cloud", rig.grant))
    wanted = order(rig)
    await rig.backend.issue(wanted)
    assert len(sent(rig, wanted.lease_id).policy) == MAX_POLICY_CHARS

    too_long = long_grant(MAX_POLICY_CHARS + 1)
    with pytest.raises(MalformedCredential):
        rig.backend.check_credential(rig.provider, Credential("c", "cloud", too_long))
    rig.grant = too_long
    before = len(sts_backends[DEFAULT_ACCOUNT_ID]["aws"].assumed_roles)
    with pytest.raises(MalformedCredential):
        await rig.backend.issue(order(rig))
    assert len(sts_backends[DEFAULT_ACCOUNT_ID]["aws"].assumed_roles) == before


@pytest.mark.parametrize(
    "grant",
    [
        {},
        {"statements": []},
        {"statements": [{"actions": ["*"], "resources": ["*"]}]},
        {"statements": [{"actions": [], "resources": ["*"]}]},
        {"statements": [{"actions": ["s3:GetObject"], "resources": []}]},
        {"statements": [{"actions": ["s3:GetObject"], "resources": [""]}]},
        {"statements": [{"actions": ["s3:GetObject"], "resources": ["\u20ac"]}]},
        {"statements": [{"actions": ["s3:GetObject"], "resources": ["a"], "effect": "Deny"}]},
    ],
)
def test_a_grant_that_is_none_is_refused(grant):
    with pytest.raises(MalformedCredential):
        AwsBackend(Aws()).check_credential(Provider("p", "aws"), Credential("c", "p", grant))


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [
        ({}, {}),
        ({"role_arn": "arn:aws:iam::1:role/x", "region": REGION, "ambient": True}, {}),
        ({"role_arn": "arn:aws:iam::123456789012:role/x", "region": "here", "ambient": True}, {}),
        ({"role_arn": "arn:aws:iam::123456789012:role/x", "region": REGION}, {}),
        (
            {
                "role_arn": "arn:aws:iam::123456789012:role/x",
                "region": REGION,
                "ambient": True,
                "endpoint": "http://x",
            },
            {},
        ),
        (
            {"role_arn": "arn:aws:iam::123456789012:role/x", "region": REGION, "ambient": True},
            {"access_key_id": "a"},
        ),
    ],
)
def test_a_provider_that_is_none_is_refused(settings, secrets):
    with pytest.raises(MalformedProvider):
        AwsBackend(Aws()).check_provider(Provider("p", "aws", settings, secrets))


async def test_an_endpoint_that_is_not_there_is_unreachable(rig):
    settings = {**rig.provider.settings, "endpoint": f"http://127.0.0.1:{free_port()}"}
    rig.provider = structs.replace(rig.provider, settings=settings)
    with pytest.raises(ProviderUnreachable):
        await rig.backend.issue(order(rig))
    with pytest.raises(ProviderUnreachable):
        await rig.backend.probe(rig.provider, rig.secrets)


class User:
    """An IAM user with one access key, in moto."""

    def __init__(self, endpoint):
        self.iam = boto3.client(
            "iam", region_name=REGION, endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="y"
        )
        self.name = f"user-{free_port()}"
        self.iam.create_user(UserName=self.name)
        key = self.iam.create_access_key(UserName=self.name)["AccessKey"]
        self.first, self.secret = key["AccessKeyId"], f"{key['AccessKeyId']}:{key['SecretAccessKey']}"
        self.settings = {"region": REGION, "endpoint": endpoint}

    def task(self, old="", **settings):
        rotation = Rotation("r", "aws-access-key", "aws", {**self.settings, **settings})
        return Task(rotation, Secret((old or self.secret).encode()), {})

    def keys(self):
        return {
            key["AccessKeyId"] for key in self.iam.list_access_keys(UserName=self.name)["AccessKeyMetadata"]
        }


async def test_a_users_key_is_made_used_and_the_former_one_deleted(endpoint):
    user, rotator = User(endpoint), AwsKeyRotator(Aws())
    rotator.check(user.task().rotation)
    await rotator.rehearse(user.task())

    new, mark = await rotator.make(user.task(), None)
    await rotator.verify(user.task(), new)
    assert user.keys() == {user.first, mark}

    again, mark = await rotator.make(user.task(), None)
    assert user.keys() == {user.first, mark}
    after = user.task(again.reveal().decode())
    for _ in range(2):
        await rotator.retire(after, Secret(user.secret.encode()))
    assert user.keys() == {mark}


async def test_undoing_deletes_the_new_key(endpoint):
    user, rotator = User(endpoint), AwsKeyRotator(Aws())
    new, _ = await rotator.make(user.task(), None)
    await rotator.undo(user.task(), new)
    await rotator.undo(user.task(), None)
    assert user.keys() == {user.first}


async def test_what_is_no_key_and_what_does_not_answer_are_told_apart(endpoint):
    user, rotator = User(endpoint), AwsKeyRotator(Aws())
    with pytest.raises(RotationFailed):
        await rotator.rehearse(user.task("no-colon"))
    with pytest.raises(RotationUnreachable):
        await rotator.rehearse(user.task(endpoint=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(MalformedRotation):
        rotator.check(Rotation("r", "aws-access-key", "aws", {}))
    with pytest.raises(MalformedRotation):
        rotator.check(Rotation("r", "aws-access-key", "aws", {"region": REGION}, {"a": "b"}))


async def test_a_no_of_aws_is_its_code_and_nothing_else(endpoint):
    with pytest.raises(DriverFailed) as told:
        await Aws().delete_access_key(AwsAccount(REGION, "AKIANOBODY", Secret("x"), endpoint), "bad id!")
    assert told.value.reason.isalnum()
