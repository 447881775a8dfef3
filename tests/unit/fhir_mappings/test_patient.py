from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from fhir_mappings.context import Context
from fhir_mappings.patient import read_patient
from magnesium.facts import Patient, Sex


def record(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "p1"} | elements


def test_no_record_is_a_patient_of_whom_nothing_is_known(context: Context) -> None:
    assert read_patient([], context) == (Patient("p1"), ())


@pytest.mark.parametrize(
    ("gender", "sex"),
    [
        ("female", Sex.FEMALE),
        ("male", Sex.MALE),
        ("Male", Sex.MALE),
        ("other", Sex.UNKNOWN),
        ("unknown", Sex.UNKNOWN),
        (1, Sex.UNKNOWN),
        (None, Sex.UNKNOWN),
    ],
)
def test_sex(gender: Any, sex: Sex, context: Context) -> None:
    assert read_patient([record(gender=gender)], context)[0].sex is sex


@pytest.mark.parametrize(
    ("birth_date", "first_day", "last_day"),
    [
        ("1961-04-10", "1961-04-10", "1961-04-10"),
        ("1961", "1961-01-01", "1961-12-31"),
        ("1801-06", "1801-06-01", "1801-06-30"),  # some sources hide ages over 89 this way
    ],
)
def test_birth(birth_date: str, first_day: str, last_day: str, context: Context) -> None:
    birth = read_patient([record(birthDate=birth_date)], context)[0].birth
    assert birth is not None
    assert birth.earliest == datetime.fromisoformat(f"{first_day}T00:00:00Z")
    assert birth.latest == datetime.fromisoformat(f"{last_day}T23:59:59.999999Z")


def test_an_unreadable_birth_date_is_not_known(context: Context) -> None:
    assert read_patient([record(birthDate="10.04.1961")], context)[0].birth is None


def test_a_record_without_an_id_is_not_taken_for_this_patient_s(context: Context) -> None:
    patient, unusable = read_patient([{"resourceType": "Patient", "gender": "male"}, record(gender="female")], context)
    assert patient.sex is Sex.FEMALE
    assert [(fact.source.reference, fact.reason) for fact in unusable] == [("Patient/(no id)", "no-id")]
