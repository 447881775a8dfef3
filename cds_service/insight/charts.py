"""Where the rectangles of the charts stand. The page draws them as SVG; every chart has its table beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from cds_service.insight.report import Counts

WIDTH: Final = 360
HEIGHT: Final = 150
_LEFT: Final = 30
_TOP: Final = 10
_BOTTOM: Final = 20
_GAP: Final = 0.25  # of a column's width
_MOST_LABELS: Final = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, and what it stands for."""

    kind: str
    """accepted, overridden, unanswered."""
    x: float
    y: float
    width: float
    height: float
    count: int


@dataclass(frozen=True, slots=True)
class Label:
    """A word or number of an axis."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Cards shown, week by week."""

    bars: tuple[Bar, ...]
    weeks: tuple[Label, ...]
    scale: tuple[Label, ...]


def columns(by_week: Mapping[date, Counts]) -> Columns:
    """Return a column for each week, stacked by what became of the cards."""
    highest = _round_up(max((counts.shown for counts in by_week.values()), default=0))
    step = (WIDTH - _LEFT) / max(len(by_week), 1)
    room = HEIGHT - _TOP - _BOTTOM
    bars: list[Bar] = []
    for index, counts in enumerate(by_week.values()):
        x, y = _LEFT + index * step + step * _GAP / 2, float(HEIGHT - _BOTTOM)
        for kind, count in parts(counts):
            height = room * count / highest
            y -= height
            bars.append(Bar(kind, round(x, 2), round(y, 2), round(step * (1 - _GAP), 2), round(height, 2), count))
    every = -(-len(by_week) // _MOST_LABELS)
    weeks = tuple(
        Label(round(_LEFT + (index + 0.5) * step, 2), HEIGHT - 5, f"{week.day} {week:%b}")
        for index, week in enumerate(by_week)
        if index % every == 0
    )
    scale = (Label(_LEFT - 5, HEIGHT - _BOTTOM, "0"), Label(_LEFT - 5, _TOP, f"{highest}"))
    return Columns(tuple(bars), weeks, scale)


def row(counts: Counts, longest: int) -> tuple[Bar, ...]:
    """Return one bar that lies along a row of a table, stacked; ``longest`` cards fill the width of 100."""
    bars: list[Bar] = []
    x = 0.0
    for kind, count in parts(counts):
        width = 100 * count / longest
        bars.append(Bar(kind, round(x, 2), 0, round(width, 2), 10, count))
        x += width
    return tuple(bars)


def parts(counts: Counts) -> Sequence[tuple[str, int]]:
    """Return what cards are made up of, in the order of the charts; what there is none of is left out."""
    named = (("accepted", counts.accepted), ("overridden", counts.overridden), ("unanswered", counts.unanswered))
    return [(kind, count) for kind, count in named if count]


def _round_up(count: int) -> int:
    """Return the top of the scale: the next half of a power of ten, 5 at least."""
    step = 5
    while step * 20 <= count:
        step *= 10
    return max(-(-count // step) * step, step)
