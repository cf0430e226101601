# SPDX-License-Identifier: Apache-2.0
"""Reading what a repository had once, through the git program.

Every content that any commit, stash or reflog still reaches is read once, as it is stored: no filter, text conversion
or hook of the repository runs, and nothing is fetched.
"""

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

from smartagent.cli.exits import USAGE, Exit
from smartagent.cli.scan.model import Text
from smartagent.cli.scan.reading import MAX_BYTES, Notes, as_text, too_large

_PASSED_ON: Final = frozenset(["PATH", "HOME", "LANG", "TMPDIR"])
_QUIET: Final = {
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
}
_EVERYTHING: Final = ("--all", "--reflog")


class History:
    """The repository that a folder lies in.

    Args:
        folder: What is below it is read.
        environ: Where git is found.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder if folder.is_dir() else folder.parent
        self._only = "." if folder.is_dir() else folder.name
        self._environ = {name: environ[name] for name in _PASSED_ON & set(environ)} | _QUIET
        self._above = ""

    def texts(self, notes: Notes) -> Iterator[Text]:
        """Read every content that the history has.

        Raises:
            Exit: The folder is in no repository, or there is no git.
        """
        self._above = self._said("rev-parse", "--show-prefix").decode(errors="surrogateescape").strip("\n")
        listed = self._said("rev-list", "--objects", "--full-history", *_EVERYTHING, "--", self._only)
        with self._started("cat-file", "--batch") as process:
            for line in listed.splitlines():
                object_id, _, name = line.partition(b" ")
                # Commits have no name.
                if name:
                    below = name.decode(errors="surrogateescape").removeprefix(self._above)
                    yield from self._content(process, object_id, below, notes)

    def last_commit_with(self, object_id: str) -> str:
        """Return the newest commit that brought or removed a content, abbreviated; empty when only a stash has it."""
        said = self._said("log", *_EVERYTHING, "-1", "--format=%h", f"--find-object={object_id}")
        return said.decode().strip()

    def _content(
        self, process: subprocess.Popen[bytes], object_id: bytes, name: str, notes: Notes
    ) -> Iterator[Text]:
        asked, answers = _pipes(process)
        asked.write(object_id + b"\n")
        asked.flush()
        head = answers.readline().split()
        if len(head) != 3:  # noqa: PLR2004 -- id, type and size; else it says what is missing
            notes.failed(f"The history's object {object_id.decode()} cannot be read.")
            return
        kind, size = head[1], int(head[2])
        keep = kind == b"blob" and size <= MAX_BYTES
        raw = answers.read(size) if keep else _passed_over(answers, size)
        answers.read(1)
        if keep:
            yield from as_text(name, raw, notes, object_id=object_id.decode())
        elif kind == b"blob":
            too_large(name, notes)

    def _said(self, *words: str) -> bytes:
        process = self._started(*words)
        said, _ = process.communicate()
        if process.returncode:
            raise Exit(USAGE, f"{self._folder} has no history that git can read.")
        return said

    def _started(self, *words: str) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 -- a program by its name, and words of our own
                ("git", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false", *words),  # noqa: S607 -- where git is differs
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except FileNotFoundError:
            raise Exit(USAGE, "There is no git on this machine to read a history with.") from None


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise Exit(USAGE, "git has no pipes.")
    return process.stdin, process.stdout


def _passed_over(answers: IO[bytes], size: int) -> bytes:
    while size > 0:
        size -= len(answers.read(min(size, MAX_BYTES))) or size
    return b""
