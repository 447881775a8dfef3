"""What the urine says beside FEMg: calcium, potassium, and the magnesium of a day.

- **Calcium/creatinine** of a spot urine, reported or computed: low, normal or high for adults [S2-029 asks for it; the
  limits are local, kdigo-gitelman-2017 for the lower one]. For minors it is not read.
- **Potassium/creatinine** with a low serum potassium: at or above the limit the kidney loses potassium [halperin-2017].
- **TTKG** ``= (urine K / serum K) / (urine osmolality / serum osmolality)`` [named in S4-022; ethier-1990]: supports
  renal loss, decides nothing, and only if the urine is concentrated and holds sodium.
- **24-h urine magnesium** with a low serum magnesium and none given [tucker-jama-2020].
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction

from magnesium.facts import Analyte, LabResult, PatientFacts
from magnesium.kidney import age_in_years
from magnesium.pairing import nearest, partner
from magnesium.policy import Limit, Policy
from magnesium.quantity import Comparator, Quantity
from magnesium.replacement import magnesium_given_before, magnesium_perhaps_given_before
from magnesium.results import series
from magnesium.status import acting, possible
from magnesium.units import unit_of

_MOST_PLACES = 6
_MICRO_IN_MILLI = 1000


# ----- calcium -----


class CalciumLevel(StrEnum):
    """Urine calcium/creatinine of an adult against the policy's limits."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class UrineCalcium:
    """A urine calcium/creatinine ratio and what it is."""

    ratio: Quantity
    level: CalciumLevel | None
    """None where a bounded result leaves it open."""
    results: tuple[LabResult, ...]
    text: str
    """The ratio as printed, never rounded across a limit."""


def read_urine_calcium(facts: PatientFacts, policy: Policy, as_of: datetime) -> UrineCalcium | None:
    """Return the newest urine calcium/creatinine ratio, reported or computed; None without one, and for minors."""
    age = age_in_years(facts, policy, as_of)
    if age is not None and age < policy.population.adult.value:
        return None
    low, high = policy.urine.low_calcium, policy.urine.high_calcium
    found = _newest_ratio(facts, Analyte.CALCIUM_URINE, Analyte.CALCIUM_CREATININE, policy, as_of)
    if found is None:
        return None
    ratio, results = found
    return UrineCalcium(ratio, _calcium_level(ratio, low, high), results, _text(ratio, low, high))


def _calcium_level(ratio: Quantity, low: Limit, high: Limit) -> CalciumLevel | None:
    if low.below(ratio) is True:
        return CalciumLevel.LOW
    if high.at_most(ratio) is False:
        return CalciumLevel.HIGH
    return CalciumLevel.NORMAL if low.below(ratio) is False and high.at_most(ratio) is True else None


# ----- potassium -----


@dataclass(frozen=True, slots=True)
class UrinePotassium:
    """A urine potassium/creatinine ratio of a patient whose potassium was low."""

    ratio: Quantity
    renal: bool | None
    """Whether the kidney loses potassium; None where a bounded result leaves it open."""
    results: tuple[LabResult, ...]
    text: str


def read_urine_potassium(facts: PatientFacts, policy: Policy, as_of: datetime) -> UrinePotassium | None:
    """Return the newest urine potassium/creatinine ratio; None without one, or unless potassium was low then."""
    limit = policy.urine.renal_potassium
    found = _newest_ratio(facts, Analyte.POTASSIUM_URINE, Analyte.POTASSIUM_CREATININE, policy, as_of)
    if found is None:
        return None
    ratio, results = found
    serum = _low_potassium(results[0], _potassium(facts, policy, as_of), policy)
    if serum is None:
        return None
    below = limit.below(ratio)
    return UrinePotassium(ratio, None if below is None else not below, (*results, serum), _text(ratio, limit))


@dataclass(frozen=True, slots=True)
class TranstubularGradient:
    """The transtubular potassium gradient of a patient whose potassium was low: of limited validity."""

    value: Fraction
    supports_renal: bool
    results: tuple[LabResult, ...]
    text: str


