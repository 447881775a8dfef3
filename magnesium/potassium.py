"""Potassium now, and whether its low level has resisted replacement.

There is no consensus definition of refractory hypokalemia. Every number of this one is a local default: a current
low potassium, an earlier low one, none normal and no answer between the two, and replacement that had time to work.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from magnesium.drugs import had_by, of_class, still_on
from magnesium.facts import Analyte, Exposure, ExposureKind, LabResult, PatientFacts, Route, Setting, Unusable
from magnesium.moment import When
from magnesium.policy import Policy, Span
from magnesium.problems import Problems
from magnesium.replacement import potassium_replacement
from magnesium.results import Series, highest, lowest, series

_INFUSIONS = ("drip", "infusion")
"""Words in the name of a product that runs into a vein."""


@dataclass(frozen=True, slots=True)
class PotassiumReading:
    """What can be said of the patient's potassium at one moment."""

    result: LabResult | None = None
    """The newest usable result, if it is current; of several at one instant the lowest."""
    highest: LabResult | None = None
    """Of several at one instant the highest: for what may raise potassium."""
    low: bool = False
    moderate: bool = False
    severe: bool = False
    not_conclusive: bool = False
    """A bounded result that may or may not be below the limit."""
    conflicting: bool = False
    """Usable results of one instant differ: one is low, another is not."""
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
    below = {r: numbers.low.below(r.quantity) for r in found.newest}
    result = lowest(r for r in below if below[r]) or lowest(below)
    if result is None or not result.when.surely_within(window.delta, as_of):
        return PotassiumReading(unverified=found.unverified_newer)
    low = below[result]
    earlier, resisted = _refractory(result, found, facts, problems, policy) if low else (None, None)
    return PotassiumReading(
        result=result,
        highest=highest(below),
        low=low is True,
        moderate=numbers.moderate.below(result.quantity) is True,
        severe=numbers.severe.below(result.quantity) is True,
        not_conclusive=low is None,
        conflicting={True, False} <= set(below.values()),
        unverified=found.unverified_newer,
        refractory_since=earlier,
        resisted=resisted,
    )


def _refractory(
    current: LabResult, found: Series, facts: PatientFacts, problems: Problems, policy: Policy
) -> tuple[LabResult, Exposure] | tuple[None, None]:
    """Return the earlier low potassium and the replacement that did not hold, or two Nones."""
    if problems.dialysis or problems.potassium_shift or _insulin_infused(current, facts, policy):
        return None, None
    numbers = policy.potassium
    inpatient = facts.setting is Setting.INPATIENT
    reach = numbers.refractory_inpatient if inpatient else numbers.refractory_outpatient
    replacement = sorted(
        (e for e in facts.exposures if potassium_replacement(e, policy)), key=lambda e: (e.source.reference, e.label)
    )
    normal = max((w.latest for w in _not_low(found, policy) if w.earliest < current.when.latest), default=None)
    for earlier in reversed(found.before(current)):
        if normal is not None and normal >= earlier.when.earliest:
            return None, None
        if not _apart(earlier, current, numbers.refractory_gap, reach) or _may_have_risen(earlier, current, policy):
            continue
        resisted = next((e for e in replacement if _effective(e, earlier, current, policy)), None)
        if resisted is not None:
            return earlier, resisted
    return None, None


def _insulin_infused(current: LabResult, facts: PatientFacts, policy: Policy) -> bool:
    """Whether insulin may have run into a vein shortly before the sample: it shifts potassium into cells."""
    window = policy.exposure.insulin_infusion.delta
    infused = (e for e in facts.exposures if of_class(e, "insulin") and _infused(e))
    return any(had_by(current.when, exposure, window, policy) for exposure in infused)


def _infused(exposure: Exposure) -> bool:
    """Whether it runs into a vein; of an injection of unknown way ("insulin drip") the name may say so."""
    if exposure.route is not Route.PARENTERAL:
        return exposure.route is Route.INTRAVENOUS
    return any(word in exposure.label.casefold() for word in _INFUSIONS)


def _not_low(found: Series, policy: Policy) -> tuple[When, ...]:
    """Return when potassium was, or may have been, normal: suspect specimens are set aside only where not low."""
    usable = (r.when for r in found.results if policy.potassium.low.below(r.quantity) is not True)
    suspect = (u.when for u in found.unusable if u.reason == "suspect-specimen" and u.when is not None)
    return (*usable, *suspect)


def _apart(earlier: LabResult, current: LabResult, least: Span, most: Span) -> bool:
    shortest = current.when.earliest - earlier.when.latest
    longest = current.when.latest - earlier.when.earliest
    return shortest >= least.delta and longest <= most.delta


def _may_have_risen(earlier: LabResult, current: LabResult, policy: Policy) -> bool:
    """Whether potassium may have risen by the policy's step: what a bound leaves open is not called refractory."""
    top, top_side = current.quantity.interval.high
    bottom, bottom_side = earlier.quantity.interval.low
    step = policy.potassium.refractory_rise.printed[current.quantity.unit.printed]
    return (top - bottom, top_side - bottom_side) >= (step, 0)


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
    end, sample = exposure.end, current.when
    lasted = end.earliest >= sample.latest if end is not None else still_on(exposure, policy, sample.latest)
    return lasted and start.surely_by(sample.earliest - numbers.effective_order.delta)
