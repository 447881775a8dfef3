from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.context import Context
from fhir_mappings.encounter import may_be_a_stay, read_setting
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


@pytest.mark.parametrize(
    ("changes", "may_be"),
    [
        *(({"class": {"code": code}}, True) for code in ("IMP", "ACUTE", "NONAC", "OBSENC", "EMER", "SS")),
        ({"class": {"code": "13", "display": "Station 4"}}, True),  # a code of the hospital's own
        ({"class": {"display": "Inpatient"}}, True),
        ({"class": None}, True),
        ({"class": "emergency"}, True),
        ({"class": [{"coding": [{"code": "AMB"}, {"code": "EMER"}]}]}, True),
        *(({"class": {"code": code}}, False) for code in ("AMB", "VR", "HH", "FLD", "PRENC", "outpatient")),
        ({"class": [{"coding": [{"code": "13"}, {"code": "AMB"}]}]}, False),
        ({"subject": None}, True),  # nobody's stay: open
        ({"status": "arrived"}, True),
        ({"status": "onleave"}, True),
        ({"status": None}, True),
        ({"status": "planned"}, False),
        ({"status": "finished"}, False),
        ({"status": "discharged"}, False),
        ({"status": "cancelled"}, False),
        ({"period": {"start": "2026-03-01"}}, True),
        ({"period": {"start": "2026-03-01", "end": "2026-03-05"}}, False),
        ({"period": {"start": "2026-03-20"}}, False),
    ],
    ids=str,
)
def test_only_what_is_read_says_that_nobody_is_staying(changes: dict[str, Any], may_be: bool, context: Context) -> None:
    assert may_be_a_stay(encounter(**changes), context) is may_be
