# SPDX-License-Identifier: Apache-2.0
"""Which addresses may be dialled, and which URLs can be read in one way only."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.federation import FetchRefused, check_address, is_public, parse_destination

NEVER = [
    "169.254.169.254", "169.254.0.1", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192",
    "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "2001::1", "fe80::1", "fe80::1%eth0", "ff02::1", "ff0e::1", "224.0.0.1",
    "239.255.255.255", "0.0.0.0", "0.1.2.3", "::", "255.255.255.255",  # noqa: S104 -- refused, not bound
    "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:224.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::", "64:ff9b:1::1",
    "::ffff:0:169.254.169.254", "::ffff:0:224.0.0.1", "64:ff9b:1:ffff::808:808", "2001:0:0808:0808::5601:5601",
    "2002:a9fe:a9fe::1", "::169.254.169.254", "2001:db8::5efe:a9fe:a9fe", "2606:4700::200:5efe:a9fe:a9fe",
    "not-an-address", "", "127.1", "0177.0.0.1", "0x7f.0.0.1", "2130706433",
]  # fmt: skip
PRIVATE = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
    "100.127.255.255", "198.18.0.1", "198.19.255.255", "192.0.2.1", "198.51.100.1", "203.0.113.1", "192.0.0.8",
    "192.88.99.1", "240.0.0.1", "::1", "fc00::1", "fd12:3456::1", "fdff::1", "fec0::1", "2001:db8::1", "2001:10::1",
    "3fff::1", "5f00::1", "100::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:100.64.0.1", "64:ff9b::7f00:1",
    "64:ff9b::a00:1", "64:ff9b::c612:1", "2002:7f00:1::1", "2002:c0a8:101::1", "::127.0.0.1",
    "2606:4700::5efe:a00:1", "192.0.0.1", "192.0.0.170", "255.255.255.254", "100::ffff", "::ffff:0:127.0.0.1",
    "::ffff:0:10.0.0.1", "::10.0.0.1", "2002:c612:1::1", "64:ff9b::c000:8",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.32.0.1", "198.17.255.255", "198.20.0.1",
    "2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1",
]  # fmt: skip


@pytest.mark.parametrize("allow_private", [True, False])
@pytest.mark.parametrize("raw", NEVER)
def test_some_addresses_are_never_dialled(raw, allow_private):
    with pytest.raises(FetchRefused):
        check_address(raw, allow_private=allow_private)


@pytest.mark.parametrize("raw", PRIVATE)
def test_private_addresses_are_refused_unless_they_are_allowed(raw):
    with pytest.raises(FetchRefused):
        check_address(raw, allow_private=False)
    assert check_address(raw, allow_private=True) == ipaddress.ip_address(raw)


@pytest.mark.parametrize("raw", PUBLIC)
def test_public_addresses_are_dialled_over_tls_only(raw):
    assert check_address(raw, allow_private=False) == ipaddress.ip_address(raw)
    with pytest.raises(FetchRefused):
        check_address(raw, allow_private=True, cleartext=True)


@given(st.ip_addresses(v=4))
def test_an_address_hidden_in_another_is_as_good_as_itself(address):
    hidden = [
        f"::ffff:{address}",
        f"::ffff:0:{address}",
        str(ipaddress.IPv6Address(0x64FF9B << 96 | int(address))),
        str(ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80 | 1)),
    ]
    for raw in hidden:
        if is_public(address) and may_be_dialled(str(address)):
            check_address(raw, allow_private=False)
        else:
            with pytest.raises(FetchRefused):
                check_address(raw, allow_private=False)


def may_be_dialled(raw):
    try:
        check_address(raw, allow_private=False)
    except FetchRefused:
        return False
    return True


BAD_URLS = [
    "", "idp.example", "//idp.example/", "ftp://idp.example/", "file:///etc/passwd", "HTTPS://idp.example/",
    "http://idp.example/", "https:/idp.example", "https:///path", "https://user@idp.example/",
    "https://user:pw@idp.example/", "https://idp.example@127.0.0.1/", "https://idp.example/#part",
    "https://idp.example\\@127.0.0.1/", "https://idp.example/a\\b", "https://idp.example/a b",
    "https://idp.example/\r\nhost: x", "https://idp.example/%zz", "https://idp.example:0/", "https://idp.example:65536/",
    "https://idp.example:-1/", "https://idp.example./", "https://.example/", "https://a..example/", "https://-a.example/",
    "https://%6c%6fcalhost/", "https://\uff49dp.example/", "https://idp\u3002example/", "https://[::1%25eth0]/",
    "https://[fe80::1%eth0]/", "https://[]/", "https://[v1.a]/", "https://::1/",
    # One number, octal, hexadecimal, too few parts: what resolvers take for an address.
    "https://2130706433/", "https://017700000001/", "https://0x7f000001/", "https://0x7f.0.0.1/", "https://127.1/",
    "https://0177.0.0.1/", "https://127.0.0.01/", "https://127.0.0.0x1/", "https://1.2.3.4.5/", "https://0x/",
    "https://idp.example/" + "a" * 2048,
]  # fmt: skip


@pytest.mark.parametrize("url", BAD_URLS)
def test_a_url_that_can_be_read_in_two_ways_is_refused(url):
    with pytest.raises(FetchRefused):
        parse_destination(url)


def test_a_plain_url_is_taken_apart():
    found = parse_destination("https://IdP.example:8443/a/b%20c?x=1&y=2")
    assert (found.scheme, found.host, found.port, found.is_address) == ("https", "idp.example", 8443, False)
    assert parse_destination("https://[2606:4700::1111]").host == "2606:4700::1111"
    assert parse_destination("https://93.184.216.34/x").is_address
    assert parse_destination("http://localhost:80/", allow_http=True).port == 80
