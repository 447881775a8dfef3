"""Magnesium status of the newest usable result: what it allows, how old it is, and what makes it doubtful."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from magnesium.facts import Analyte, LabResult, PatientFacts, Setting, Unusable
from magnesium.policy import Policy
from magnesium.quantity import Quantity
from magnesium.results import Series, lowest, series


class Status(IntEnum):
    """Total serum magnesium against the policy's limits, lowest first."""

    SEVERE = 1
    LOW = 2
    BORDERLINE = 3
    NORMAL = 4
    HIGH = 5

    @property
    def deficient(self) -> bool:
        """Whether the patient is hypomagnesemic."""
        return self <= Status.LOW


class Currency(StrEnum):
    """How old the newest result is (policy ``current.*``)."""

    CURRENT = "current"
    AGING = "aging"
    """Inpatient, beyond the current window: rules act one step lower and ask for a recheck."""
    STALE = "stale"
    ABSENT = "absent"


def possible(quantity: Quantity, policy: Policy) -> frozenset[Status]:
    """Return the statuses that a result allows: one for an exact number, several for a bounded one.

    Limits are applied in the unit reported, as printed for it.

    Raises:
        KeyError: a unit for which the policy prints no magnesium limit.
    """
    unit = quantity.unit.printed
    numbers = policy.magnesium
    severe, low, borderline, high = (
        limit.printed[unit] for limit in (numbers.severe, numbers.low, numbers.borderline, numbers.high)
    )
    bands = (
        (Status.SEVERE, None, (severe, -1)),
        (Status.LOW, (severe, 0), (low, -1)),
        (Status.BORDERLINE, (low, 0), (borderline, -1)),
        (Status.NORMAL, (borderline, 0), (high, 0)),
        (Status.HIGH, (high, 1), None),
    )
    allowed = quantity.interval
    return frozenset(status for status, bottom, top in bands if allowed.overlaps(bottom, top))


def acting(statuses: frozenset[Status]) -> Status | None:
    """Return the status rules act on: the least severe a result allows, None if it may or may not be deficient."""
    if len({status.deficient for status in statuses}) > 1:
        return None
    return min(statuses, key=lambda status: abs(status - Status.NORMAL))


@dataclass(frozen=True, slots=True)
class MagnesiumReading:
    """What can be said of the patient's magnesium at one moment."""

    currency: Currency
    result: LabResult | None = None
    """The newest usable result; of several at one instant the lowest."""
    status: Status | None = None
    """None without a result, or where the newest result is not conclusive."""
    may_be_severe: bool = False
    """A bound such as <0.6 mmol/L: low, perhaps severe."""
    conflicting: bool = False
    """Usable results of one instant differ in status."""
    highest: Status | None = None
    """Of the newest results, the highest status: for the safety of giving magnesium."""
    highest_result: LabResult | None = None
    """The newest result with that status; of several the highest."""
    unverified: tuple[Unusable, ...] = ()
    """Newer results that exist and could not be used."""
    previous: LabResult | None = None
    usable: tuple[LabResult, ...] = ()
    """All usable results, oldest first."""

    @property
    def counts(self) -> bool:
        """Whether the status may be acted on: current, or aging (then one step lower)."""
        return self.status is not None and self.currency in {Currency.CURRENT, Currency.AGING}

    @property
    def deficient(self) -> bool:
        """Whether an actionable result says severe or low."""
        return self.counts and self.status is not None and self.status.deficient

    @property
    def stale_deficient(self) -> bool:
        """Whether the last result, too old to act on, was severe or low."""
        return self.currency is Currency.STALE and self.status is not None and self.status.deficient


def read_magnesium(facts: PatientFacts, policy: Policy, as_of: datetime) -> MagnesiumReading:
    """Read the newest total serum or plasma magnesium at ``as_of``."""
    found = series(
        facts,
        Analyte.MAGNESIUM,
        policy,
        as_of,
        suspect_counts=lambda r: all(s.deficient for s in possible(r.quantity, policy)),
    )
    return _read(found, facts.setting, policy, as_of)


def _read(found: Series, setting: Setting, policy: Policy, as_of: datetime) -> MagnesiumReading:
    newest = found.newest
    unverified = found.unverified_newer
    if not newest:
        return MagnesiumReading(Currency.ABSENT, unverified=unverified)
    by_result = {r: possible(r.quantity, policy) for r in newest}
    acted = {r: acting(statuses) for r, statuses in by_result.items()}
    known = {status for status in acted.values() if status is not None}
    chosen = _deficient_first(acted)
    result = lowest(chosen)
    assert result is not None  # `chosen` is never empty: `newest` is not  # noqa: S101
    earlier = found.before(result)
    return MagnesiumReading(
        currency=_currency(result, setting, policy, as_of),
        result=result,
        status=acted[result],
        may_be_severe=Status.SEVERE in by_result[result] and acted[result] is not Status.SEVERE,
        conflicting=len(known) > 1,
        highest=max(known, default=None),
        highest_result=max(
            (r for r, status in acted.items() if status is not None),
            key=lambda r: (acted[r] or Status.SEVERE, r.quantity.canonical, r.source.reference),
            default=None,
        ),
        unverified=unverified,
        previous=earlier[-1] if earlier else None,
        usable=found.results,
    )


def _deficient_first(acted: dict[LabResult, Status | None]) -> list[LabResult]:
    """Of several newest results prefer those with the lowest status; undecided ones only if nothing else is there."""
    known = [status for status in acted.values() if status is not None]
    wanted = min(known, default=None)
    return [result for result, status in acted.items() if status is wanted]


def _currency(result: LabResult, setting: Setting, policy: Policy, as_of: datetime) -> Currency:
    windows = policy.current
    if setting is Setting.OUTPATIENT:
        current = result.when.surely_within(windows.magnesium_outpatient.delta, as_of)
        return Currency.CURRENT if current else Currency.STALE
    if result.when.surely_within(windows.magnesium_inpatient.delta, as_of):
        return Currency.CURRENT
    aging = result.when.surely_within(windows.magnesium_inpatient_aging.delta, as_of)
    return Currency.AGING if aging else Currency.STALE
