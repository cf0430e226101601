# SPDX-License-Identifier: Apache-2.0
"""What a file is to an agent, by its name."""

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final


class FileKind(StrEnum):
    """The kinds of files."""

    ENVIRONMENT = "environment file"
    AGENT = "agent's configuration"
    SHELL = "shell start-up file"
    COMPOSE = "compose file"
    PROMPT = "prompt"
    OTHER = "file"


_AGENTS: Final = frozenset(
    [
        ".mcp.json",
        "mcp.json",
        "mcp_config.json",
        "claude_desktop_config.json",
        ".claude.json",
        ".aider.conf.yml",
    ]
)
_AGENTS_FOLDERS: Final = frozenset(
    [".claude", ".cursor", ".continue", ".codex", ".gemini", ".windsurf", ".vscode"]
)
_SHELLS: Final = frozenset(
    [".bashrc", ".bash_profile", ".zshrc", ".zshenv", ".zprofile", ".profile", ".envrc", "config.fish"]
)


def file_kind(name: str) -> FileKind:
    """Say what the file called `name`, with slashes, is."""
    path = PurePosixPath(name)
    last = path.name.lower()
    if last.startswith(".env.") or last.endswith(".env"):
        return FileKind.ENVIRONMENT
    if last in _AGENTS or (_AGENTS_FOLDERS & set(path.parts[:-1]) and not last.endswith(".md")):
        return FileKind.AGENT
    if last in _SHELLS:
        return FileKind.SHELL
    if "compose" in last and last.endswith((".yml", ".yaml")):
        return FileKind.COMPOSE
    return FileKind.PROMPT if last.endswith((".md", ".mdc", ".prompt")) else FileKind.OTHER


def holds_settings(name: str) -> bool:
    """Say whether what a variable there is called tells what its value is."""
    return file_kind(name) not in {FileKind.PROMPT, FileKind.OTHER}
