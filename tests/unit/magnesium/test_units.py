"""clinical.md §1.1: a closed table of units. What is not in it is refused, never guessed."""

from __future__ import annotations

import pytest

from magnesium.facts import Analyte
from magnesium.units import unit_of


@pytest.mark.parametrize(
    ("analyte", "spelling", "symbol"),
    [
        (Analyte.MAGNESIUM, "mg/dL", "mg/dL"),
        (Analyte.MAGNESIUM, "MG/DL", "mg/dL"),
        (Analyte.MAGNESIUM, "mmol/L", "mmol/L"),
        (Analyte.MAGNESIUM, "meq/L", "mEq/L"),
        (Analyte.MAGNESIUM, "mEq/L", "mEq/L"),
        (Analyte.MAGNESIUM, "mval/L", "mEq/L"),
        (Analyte.MAGNESIUM, "umol/L", "umol/L"),
        (Analyte.MAGNESIUM, "\N{MICRO SIGN}mol/L", "umol/L"),
        (Analyte.MAGNESIUM, "\N{GREEK SMALL LETTER MU}mol/L", "umol/L"),
        (Analyte.MAGNESIUM, "mg/L", "mg/L"),
        (Analyte.MAGNESIUM, " mg / dL ", "mg/dL"),
        (Analyte.CREATININE, "mg/dL", "mg/dL"),
        (Analyte.CREATININE, "umol/L", "umol/L"),
        (Analyte.CREATININE, "mmol/L", "mmol/L"),
        (Analyte.CREATININE, "mg/L", "mg/L"),
        (Analyte.POTASSIUM, "meq/L", "mEq/L"),
        (Analyte.SODIUM, "mmol/L", "mmol/L"),
        (Analyte.BICARBONATE, "meq/L", "mEq/L"),
        (Analyte.CHLORIDE, "mmol/L", "mmol/L"),
        (Analyte.CALCIUM_IONIZED, "meq/L", "mEq/L"),
        (Analyte.ALBUMIN, "g/dL", "g/dL"),
        (Analyte.OSMOLALITY, "mosm/kg", "mosm/kg"),
        (Analyte.MAGNESIUM_URINE_24H, "mmol/(24.h)", "mmol/d"),
        (Analyte.MAGNESIUM_URINE_24H, "mg/d", "mg/d"),
        (Analyte.CALCIUM_CREATININE, "g/g", "mg/mg"),
        (Analyte.POTASSIUM_CREATININE, "mmol/mmol", "mmol/mmol"),
    ],
)
def test_knows_ucum_codes_and_printed_units_in_any_case(analyte: Analyte, spelling: str, symbol: str) -> None:
    found = unit_of(analyte, spelling)
    assert found is not None
    assert found.symbol == symbol


@pytest.mark.parametrize(
    ("analyte", "spelling"),
    [
        (Analyte.MAGNESIUM, ""),
        (Analyte.MAGNESIUM, "mg"),
        (Analyte.MAGNESIUM, "g/L"),
        (Analyte.MAGNESIUM, "mmol/d"),
        (Analyte.POTASSIUM, "mg/dL"),
        (Analyte.CREATININE, "mEq/L"),
        (Analyte.MAGNESIUM_URINE_24H, "mmol/L"),
        (Analyte.EGFR, "mL"),
    ],
)
def test_refuses_no_unit_an_unknown_one_and_that_of_another_quantity(analyte: Analyte, spelling: str) -> None:
    assert unit_of(analyte, spelling) is None


def test_the_code_decides_and_the_printed_unit_helps_out() -> None:
    by_code = unit_of(Analyte.MAGNESIUM, "mmol/L", "mg/dL")
    by_text = unit_of(Analyte.MAGNESIUM, "{unknown}", "mg/dL")
    assert by_code is not None
    assert by_code.symbol == "mmol/L"
    assert by_text is not None
    assert by_text.symbol == "mg/dL"


def test_every_analyte_has_a_unit_of_its_substance() -> None:
    common = ("mmol/L", "mg/dL", "mmol/d", "g/L", "mosm/kg", "mL/min/1.73m2", "ms", "mmol/mmol", "pg/mL", "/min", "pH")
    assert [a for a in Analyte if unit_of(a, *common) is None] == []
