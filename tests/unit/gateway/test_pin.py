# SPDX-License-Identifier: Apache-2.0
"""Which addresses may be dialled."""

import pytest

from smartagent.gateway.errors import DestinationRefused, UpstreamUnreachable
from smartagent.gateway.pin import Pinner, check_address

NEVER = [
    "169.254.169.254", "169.254.0.1", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "ff02::1", "224.0.0.1", "239.1.2.3", "0.0.0.0", "0.1.2.3",  # noqa: S104 -- refused, not bound
    "::", "255.255.255.255",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:a9fe:a9fe::1", "::169.254.169.254",
    "fd20:ce::254", "not-an-address", "",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "198.19.255.255",
    "192.0.2.1", "203.0.113.1", "240.0.0.1", "::1", "fc00::1", "fd12::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "::ffff:0:10.0.0.1", "192.0.0.1", "2002:7f00:1::1", "2001:db8::1", "2001::1", "192.88.99.1", "fec0::1", "::127.0.0.1",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "93.184.216.34", "64:ff9b::808:808", "::ffff:8.8.8.8"]


def answering(*addresses):
    async def resolve(host, port):
        return addresses

    return resolve


@pytest.mark.parametrize("raw", NEVER)
@pytest.mark.parametrize("allow_private", [True, False])
def test_some_addresses_are_never_dialled(raw, allow_private):
    with pytest.raises(DestinationRefused):
        check_address(raw, allow_private=allow_private)


@pytest.mark.parametrize("raw", PRIVATE)
def test_private_addresses_need_the_entrys_leave(raw):
    with pytest.raises(DestinationRefused):
        check_address(raw, allow_private=False)


@pytest.mark.parametrize("raw", ["127.0.0.1", "10.0.0.1", "::1", "fd12::1", "198.18.0.1"])
def test_with_it_they_are_dialled(raw):
    assert str(check_address(raw, allow_private=True)) == raw


@pytest.mark.parametrize("raw", PUBLIC)
def test_public_addresses_are_dialled_over_tls_only(raw):
    check_address(raw, allow_private=False)
    with pytest.raises(DestinationRefused):
        check_address(raw, allow_private=True, cleartext=True)


async def test_one_bad_address_among_good_ones_refuses_the_name():
    with pytest.raises(DestinationRefused):
        await Pinner(frozenset(), answering("8.8.8.8", "10.0.0.1")).pin(
            "a", 443, allow_private=False, cleartext=False
        )


async def test_what_was_checked_is_what_is_dialled():
    pinner = Pinner(frozenset(), answering("8.8.8.8", "1.1.1.1"))
    assert await pinner.pin("a", 443, allow_private=False, cleartext=False) == ("8.8.8.8", "1.1.1.1")


async def test_our_own_ports_are_refused_on_this_machine_only():
    pinner = Pinner(frozenset((8700,)), answering("::ffff:127.0.0.1"))
    with pytest.raises(DestinationRefused):
        await pinner.pin("a", 8700, allow_private=True, cleartext=True)
    assert await pinner.pin("a", 8702, allow_private=True, cleartext=True)
    elsewhere = Pinner(frozenset((8700,)), answering("10.255.1.2"), lambda address: False)
    assert await elsewhere.pin("a", 8700, allow_private=True, cleartext=True) == ("10.255.1.2",)


async def test_a_name_without_address_is_unreachable():
    async def fails(host, port):
        raise OSError("no such name")

    for resolver in (fails, answering()):
        with pytest.raises(UpstreamUnreachable):
            await Pinner(frozenset(), resolver).pin("a", 443, allow_private=False, cleartext=False)
