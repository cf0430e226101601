# SPDX-License-Identifier: Apache-2.0
"""The reference says what the code says, every decision is written down, and no link is dead."""

import re
import tomllib

import pytest

from scripts.reference import pages, stale
from tests.architecture.tree import ROOT, name_of

ADRS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)([^)#\s]+)(#[^)]*)?\)")


def test_the_reference_says_what_the_code_says():
    """Every route, error code, event, setting, command and metric; `make docs` writes it anew."""
    assert stale() == []


def test_the_reference_has_no_page_that_nothing_generates():
    assert {path.name for path in (ROOT / "docs" / "reference").glob("*.md")} - {"bench.md"} == set(pages())


def test_decisions_are_numbered_without_gaps():
    assert [int(path.name[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))


@pytest.mark.parametrize("path", ADRS, ids=name_of)
def test_a_decision_fits_on_a_page_and_says_what_was_rejected(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 60
    assert "## Rejected" in text


def test_every_dependency_stands_in_a_decision():
    """A library is taken after weighing it, and somebody will ask what it was weighed against."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    decisions = "\n".join(path.read_text(encoding="utf-8") for path in ADRS)
    optional = [pin for pins in project["optional-dependencies"].values() for pin in pins]
    for pin in [*project["dependencies"], *optional]:
        name = re.split(r"[><=\[ ]", pin)[0]
        assert f"`{name}`" in decisions, name


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_link_is_dead(path):
    for target, _ in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target
