"""Potassium now, and whether its low level has resisted replacement.

There is no consensus definition of refractory hypokalemia. Every number of this one is a local default: a current
low potassium, an earlier low one, none normal and no answer between the two, and replacement that had time to work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from magnesium.facts import Analyte, Exposure, ExposureKind, LabResult, PatientFacts, Route, Setting, Unusable
from magnesium.policy import Policy, Span
from magnesium.problems import Problems
from magnesium.replacement import potassium_replacement
from magnesium.results import Series, lowest, series


@dataclass(frozen=True, slots=True)
class PotassiumReading:
    """What can be said of the patient's potassium at one moment."""

    result: LabResult | None = None
    """The newest usable result, if it is current; of several at one instant the lowest."""
    low: bool = False
    moderate: bool = False
    severe: bool = False
    not_conclusive: bool = False
    """A bounded result that may or may not be below the limit."""
    unverified: tuple[Unusable, ...] = ()
    refractory_since: LabResult | None = None
    """The earlier low result against which the current one counts as refractory."""
    resisted: Exposure | None = None
    """The replacement it resisted."""


def read_potassium(facts: PatientFacts, problems: Problems, policy: Policy, as_of: datetime) -> PotassiumReading:
    """Read the newest potassium at ``as_of`` and whether it is refractory."""
    numbers = policy.potassium
    found = series(
        facts,
        Analyte.POTASSIUM,
        policy,
        as_of,
        suspect_counts=lambda r: numbers.low.below(r.quantity) is True,
    )
    inpatient = facts.setting is Setting.INPATIENT
    window = policy.current.potassium_inpatient if inpatient else policy.current.potassium_outpatient
    result = lowest(found.newest)
    if result is None or not result.when.surely_within(window.delta, as_of):
        return PotassiumReading(unverified=found.unverified_newer)
    low = numbers.low.below(result.quantity)
    earlier, resisted = _refractory(result, found, facts, problems, policy) if low else (None, None)
    return PotassiumReading(
        result=result,
        low=low is True,
        moderate=numbers.moderate.below(result.quantity) is True,
        severe=numbers.severe.below(result.quantity) is True,
        not_conclusive=low is None,
        unverified=found.unverified_newer,
        refractory_since=earlier,
        resisted=resisted,
    )


def _refractory(
    current: LabResult, found: Series, facts: PatientFacts, problems: Problems, policy: Policy
) -> tuple[LabResult, Exposure] | tuple[None, None]:
    """Return the earlier low potassium and the replacement that did not hold, or two Nones."""
    if problems.dialysis or problems.potassium_shift:
        return None, None
    numbers = policy.potassium
    inpatient = facts.setting is Setting.INPATIENT
    reach = numbers.refractory_inpatient if inpatient else numbers.refractory_outpatient
    # Suspect results cannot say that potassium was low, but a normal one between the two breaks the course.
    suspect = tuple(u.when for u in found.unusable if u.reason == "suspect-specimen" and u.when is not None)
    for earlier in reversed(found.before(current)):
        if numbers.low.below(earlier.quantity) is not True:
            return None, None
        if any(earlier.when.earliest <= when.latest <= current.when.latest for when in suspect):
            return None, None
        if not _apart(earlier, current, numbers.refractory_gap, reach):
            continue
        if _rose(earlier, current, policy):
            continue
        resisted = _effective_replacement(earlier, current, facts, policy)
        if resisted is not None:
            return earlier, resisted
    return None, None


def _apart(earlier: LabResult, current: LabResult, least: Span, most: Span) -> bool:
    shortest = current.when.earliest - earlier.when.latest
    longest = current.when.latest - earlier.when.earliest
    return shortest >= least.delta and longest <= most.delta


def _rose(earlier: LabResult, current: LabResult, policy: Policy) -> bool:
    """Whether potassium may have risen by the policy's step; a bound leaves it open, and open is not refractory."""
    if earlier.quantity.comparator or current.quantity.comparator:
        return True
    step = Fraction(policy.potassium.refractory_rise.printed["mmol/L"])
    return current.quantity.canonical - earlier.quantity.canonical >= step


def _effective_replacement(
    earlier: LabResult, current: LabResult, facts: PatientFacts, policy: Policy
) -> Exposure | None:
    candidates = sorted(facts.exposures, key=lambda e: (e.source.reference, e.label))
    return next(
        (e for e in candidates if potassium_replacement(e, policy) and _effective(e, earlier, current, policy)),
        None,
    )


def _effective(exposure: Exposure, earlier: LabResult, current: LabResult, policy: Policy) -> bool:
    """Whether potassium given between two samples had time to show in the second."""
    start = exposure.start
    if start is None:
        return False
    numbers = policy.potassium
    if exposure.kind is ExposureKind.ADMINISTRATION:
        intravenous = exposure.route is Route.INTRAVENOUS
        wait = numbers.effective_intravenous if intravenous else numbers.effective_oral
        in_time = start.surely_by(current.when.earliest - wait.delta)
        return in_time and start.earliest >= earlier.when.latest
    if exposure.as_needed or exposure.single_dose:
        return False
    lasted = exposure.end is None or exposure.end.earliest >= current.when.latest
    return lasted and start.surely_by(current.when.earliest - numbers.effective_order.delta)