def read_ttkg(facts: PatientFacts, policy: Policy, as_of: datetime) -> TranstubularGradient | None:
    """Return the transtubular potassium gradient of the newest urine sample for which it may be read.

    It needs a low serum potassium, a urine more concentrated than plasma, and sodium in the urine.
    """
    numbers = policy.urine
    sodium, thick = (_exact(facts, a, policy, as_of) for a in (Analyte.SODIUM_URINE, Analyte.OSMOLALITY_URINE))
    thin, potassium = _exact(facts, Analyte.OSMOLALITY, policy, as_of), _potassium(facts, policy, as_of)
    for sample in reversed(_recent(_exact(facts, Analyte.POTASSIUM_URINE, policy, as_of), policy, as_of)):
        serum = _low_potassium(sample, potassium, policy)
        urine_sodium = partner(sample, sodium, numbers.pair)
        urine_osmolality = partner(sample, thick, numbers.pair)
        osmolality = nearest(sample, thin, numbers.serum_pair)
        if serum is None or serum.quantity.comparator or not (urine_sodium and urine_osmolality and osmolality):
            continue
        concentrated = urine_osmolality.quantity.canonical > osmolality.quantity.canonical
        if not concentrated or numbers.ttkg_sodium.at_most(urine_sodium.quantity) is not False:
            continue
        gradient = (sample.quantity.canonical / serum.quantity.canonical) / (
            urine_osmolality.quantity.canonical / osmolality.quantity.canonical
        )
        return TranstubularGradient(
            gradient,
            gradient > Fraction(numbers.ttkg.value),
            (sample, urine_osmolality, urine_sodium, serum, osmolality),
            shown(_decimal(gradient), numbers.ttkg.value, places=1),
        )
    return None


def _potassium(facts: PatientFacts, policy: Policy, as_of: datetime) -> Sequence[LabResult]:
    low = policy.potassium.low
    return series(
        facts, Analyte.POTASSIUM, policy, as_of, suspect_counts=lambda r: low.below(r.quantity) is True
    ).results


def _low_potassium(sample: LabResult, potassium: Sequence[LabResult], policy: Policy) -> LabResult | None:
    """Return the serum potassium nearest to a urine sample, if it was low."""
    serum = nearest(sample, potassium, policy.urine.serum_pair)
    return serum if serum is not None and policy.potassium.low.below(serum.quantity) is True else None


# ----- the magnesium of a day -----


class DailyMagnesiumReading(StrEnum):
    """What a 24-h urine magnesium says, in the words of the card."""

    RENAL = "suggests renal wasting"
    NOT_RAISED = "does not suggest renal wasting"
    OPEN = "not conclusive"
    NOT_LOW = "not interpretable for wasting: magnesium was not low at that time"
    MAGNESIUM_GIVEN = "not interpretable: magnesium given before or during the collection"
    MAGNESIUM_PERHAPS = "not interpretable: magnesium may have been given before or during the collection"


@dataclass(frozen=True, slots=True)
class DailyMagnesium:
    """The newest 24-h urine magnesium and its reading."""

    reading: DailyMagnesiumReading
    results: tuple[LabResult, ...]
    text: str


def read_daily_magnesium(facts: PatientFacts, policy: Policy, as_of: datetime) -> DailyMagnesium | None:
    """Return the newest 24-h urine magnesium and what it says; None without one."""
    found = _recent(series(facts, Analyte.MAGNESIUM_URINE_24H, policy, as_of).results, policy, as_of)
    if not found:
        return None
    sample = found[-1]
    serum = nearest(sample, series(facts, Analyte.MAGNESIUM, policy, as_of).results, policy.urine.serum_pair)
    results = (sample,) if serum is None else (sample, serum)
    return DailyMagnesium(_daily(sample, serum, facts, policy), results, sample.quantity.text)


