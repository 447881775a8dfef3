"""What the timeline shows: magnesium and potassium over time, and the drugs under them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from cds_service.workbench.drug_rows import DrugRow, drug_rows
from cds_service.workbench.tracks import MAGNESIUM_UNITS, Track, magnesium_track, potassium_track
from magnesium.facts import Analyte, Setting
from magnesium.picture import ClinicalPicture


class Span(StrEnum):
    """How far back the timeline reaches."""

    THREE_DAYS = "3-days"
    TWO_WEEKS = "2-weeks"
    THREE_MONTHS = "3-months"
    YEAR = "1-year"
    THREE_YEARS = "3-years"
    ALL = "all"

    @property
    def length(self) -> timedelta | None:
        """The time before now; None for as far as there are results."""
        days = _DAYS.get(self)
        return timedelta(days=days) if days is not None else None

    @property
    def words(self) -> str:
        """As a reader calls it."""
        return "all results" if self is Span.ALL else self.value.replace("-", " ")


_DAYS = {Span.THREE_DAYS: 3, Span.TWO_WEEKS: 14, Span.THREE_MONTHS: 92, Span.YEAR: 366, Span.THREE_YEARS: 1096}
# Results older than this do not stretch the timeline by themselves: in hospital days matter, else years.
_MEMORY = {Setting.INPATIENT: timedelta(days=14), Setting.OUTPATIENT: timedelta(days=1096)}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything there is to draw."""

    as_of: datetime
    start: datetime
    span: Span
    tracks: tuple[Track, Track]
    drugs: tuple[DrugRow, ...]


def unit_reported(picture: ClinicalPicture) -> str:
    """Return the unit of the newest magnesium, as far as limits are printed for it."""
    reported = [r.quantity.unit.printed for r in picture.facts.labs if r.analyte is Analyte.MAGNESIUM]
    return reported[-1] if reported else MAGNESIUM_UNITS[0]


def read_timeline(picture: ClinicalPicture, unit: str, span: Span | None) -> Timeline:
    """Return the timeline of a patient.

    Args:
        picture: The patient.
        unit: One of ``MAGNESIUM_UNITS``.
        span: How far back; None picks the shortest that leaves out no result of the last two weeks in hospital,
            of the last three years elsewhere.
    """
    tracks = (magnesium_track(picture, unit), potassium_track(picture))
    drugs = drug_rows(picture)
    times = [point.when for track in tracks for point in track.points]
    chosen = span or _span(times, picture.as_of, _MEMORY[picture.facts.setting])
    return Timeline(picture.as_of, _start(chosen, times, picture.as_of), chosen, tracks, drugs)


def _span(times: Sequence[datetime], as_of: datetime, memory: timedelta) -> Span:
    recent = [moment for moment in times if moment >= as_of - memory]
    if times and not recent:
        return Span.ALL
    oldest = min(recent, default=as_of)
    return next(span for span in Span if span.length is None or oldest >= as_of - span.length)


def _start(span: Span, times: Iterable[datetime], as_of: datetime) -> datetime:
    if span.length is not None:
        return as_of - span.length
    oldest = min(times, default=as_of)
    # Room before the first result, and a day where there is none.
    return oldest - (as_of - oldest) * 0.04 - timedelta(days=1)
