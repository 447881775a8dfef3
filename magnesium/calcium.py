"""Calcium beside low magnesium: ionized where there is one, else total corrected for albumin.

``corrected = total + 0.02 x (40 - albumin in g/L)`` mmol/L, only for an albumin below 40 g/L and drawn close enough
(policy ``calcium.*``), told and judged in the unit of the total: its limits are printed for each unit and never
converted. A laboratory's own corrected value is used as it is. Of results of one moment the lowest counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from magnesium.facts import Analyte, LabResult, PatientFacts, Setting, Unusable
from magnesium.policy import CalciumNumbers, Limit, Policy
from magnesium.quantity import Quantity, round_sent
from magnesium.results import lowest, newest_current, series
from magnesium.units import unit_of

_CALCIUM = (Analyte.CALCIUM_IONIZED, Analyte.CALCIUM_CORRECTED, Analyte.CALCIUM_TOTAL)
_SHOWN = (Decimal("0.01"), Decimal("0.001"))
"""Decimals a reader expects, and one more where rounding would cross a limit."""


class CalciumBasis(StrEnum):
    """What a calcium rests on, in the words of the card."""

    IONIZED = "ionized"
    REPORTED = "corrected by the laboratory"
    CORRECTED = "corrected for albumin"
    TOTAL = "total, not corrected"


class CalciumLevel(StrEnum):
    """How low it is."""

    LOW = "low"
    VERY_LOW = "very low"
    DANGEROUS = "dangerously low"
    UNCERTAIN = "low total, albumin unknown"
    NOT_LOW = "not low"

    @property
    def surely_low(self) -> bool:
        """Low, and not only a total that albumin may explain."""
        return self in {CalciumLevel.LOW, CalciumLevel.VERY_LOW, CalciumLevel.DANGEROUS}


_LOWEST_FIRST = (
    CalciumLevel.DANGEROUS,
    CalciumLevel.VERY_LOW,
    CalciumLevel.LOW,
    CalciumLevel.UNCERTAIN,
    CalciumLevel.NOT_LOW,
)


@dataclass(frozen=True, slots=True)
class CalciumReading:
    """The current calcium and how low it is."""

    level: CalciumLevel
    basis: CalciumBasis | None = None
    result: LabResult | None = None
    albumin: LabResult | None = None
    corrected: Quantity | None = None
    """As it is told, in the unit of the total; only where this service computed it."""
    unverified: tuple[Unusable, ...] = ()
    """Calcium results that may be newer and could not be used."""


def read_calcium(facts: PatientFacts, policy: Policy, as_of: datetime) -> CalciumReading:
    """Read the calcium that is current at ``as_of``: ionized first, then the laboratory's corrected, then total.

    A total that is newer than the laboratory's corrected value goes before it if it can be corrected itself; a newer
    corrected one goes before an ionized one if it is surely low, and lower.
    """
    reading = _current(facts, policy, as_of)
    return replace(reading, unverified=_unverified(facts, reading.result, policy, as_of))


def _current(facts: PatientFacts, policy: Policy, as_of: datetime) -> CalciumReading:
    numbers, windows = policy.calcium, policy.current
    inpatient = facts.setting is Setting.INPATIENT
    window = windows.ionized_calcium_inpatient if inpatient else windows.calcium_outpatient
    ionized = newest_current(facts, Analyte.CALCIUM_IONIZED, policy, as_of, window=window, of_several=lowest)
    other = _not_ionized(facts, policy, as_of)
    if ionized is None:
        return other
    level = _level(ionized.quantity, numbers.ionized_low, numbers.ionized_warning, numbers.ionized_critical)
    newer = other.result is not None and ionized.when.surely_before(other.result.when)
    if newer and other.level.surely_low and _LOWEST_FIRST.index(other.level) < _LOWEST_FIRST.index(level):
        return other
    return CalciumReading(level, CalciumBasis.IONIZED, ionized)


def _not_ionized(facts: PatientFacts, policy: Policy, as_of: datetime) -> CalciumReading:
    windows = policy.current
    inpatient = facts.setting is Setting.INPATIENT
    window = windows.calcium_inpatient if inpatient else windows.calcium_outpatient
    reported = newest_current(facts, Analyte.CALCIUM_CORRECTED, policy, as_of, window=window, of_several=lowest)
    total = newest_current(facts, Analyte.CALCIUM_TOTAL, policy, as_of, window=window, of_several=lowest)
    of_total = CalciumReading(CalciumLevel.NOT_LOW) if total is None else _of_total(total, facts, policy, as_of)
    if reported is None:
        return of_total
    if of_total.albumin and of_total.result and reported.when.surely_before(of_total.result.when):
        return of_total
    return CalciumReading(_corrected_level(reported.quantity, policy.calcium), CalciumBasis.REPORTED, reported)


def _of_total(total: LabResult, facts: PatientFacts, policy: Policy, as_of: datetime) -> CalciumReading:
    numbers = policy.calcium
    near = numbers.albumin_inpatient if facts.setting is Setting.INPATIENT else numbers.albumin_outpatient
    albumin = _albumin(facts, total, near.delta, policy, as_of)
    reduced = None if albumin is None else numbers.albumin_reference.below(albumin.quantity)
    if albumin is not None and reduced is False:
        return CalciumReading(_corrected_level(total.quantity, numbers), CalciumBasis.TOTAL, total, albumin)
    if albumin is None or albumin.quantity.comparator:
        # Without an albumin, or with one of which only a bound is known, the total may be explained by it.
        uncertain = numbers.corrected_warning.below(total.quantity) is True
        level = CalciumLevel.UNCERTAIN if uncertain else CalciumLevel.NOT_LOW
        return CalciumReading(level, CalciumBasis.TOTAL, total)
    exact = correct(total.quantity, albumin.quantity, policy)
    level = _corrected_level(exact, numbers)
    return CalciumReading(level, CalciumBasis.CORRECTED, total, albumin, _shown(exact, numbers))


def correct(total: Quantity, albumin: Quantity, policy: Policy) -> Quantity:
    """Return total calcium corrected for an albumin below the reference, in the unit whose limits apply to the total.

    A bound of the total stays a bound.
    """
    numbers = policy.calcium
    missing = Fraction(numbers.albumin_reference.printed["g/L"]) - albumin.canonical
    unit = unit_of(Analyte.CALCIUM_TOTAL, total.unit.printed)
    assert unit is not None  # stands in the unit table, which the tests hold  # noqa: S101
    exact = (total.canonical + Fraction(numbers.per_albumin.value) * missing) / unit.to_canonical
    return Quantity(round_sent(Decimal(exact.numerator) / Decimal(exact.denominator)), unit, total.comparator)


def _shown(exact: Quantity, numbers: CalciumNumbers) -> Quantity:
    """Round for readers, never across a limit."""
    level = _corrected_level(exact, numbers)
    rounded = (replace(exact, value=exact.value.quantize(step)) for step in _SHOWN)
    return next((r for r in rounded if _corrected_level(r, numbers) is level), exact)


def _corrected_level(quantity: Quantity, numbers: CalciumNumbers) -> CalciumLevel:
    return _level(quantity, numbers.corrected_low, numbers.corrected_warning)


def _level(quantity: Quantity, low: Limit, warning: Limit, critical: Limit | None = None) -> CalciumLevel:
    if critical is not None and critical.below(quantity) is True:
        return CalciumLevel.DANGEROUS
    if warning.below(quantity) is True:
        return CalciumLevel.VERY_LOW
    return CalciumLevel.LOW if low.below(quantity) is True else CalciumLevel.NOT_LOW


def _unverified(facts: PatientFacts, used: LabResult | None, policy: Policy, as_of: datetime) -> tuple[Unusable, ...]:
    unusable = (u for analyte in _CALCIUM for u in series(facts, analyte, policy, as_of).unusable)
    return tuple(u for u in unusable if u.when is None or used is None or u.when.latest >= used.when.earliest)


def _albumin(
    facts: PatientFacts, total: LabResult, near: timedelta, policy: Policy, as_of: datetime
) -> LabResult | None:
    """Return the albumin drawn nearest to the calcium, if it surely lies close enough."""
    found = [
        (max(abs(a.when.latest - total.when.earliest), abs(total.when.latest - a.when.earliest)), a)
        for a in series(facts, Analyte.ALBUMIN, policy, as_of).results
    ]
    close = [entry for entry in found if entry[0] <= near]
    return min(close, key=lambda entry: (entry[0], entry[1].source.reference))[1] if close else None
