# SPDX-License-Identifier: Apache-2.0
"""No byte that the agent sees shows the secret."""

import base64
import gzip
import html
import json
import zlib
from itertools import pairwise
from urllib.parse import quote, quote_plus

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartagent.gateway.decode import decoder_for
from smartagent.gateway.errors import UpstreamMalformed
from smartagent.gateway.scrub import Scrubber, scrub
from smartagent.gateway.variants import Variants
from smartagent.kernel import Secret

SECRETS = [
    b"s3cr3t/Value+of=the-upstream?",
    b"sk_live_51H8yT2eZvKYlo2C",
    b"user:p\"a\\ss<w>&'\xc3\xa9'",
    b"\xff\x00\x01binary\xfe",
]


def forms(secret):
    text = secret.decode("utf-8", "ignore")
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for shift in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"xyz"[:shift] + secret + b"tail")
            yield encode(b"xyz"[:shift] + secret).rstrip(b"=")
    yield quote(secret, safe="").encode()
    yield quote_plus(secret).encode()
    yield "".join(f"%{byte:02x}" for byte in secret).encode()
    yield "".join(f"%{byte:02X}" for byte in secret).encode()
    if text.encode() == secret:
        yield json.dumps(text).encode()
        yield json.dumps(text, ensure_ascii=False).encode()
        yield json.dumps(text).replace("/", "\\/").encode()
        yield (
            json.dumps(text).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026").encode()
        )
        yield html.escape(text).encode()


def leaks(seen, secret):
    # What an attacker could do with the bytes: look for long runs of any form.
    for form in forms(secret):
        core = form.strip(b'"')[5:-7] if len(form) > 20 else form.strip(b'"')
        if core and core in seen:
            return True
    return False


CASES = [(secret, form) for secret in SECRETS for form in forms(secret)]


@pytest.mark.parametrize(("secret", "form"), CASES)
def test_every_form_is_found_wherever_it_is_torn(secret, form):
    variants = Variants([Secret(secret)])
    raw = b"before " + form + b" after"
    whole = scrub(raw, variants)
    assert not leaks(whole, secret)
    assert len(whole) == len(raw)
    assert whole.startswith(b"before ")
    assert whole.endswith(b" after")
    for cut in range(len(raw) + 1):
        scrubber = Scrubber(variants)
        assert scrubber.feed(raw[:cut]) + scrubber.feed(raw[cut:]) + scrubber.finish() == whole
    scrubber = Scrubber(variants)
    assert b"".join(scrubber.feed(raw[at : at + 1]) for at in range(len(raw))) + scrubber.finish() == whole


@given(
    st.lists(st.sampled_from([b"aba", b"ab", b"a", b"b", b"abab", b"ababa", b"x", b"c"]), max_size=12),
    st.lists(st.integers(0, 60), max_size=6),
)
@settings(max_examples=300)
def test_torn_and_whole_agree_also_where_hits_overlap(pieces, cuts):
    variants = Variants([Secret(b"ababa"), Secret(b"abc")])
    raw = b"".join(pieces)
    whole = scrub(raw, variants)
    assert b"ababa" not in whole
    assert b"abc" not in whole
    edges = sorted({0, len(raw), *(min(cut, len(raw)) for cut in cuts)})
    scrubber = Scrubber(variants)
    torn = b"".join(scrubber.feed(raw[a:b]) for a, b in pairwise(edges)) + scrubber.finish()
    assert torn == whole


@given(st.binary(min_size=8, max_size=60), st.integers(0, 60), st.binary(max_size=30), st.binary(max_size=30))
@settings(max_examples=200)
def test_any_secret_is_found_plain_wherever_it_is_torn(secret, cut, before, after):
    variants = Variants([Secret(secret)])
    raw = before + secret + after
    scrubber = Scrubber(variants)
    seen = scrubber.feed(raw[:cut]) + scrubber.feed(raw[cut:]) + scrubber.finish()
    assert secret not in seen
    assert seen == scrub(raw, variants)


def test_events_are_not_held_back():
    scrubber = Scrubber(Variants([Secret(SECRETS[0])]))
    for event in (b"data: one\n\n", b'data: {"a": 1}\n\n', b": ping\n\n"):
        assert scrubber.feed(event) == event


def test_only_the_beginning_of_a_variant_is_held_back():
    scrubber = Scrubber(Variants([Secret(SECRETS[1])]))
    assert scrubber.feed(b"abc sk_live_") == b"abc "
    assert scrubber.feed(b"nothing") == b"sk_live_nothing"


def test_former_versions_are_scrubbed_too():
    variants = Variants([Secret(b"new-secret-value"), Secret(b"old-secret-value")])
    assert scrub(b"new-secret-value old-secret-value", variants) == b"*" * 16 + b" " + b"*" * 16


def test_decoys_do_not_wear_it_out():
    secret = SECRETS[1]
    seen = scrub((secret + b",") * 5000, Variants([Secret(secret)]))
    assert secret not in seen


def test_variants_print_nothing():
    assert repr(Variants([Secret(SECRETS[0])])) == "Variants(********)"


def decoded(coding, raw, size):
    decoder = decoder_for(coding)
    out = b""
    for at in range(0, len(raw), size):
        decoder.feed(raw[at : at + size])
        while piece := decoder.piece():
            out += piece
    return out, decoder.whole()


BODY = b"hello " * 100 + bytes(range(256)) * 20


@pytest.mark.parametrize(
    ("coding", "raw"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY[:99], mtime=0) + gzip.compress(BODY[99:], mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),
        ("br", brotli.compress(BODY)),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_codings_are_undone_however_they_are_torn(coding, raw, size):
    assert decoded(coding, raw, size) == (BODY, True)
    out, whole = decoded(coding, raw[:-1], size)
    assert not whole
    assert BODY.startswith(out)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_what_is_not_what_its_coding_says_is_refused(coding):
    with pytest.raises(UpstreamMalformed):
        decoded(coding, b"\xff\xfe this is no compressed body at all \xff" * 9, 1000)


@pytest.mark.parametrize("coding", ["zstd", "compress", "gzip, br", "aes128gcm"])
def test_codings_that_nobody_here_can_undo_are_refused(coding):
    with pytest.raises(UpstreamMalformed):
        decoder_for(coding)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_bomb_comes_in_pieces_and_is_stopped(coding, pack):
    decoder = decoder_for(coding)
    decoder.feed(pack(bytes(64 * 1024 * 1024)))
    total = 0
    with pytest.raises(UpstreamMalformed):
        while piece := decoder.piece():
            assert len(piece) <= 200_000
            total += len(piece)
    assert total < 32 * 1024 * 1024
