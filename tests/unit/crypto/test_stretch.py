# SPDX-License-Identifier: Apache-2.0
"""A sealed file opens whole or not at all."""

import io

import pytest

from smartagent.crypto import CannotUnseal, open_stream, seal_stream, system_entropy
from smartagent.crypto.stretch import CHUNK_BYTES
from smartagent.kernel import Secret

PASSPHRASE = Secret(b"correct horse battery staple")


def sealed(content, identity=b"x"):
    pieces = [content[at : at + 10_000] for at in range(0, len(content), 10_000)]
    return b"".join(seal_stream(pieces, PASSPHRASE, identity, system_entropy))


def opened(file, passphrase=PASSPHRASE, identity=b"x"):
    return b"".join(open_stream(io.BytesIO(file), passphrase, identity))


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_what_was_sealed_comes_back(size):
    content = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(content[:size])) == content[:size]


@pytest.fixture(scope="module")
def file():
    return sealed(b"s3cret" * 40_000)


def chunks(file):
    at, found = 23, []
    while at < len(file):
        length = int.from_bytes(file[at : at + 4])
        found.append(file[at : at + 4 + length])
        at += 4 + length
    return found


def test_nothing_can_be_left_out_moved_or_cut_off(file):
    head, (first, second, *rest) = file[:23], chunks(file)
    assert len(rest) == 2
    for changed in (
        [second, first, *rest],
        [first, *rest],
        [first, second],
        [first, second, *rest, rest[-1]],
        [first[:-1], second, *rest],
        [],
    ):
        with pytest.raises(CannotUnseal):
            opened(head + b"".join(changed))


@pytest.mark.parametrize("at", [0, 16, 23, 26, 30, 70_000, -1])
def test_a_touched_byte_is_noticed(file, at):
    touched = bytearray(file)
    touched[at] ^= 1
    with pytest.raises(CannotUnseal):
        opened(bytes(touched))


def test_another_passphrase_or_kind_of_file_does_not_open_it(file):
    with pytest.raises(CannotUnseal):
        opened(file, Secret(b"another passphrase"))
    with pytest.raises(CannotUnseal):
        opened(file, identity=b"y")
    with pytest.raises(CannotUnseal):
        opened(b"not a sealed file at all, only text")


def test_nothing_inside_can_be_seen(file):
    assert b"s3cret" not in file
