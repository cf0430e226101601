# SPDX-License-Identifier: Apache-2.0
"""Every requirement has a test, and every mark of a test names a requirement."""

import re
from collections import Counter

import pytest

from scripts.standards import CONFORMANCE, proofs, requirements, specs

MAX_TEXT_CHARS = 160
ID = re.compile(r"[A-Z][A-Z0-9]*(-[A-Za-z0-9.]+)+")
REQUIREMENTS = requirements()
PROOFS = proofs()
SPECS = {spec.id: spec for spec in specs()}


def test_every_requirement_is_proven_by_a_test():
    proven = {proof.requirement for proof in PROOFS}
    assert [each.id for each in REQUIREMENTS if each.id not in proven] == []


def test_every_mark_names_a_requirement():
    known = {each.id for each in REQUIREMENTS}
    assert [
        f"{proof.path.name}:{proof.test} {proof.requirement}"
        for proof in PROOFS
        if proof.requirement not in known
    ] == []


def test_an_id_stands_for_one_requirement():
    assert [name for name, count in Counter(each.id for each in REQUIREMENTS).items() if count > 1] == []


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.id)
def test_a_requirement_says_where_it_stands_and_what_it_asks(requirement):
    assert ID.fullmatch(requirement.id)
    assert requirement.section.strip()
    assert 10 <= len(requirement.text) <= MAX_TEXT_CHARS
    assert "\n" not in requirement.text
    assert "|" not in requirement.text


def test_every_spec_that_asks_something_is_listed_with_its_version():
    assert {each.spec for each in REQUIREMENTS} - SPECS.keys() == set()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_spec_says_which_version_is_meant_and_what_is_done(spec):
    assert spec.title
    assert re.fullmatch(r"\d{4}(-\d\d){0,2}", spec.date), spec.date
    assert spec.version
    assert spec.status
    assert spec.supported
    # A draft without its number could be any of them.
    assert spec.status == "RFC" or not spec.id.startswith("RFC")
    assert not spec.version.startswith("draft") or re.search(r"-\d\d$", spec.version)


def test_every_area_is_a_file_of_its_own():
    """A file without requirements would be a promise that nobody made."""
    for path in (CONFORMANCE / "requirements").iterdir():
        assert path.suffix == ".toml"
        assert "[[requirement]]" in path.read_text(encoding="utf-8")
