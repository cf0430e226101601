# SPDX-License-Identifier: Apache-2.0
"""Signed notes, checkpoints and log proofs, against Go's published note and the C2SP examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartagent.crypto import (
    BadNote,
    Checkpoint,
    MalformedProof,
    NoteSigner,
    SigningKey,
    TlogProof,
    b64,
    format_proof,
    open_note,
    parse_proof,
    unb64,
)
from smartagent.kernel import Secret

# golang.org/x/mod/sumdb/note, note_test.go
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SEED = unb64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
GO_LINE = "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
GO_NOTE = f"{GO_TEXT}\n{GO_LINE}"
PETER = NoteSigner("PeterNeumann", SigningKey.from_seed(Secret(GO_SEED)))
LOG = NoteSigner("example.com/log", SigningKey.from_seed(Secret(bytes(32))))


def test_the_note_that_go_published_is_made_and_opened():
    assert PETER.vkey == GO_VKEY
    assert PETER.sign(GO_TEXT) == GO_NOTE
    assert open_note(GO_NOTE, GO_VKEY) == GO_TEXT


def test_every_mangling_of_the_verifier_key_is_refused():
    for start in range(len(GO_VKEY)):
        for end in range(start, len(GO_VKEY) + 1):
            if (start, end) != (0, len(GO_VKEY)):
                with pytest.raises(BadNote):
                    open_note(GO_NOTE, GO_VKEY[start:end])
    for position, letter in enumerate(GO_VKEY):
        with pytest.raises(BadNote):
            open_note(GO_NOTE, GO_VKEY[:position] + chr(ord(letter) + 1) + GO_VKEY[position + 1 :])


@pytest.mark.parametrize(
    "vkey",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # wrong length, right id
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # unknown algorithm, right id
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_a_verifier_key_of_another_kind_is_refused(vkey):
    with pytest.raises(BadNote):
        open_note(GO_NOTE, vkey)


def test_every_changed_letter_of_the_note_is_refused():
    for position, letter in enumerate(GO_NOTE):
        changed = GO_NOTE[:position] + chr(ord(letter) ^ 1) + GO_NOTE[position + 1 :]
        with pytest.raises(BadNote):
            open_note(changed, GO_VKEY)


def test_every_cut_of_the_note_is_refused():
    for end in range(len(GO_NOTE)):
        with pytest.raises(BadNote):
            open_note(GO_NOTE[:end], GO_VKEY)


def test_signatures_of_strangers_are_ignored():
    stranger = LOG.sign(GO_TEXT).rpartition("\n\n")[2]

    assert open_note(f"{GO_TEXT}\n{stranger}{GO_LINE}", GO_VKEY) == GO_TEXT
    assert open_note(f"{GO_TEXT}\n{GO_LINE}{stranger}", GO_VKEY) == GO_TEXT
    with pytest.raises(BadNote, match="did not sign"):
        open_note(f"{GO_TEXT}\n{stranger}", GO_VKEY)


def test_a_stranger_under_the_same_name_is_ignored_and_not_believed():
    namesake = NoteSigner("PeterNeumann", SigningKey.from_seed(Secret(bytes(32))))
    line = namesake.sign(GO_TEXT).rpartition("\n\n")[2]

    assert open_note(f"{GO_TEXT}\n{line}{GO_LINE}", GO_VKEY) == GO_TEXT
    with pytest.raises(BadNote, match="did not sign"):
        open_note(f"{GO_TEXT}\n{line}", GO_VKEY)


def test_a_wrong_signature_of_the_expected_key_spoils_the_note():
    wrong = PETER.sign("another text\n").rpartition("\n\n")[2]

    for lines in (wrong, GO_LINE + wrong, wrong + GO_LINE):
        with pytest.raises(BadNote, match="does not hold"):
            open_note(f"{GO_TEXT}\n{lines}", GO_VKEY)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        GO_TEXT,
        GO_TEXT + GO_LINE,
        f"{GO_TEXT}\n",
        f"{GO_TEXT}\n{GO_LINE}\n",
        f"{GO_TEXT}\n{GO_LINE}x",
        f"{GO_TEXT}\n{GO_LINE.replace(chr(0x2014), '-')}",
        f"{GO_TEXT}\n{GO_LINE.replace(chr(0x2014) + ' ', chr(0x2014))}",
        f"{GO_TEXT}\n{GO_LINE.replace('PeterNeumann ', '')}",
        f"{GO_TEXT}\n{GO_LINE.replace('Peter', 'Peter+')}",
        f"{GO_TEXT}\n{GO_LINE}\u2014 a b c\n",
        f"{GO_TEXT}\n{GO_LINE}\u2014 a\u00a0b AAAAAAA=\n",
        f"{GO_TEXT}\n{GO_LINE}\u2014 a AAAA\n",
        f"{GO_TEXT}\n{GO_LINE}\u2014 a !\n",
        f"{GO_TEXT}\r\n{GO_LINE}",
        f"\x00{GO_NOTE}",
        f"\ud800{GO_NOTE}",
        f"{GO_TEXT}\n{GO_LINE * 101}",
        "a" * 1_000_001,
    ],
)
def test_what_is_no_note_is_refused(note):
    with pytest.raises(BadNote):
        open_note(note, GO_VKEY)


def test_sixteen_signatures_are_read():
    assert open_note(f"{GO_TEXT}\n{GO_LINE * 16}", GO_VKEY) == GO_TEXT


@given(st.text(st.characters(codec="utf-8", min_codepoint=32) | st.just("\n"), max_size=100))
def test_any_text_that_ends_a_line_comes_back(text):
    text += "\n"

    assert open_note(LOG.sign(text), LOG.vkey) == text


@pytest.mark.parametrize("text", ["", "no end", "tab\t\n", "\r\n", "\x00\n", "\ud800\n"])
def test_a_text_that_no_note_can_hold_is_not_signed(text):
    with pytest.raises(BadNote):
        LOG.sign(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\u00a0b", "a\u3000b", "a\nb"])
def test_a_name_that_no_note_can_hold_is_refused(name):
    with pytest.raises(BadNote):
        NoteSigner(name, SigningKey.from_seed(Secret(bytes(32))))


# c2sp.org/tlog-checkpoint, the example
SOFA = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_checkpoint_of_the_specification_is_read_and_written():
    checkpoint = Checkpoint.parse(SOFA)

    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e")
    assert checkpoint.text() == SOFA


@given(
    st.integers(0, 2**62),
    st.binary(min_size=32, max_size=32),
    st.lists(st.text("abc ", min_size=1), max_size=2),
)
def test_a_checkpoint_comes_back(size, root, extensions):
    checkpoint = Checkpoint("example.com/log", size, root, tuple(extensions))

    assert Checkpoint.parse(open_note(LOG.sign(checkpoint.text()), LOG.vkey)) == checkpoint


ROOT = b64(bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"log\n1\n{ROOT}",
        "log\n1\n",
        f"\n1\n{ROOT}\n",
        f"log\n\n{ROOT}\n",
        f"log\n01\n{ROOT}\n",
        f"log\n+1\n{ROOT}\n",
        f"log\n-1\n{ROOT}\n",
        f"log\n 1\n{ROOT}\n",
        f"log\n1_0\n{ROOT}\n",
        f"log\n\u0661\n{ROOT}\n",
        f"log\n1e3\n{ROOT}\n",
        f"log\n{'9' * 20}\n{ROOT}\n",
        "log\n1\nAAAA\n",
        "log\n1\n!\n",
        f"log\n1\n{ROOT[:-1]}\n",
        f"log\n1\n{ROOT}\n\n",
        f"log\n1\n{ROOT}\n\nx\n",
        f"log\r\n1\r\n{ROOT}\r\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(MalformedProof):
        Checkpoint.parse(text)


NOTE = LOG.sign(SOFA)
HASHES = (b"\x01" * 32, b"\x02" * 32)


def test_a_log_proof_is_written_as_specified():
    expected = "\n".join(
        ("c2sp.org/tlog-proof@v1", "extra aGk=", "index 73894", b64(HASHES[0]), b64(HASHES[1]), "", NOTE)
    )

    assert format_proof(73894, HASHES, NOTE, b"hi") == expected
    assert parse_proof(expected) == TlogProof(73894, HASHES, NOTE, b"hi")


@given(
    st.integers(0, 2**62),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(max_size=40),
)
def test_a_log_proof_comes_back(index, hashes, extra):
    proof = parse_proof(format_proof(index, hashes, NOTE, extra))

    assert (proof.index, list(proof.hashes), proof.extra) == (index, hashes, extra)
    assert open_note(proof.checkpoint_note, LOG.vkey) == SOFA


GOOD = format_proof(5, HASHES, NOTE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        NOTE,
        GOOD.replace("@v1", "@v2"),
        GOOD.replace("index 5\n", ""),
        GOOD.replace("index 5", "index"),
        GOOD.replace("index 5", "index "),
        GOOD.replace("index 5", "index 05"),
        GOOD.replace("index 5", "index -5"),
        GOOD.replace("index 5", "index  5"),
        GOOD.replace("index 5", "Index 5"),
        GOOD.replace("index 5", "index 5\nindex 5"),
        GOOD.replace("index 5", "index 5\nextra aGk="),
        GOOD.replace("index 5", "extra aGk\nindex 5"),
        GOOD.replace("index 5", "extra aGk=\nextra aGk=\nindex 5"),
        GOOD.replace("index 5", "index 5\nAAAA"),
        GOOD.replace("\n\n", "\n", 1).rpartition("\n\n")[0],
        GOOD.replace("\n", "\r\n"),
        f" {GOOD}",
        format_proof(5, HASHES[:1] * 64, NOTE),
        GOOD + "x" * 1_100_000,
    ],
)
def test_what_is_no_log_proof_is_refused(text):
    with pytest.raises(MalformedProof):
        parse_proof(text)
