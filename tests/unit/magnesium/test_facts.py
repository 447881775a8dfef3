"""The facts are named as a reader calls them, and found by analyte."""

from __future__ import annotations

from magnesium.facts import Analyte, Need
from tests.builders import facts, k, mg

WORDS = {
    Need.PATIENT: "patient data",
    Need.LABS: "laboratory results",
    Need.MEDICATIONS: "medication orders",
    Need.STATEMENTS: "medication statements",
    Need.ADMINISTRATIONS: "medication administrations",
    Need.CONDITIONS: "the problem list",
    Need.ENCOUNTERS: "encounters",
    Need.VITALS: "vital signs",
    Need.TESTS: "laboratory orders",
    Need.PROCEDURES: "procedures",
}


def test_every_need_has_words() -> None:
    assert {need: need.words for need in Need} == WORDS


def test_results_are_found_by_analyte_in_the_order_of_the_chart() -> None:
    first, second, other = mg("1.4 mg/dL"), mg("1.6 mg/dL", hours_ago=5), k("3.0 mmol/L")
    assert facts(first, other, second).labs_by_analyte == {
        Analyte.MAGNESIUM: (first, second),
        Analyte.POTASSIUM: (other,),
    }
    assert facts().labs_by_analyte == {}
