"""The value of a result: a quantity of the closed unit table, or the reason why it is none."""

from __future__ import annotations

import re
from decimal import Decimal

from fhir_mappings.reading import Resource, first, number, objects, text
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import Analyte
from magnesium.quantity import Comparator, Quantity, Unit, plain, round_sent
from magnesium.units import unit_of

# pH is a logarithm: it has no unit, and the table's name for that is "1".
_WITHOUT_UNIT = {Analyte.PH: "1"}

_COMPARATORS = {
    "": Comparator.EXACT,
    "<": Comparator.LESS,
    "<=": Comparator.AT_MOST,
    "≤": Comparator.AT_MOST,
    ">": Comparator.MORE,
    ">=": Comparator.AT_LEAST,
    "≥": Comparator.AT_LEAST,
    "less than": Comparator.LESS,
    "below": Comparator.LESS,
    "greater than": Comparator.MORE,
    "more than": Comparator.MORE,
    "above": Comparator.MORE,
    "less than or equal to": Comparator.AT_MOST,
    "greater than or equal to": Comparator.AT_LEAST,
}
_IN_WORDS = re.compile(
    r"(?P<comparator>(?:"
    + "|".join(re.escape(words) for words in sorted(_COMPARATORS, key=len, reverse=True) if words)
    + r")?)\s*(?P<number>\d{1,30}(?:\.\d{1,30})?)(?:\s*(?P<unit>[^\s\d.,].*))?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)


def read_value(holder: Resource, analyte: Analyte) -> tuple[Quantity | Unreadable, str]:
    """Return the value of an Observation or component, and what was sent, as text."""
    quantity = holder.get("valueQuantity")
    if isinstance(quantity, dict):
        return _quantity(quantity, analyte)
    words = text(holder.get("valueString"))
    if words:
        return _words(words, analyte), words
    whole = number(holder.get("valueInteger"))
    if whole is not None:
        return _with_unit(analyte, whole, Comparator.EXACT, "", ""), plain(whole)
    if any(name.startswith("value") and holder[name] is not None for name in holder):
        return Unreadable.NO_NUMBER, ""
    return Unreadable.VALUE_ABSENT, ""


def read_reference_low(holder: Resource, analyte: Analyte) -> Quantity | None:
    """Return the lower limit of the laboratory's own range, if there is exactly one that reads."""
    limits: list[Quantity] = []
    for reference_range in objects(holder.get("referenceRange")):
        kinds = {coding.get("code") for coding in objects(first(reference_range.get("type")).get("coding"))}
        # Therapeutic, treatment and pre-puberty ranges are no limits of normal for this patient.
        if kinds <= {"normal"} and reference_range.get("appliesTo") is None:
            low, _ = _quantity(first(reference_range.get("low")), analyte)
            if isinstance(low, Quantity) and low not in limits:
                limits.append(low)
    return limits[0] if len(limits) == 1 else None


def _quantity(quantity: Resource, analyte: Analyte) -> tuple[Quantity | Unreadable, str]:
    code, printed, comparator = text(quantity.get("code")), text(quantity.get("unit")), text(quantity.get("comparator"))
    value = number(quantity.get("value"))
    if value is None:
        return Unreadable.VALUE_ABSENT if quantity.get("value") is None else Unreadable.NO_NUMBER, ""
    as_sent = f"{comparator}{plain(value)} {printed or code}".rstrip()
    if comparator not in _COMPARATORS:
        return Unreadable.UNKNOWN_COMPARATOR, as_sent
    return _with_unit(analyte, value, _COMPARATORS[comparator], code, printed), as_sent


def _words(words: str, analyte: Analyte) -> Quantity | Unreadable:
    found = _IN_WORDS.fullmatch(words)
    if found is None:
        return Unreadable.NO_NUMBER
    comparator = _COMPARATORS[" ".join(found["comparator"].casefold().split())]
    return _with_unit(analyte, Decimal(found["number"]), comparator, "", text(found["unit"]))


def _with_unit(
    analyte: Analyte, value: Decimal, comparator: Comparator, code: str, printed: str
) -> Quantity | Unreadable:
    if not code and not printed:
        printed = _WITHOUT_UNIT.get(analyte, "")
        if not printed:
            return Unreadable.NO_UNIT
    unit = unit_of(analyte, code, printed)
    if unit is None:
        return Unreadable.UNKNOWN_UNIT
    if code and printed and code != printed and _differs(unit, unit_of(analyte, printed)):
        return Unreadable.CONFLICTING_UNITS
    return Quantity(round_sent(value), unit, comparator)


def _differs(unit: Unit, other: Unit | None) -> bool:
    return other is not None and other.to_canonical != unit.to_canonical
