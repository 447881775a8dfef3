"""clinical.md §1.1: numbers as the laboratory sent them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from magnesium.facts import Analyte
from magnesium.quantity import Comparator, Interval, plain, round_sent
from tests.builders import quantity

BELOW_TWO = Interval.of(Decimal(2), Comparator.LESS)
UP_TO_TWO = Interval.of(Decimal(2), Comparator.AT_MOST)
TWO = Interval.of(Decimal(2), Comparator.EXACT)
FROM_TWO = Interval.of(Decimal(2), Comparator.AT_LEAST)
ABOVE_TWO = Interval.of(Decimal(2), Comparator.MORE)


@pytest.mark.parametrize(
    ("allowed", "below_two", "two", "above_two"),
    [
        (BELOW_TWO, True, False, False),
        (UP_TO_TWO, True, True, False),
        (TWO, False, True, False),
        (FROM_TWO, False, True, True),
        (ABOVE_TWO, False, False, True),
    ],
)
def test_a_comparator_allows_one_point_or_one_side(
    allowed: Interval, below_two: bool, two: bool, above_two: bool
) -> None:
    point = Decimal(2)
    assert allowed.overlaps(None, (point, -1)) is below_two
    assert allowed.overlaps((point, 0), (point, 0)) is two
    assert allowed.overlaps((point, 1), None) is above_two
    assert allowed.overlaps(None, None)


@pytest.mark.parametrize(
    ("analyte", "sent", "canonical"),
    [
        # 1 mmol Mg = 2 mEq = 24.305 mg
        (Analyte.MAGNESIUM, "1 mmol/L", Fraction(1)),
        (Analyte.MAGNESIUM, "2 mEq/L", Fraction(1)),
        (Analyte.MAGNESIUM, "2.4305 mg/dL", Fraction(1)),
        (Analyte.MAGNESIUM, "24.305 mg/L", Fraction(1)),
        (Analyte.MAGNESIUM, "1000 umol/L", Fraction(1)),
        (Analyte.MAGNESIUM_URINE_24H, "24.305 mg/d", Fraction(1)),
        # 1 mmol Ca = 2 mEq = 40.078 mg
        (Analyte.CALCIUM_TOTAL, "2 mEq/L", Fraction(1)),
        (Analyte.CALCIUM_TOTAL, "4.0078 mg/dL", Fraction(1)),
        # Creatinine 113.12 g/mol, in umol/L
        (Analyte.CREATININE, "11.312 mg/dL", Fraction(1000)),
        (Analyte.CREATININE, "113.12 mg/L", Fraction(1000)),
        (Analyte.CREATININE, "1 mmol/L", Fraction(1000)),
        # Monovalent ions: 1 mmol = 1 mEq
        (Analyte.POTASSIUM, "3.5 mEq/L", Fraction(7, 2)),
        (Analyte.ALBUMIN, "4 g/dL", Fraction(40)),
        (Analyte.QTC, "0.5 s", Fraction(500)),
        (Analyte.POTASSIUM_CREATININE, "1000 mmol/g", Fraction("113.12")),
        (Analyte.CALCIUM_CREATININE, "40.078 mg/mg", Fraction("113.12")),
        (Analyte.CALCIUM_CREATININE, "40078 mg/g", Fraction("113.12")),
    ],
)
def test_conversions_are_exact(analyte: Analyte, sent: str, canonical: Fraction) -> None:
    assert quantity(analyte, sent).canonical == canonical


@pytest.mark.parametrize(
    ("sent", "printed_value", "printed_unit"),
    [
        ("16 mg/L", "1.6", "mg/dL"),
        ("660 umol/L", "0.660", "mmol/L"),
        ("1.6 mg/dL", "1.6", "mg/dL"),
        ("1.3 mEq/L", "1.3", "mEq/L"),
    ],
)
def test_decimal_shifts_use_the_printed_limits_of_their_unit(sent: str, printed_value: str, printed_unit: str) -> None:
    found = quantity(Analyte.MAGNESIUM, sent)
    assert found.printed_value == Decimal(printed_value)
    assert found.unit.printed == printed_unit


@pytest.mark.parametrize(
    ("sent", "means"),
    [
        ("1.2", "1.2"),
        ("1.20", "1.20"),
        ("1.2000000000000002", "1.2"),
        ("1.59996", "1.6"),
        ("1.5999", "1.5999"),
        # Half to even
        ("0.00005", "0"),
        ("0.00015", "0.0002"),
        ("0.00025", "0.0002"),
        ("1E+1", "1E+1"),
        ("123456789012345678901234567890.123456", "123456789012345678901234567890.1235"),
    ],
)
def test_more_than_four_decimals_are_rounded_half_even_to_four(sent: str, means: str) -> None:
    assert str(round_sent(Decimal(sent))) == means


def test_four_decimals_stay_as_sent() -> None:
    assert str(round_sent(Decimal("1.2000"))) == "1.2000"


def test_what_is_no_number_is_left_as_sent() -> None:
    assert round_sent(Decimal("Infinity")) == Decimal("Infinity")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("1.20 mg/dL", "1.20 mg/dL"),
        ("<0.6 mmol/L", "<0.6 mmol/L"),
        (">=2 mEq/L", ">=2 mEq/L"),
        ("660 UMOL/L", "660 umol/L"),
    ],
)
def test_shows_the_digits_as_sent(sent: str, shown: str) -> None:
    assert quantity(Analyte.MAGNESIUM, sent).text == shown


def test_shows_no_exponents() -> None:
    assert plain(Decimal("1E+1")) == "10"
