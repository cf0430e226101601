# SPDX-License-Identifier: Apache-2.0
"""Which upstream takes a call to an address."""

import pytest

from smartagent.cli.ctl.explaining import _upstream_for
from smartagent.cli.exits import Exit

UPSTREAMS = [
    {"name": "one", "base_url": "https://api.example/v1"},
    {"name": "two", "base_url": "https://api.example/v1/admin"},
    {"name": "all", "base_url": "https://all.example:8443"},
    {"name": "plain", "base_url": "http://api.example"},
]


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [
        ("https://api.example/v1/orders", "one", "/orders"),
        ("https://API.example:443/v1", "one", "/"),
        ("https://api.example/v1/admin/x?y", "two", "/x"),
        ("https://api.example/v1/admins", "one", "/admins"),
        ("https://all.example:8443", "all", "/"),
        ("http://api.example/v1", "plain", "/v1"),
    ],
)
def test_the_longest_base_url_takes_it(url, name, path):
    upstream, rest = _upstream_for(url, UPSTREAMS)
    assert (upstream["name"], rest) == (name, path)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example/",
        "https://all.example/",
        "https://other.example/v1",
        "ftp://x",
        "x",
        "https://a:b/",
    ],
)
def test_what_no_upstream_takes_says_so(url):
    with pytest.raises(Exit):
        _upstream_for(url, UPSTREAMS)
