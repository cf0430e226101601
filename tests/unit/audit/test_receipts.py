# SPDX-License-Identifier: Apache-2.0
"""Offline verification: what holds, and that nothing that was touched does."""

import contextlib
import io
import json

import msgspec
import pytest

from smartagent.audit import export
from smartagent.crypto import Checkpoint, NoteSigner, SigningKey, b64u, unb64u
from smartagent.kernel import Secret
from smartagent.sdk.checkpoints import Completeness, Continuity, Integrity, verify_continuity, verify_receipt
from smartagent.sdk.receipt_errors import (
    CheckpointNotSigned,
    LogForked,
    ReceiptError,
    ReceiptMalformed,
    RecordAltered,
    RecordForeign,
    RecordNotInLog,
    RecordsReordered,
    TailMissing,
)
from smartagent.sdk.receipts import verify_custody, verify_export
from tests.unit.audit.small_store import KEY, ORIGIN, SIGNER, VKEY
from tests.unit.audit.story import Story


async def story_with_uses(uses: int = 2) -> Story:
    story = Story()
    for _ in range(uses):
        story.use()
    story.revoke("ses_1")
    return story


async def document(story: Story, **asked) -> dict:
    return json.loads(msgspec.json.encode(await story.custody(**asked)))


def raw(found: dict) -> bytes:
    return json.dumps(found).encode()


async def exported(story: Story, begin: int = 0, end: int | None = None) -> bytes:
    await story.store.settle()
    return b"".join([lines async for lines in export(story.store.reader(), begin, end)])


def verify(lines: bytes, **asked):
    return verify_export(io.BytesIO(lines), VKEY, **asked)


async def test_a_chain_of_custody_holds():
    story = await story_with_uses()
    custody = await story.custody()

    verified = verify_custody(msgspec.json.encode(custody), VKEY)

    assert verified.integrity is Integrity.INTACT
    assert (verified.completeness, verified.gaps) == (Completeness.STATED, ())
    assert verified.continuity is Continuity.NOT_ASKED
    assert verified.size == len(story.store.leaves)
    assert verified.indexes == tuple(entry.index for entry in custody.entries)


async def test_a_page_holds_and_says_that_it_is_one():
    story = await story_with_uses(5)

    first = await document(story, limit=4)
    second = await document(story, limit=4, begin=first["next"])

    assert verify_custody(raw(first), VKEY).gaps == ("later-pages",)
    assert verify_custody(raw(second), VKEY).gaps == ("earlier-pages", "later-pages")
    assert verify_custody(raw(second), VKEY).completeness is Completeness.PARTIAL


async def test_what_is_missing_from_a_chain_is_named():
    story = Story()
    story.store.record("gateway.call", jti="aat_1", caller="agt_ann", session="ses_1")
    found = await document(story)
    del found["entries"][:2]
    found["count"] -= 2

    assert verify_custody(raw(found), VKEY).gaps == (
        "enrolment",
        "challenge",
        f"outcome of req_{len(story.store.leaves) - 1}",
    )


async def test_no_byte_of_a_custody_document_can_be_changed_unnoticed():
    story = await story_with_uses(1)
    genuine = msgspec.json.encode(await story.custody())
    honest = verify_custody(genuine, VKEY)

    accepted = set()
    for at in range(len(genuine)):
        for flip in (0x01, 0x20):
            touched = bytearray(genuine)
            touched[at] ^= flip
            with contextlib.suppress(ReceiptError):
                accepted.add(verify_custody(bytes(touched), VKEY).gaps)

    # Only the cursor of the next page is nobody's word, and to claim one makes the document partial.
    assert honest.gaps == ()
    assert accepted <= {("later-pages",)}


async def test_no_byte_of_a_receipt_can_be_changed_unnoticed():
    story = Story()
    entry = (await story.custody()).entries[1]
    leaf, receipt = bytes(entry.record), entry.proof.encode()
    assert verify_receipt(leaf, receipt.decode(), VKEY).index == entry.index

    for at in range(len(receipt)):
        for flip in range(8):
            touched = bytearray(receipt)
            touched[at] ^= 1 << flip
            with pytest.raises((ReceiptError, UnicodeDecodeError)):
                verify_receipt(leaf, touched.decode(), VKEY)
    for at in range(len(leaf)):
        touched = bytearray(leaf)
        touched[at] ^= 1
        with pytest.raises(RecordNotInLog):
            verify_receipt(bytes(touched), receipt.decode(), VKEY)


