# SPDX-License-Identifier: Apache-2.0
"""What the audience sees: numbered steps, real requests and answers with their times, and checks."""

from typing import Final
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from smartagent.cli.demo.recorder import Shown

_GOOD: Final = range(200, 300)
_WIDEST: Final = 300


class DoesNotHold(Exception):
    """A step of the story turned out otherwise."""


class Stage:
    """Writes the story down as it happens."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._number = 0

    def step(self, title: str) -> None:
        """Begin a step."""
        self._number += 1
        self._console.print()
        self._console.rule(Text(f"{self._number}. {title}", style="bold"), align="left", characters="-")

    def say(self, text: str) -> None:
        """Say something."""
        self._console.print(Text(text))

    def show(self, exchanges: list[Shown]) -> None:
        """Show requests and their answers."""
        for each in exchanges:
            url = urlsplit(each.url)
            self._console.print(
                Text.assemble(
                    (f"-> {each.method} ", "cyan"), f":{url.port}{url.path} ", (each.sent[:_WIDEST], "dim")
                )
            )
            style = "green" if each.status in _GOOD else "yellow"
            self._console.print(
                Text.assemble(
                    (f"<- {each.status} ", style), (each.got[:_WIDEST], "dim"), f"  {each.ms:.1f} ms"
                )
            )

    def check(self, what: str, *, holds: bool) -> None:
        """Say that `what` holds.

        Raises:
            DoesNotHold: It does not.
        """
        if not holds:
            raise DoesNotHold(what)
        self._console.print(Text.assemble(("ok ", "bold green"), what))
