# SPDX-License-Identifier: Apache-2.0
"""The front matter of a prompt file: a small part of YAML, read strictly.

---
name: order-reader          # a plain text, up to the end of the line
description: "Reads orders" # or one in quotes
tools: Read, mcp__files__*
permissions:                # or a list, one to a line, or [in, brackets]
  - GET /orders/** on orders
---

Everything else that YAML has (maps in maps, anchors, tags, texts over several lines but for `|` and `>`) is refused
with its line.  A member that comes twice is refused too: what reads the file for real may take the other one.
"""

import re
from typing import Final

import msgspec

from smartagent.policy.errors import MalformedPromptFile

MAX_LINES: Final = 256
_FENCE: Final = "---"
_MEMBER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,63}):(?:\s+(.*))?")
_ITEM: Final = re.compile(r"\s*-(?:\s+(.*))?")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"|\'((?:[^\']|\'\')*)\'')
_FORBIDDEN: Final = frozenset("&*!{}@`%|>")
_BLOCKS: Final = frozenset({"|", ">", "|-", ">-", "|+", ">+"})


class Text(msgspec.Struct, frozen=True):
    """A text, and the line that it stands in."""

    line: int
    text: str


class Member(msgspec.Struct, frozen=True):
    """A member: its line, and its value, or its values when it is a list."""

    line: int
    texts: tuple[Text, ...]
    is_list: bool


def read_front_matter(prompt: str) -> dict[str, Member]:
    """Read the members of a prompt file's front matter.

    Raises:
        MalformedPromptFile: There is none, it does not end, or it holds what is not read here; says where.
    """
    lines = prompt.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].rstrip() != _FENCE:
        raise MalformedPromptFile("a prompt file begins with its front matter, between two lines of ---", 1)
    members: dict[str, Member] = {}
    at = 1
    while at < len(lines) and lines[at].rstrip() != _FENCE:
        if at > MAX_LINES:
            raise MalformedPromptFile(f"front matter has at most {MAX_LINES} lines", at)
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        at = _read_member(lines, at, members)
    if at >= len(lines):
        raise MalformedPromptFile("the front matter does not end: a second line of --- is missing", 1)
    return members


def _read_member(lines: list[str], at: int, members: dict[str, Member]) -> int:
    """Read the member at a line, and return the line after it."""
    found = _MEMBER.fullmatch(lines[at].rstrip())
    if found is None:
        raise MalformedPromptFile("write `name: value`, and lists with `- ` below their name", at + 1)
    name, raw = found[1], (found[2] or "").strip()
    if name in members:
        raise MalformedPromptFile(f"{name} stands here twice", at + 1)
    following = at + 1
    if raw in _BLOCKS:
        following, text = _block(lines, following)
        members[name] = Member(at + 1, (Text(at + 1, text),), is_list=False)
    elif raw and not raw.startswith("#"):
        members[name] = _value(raw, at + 1)
    else:
        following, texts = _items(lines, following)
        members[name] = Member(at + 1, texts, is_list=True)
    return following


def _block(lines: list[str], at: int) -> tuple[int, str]:
    """Read a text over several lines; where they are broken makes no difference here."""
    words: list[str] = []
    while at < len(lines) and (not lines[at].strip() or lines[at][0] == " "):
        words += lines[at].split()
        at += 1
    return at, " ".join(words)


def _items(lines: list[str], at: int) -> tuple[int, tuple[Text, ...]]:
    texts: list[Text] = []
    while at < len(lines) and lines[at].rstrip() != _FENCE:
        found = _ITEM.fullmatch(lines[at].rstrip())
        if found is not None:
            texts.append(Text(at + 1, _scalar((found[1] or "").strip(), at + 1)))
        elif lines[at].strip() and not lines[at].lstrip().startswith("#"):
            break
        at += 1
    return at, tuple(texts)


def _value(raw: str, line: int) -> Member:
    if not raw.startswith("["):
        return Member(line, (Text(line, _scalar(raw, line)),), is_list=False)
    body = _without_comment(raw)
    if not body.endswith("]"):
        raise MalformedPromptFile("a list in brackets ends in its line", line)
    parts = [part.strip() for part in body[1:-1].split(",")]
    return Member(line, tuple(Text(line, _scalar(part, line)) for part in parts if part), is_list=True)


def _scalar(raw: str, line: int) -> str:
    if raw[:1] in {'"', "'"}:
        quoted = _QUOTED.fullmatch(_after_quotes(raw))
        if quoted is None:
            raise MalformedPromptFile(
                'a text in quotes ends in its line; only \\" and \\\\ are escaped', line
            )
        if quoted[1] is not None:
            return re.sub(r"\\(.)", r"\1", quoted[1])
        return quoted[2].replace("''", "'")
    text = _without_comment(raw)
    if not text or text[0] in _FORBIDDEN or text.startswith(("- ", "? ", "[")):
        raise MalformedPromptFile("write a plain text, or put it in quotes", line)
    return text


def _after_quotes(raw: str) -> str:
    """Drop a comment that stands behind a text in quotes."""
    found = re.match(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*')\s+#", raw)
    return found[1] if found else raw


def _without_comment(raw: str) -> str:
    return re.split(r"\s#", raw, maxsplit=1)[0].rstrip()
