# SPDX-License-Identifier: Apache-2.0
"""Charts and trees as geometry: where things stand in an SVG that a template writes.  Pure.

Lengths are in the SVG's own units, from the upper left corner.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from smartagent.console.model import Reach

BAR_GAP: Final = 4.0
BOX_WIDTH: Final = 190.0
BOX_HEIGHT: Final = 46.0
COLUMN: Final = 240.0
ROW: Final = 62.0
MOST_BOXES: Final = 60


class Bar(NamedTuple):
    """A bar of a chart: two parts on top of each other."""

    x: float
    width: float
    y: float
    height: float
    upper_y: float
    upper_height: float


class Box(NamedTuple):
    """Somebody in a tree."""

    x: float
    y: float
    id: str
    name: str
    note: str
    known: bool


class Line(NamedTuple):
    """From one box to another."""

    x1: float
    y1: float
    x2: float
    y2: float


class Tree(NamedTuple):
    """A tree from the left to the right; `cut` says that there is more than was drawn."""

    boxes: list[Box]
    lines: list[Line]
    width: float
    height: float
    cut: bool


def stacked(lower: Sequence[int], upper: Sequence[int], *, width: float, height: float) -> list[Bar]:
    """Return bars of two series over the same steps; the highest sum takes the whole height."""
    highest = max((low + up for low, up in zip(lower, upper, strict=True)), default=0) or 1
    step = width / max(1, len(lower))
    bars = []
    for number, (low, up) in enumerate(zip(lower, upper, strict=True)):
        low_height, up_height = height * low / highest, height * up / highest
        x = round(number * step + BAR_GAP / 2, 2)
        y = round(height - low_height, 2)
        bars.append(
            Bar(
                x,
                round(step - BAR_GAP, 2),
                y,
                round(low_height, 2),
                round(y - up_height, 2),
                round(up_height, 2),
            )
        )
    return bars


def tree_of(reach: Reach) -> Tree:
    """Draw whom an agent acts for to its left, and whom it delegates to, and they in turn, to its right."""
    plan = _Plan()
    own = plan.place(reach, 1 if reach.acts_for else 0)
    above = [
        plan.box(0, row, person, "", "it acts for", known=person.startswith("agt_"))
        for row, person in enumerate(reach.acts_for)
    ]
    plan.lines += [_between(box, own) for box in above]
    rows = max(plan.rows, len(above), 1)
    right = max((box.x for box in plan.boxes), default=0.0) + BOX_WIDTH
    return Tree(plan.boxes, plan.lines, right + 2, rows * ROW, plan.cut)


class _Plan:
    """What was placed so far; the next leaf goes into the next row."""

    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.lines: list[Line] = []
        self.rows = 0
        self.cut = False

    def box(self, column: int, row: float, agent: str, name: str, note: str, *, known: bool) -> Box:
        box = Box(column * COLUMN + 1, round(row * ROW + 8, 2), agent, name, note, known)
        self.boxes.append(box)
        return box

    def place(self, reach: Reach, column: int) -> Box:
        first, children = self.rows, []
        for delegate in reach.delegates:
            # Those to the left are placed after those to their right.
            if len(self.boxes) + column + 1 >= MOST_BOXES:
                self.cut = True
                break
            children.append(self.place(delegate, column + 1))
        if not children:
            self.rows += 1
        row = (first + self.rows - 1) / 2
        own = self.box(column, row, reach.agent, reach.name, f"{reach.role}, {reach.status}", known=True)
        self.lines += [_between(own, child) for child in children]
        return own


def _between(left: Box, right: Box) -> Line:
    half = BOX_HEIGHT / 2
    return Line(left.x + BOX_WIDTH, left.y + half, right.x, right.y + half)
