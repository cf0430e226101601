# SPDX-License-Identifier: Apache-2.0
"""A scan from its beginning to its end: files, history, what is accepted, the plan."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from smartagent.cli.exits import USAGE, Exit, complain
from smartagent.cli.render import say, show_json
from smartagent.cli.scan.baseline import Baseline, new_baseline, read_baseline, write_baseline
from smartagent.cli.scan.detecting import Detector, findings_in
from smartagent.cli.scan.history import History
from smartagent.cli.scan.migration import told, write_migration
from smartagent.cli.scan.model import Finding, Text, digest_of
from smartagent.cli.scan.planning import plan_for, role_named
from smartagent.cli.scan.reading import Notes, shown, texts_below
from smartagent.cli.scan.report import show
from smartagent.kernel import Entropy, Secret


class Asked(msgspec.Struct, frozen=True):
    """What to look at, and what to do with what is found.

    Attributes:
        path: A folder or a file.
        history: What the repository had once too.
        baseline: The file of what is accepted.
        accept: Write everything that is found into it.
        write: The folder for the migration.
        role: What the role is called; empty: after the folder.
        as_json: Whether a program reads.
    """

    path: Path
    history: History | None = None
    baseline: Path | None = None
    accept: bool = False
    write: Path | None = None
    role: str = ""
    as_json: bool = False


def scan(asked: Asked, detect: Detector, entropy: Entropy) -> int:
    """Scan, show and write what was asked for.

    Args:
        asked: What to do.
        detect: The detector library.
        entropy: For the key of a new baseline's digests.

    Returns:
        0 when nothing is left that is not accepted, 1 when something is, 2 when a part could not be looked at.

    Raises:
        Exit: There is nothing to look at, or something cannot be read or written.
    """
    if asked.accept and asked.baseline is None:
        raise Exit(USAGE, "--accept needs to know where: --baseline FILE")
    baseline = _baseline(asked, entropy)
    notes = Notes()
    key = baseline.digest_key()
    found = list(_found(asked, detect, notes, key))
    if asked.accept and asked.baseline is not None:
        write_baseline(asked.baseline, baseline, found)
        _tell_accepted(asked, len(found), notes)
        return USAGE if notes.incomplete else 0
    new = [each for each in found if not baseline.has(each)]
    base = asked.path if asked.path.is_dir() else asked.path.parent
    plan = plan_for(new, role_named(asked.role or base.resolve().name))
    show(plan, key, notes, accepted=len(found) - len(new), as_json=asked.as_json)
    if asked.write is not None and new:
        write_migration(asked.write, base, plan)
        if not asked.as_json:
            say(told(asked.write))
    if new:
        return 1
    return USAGE if notes.incomplete else 0


def _tell_accepted(asked: Asked, count: int, notes: Notes) -> None:
    for sentence in notes.sentences if notes.incomplete else ():
        complain(sentence)
    if asked.as_json:
        show_json({"accepted": count})
    else:
        say(f"{asked.baseline} accepts {count} findings.")


def _baseline(asked: Asked, entropy: Entropy) -> Baseline:
    if asked.baseline is None or (asked.accept and not asked.baseline.exists()):
        return new_baseline(entropy)
    return read_baseline(asked.baseline)


def _found(asked: Asked, detect: Detector, notes: Notes, key: Secret[bytes]) -> Iterator[Finding]:
    there: set[tuple[str, str]] = set()
    for _, finding in _each(texts_below(asked.path, notes), detect, notes):
        there.add((finding.name, digest_of(finding.value, key)))
        yield finding
    if asked.history is None:
        return
    for text, finding in _each(asked.history.texts(notes), detect, notes):
        # A key that was moved to another line is many contents of the history, and one finding.
        known = (finding.name, digest_of(finding.value, key))
        if known not in there:
            there.add(known)
            commit = asked.history.last_commit_with(text.object_id) or "stash"
            yield msgspec.structs.replace(finding, commit=commit)


def _each(texts: Iterable[Text], detect: Detector, notes: Notes) -> Iterator[tuple[Text, Finding]]:
    for text in texts:
        try:
            for finding in findings_in(text, detect):
                yield text, finding
        except TimeoutError:
            notes.failed(f"{shown(text.name)} took too long to look at.")
