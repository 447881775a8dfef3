"""Values in the units a site reads: mmol/L first for one that does not think in mg/dL, and the other way round.

Only what is shown changes. Limits are applied to the result as reported, and a shown value never lies on the other side
of a limit than the reported one: it gets more decimals until it does not, or is shown as reported.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from magnesium.facts import Analyte, LabResult, PatientFacts
from magnesium.policy import CtcaeNumbers, Limit, Policy, UnitsShown
from magnesium.quantity import Quantity, Unit, plain
from magnesium.status import Status, possible
from magnesium.units import unit_of

_CALCIUM = frozenset({Analyte.CALCIUM_TOTAL, Analyte.CALCIUM_IONIZED, Analyte.CALCIUM_CORRECTED})
_MOST_DECIMALS = 4
# Unit and usual number of decimals, by what is measured.
_WANTED = {
    UnitsShown.SI: {
        **dict.fromkeys((Analyte.MAGNESIUM, *_CALCIUM), ("mmol/L", 2)),
        Analyte.MAGNESIUM_URINE: ("mmol/L", 2),
        Analyte.CREATININE: ("umol/L", 0),
    },
    UnitsShown.CONVENTIONAL: {
        **dict.fromkeys((Analyte.MAGNESIUM, *_CALCIUM), ("mg/dL", 1)),
        Analyte.MAGNESIUM_URINE: ("mg/dL", 1),
        Analyte.CREATININE: ("mg/dL", 2),
    },
}


def in_units_shown(facts: PatientFacts, policy: Policy) -> PatientFacts:
    """Return the facts with every result shown in the policy's units, the reported value in brackets behind it."""
    if policy.units_shown is UnitsShown.REPORTED:
        return facts
    wanted = _WANTED[policy.units_shown]
    labs = tuple(_shown(r, *wanted[r.analyte], policy) if r.analyte in wanted else r for r in facts.labs)
    return replace(facts, labs=labs)


def _shown(result: LabResult, symbol: str, places: int, policy: Policy) -> LabResult:
    unit = unit_of(result.analyte, symbol)
    assert unit is not None  # stands in the unit table, which the tests hold  # noqa: S101
    if unit.symbol == result.quantity.unit.symbol:
        return result
    for decimals in range(places, _MOST_DECIMALS + 1):
        converted = Quantity(_converted(result.quantity, unit, decimals), unit, result.quantity.comparator)
        if _same_side(result, converted, policy):
            number = f"{converted.comparator}{plain(converted.value)}"
            return replace(result, shown=f"{number} {symbol} [{result.quantity.text}]")
    return result


def _converted(quantity: Quantity, unit: Unit, decimals: int) -> Decimal:
    exact = quantity.canonical / unit.to_canonical
    with localcontext(prec=50):
        value = Decimal(exact.numerator) / Decimal(exact.denominator)
        return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN)


def _same_side(result: LabResult, converted: Quantity, policy: Policy) -> bool:
    return _judged(result.quantity, result.analyte, policy) == _judged(converted, result.analyte, policy)


def _judged(quantity: Quantity, analyte: Analyte, policy: Policy) -> tuple[frozenset[Status] | bool | None, ...]:
    """Everything that the rules ask of a value of the analyte."""
    match analyte:
        case Analyte.MAGNESIUM:
            numbers = policy.magnesium
            status, above = possible(quantity, policy), numbers.very_toxic.at_most(quantity)
            return status, above, *_below(quantity, numbers.gitelman_floor, numbers.toxic, *_grades(policy.ctcae))
        case Analyte.CALCIUM_IONIZED:
            ionized = policy.calcium
            return _below(quantity, ionized.ionized_low, ionized.ionized_warning, ionized.ionized_critical)
        case Analyte.CALCIUM_CORRECTED | Analyte.CALCIUM_TOTAL:
            return _below(quantity, policy.calcium.corrected_low, policy.calcium.corrected_warning)
        case _:  # creatinine and urine magnesium have no limit of their own
            return ()


def _grades(numbers: CtcaeNumbers) -> tuple[Limit, ...]:
    return numbers.grade_2, numbers.grade_3, numbers.grade_4


def _below(quantity: Quantity, *limits: Limit) -> tuple[bool | None, ...]:
    return tuple(limit.below(quantity) for limit in limits)
