from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.context import Context
from fhir_mappings.encounter import read_setting
from fhir_mappings.subject import PatientMismatch
from magnesium.facts import Setting, Unusable

ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def encounter(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "in-progress",
        "class": {"system": ACT, "code": "IMP"},
        "subject": {"reference": "Patient/p1"},
    } | changes


@pytest.mark.parametrize("code", ["IMP", "ACUTE", "NONAC", "NONACUTE", "OBSENC", "EMER", "imp"])
@pytest.mark.parametrize("shape", ["r4", "r5", "dstu2"])
def test_an_open_stay_is_inpatient(code: str, shape: str, context: Context) -> None:
    shapes = {"r4": {"system": ACT, "code": code}, "r5": [{"coding": [{"code": code}]}], "dstu2": code}
    assert read_setting(encounter(**{"class": shapes[shape]}), None, context) is Setting.INPATIENT


@pytest.mark.parametrize(
    "changes",
    [
        {"class": {"code": "AMB"}},
        {"class": {"code": "VR"}},
        {"class": None},
        {"status": "finished"},
        {"status": "planned"},
        {"status": "arrived"},
        {"status": None},
        {"period": {"start": "2026-03-01", "end": "2026-03-05"}},
        {"period": {"start": "2026-03-20"}},
        {"actualPeriod": {"end": "2026-03-05"}},
    ],
    ids=str,
)
def test_anything_else_is_outpatient(changes: dict[str, Any], context: Context) -> None:
    assert read_setting(encounter(**changes), None, context) is Setting.OUTPATIENT


def test_a_stay_that_may_still_last_is_open(context: Context) -> None:
    assert read_setting(encounter(period={"start": "2026-03-14", "end": "2026-03-14"}), None, context) is (
        Setting.INPATIENT
    )


@pytest.mark.parametrize(
    ("status", "encounter_id", "setting"),
    [
        ("arrived", "e1", Setting.INPATIENT),
        ("triaged", "Encounter/e1", Setting.INPATIENT),
        ("arrived", "e2", Setting.OUTPATIENT),
        ("finished", "e1", Setting.OUTPATIENT),
        ("planned", "e1", Setting.OUTPATIENT),
    ],
)
def test_the_encounter_that_the_ehr_has_open(
    status: str, encounter_id: str, setting: Setting, context: Context
) -> None:
    assert read_setting(encounter(status=status), encounter_id, context) is setting


def test_nobody_s_stay_says_nothing(context: Context) -> None:
    fact = read_setting(encounter(subject=None), None, context)
    assert isinstance(fact, Unusable)
    assert (fact.source.reference, fact.reason) == ("Encounter/e1", "no-subject")


def test_another_patient_s_stay_is_refused(context: Context) -> None:
    with pytest.raises(PatientMismatch):
        read_setting(encounter(subject={"reference": "Patient/p2"}), None, context)
