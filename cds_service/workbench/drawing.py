"""Where everything of a timeline goes on paper of a given width; the template writes it down as SVG.

Lengths are in user units, one of which is a CSS pixel where the drawing is as wide as its paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cds_service.workbench.drug_rows import DrugRow
from cds_service.workbench.timeline import Timeline
from cds_service.workbench.tracks import Band, Point, Track
from hooks.markdown import shortened
from magnesium.quantity import Comparator
from magnesium.words import MONTHS, result

MOST_ROWS = 10
"""Drugs that are drawn; the table has all of them."""

_TOP = 22
_TRACK_GAP = 30
_TEXT_HEIGHT = 12
_SHORTEST_BAR = 3.0
_STEPS = (1, 2, 3, 7, 14, 30, 61, 91, 182, 365, 730, 1825)
_A_YEAR_OF_STEPS = 182
_DOT = 4.5
_HALF_A_DATE = 18


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    css: str


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points."""

    points: tuple[tuple[float, float], ...]
    css: str

    @property
    def path(self) -> str:
        """As ``points`` of a polyline."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Sign:
    """A small sign at a result."""

    path: str
    css: str
    words: str


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of text."""

    x: float
    y: float
    text: str
    css: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Paper:
    """How much room there is."""

    name: str
    width: int
    left: int
    right: int
    magnesium_height: int
    potassium_height: int
    row_height: int
    most_ticks: int
    longest_name: int
    """Characters of a drug's name that there is room for."""
    names_above: bool
    """Drug names stand above their bars, not beside them."""


PAPERS = (
    Paper("wide", 760, 158, 96, 168, 128, 22, 7, 23, names_above=False),
    Paper("medium", 520, 128, 94, 160, 124, 22, 5, 18, names_above=False),
    Paper("narrow", 320, 30, 6, 150, 120, 32, 4, 44, names_above=True),
)
"""The style sheet shows the widest that fits."""


@dataclass(slots=True)
class Drawing:
    """What stands on the paper, from back to front."""

    paper: Paper
    height: float = 0
    boxes: list[Box] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)


def draw(timeline: Timeline, paper: Paper) -> Drawing:
    """Return the drawing of a timeline."""
    return _Pen(timeline, paper).drawing()


