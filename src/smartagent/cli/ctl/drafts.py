# SPDX-License-Identifier: Apache-2.0
"""Drafts on this machine: role files and Cedar policies, one by one or in a directory."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import typer

from smartagent.cli.ctl.desk import answer_of, rows_of, segment
from smartagent.cli.ctl.place import read_input
from smartagent.cli.exits import USAGE, Exit

ROLE: Final = ".toml"
POLICY: Final = ".cedar"
_PLURALS: Final = {"role": "roles", "policy": "policies"}
_SINCE: Final = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Drafts(msgspec.Struct, frozen=True):
    """What was read: file to text.  A policy's name is its file's, without the ending."""

    roles: dict[str, str]
    policies: dict[str, str]

    @property
    def named(self) -> dict[str, str]:
        """The policies by their names."""
        return {Path(file).stem: text for file, text in self.policies.items()}

    def body(self) -> dict[str, object]:
        """Return what the authority is sent."""
        return {"roles": list(self.roles.values()), "policies": self.named}


def read_drafts(places: Sequence[Path]) -> Drafts:
    """Read role files (`.toml`) and policies (`.cedar`), and those in directories.

    Raises:
        Exit: There are none, one cannot be read, or two policies have one name.
    """
    roles: dict[str, str] = {}
    policies: dict[str, str] = {}
    for file in [each for place in places for each in _files_of(place)]:
        kept = roles if file.suffix == ROLE else policies
        try:
            kept[str(file)] = read_input(file, str(file)).decode()
        except UnicodeDecodeError:
            raise Exit(USAGE, f"{file} is not UTF-8.") from None
    if len({Path(file).stem for file in policies}) < len(policies):
        raise Exit(USAGE, "Two policies have the same name.")
    return Drafts(roles, policies)


def in_force(ctx: typer.Context) -> Drafts:
    """Read the roles and policies of the house, under `role/<name>` and `policy/<name>`.

    Raises:
        Exit: The authority refused, or did not answer.
    """
    roles = rows_of(answer_of(ctx, "GET", "/v1/roles"), "roles")
    policies = rows_of(answer_of(ctx, "GET", "/v1/policies"), "policies")
    return Drafts(
        {f"role/{each['name']}": str(each["role_file"]) for each in roles},
        {f"policy/{each['name']}": str(each["cedar"]) for each in policies},
    )


def with_staged(ctx: typer.Context, drafts: Drafts, labels: Sequence[str]) -> Drafts:
    """Add what is staged under `labels` (`role/<name>`, `policy/<name>`).

    Raises:
        Exit: One is no label, nothing is staged there, or the authority did not answer.
    """
    roles, policies = dict(drafts.roles), dict(drafts.policies)
    for label in labels:
        kind, _, name = label.partition("/")
        if kind not in _PLURALS or not name:
            raise Exit(USAGE, f"{label!r} is neither role/NAME nor policy/NAME.")
        text = str(answer_of(ctx, "GET", f"/v1/{_PLURALS[kind]}/{segment(name)}/staged").get("text", ""))
        if kind == "role":
            roles[label] = text
        else:
            policies[label] = text
    return Drafts(roles, policies)


def parse_since(raw: str) -> int:
    """Return how many seconds `7d`, `12h`, `30m` or `45s` are.

    Raises:
        Exit: It is none of these.
    """
    found = _SINCE.fullmatch(raw)
    if found is None:
        raise Exit(USAGE, f"{raw!r} is no time: write 7d, 12h, 30m or 45s.")
    return int(found[1]) * _SECONDS[found[2]]


def _files_of(place: Path) -> list[Path]:
    if not place.is_dir():
        if place.suffix not in {ROLE, POLICY}:
            raise Exit(USAGE, f"{place} is neither a role file (.toml) nor a policy (.cedar).")
        return [place]
    found = sorted(each for each in place.iterdir() if each.suffix in {ROLE, POLICY} and each.is_file())
    if not found:
        raise Exit(USAGE, f"There is no role file (.toml) and no policy (.cedar) in {place}.")
    return found