async def test_no_byte_of_an_export_can_be_changed_unnoticed():
    genuine = await exported(Story(noise=3), 2, 9)
    verify(genuine)

    for at in range(len(genuine)):
        for flip in range(8):
            touched = bytearray(genuine)
            touched[at] ^= 1 << flip
            with pytest.raises(ReceiptError):
                verify(bytes(touched))


@pytest.mark.parametrize(
    ("touch", "error"),
    [
        (lambda d: d["entries"].pop(), TailMissing),
        (lambda d: d["entries"].reverse(), RecordsReordered),
        (
            lambda d: d["entries"].insert(1, d["entries"][0]) or d.update(count=d["count"] + 1),
            RecordsReordered,
        ),
        (lambda d: d["entries"][3]["record"].update(target="GET other"), RecordAltered),
        (lambda d: d["entries"][3]["record"].update(extra=1), RecordAltered),
        (lambda d: d["entries"][3].update(index=d["entries"][3]["index"] + 1), RecordAltered),
        (lambda d: d["entries"][-1].update(index=d["entries"][-1]["index"] + 1), RecordAltered),
        (lambda d: d["entries"][3].update(leaf=d["entries"][4]["leaf"]), RecordNotInLog),
        (lambda d: d["entries"][3].update(leaf="!"), ReceiptMalformed),
        (lambda d: d["entries"][3].update(proof="no proof"), ReceiptMalformed),
        (lambda d: d.update(agent="agt_bob"), RecordForeign),
        (lambda d: d.update(session="ses_2"), RecordAltered),
        (lambda d: d.update(jti="aat_2"), RecordForeign),
        (lambda d: d.update(begin=d["entries"][0]["index"]), RecordAltered),
        (lambda d: d.update(begin=5), RecordAltered),
        (lambda d: d.update(next=3), RecordAltered),
        (lambda d: d.update(next=10**6), RecordAltered),
        (lambda d: d.update(entries=[], count=0), ReceiptMalformed),
        (lambda d: d.update(more=1), ReceiptMalformed),
        (lambda d: d.pop("session"), ReceiptMalformed),
        (lambda d: d.update(checkpoint="x"), CheckpointNotSigned),
    ],
)
async def test_each_kind_of_change_has_its_name(touch, error):
    found = await document(await story_with_uses())
    touch(found)

    with pytest.raises(error) as caught:
        verify_custody(raw(found), VKEY)
    assert type(caught.value) is error


async def test_an_agent_that_the_issuance_does_not_name_is_refused():
    found = await document(Story())
    found["entries"] = [e for e in found["entries"] if e["record"]["event"] == "token.issued"]
    found["count"] = 1
    found["agent"] = "agt_bob"

    with pytest.raises(RecordAltered):
        verify_custody(raw(found), VKEY)


async def test_true_is_not_one():
    story = Story()
    story.store.record("gateway.call", jti="aat_1", detail={"try": 1})
    found = await document(story)
    found["entries"][-1]["record"]["detail"]["try"] = True

    with pytest.raises(RecordAltered):
        verify_custody(raw(found), VKEY)


async def test_a_name_that_comes_twice_is_refused():
    genuine = msgspec.json.encode(await Story().custody())

    with pytest.raises(ReceiptMalformed):
        verify_custody(genuine.replace(b'{"jti":', b'{"jti":"aat_1","jti":', 1), VKEY)


async def test_a_genuine_record_of_another_token_is_foreign():
    story = Story()
    found, other = await document(story), await document(story, jti="aat_2")
    found["entries"].append(other["entries"][-1])
    found["count"] += 1

    with pytest.raises(RecordForeign) as caught:
        verify_custody(raw(found), VKEY)
    assert caught.value.index == other["entries"][-1]["index"]


async def test_a_receipt_of_an_older_checkpoint_does_not_mix_in():
    story = Story()
    old = await document(story)
    story.use()
    new = await document(story)
    new["entries"][0] = old["entries"][0]

    with pytest.raises(ReceiptMalformed):
        verify_custody(raw(new), VKEY)


async def test_what_nobody_signed_is_not_carried():
    entry = (await Story().custody()).entries[0]
    smuggled = entry.proof.replace("\nindex", "\nextra AAAA\nindex", 1)

    with pytest.raises(ReceiptMalformed):
        verify_receipt(bytes(entry.record), smuggled, VKEY)


async def test_another_logs_key_vouches_for_nothing():
    genuine = msgspec.json.encode(await Story().custody())
    other = NoteSigner(ORIGIN, SigningKey.from_seed(Secret(b"\x09" * 32)))

    with pytest.raises(CheckpointNotSigned):
        verify_custody(genuine, other.vkey)


