# SPDX-License-Identifier: Apache-2.0
"""From a template to a page, under headers that let nothing foreign in.

Whatever a template shows is escaped, and what hides or turns text around is made visible; a template has
neither style nor script in it, so the policy needs no exception.

Spec: Content Security Policy Level 3; Trusted Types.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from smartagent.consent import visible
from smartagent.console.assets import Assets
from smartagent.edge import Reply
from smartagent.kernel import Clock

HTML: Final = "text/html; charset=utf-8"
REPORT_PATH: Final = "/console/csp-reports"
MAX_SHOWN_CHARS: Final = 240
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"require-trusted-types-for 'script'; trusted-types 'none'; report-uri {REPORT_PATH}"
)
HEADERS: Final = (
    ("content-security-policy", POLICY),
    ("x-frame-options", "DENY"),
    # Nothing goes to others; with `no-referrer` browsers would hide the origin of our own forms, too.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("cache-control", "no-store"),
)
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400
_JUST_SECONDS: Final = 45
_TEMPLATES: Final = Path(__file__).with_name("templates")


class Rendering:
    """Makes pages of templates.

    Args:
        assets: What the pages link to.
        clock: Tells how long ago something was.
        filters: What templates may ask besides.
    """

    def __init__(self, assets: Assets, clock: Clock, filters: Mapping[str, Callable[[str], str]]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=finalized,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self.assets = assets
        self._environment.filters.update(filters)
        self._environment.globals["asset"] = assets.path
        self._environment.filters["when"] = partial(when, clock)
        self._environment.filters["short"] = short
        self._environment.filters["seen"] = seen

    def page(self, template: str, values: Mapping[str, object], *, status: int = 200) -> Reply:
        """Return a page; `template` is a file's name, and `values` is all that it may show."""
        html = self._environment.get_template(template).render(dict(values))
        return Reply(status, html.encode(), HTML, HEADERS)


def finalized(value: object) -> object:
    """Make what is invisible visible in a text that a template shows, and cut what nobody could read."""
    if type(value) is not str:
        return value
    cut = short(value)
    # Most of what is shown is plain: to look at each letter of it takes longer than all the rest.
    return cut if cut.isascii() and cut.isprintable() else visible(cut)


def short(text: str, most: int = MAX_SHOWN_CHARS) -> str:
    """Cut a text that is too long to be read; an ellipsis says so."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def seen(text: str) -> Markup:
    """Show a text of several lines whole: what hides or turns text around is made visible, but for its lines."""
    lines = text.replace("\t", "    ").split("\n")
    return escape("\n".join(visible(line) for line in lines))


def when(clock: Clock, instant: str | int) -> Markup:
    """Show an instant as people say it, and exactly to whoever asks: RFC 3339, or Unix milliseconds."""
    if not instant:
        return Markup('<span class="quiet">never</span>')
    moment = (
        datetime.fromtimestamp(instant / 1000, UTC)
        if isinstance(instant, int)
        else datetime.fromisoformat(instant)
    )
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(), exact, _relative(clock.now() - moment.timestamp())
    )


def _relative(ago: float) -> str:
    size = abs(ago)
    if size < _JUST_SECONDS:
        return "just now" if ago >= 0 else "in a moment"
    if size < _HOUR:
        said = f"{max(1, round(size / _MINUTE))} min"
    elif size < _DAY:
        said = f"{round(size / _HOUR)} h"
    else:
        days = round(size / _DAY)
        said = f"{days} day{'s' if days != 1 else ''}"
    return f"{said} ago" if ago >= 0 else f"in {said}"
