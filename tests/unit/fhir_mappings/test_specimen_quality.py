from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.pool import Pool
from fhir_mappings.specimen_quality import suspect_specimen, suspicious_word

SPECIMEN = {
    "resourceType": "Specimen",
    "id": "s1",
    "condition": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0493", "code": "HEM"}]}],
}


@pytest.mark.parametrize(
    ("words", "suspicious"),
    [
        ("Specimen hemolyzed", "hemolyzed"),
        ("SLIGHT HEMOLYSIS", "hemolysis"),
        ("Haemolysed sample, repeat", "haemolysed"),
        ("gross haemolysis", "haemolysis"),
        ("Probably contaminated with IV fluid", "contaminated"),
        ("UNABLE TO REPORT DUE TO CONTAMINATION", "contamination"),
        ("line draw", "line draw"),
        ("Line-drawn sample", "line-drawn"),
        ("taken from the IV arm", "iv arm"),
        ("hemolysis index 3", "hemolysis"),
        ("hemolysis index 0.5", "hemolysis"),
        ("Hemolysis: 1+", "hemolysis"),
        ("Not rejected. Hemolyzed.", "hemolyzed"),
        ("no hemolysis on the first tube; second tube hemolyzed", "hemolyzed"),
        # denied
        ("No hemolysis", ""),
        ("no evidence of hemolysis", ""),
        ("No visible haemolysis.", ""),
        ("not hemolyzed", ""),
        ("not grossly hemolyzed", ""),
        ("non-hemolyzed", ""),
        ("nonhemolyzed specimen", ""),
        ("unhemolyzed", ""),
        ("without contamination", ""),
        ("negative for hemolysis", ""),
        ("No icterus, lipemia or hemolysis", ""),
        ("neither lipemic nor hemolyzed", ""),
        ("hemolysis index 0", ""),
        ("Hemolysis index: 0.", ""),
        ("Hemolysis: none", ""),
        ("hemolysis negative", ""),
        ("hemolysis not detected", ""),
        ("Hemolysis was absent", ""),
        # other words
        ("hemoglobin low", ""),
        ("hemodialysis", ""),
        ("baseline drawn", ""),
        ("", ""),
    ],
)
def test_words(words: str, suspicious: str) -> None:
    assert suspicious_word(words) == suspicious


@pytest.mark.parametrize(
    ("elements", "reason"),
    [
        ({}, ""),
        ({"interpretation": [{"coding": [{"code": "H"}]}]}, ""),
        ({"interpretation": [{"coding": [{"code": "HEM"}]}]}, "hemolyzed (interpretation)"),
        ({"interpretation": [{"coding": [{"code": "x", "display": "Hemolyzed"}]}]}, "hemolyzed (interpretation)"),
        ({"interpretation": {"text": "contaminated"}}, "contaminated (interpretation)"),
        ({"note": [{"text": "ok"}, {"text": "hemolysis 2+"}]}, "hemolysis (note)"),
        ({"comment": "hemolyzed"}, "hemolyzed (note)"),
        ({"comments": "not hemolyzed"}, ""),
        ({"dataAbsentReason": {"text": "Specimen hemolyzed"}}, "hemolyzed (reason for absent data)"),
        ({"specimen": {"display": "Blood"}}, ""),
        ({"specimen": {"display": "Hemolyzed blood"}}, "hemolyzed (specimen)"),
        ({"specimen": {"reference": "Specimen/s1"}}, "hemolyzed (specimen condition)"),
        ({"specimen": {"reference": "Specimen/s2"}}, ""),
        ({"specimen": {"reference": "#c"}, "contained": [SPECIMEN | {"id": "c"}]}, "hemolyzed (specimen condition)"),
        (
            {
                "specimen": {"reference": "#c"},
                "contained": [{"resourceType": "Specimen", "id": "c", "note": [{"text": "line draw"}]}],
            },
            "line draw (specimen note)",
        ),
    ],
    ids=str,
)
def test_places(elements: dict[str, Any], reason: str) -> None:
    assert suspect_specimen({"resourceType": "Observation"} | elements, Pool.of([SPECIMEN])) == reason


@pytest.mark.parametrize("element", ["interpretation", "dataAbsentReason"])
def test_a_mark_of_the_site_s_own(element: str) -> None:
    marked = {element: {"coding": [{"system": "urn:ours:flags", "code": "H2"}]}}
    own = {("urn:ours:flags", "H2")}
    assert suspect_specimen(marked, Pool.of([]), own).startswith("marked by the laboratory (")
    assert suspect_specimen(marked, Pool.of([]), {("urn:others", "H2")}) == ""
    assert suspect_specimen(marked, Pool.of([])) == ""
