# SPDX-License-Identifier: Apache-2.0
"""The detector library, as it is: what it adds to the table, and what is said when it is not installed."""

import subprocess
import sys

import pytest

from smartagent.cli.scan import load_detector
from smartagent.cli.scan.model import Means
from tests.unit.cli.scan.planted import chars, found, openai


@pytest.fixture(scope="module")
def library():
    return load_detector()


def test_it_finds_what_the_table_lacks(library):
    token = chars("t", 10, "123456789") + ":AA" + chars("t2", 33)
    raw = f"first\nTELEGRAM_BOT_TOKEN = '{token}'\n"
    (only,) = found("bot.py", raw, library)
    assert only.kind.title.startswith("telegram")
    assert (only.kind.means, only.kind.binding) == (Means.VAULT, None)
    assert (only.line, only.label, only.value.reveal().decode()) == (2, "TELEGRAM_BOT_TOKEN", token)


def test_what_both_know_is_the_tables(library):
    (only,) = found("a.py", f'KEY = "{openai()}"\n', library)
    assert only.kind.title == "OpenAI API key"


def test_its_places_are_bytes_also_behind_what_is_no_ascii(library):
    token = "gh" + "o_" + chars("g", 20)  # too short for the table
    other = chars("t", 10, "123456789") + ":AA" + chars("t2", 33)
    raw = f"größe = '日本' {token}\nTELEGRAM_BOT_TOKEN={other}\n".encode() + b"\xff\xfe"
    assert [each.value.reveal().decode() for each in found("x", raw, library)] == [other]


@pytest.mark.parametrize("raw", [b"", b"\0" * 100, b"\xff\xfe\xfa", b"a" * 1_000_000])
def test_it_takes_any_bytes(library, raw):
    assert library(raw) == []


def test_without_it_the_command_says_what_to_install(tmp_path):
    script = (
        "import sys; sys.modules['kingfisher_sdk'] = None; from smartagent.cli.smartagent import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "scan", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Scanning needs an extra: pip install 'smartagent[scan]'\n"
