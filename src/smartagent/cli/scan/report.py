# SPDX-License-Identifier: Apache-2.0
"""What a scan says: for people in lines, for programs as JSON.  No value is ever in it."""

from collections.abc import Iterator, Sequence
from typing import Final

from smartagent.cli.render import say, show_json
from smartagent.cli.scan.editing import difference
from smartagent.cli.scan.filekinds import file_kind
from smartagent.cli.scan.model import Finding, fingerprint
from smartagent.cli.scan.planning import Plan
from smartagent.cli.scan.reading import Notes, shown
from smartagent.kernel import Secret

_MOST_NOTES: Final = 10


def show(plan: Plan, key: Secret[bytes], notes: Notes, *, accepted: int, as_json: bool) -> None:
    """Show every finding with what replaces it, and what changes in the files.

    Args:
        plan: What was found.
        key: Of the digests that tell keys apart.
        notes: What was left out.
        accepted: How many findings are not shown.
        as_json: Whether a program reads.
    """
    rows = [row for _, row in sorted(_rows(plan, key), key=lambda each: each[0])]
    changes = list(difference(plan, key))
    if as_json:
        show_json(
            {
                "findings": rows,
                "role": plan.role,
                "changes": changes,
                "accepted": accepted,
                "notes": notes.sentences,
            }
        )
        return
    for row in rows:
        say("".join(_lines(row)))
    for line in changes:
        say(line)
    for sentence in _few(notes.sentences):
        say(f"note: {sentence}")
    say(_summary(plan, accepted))


def _rows(plan: Plan, key: Secret[bytes]) -> Iterator[tuple[tuple[str, str, int], dict[str, object]]]:
    """Yield each finding's place, to sort by, and what is said of it."""
    for move in plan.moves:
        for place in move.places:
            bound = {
                "upstream": move.binding.upstream,
                "base_url": move.binding.base_url,
                "place": move.binding.place,
                "secret": move.secret,
                "role": plan.role,
            }
            yield _order(place), _row(place, key) | bound
    for left in plan.left:
        yield _order(left.finding), _row(left.finding, key) | {"advice": left.advice}


def _order(finding: Finding) -> tuple[str, str, int]:
    return finding.commit, finding.name, finding.start


def _row(finding: Finding, key: Secret[bytes]) -> dict[str, object]:
    return {
        "file": shown(finding.name),
        "line": finding.line,
        "column": finding.column,
        "commit": finding.commit,
        "kind_of_file": file_kind(finding.name).value,
        "kind": finding.kind.title,
        "label": finding.label,
        "fingerprint": fingerprint(finding, key),
        "replaced_by": finding.kind.means.value,
    }


def _lines(row: dict[str, object]) -> Iterator[str]:
    commit = f" in commit {row['commit']}" if row["commit"] else ""
    yield f"{row['file']}:{row['line']}:{row['column']}{commit} ({row['kind_of_file']})\n"
    label = f" in {row['label']}" if row["label"] else ""
    yield f"  {row['kind']}{label}: {row['fingerprint']}\n"
    if "upstream" in row:
        yield f"  -> {row['replaced_by']}: upstream {row['upstream']} ({row['base_url']}), "
        yield f"--place {row['place']}, role {row['role']}"
    else:
        yield f"  -> {row['replaced_by']}. {row['advice']}"


def _few(sentences: Sequence[str]) -> Iterator[str]:
    yield from sentences[:_MOST_NOTES]
    if len(sentences) > _MOST_NOTES:
        yield f"{len(sentences) - _MOST_NOTES} more; --json has all of them."


def _summary(plan: Plan, accepted: int) -> str:
    beside = f" {accepted} are accepted." if accepted else ""
    moved = sum(len(move.places) for move in plan.moves)
    if not moved + len(plan.left):
        return f"No long-lived key was found.{beside}"
    both = f"{moved} can be moved by a script, {len(plan.left)} need a person."
    return f"Found {moved + len(plan.left)}: {both}{beside}"
