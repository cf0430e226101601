# SPDX-License-Identifier: Apache-2.0
"""Request targets: one reading, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.edge import Target, TargetRefused, parse_target

REFUSED = [
    "", "orders", "*", "http://x/orders", "//orders", "/orders//1", "/orders/../admin", "/orders/.", "/..", "/./a",
    "/orders/%2e%2e/admin", "/orders/%2E%2E/admin", "/orders/.%2E/a", "/a%2Fb", "/a%2fb", "/a%5Cb", "/a\\b", "/a%00",
    "/a%0A", "/a%7F", "/a%252Fb", "/a%252e%252e/b", "/a%25", "/a;b=1", "/a%3Bb", "/a%", "/a%4", "/a%zz", "/%61dmin",
    "/a%C0%AE", "/a%C0%AF", "/a%E2%80", "/a%EF%BC%8F", "/a%EF%BC%8E%EF%BC%8E", "/a%C2%85", "/caf\xe9", "/a b", "/a\tb",
    "/a\x00", "/a\r\nb", "/a#b", "/a?b#c", "/a?b c", "/a?%0", "/a?\x00", "/a?x=%zz", "/a%c3%a9", "/a%3Fb", "/a%23b",
    '/a"b', "/a<b", "/a[b", "/a{b", "/a|b", "/a^b", "/a`b", "/" + "a" * 9000,
]  # fmt: skip


@pytest.mark.parametrize("raw", REFUSED)
def test_what_two_readers_could_read_differently_is_refused(raw):
    with pytest.raises(TargetRefused) as caught:
        parse_target(raw)
    assert caught.value.code == "target-refused"


@pytest.mark.parametrize(
    ("raw", "path", "query", "segments"),
    [
        ("/", "/", "", ("",)),
        ("/crm/orders/1", "/crm/orders/1", "", ("crm", "orders", "1")),
        ("/crm/orders/", "/crm/orders/", "", ("crm", "orders", "")),
        ("/a/caf%C3%A9?x=1&y=%2e%2F", "/a/caf%C3%A9", "x=1&y=%2e%2F", ("a", "café")),
        ("/a/x%40y%3Az", "/a/x%40y%3Az", "", ("a", "x@y:z")),
        ("/a/.well-known/..x/x..", "/a/.well-known/..x/x..", "", ("a", ".well-known", "..x", "x..")),
        (b"/a?q=a/../b?c", "/a", "q=a/../b?c", ("a",)),
    ],
)
def test_a_clear_target_is_kept_byte_for_byte(raw, path, query, segments):
    assert parse_target(raw) == Target(path, query, segments)


@given(st.one_of(st.text(max_size=40), st.from_regex(r"/[a-z./%0-9A-F\\;?]{0,30}", fullmatch=True)))
def test_what_passes_has_no_dot_segment_under_any_number_of_decodings(raw):
    from urllib.parse import unquote

    try:
        target = parse_target(raw)
    except TargetRefused:
        return
    assert raw == target.path + ("?" + target.query if target.query else "?" if raw.endswith("?") else "")
    text = target.path
    for _ in range(3):
        text = unquote(text)
        assert not {".", ".."} & set(text.replace("\\", "/").split("/"))
        assert text.count("/") == target.path.count("/")