class _Pen:
    def __init__(self, timeline: Timeline, paper: Paper) -> None:
        self._timeline = timeline
        self._paper = paper
        self._out = Drawing(paper)
        length = timeline.as_of - timeline.start
        # A little of the future, so that what happens now can be seen.
        self._from, self._to = timeline.start, timeline.as_of + length * 0.02
        self._edge = paper.width - paper.right

    def drawing(self) -> Drawing:
        y: float = _TOP
        for track, height in zip(
            self._timeline.tracks, (self._paper.magnesium_height, self._paper.potassium_height), strict=True
        ):
            self._track(track, y, height)
            y += height + _TRACK_GAP
        y = self._drugs(self._timeline.drugs[:MOST_ROWS], y - _TRACK_GAP / 2)
        self._time_axis(y)
        self._out.height = y + 22
        return self._out

    def _x(self, when: datetime) -> float:
        share = (when - self._from) / (self._to - self._from)
        return round(self._paper.left + share * (self._edge - self._paper.left), 1)

    # ── results ──

    def _track(self, track: Track, top: float, height: int) -> None:
        low, high = _scale(track)
        left = self._paper.left

        def y(value: float) -> float:
            return round(top + (high - value) / (high - low) * height, 1)

        labels: list[float] = []
        for band in track.bands:
            upper = high if band.top is None else band.top
            lower = low if band.bottom is None else band.bottom
            self._band(band, y(upper), y(lower))
            if band.top is not None and all(abs(y(band.top) - other) >= _TEXT_HEIGHT for other in labels):
                labels.append(y(band.top))
                self._out.words.append(Words(left - 5, y(band.top) + 4, band.printed, "scale", "end"))
        x = 0 if self._paper.names_above else left - 40
        anchor = "start" if self._paper.names_above else "end"
        if self._paper.names_above:
            self._out.words.append(Words(x, top - 8, f"{track.title}, {track.unit}", "title", anchor))
        else:
            self._out.words.append(Words(x, top + 12, track.title, "title", anchor))
            self._out.words.append(Words(x, top + 28, track.unit, "scale", anchor))
        self._unusable(track, top + height + 8)
        shown = [point for point in track.points if point.when >= self._from]
        places = tuple((self._x(point.when), y(point.value)) for point in shown)
        self._out.strokes.append(Stroke(places, "course"))
        for point, place in zip(shown, places, strict=True):
            self._out.signs.append(Sign(_sign(point, *place), f"result {point.tint}", result(point.result)))
        self._newest(shown, places, track, (top, top + height))

    def _newest(
        self,
        shown: Sequence[Point],
        places: Sequence[tuple[float, float]],
        track: Track,
        limits: tuple[float, float],
    ) -> None:
        if not shown:
            middle = (self._paper.left + self._edge) / 2
            text = "no usable result" if not track.points else "no usable result in this time"
            self._out.words.append(Words(middle, sum(limits) / 2 + 4, text, "quiet", "middle"))
            return
        x, y = places[-1]
        from_above = len(places) > 1 and places[-2][1] < y
        beside = y + 19 if y - 22 < limits[0] or (from_above and y + 22 < limits[1]) else y - 10
        self._out.words.append(Words(min(x, self._edge) - 2, beside, shown[-1].shown, "value", "end"))

    def _band(self, band: Band, top: float, bottom: float) -> None:
        left, width = self._paper.left, self._edge - self._paper.left
        self._out.boxes.append(Box(left, top, width, round(bottom - top, 1), f"band {band.tint}"))
        if band.top is not None:
            self._out.strokes.append(Stroke(((left, top), (self._edge, top)), "limit"))
        if bottom - top >= _TEXT_HEIGHT:
            middle = (top + bottom) / 2 + 4
            x = left + 5 if self._paper.names_above else self._edge + 6
            self._out.words.append(Words(x, middle, band.words, "band-name"))

    def _unusable(self, track: Track, y: float) -> None:
        for entry in track.unusable:
            if entry.when is not None and self._from <= entry.when.latest <= self._to:
                x = self._x(entry.when.latest)
                cross = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8"
                self._out.signs.append(Sign(cross, "unusable", f"not usable: {entry.reason}"))

    # ── drugs ──

    def _drugs(self, rows: Sequence[DrugRow], y: float) -> float:
        height = self._paper.row_height
        for row in rows:
            label = shortened(row.name, self._paper.longest_name)
            if self._paper.names_above:
                self._out.words.append(Words(self._paper.left, y + 11, label, "drug"))
            else:
                self._out.words.append(Words(self._paper.left - 8, y + 14, label, "drug", "end"))
            bar_height = 9
            self._bars(row, y + height - bar_height - 6, bar_height)
            y += height
        return y + 6

    def _bars(self, row: DrugRow, y: float, height: int) -> None:
        self._out.boxes.append(Box(self._paper.left, y + height / 2, self._edge - self._paper.left, 1, "lane"))
        for stretch in row.stretches:
            if stretch.end < self._from:
                continue
            start = self._x(max(stretch.start or self._from, self._from))
            end = self._edge if stretch.running else self._x(stretch.end)
            faint = " faint" if stretch.exposure.as_needed else ""
            width = max(round(end - start, 1), _SHORTEST_BAR)
            self._out.boxes.append(Box(start, y, width, height, f"drug {row.tint}{faint}"))

    # ── time ──

    def _time_axis(self, y: float) -> None:
        now = self._x(self._timeline.as_of)
        self._out.strokes.append(Stroke(((now, _TOP - 4), (now, y)), "now"))
        self._out.words.append(Words(min(now, self._edge) + 2, _TOP - 9, "now", "scale", "end"))
        for tick, text in self._ticks():
            x = self._x(tick)
            if self._paper.left + _HALF_A_DATE <= x <= self._edge - _HALF_A_DATE:
                self._out.strokes.append(Stroke(((x, y), (x, y + 4)), "tick"))
                self._out.words.append(Words(x, y + 16, text, "scale", "middle"))

    def _ticks(self) -> Iterator[tuple[datetime, str]]:
        """Yield midnights, counted back from the last one."""
        days = (self._timeline.as_of - self._timeline.start).days
        step = next((step for step in _STEPS if days / step <= self._paper.most_ticks), _STEPS[-1])
        tick = self._timeline.as_of.replace(hour=0, minute=0, second=0, microsecond=0)
        while tick >= self._from:
            month = MONTHS[tick.month - 1]
            yield tick, f"{month} {tick.year}" if step >= _A_YEAR_OF_STEPS else f"{tick.day} {month}"
            tick -= timedelta(days=step)


def _scale(track: Track) -> tuple[float, float]:
    """Return lowest and highest value of the axis: all limits and all results, with room around them."""
    edges = [edge for band in track.bands for edge in (band.bottom, band.top) if edge is not None]
    values = [*edges, *(point.value for point in track.points)]
    room = (max(values) - min(values)) * 0.22
    return min(values) - room, max(values) + room


def _sign(point: Point, x: float, y: float) -> str:
    """Return the outline of a result: a disk, or for a bound a triangle to the side on which it lies."""
    if point.result.quantity.comparator is Comparator.EXACT:
        return f"M{x - _DOT:.1f} {y:.1f}a{_DOT} {_DOT} 0 1 0 {2 * _DOT} 0a{_DOT} {_DOT} 0 1 0 {-2 * _DOT} 0z"
    down = point.result.quantity.comparator in {Comparator.LESS, Comparator.AT_MOST}
    return f"M{x - 5:.1f} {y:.1f}h10l-5 {8 if down else -8}z"