def _daily(sample: LabResult, serum: LabResult | None, facts: PatientFacts, policy: Policy) -> DailyMagnesiumReading:
    status = acting(possible(serum.quantity, policy)) if serum is not None else None
    if status is None or not status.deficient:
        return DailyMagnesiumReading.NOT_LOW
    at_most = policy.urine.daily_magnesium.at_most(sample.quantity)
    if at_most is None:
        return DailyMagnesiumReading.OPEN
    if at_most:
        return DailyMagnesiumReading.NOT_RAISED
    if magnesium_given_before(sample, facts, policy, collected_over=policy.urine.collection.delta):
        return DailyMagnesiumReading.MAGNESIUM_GIVEN
    perhaps = magnesium_perhaps_given_before(sample, facts, policy)
    return DailyMagnesiumReading.MAGNESIUM_PERHAPS if perhaps else DailyMagnesiumReading.RENAL


# ----- shared -----


def _recent(results: Iterable[LabResult], policy: Policy, as_of: datetime) -> list[LabResult]:
    return [r for r in results if r.when.surely_within(policy.urine.shown_for.delta, as_of)]


def _exact(facts: PatientFacts, analyte: Analyte, policy: Policy, as_of: datetime) -> list[LabResult]:
    return [r for r in series(facts, analyte, policy, as_of).results if not r.quantity.comparator]


def _newest_ratio(
    facts: PatientFacts, numerator: Analyte, reported: Analyte, policy: Policy, as_of: datetime
) -> tuple[Quantity, tuple[LabResult, ...]] | None:
    """Return the newest ratio to creatinine, a reported one before a computed one of the same time."""
    ratios = [(r, r.quantity, (r,)) for r in series(facts, reported, policy, as_of).results]
    creatinine = _exact(facts, Analyte.CREATININE_URINE, policy, as_of)
    computed = [
        (r, _ratio(r.quantity, pair.quantity, reported), (r, pair))
        for r in series(facts, numerator, policy, as_of).results
        if (pair := partner(r, creatinine, policy.urine.pair)) is not None
    ]
    window = policy.urine.shown_for.delta
    usable = [entry for entry in (*computed, *ratios) if entry[0].when.surely_within(window, as_of)]
    if not usable:
        return None
    newest = max(usable, key=lambda entry: (entry[0].when.latest, len(entry[2]) == 1, entry[0].source.reference))
    return newest[1], newest[2]


def _ratio(amount: Quantity, creatinine: Quantity, analyte: Analyte) -> Quantity:
    """Divide by creatinine in the unit whose printed limit applies: mg/mg if both were in mg, else mmol/mmol.

    A bound of the amount (``<0.2 mmol/L``) stays one of the ratio.
    """
    mass = unit_of(analyte, "mg/mg")
    if mass is not None and amount.unit.printed == creatinine.unit.printed == "mg/dL":
        return Quantity(
            _decimal(Fraction(amount.printed_value) / Fraction(creatinine.printed_value)), mass, amount.comparator
        )
    molar = unit_of(analyte, "mmol/mmol")
    assert molar is not None  # stands in the unit table, which the tests hold  # noqa: S101
    value = amount.canonical * _MICRO_IN_MILLI / creatinine.canonical
    return Quantity(_decimal(value), molar, amount.comparator)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _text(ratio: Quantity, *limits: Limit) -> str:
    value = shown(ratio.printed_value, *(limit.printed[ratio.unit.printed] for limit in limits))
    bound = "" if ratio.comparator is Comparator.EXACT else ratio.comparator.value
    return f"{bound}{value} {ratio.unit.printed}"


def shown(value: Decimal, *limits: Decimal, places: int = 2) -> str:
    """Return a computed figure with few decimals, more where rounding would carry it onto or across a limit.

    >>> shown(Decimal("0.0512"), Decimal("0.2")), shown(Decimal("0.1999"), Decimal("0.2"))
    ('0.05', '0.1999')
    """
    for count in range(places, _MOST_PLACES):
        rounded = value.quantize(Decimal(1).scaleb(-count), rounding=ROUND_HALF_EVEN)
        if all((rounded > limit, rounded < limit) == (value > limit, value < limit) for limit in limits):
            return f"{rounded:f}"
    return f"{value:f}"
