"""Magnesium and potassium over time, against the policy's limits.

Results are placed in the unit that was chosen; what they count as is judged as reported, as the rules do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from cds_service.workbench.tint import Tint
from magnesium.facts import Analyte, LabResult, Unusable
from magnesium.picture import ClinicalPicture
from magnesium.policy import Limit
from magnesium.quantity import Quantity, Unit, plain
from magnesium.results import series
from magnesium.status import Status, possible
from magnesium.units import unit_of
from magnesium.words import STATUS

MAGNESIUM_UNITS = ("mg/dL", "mmol/L", "mEq/L")
POTASSIUM_UNIT = "mmol/L"
_DECIMALS = {"mg/dL": 1, "mmol/L": 2, "mEq/L": 2}
_USUAL = "usual range"


@dataclass(frozen=True, slots=True)
class Band:
    """A part of the scale between two limits; None leaves a side open."""

    words: str
    tint: Tint
    bottom: float | None
    top: float | None
    printed: str = ""
    """The limit at the top as printed, ``1.2``; at the bottom for a band without a top."""

    @property
    def limit(self) -> str:
        """The limit in words, ``below 1.2``; empty for the range that nothing is said about."""
        if not self.printed or self.tint is Tint.NORMAL:
            return ""
        return f"{'above' if self.top is None else 'below'} {self.printed}"


@dataclass(frozen=True, slots=True)
class Point:
    """A result that counts."""

    result: LabResult
    value: float
    """In the track's unit."""
    shown: str
    """The same in digits: as sent where the laboratory's number is the track's."""
    words: str
    tint: Tint

    @property
    def when(self) -> datetime:
        """Where it is drawn."""
        return self.result.when.latest


@dataclass(frozen=True, slots=True)
class Track:
    """The results of one analyte."""

    title: str
    analyte: Analyte
    unit: str
    points: tuple[Point, ...]
    unusable: tuple[Unusable, ...]
    """Results that exist and do not count, with or without a time."""
    bands: tuple[Band, ...]

    @property
    def limits(self) -> str:
        """The limits of the bands, in words."""
        return ", ".join(f"{band.words} {band.limit}" for band in self.bands if band.limit)


def magnesium_track(picture: ClinicalPicture, unit: str) -> Track:
    """Return the serum magnesium in one of ``MAGNESIUM_UNITS``."""
    policy = picture.policy

    def judged(result: LabResult) -> tuple[str, Tint]:
        allowed = possible(result.quantity, policy)
        if len(allowed) > 1:
            return " or ".join(STATUS[status] for status in sorted(allowed)), Tint.OPEN
        (status,) = allowed
        return STATUS[status], _TINTS[status]

    def suspect_counts(result: LabResult) -> bool:
        return all(status.deficient for status in possible(result.quantity, policy))

    numbers = policy.magnesium
    below = [(Status.SEVERE, numbers.severe), (Status.LOW, numbers.low), (Status.BORDERLINE, numbers.borderline)]
    bands = [*_below(((STATUS[status], _TINTS[status], limit) for status, limit in below), unit)]
    top = float(numbers.high.printed[unit])
    bands.append(Band(_USUAL, Tint.NORMAL, bands[-1].top, top, _printed(numbers.high, unit)))
    bands.append(Band(STATUS[Status.HIGH], Tint.HIGH, top, None, _printed(numbers.high, unit)))
    return _track(
        picture,
        Analyte.MAGNESIUM,
        unit,
        title="Magnesium",
        judged=judged,
        suspect_counts=suspect_counts,
        bands=bands,
    )


_TINTS: Mapping[Status, Tint] = {
    Status.SEVERE: Tint.SEVERE,
    Status.LOW: Tint.LOW,
    Status.BORDERLINE: Tint.BORDERLINE,
    Status.NORMAL: Tint.NORMAL,
    Status.HIGH: Tint.HIGH,
}


def potassium_track(picture: ClinicalPicture) -> Track:
    """Return the potassium; mEq/L is the same number."""
    numbers = picture.policy.potassium
    below = (
        ("severely low", Tint.SEVERE, numbers.severe),
        ("moderately low", Tint.LOW, numbers.moderate),
        ("low", Tint.BORDERLINE, numbers.low),
    )

    def judged(result: LabResult) -> tuple[str, Tint]:
        answers = [(words, tint, limit.below(result.quantity)) for words, tint, limit in below]
        if any(answer is None for _, _, answer in answers):
            return "not conclusive", Tint.OPEN
        return next(((words, tint) for words, tint, answer in answers if answer), ("not low", Tint.NORMAL))

    def suspect_counts(result: LabResult) -> bool:
        return numbers.low.below(result.quantity) is True

    bands = [*_below(below, POTASSIUM_UNIT)]
    bands.append(Band("not low", Tint.NORMAL, bands[-1].top, None))
    return _track(
        picture,
        Analyte.POTASSIUM,
        POTASSIUM_UNIT,
        title="Potassium",
        judged=judged,
        suspect_counts=suspect_counts,
        bands=bands,
    )


def _below(limits: Iterable[tuple[str, Tint, Limit]], unit: str) -> Iterable[Band]:
    bottom: float | None = None
    for words, tint, limit in limits:
        top = float(limit.printed[unit])
        yield Band(words, tint, bottom, top, _printed(limit, unit))
        bottom = top


def _printed(limit: Limit, unit: str) -> str:
    return plain(limit.printed[unit])


def _track(  # noqa: PLR0913  what the two analytes differ in, each by name
    picture: ClinicalPicture,
    analyte: Analyte,
    unit: str,
    *,
    title: str,
    judged: Callable[[LabResult], tuple[str, Tint]],
    suspect_counts: Callable[[LabResult], bool],
    bands: Sequence[Band],
) -> Track:
    found = series(picture.facts, analyte, picture.policy, picture.as_of, suspect_counts=suspect_counts)
    wanted = unit_of(analyte, unit)
    assert wanted is not None  # stands in the unit table  # noqa: S101
    points = tuple(
        Point(result, float(_in(wanted, result.quantity)), _digits(wanted, result.quantity), *judged(result))
        for result in found.results
    )
    return Track(title, analyte, unit, points, found.unusable, tuple(bands))


def _in(unit: Unit, quantity: Quantity) -> Fraction:
    return quantity.canonical / unit.to_canonical


def _digits(unit: Unit, quantity: Quantity) -> str:
    same = quantity.unit.to_canonical == unit.to_canonical
    number = plain(quantity.value) if same else f"{float(_in(unit, quantity)):.{_DECIMALS[unit.symbol]}f}"
    return f"{quantity.comparator}{number}"
