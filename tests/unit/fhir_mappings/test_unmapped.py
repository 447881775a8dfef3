"""What an integrator still has to map: codes only, and nothing of the patient."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.codes import LOINC, Terminology
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.unmapped import unmapped_codes
from magnesium.facts import Analyte

OURS = "urn:ours"
SITE = SiteCodes(labs={(OURS, "K"): Analyte.POTASSIUM}, names={"magnesium (serum)": Analyte.MAGNESIUM})
LABORATORY = [{"coding": [{"code": "laboratory"}]}]


def observation(*pairs: tuple[str, str], text: str = "", **elements: Any) -> dict[str, Any]:
    code = {"coding": [{"system": system, "code": code, "display": "Name"} for system, code in pairs], "text": text}
    value = {"value": 1.4, "unit": "mg/dL"}
    return {"resourceType": "Observation", "category": LABORATORY, "code": code, "valueQuantity": value} | elements


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        (observation((OURS, "MG")), {"urn:ours|MG": 1}),
        (observation((OURS, "MG"), ("urn:other", "7")), {"urn:ours|MG": 1, "urn:other|7": 1}),
        (observation(("", "MG")), {"|MG": 1}),
        (observation((LOINC, "718-7")), {f"{LOINC}|718-7": 1}),  # in no table: perhaps newer than it
        (observation((OURS, "MG"), category=None), {"urn:ours|MG": 1}),
        (observation((OURS, "MG"), category=[{"text": "Laboratory"}]), {"urn:ours|MG": 1}),
        (observation((OURS, "MG"), category={"coding": [{"code": "LAB"}]}), {"urn:ours|MG": 1}),
        (observation(text="Magnesium of J. Doe"), {"(no code)": 1}),
        (observation(("urn:ours", "")), {"(no code)": 1}),
        (observation(code=None), {"(no code)": 1}),
        (
            observation((OURS, "PANEL"), component=[observation((LOINC, "2160-0")), observation((OURS, "X"))]),
            {"urn:ours|X": 1},
        ),
        # Known, whatever else stands beside it
        (observation((LOINC, "19123-9")), {}),
        (observation((LOINC, "19123-9"), (OURS, "MG")), {}),
        (observation((LOINC, "40248-7")), {}),  # creatinine, baseline: known, and read by no rule
        (observation((OURS, "K")), {}),
        (observation((OURS, "X"), text="Magnesium (SERUM)"), {}),
        # No laboratory result
        (observation((OURS, "BP"), category=[{"coding": [{"code": "vital-signs"}]}]), {}),
        (observation((OURS, "MG"), resourceType="Condition"), {}),
        (None, {}),
        ("Observation", {}),
    ],
    ids=str,
)
def test_a_code_counts_where_nothing_on_the_result_is_known(
    sent: Any, counted: dict[str, int], terminology: Terminology
) -> None:
    assert unmapped_codes([sent], terminology, SITE) == counted


def test_each_result_counts(terminology: Terminology) -> None:
    sent = [observation((OURS, "MG"))] * 3
    assert unmapped_codes(sent, terminology, SiteCodes()) == {"urn:ours|MG": 3}
