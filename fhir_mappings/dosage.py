"""What dosage instructions say beside the route: as needed, once, and how much of an ion a day.

Doses are read only where nothing can go wrong, because real orders carry three typed doses with different units,
doses in vendor extensions, ranges, and mg of a salt. Everything else is "not readable".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from fhir_mappings.reading import Resource, as_list, codings, first, number, objects, phrases, text, token
from magnesium.quantity import Quantity, Unit, round_sent

_AS_NEEDED = re.compile(r"prn\b|\bas (?:needed|required)\b|\b(?:if|when) (?:needed|required)\b", re.IGNORECASE)
_ONCE = re.compile(
    r"\bonce\b|\bone[ -]?time\b|\b1x ?only\b|\bx ?1\b(?! ?(?:d|days?|w\w*|mo\w*)\b)|\bsingle dose\b|\bstat\b",
    re.IGNORECASE,
)
_REPEATED = re.compile(
    r"\b(?:(?:once|twice|1x|[2-9]x|x[2-9])? ?(?:daily|nightly|weekly|monthly)|twice|every|each|qd|bid|tid|qid|qhs|hs|"
    r"q ?\d+ ?\w*|qam|qpm|sch|continuous\w*|cont|then|(?:a|per) (?:day|night|week|month)|"
    r"in the (?:morning|evening)|at (?:bedtime|night)|(?:morning|evening|night|bedtime|week|month))\b",
    re.IGNORECASE,
)

# One of the millimoles a day that potassium and magnesium salts are counted in.
_UNITS_A_DAY = {
    ion: Unit(f"{ion}_per_day", "mmol/d", "mmol/d", Decimal(1), "mmol/d", Fraction(1))
    for ion in ("potassium", "magnesium")
}
_VALENCE = {"potassium": 1, "magnesium": 2}
_MAGNESIUM = re.compile(r"magnesium \w+(?: \w+)*")
_DAY_IN_HOURS = Fraction(24)
_HOURS = {"h": Fraction(1), "d": _DAY_IN_HOURS, "wk": 7 * _DAY_IN_HOURS}
_TIMES_A_DAY = {"QD": 1, "BID": 2, "TID": 3, "QID": 4, "Q12H": 2, "Q8H": 3, "Q6H": 4, "Q4H": 6, "AM": 1, "PM": 1}


def dosages_of(resource: Resource) -> list[Resource]:
    """Return the dosage instructions of an order, statement or administration."""
    return [*objects(resource.get("dosageInstruction")), *objects(resource.get("dosage"))]


def written(dosage: Resource) -> list[str]:
    """Return what a dosage says in words, the code of its timing included."""
    code = first(dosage.get("timing")).get("code")
    return [text(dosage.get("text")), *phrases(code), *(coding.code for coding in codings(code))]


def is_as_needed(dosages: Sequence[Resource]) -> bool:
    """Whether the drug is given on demand only: all its dosages are."""
    return bool(dosages) and all(_as_needed(dosage) for dosage in dosages)


def is_single_dose(dosages: Sequence[Resource]) -> bool:
    """Whether the drug is given once and not again: all its dosages are single."""
    return bool(dosages) and all(_single(dosage) for dosage in dosages)


def daily_amount(ingredients: tuple[str, ...], dosages: Sequence[Resource]) -> Quantity | None:
    """Return the mmol of potassium or magnesium a day, or None where that is not safely readable.

    Potassium chloride only: in potassium phosphate, mmol may count the phosphate.
    """
    ion = _ion(ingredients)
    if ion is None or len(dosages) != 1 or is_as_needed(dosages) or is_single_dose(dosages):
        return None
    dose, times = _dose(dosages[0]), _times_a_day(first(dosages[0].get("timing")))
    if dose is None or times is None:
        return None
    amount, unit = dose
    if unit == "meq":
        amount /= _VALENCE[ion]
    elif unit != "mmol":
        return None
    a_day = amount * times
    value = round_sent(Decimal(a_day.numerator) / Decimal(a_day.denominator))
    return Quantity(value, _UNITS_A_DAY[ion])


def _as_needed(dosage: Resource) -> bool:
    return (
        dosage.get("asNeededBoolean") is True
        or dosage.get("asNeeded") is True
        or bool(first(dosage.get("asNeededCodeableConcept")))
        or bool(first(dosage.get("asNeededFor")))
        or any(_AS_NEEDED.search(words) for words in written(dosage))
    )


def _single(dosage: Resource) -> bool:
    timing = first(dosage.get("timing"))
    repeat = first(timing.get("repeat"))
    count = number(repeat.get("count"))
    if count is not None:
        return count == 1 and repeat.get("countMax") is None
    if any(repeat.get(name) is not None for name in ("frequency", "period", "dayOfWeek", "timeOfDay", "when")):
        return False
    if timing.get("event") is not None:
        return len(as_list(timing.get("event"))) == 1
    said = written(dosage)
    return any(_ONCE.search(words) for words in said) and not any(_REPEATED.search(words) for words in said)


def _ion(ingredients: tuple[str, ...]) -> str | None:
    if ingredients == ("potassium chloride",):
        return "potassium"
    return "magnesium" if len(ingredients) == 1 and _MAGNESIUM.fullmatch(ingredients[0]) else None


def _dose(dosage: Resource) -> tuple[Fraction, str] | None:
    """Return amount and unit of the ordered dose."""
    entries = list(objects(dosage.get("doseAndRate")))
    if len(entries) > 1:
        # Calculated, administered and ordered amounts of one dose: never summed, never the first one blindly.
        entries = [
            entry for entry in entries if "ordered" in {coding.code.casefold() for coding in codings(entry.get("type"))}
        ]
    elif not entries:
        entries = [dosage]  # STU3 and before: the dose is an element of the dosage itself
    if len(entries) != 1:
        return None
    quantity = first(entries[0].get("doseQuantity"))
    value = number(quantity.get("value"))
    units = {text(quantity.get(name)).casefold() for name in ("code", "unit")} - {""}
    if value is None or value <= 0 or len(units) != 1 or quantity.get("comparator") is not None:
        return None
    return Fraction(value), units.pop()


def _times_a_day(timing: Resource) -> Fraction | None:
    repeat = first(timing.get("repeat"))
    if not repeat:
        times = {_TIMES_A_DAY.get(coding.code.upper()) for coding in codings(timing.get("code"))} - {None}
        return Fraction(times.pop() or 0) if len(times) == 1 else None
    frequency, period = number(repeat.get("frequency", 1)), number(repeat.get("period"))
    hours = _HOURS.get(token(repeat.get("periodUnit")))
    open_ended = any(repeat.get(name) is not None for name in ("frequencyMax", "periodMax", "dayOfWeek", "count"))
    if open_ended or hours is None or not frequency or not period or frequency < 0 or period < 0:
        return None
    return Fraction(frequency) * _DAY_IN_HOURS / (Fraction(period) * hours)