def test_a_checkpoint_with_another_origin_is_another_logs():
    note = SIGNER.sign(Checkpoint("elsewhere.example/log", 1, b"\x00" * 32).text())

    with pytest.raises(CheckpointNotSigned):
        verify_continuity(note, note, VKEY)


async def test_a_fork_of_the_same_size_is_found():
    story = Story()
    genuine = await story.custody()
    forged = SIGNER.sign(Checkpoint(ORIGIN, len(story.store.leaves), b"\x01" * 32).text())

    with pytest.raises(LogForked):
        verify_custody(msgspec.json.encode(genuine), VKEY, forged)


async def test_a_log_that_was_rewritten_is_found():
    story = Story()
    genuine = msgspec.json.encode(await story.custody())
    forged = SIGNER.sign(Checkpoint(ORIGIN, 5, b"\x01" * 32).text())
    proof = await story.store.reader().consistency(5, len(story.store.leaves))

    with pytest.raises(LogForked):
        verify_custody(genuine, VKEY, forged, proof)
    assert verify_custody(genuine, VKEY, forged).continuity is Continuity.UNPROVED


async def test_a_log_that_went_on_is_continuous_in_both_directions():
    story = Story()
    old = await story.custody()
    story.use()
    new = await story.custody()
    sizes = [verify_custody(msgspec.json.encode(each), VKEY).size for each in (old, new)]
    proof = await story.store.reader().consistency(*sizes)

    assert (
        verify_custody(msgspec.json.encode(new), VKEY, old.checkpoint, proof).continuity is Continuity.PROVED
    )
    assert (
        verify_custody(msgspec.json.encode(old), VKEY, new.checkpoint, proof).continuity is Continuity.PROVED
    )
    assert verify_custody(msgspec.json.encode(new), VKEY, new.checkpoint).continuity is Continuity.PROVED


async def test_a_whole_export_proves_that_nothing_is_missing():
    story = await story_with_uses(400)
    verified = verify(await exported(story))

    assert verified.completeness is Completeness.PROVED
    assert verified.indexes == range(len(story.store.leaves))


@pytest.mark.parametrize(
    ("begin", "end"), [(0, 1), (0, 256), (1, 2), (255, 257), (256, 512), (300, 831), (511, 513)]
)
async def test_any_range_can_be_exported_and_proves_itself(begin, end):
    story = await story_with_uses(400)
    verified = verify(await exported(story, begin, end))

    assert verified.indexes == range(begin, end)
    assert verified.completeness is Completeness.PARTIAL


def lines_of(raw_export: bytes) -> list[bytes]:
    return raw_export.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("touch", "error"),
    [
        (lambda lines: lines.pop(), TailMissing),
        (lambda lines: lines.pop(3), RecordsReordered),
        (lambda lines: lines.insert(3, lines[4]), RecordsReordered),
        (lambda lines: lines.append(lines[4]), ReceiptMalformed),
        (lambda lines: lines.append(b"\n"), ReceiptMalformed),
        (lambda lines: lines.clear(), ReceiptMalformed),
        (lambda lines: lines.__setitem__(2, lines[2].replace(b"noise", b"n0ise")), RecordNotInLog),
        (lambda lines: lines.__setitem__(2, lines[2].replace(b":1,", b": 1,", 1)), ReceiptMalformed),
        (lambda lines: lines.__setitem__(2, b"no JSON\n"), ReceiptMalformed),
        (lambda lines: lines.__setitem__(2, lines[2][:-1]), ReceiptMalformed),
        (lambda lines: lines.__setitem__(0, lines[0].replace(b'"end":1', b'"end":2', 1)), ReceiptMalformed),
    ],
)
async def test_each_kind_of_change_to_an_export_has_its_name(touch, error):
    lines = lines_of(await exported(Story(noise=5)))
    touch(lines)

    with pytest.raises(error) as caught:
        verify_export(lines, VKEY)
    assert type(caught.value) is error


async def test_a_tail_that_is_cut_with_its_announcement_leaves_the_export_partial_or_refused():
    story = Story(noise=5)
    whole = lines_of(await exported(story))
    head = json.loads(whole[0])
    head["end"] -= 1

    with pytest.raises(RecordNotInLog):
        verify_export([raw(head) + b"\n", *whole[1:-1]], VKEY)


async def test_exports_that_follow_each_other_join():
    story = await story_with_uses(50)
    first, second = await exported(story, 0, 60), await exported(story, 60)

    assert verify(first).indexes.stop == verify(second).indexes.start


def test_the_leaf_of_an_entry_is_what_was_hashed():
    assert unb64u(b64u(b"{}")) == b"{}"
    assert KEY.public.raw
