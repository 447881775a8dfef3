from __future__ import annotations

import pytest

from fhir_mappings.subject import PatientMismatch, Subject


def patient(**elements: object) -> dict[str, object]:
    return {"resourceType": "Patient"} | elements


def test_the_id_may_come_as_a_reference() -> None:
    assert Subject.of("Patient/p1", []).id == "p1"


def test_a_bundle_may_call_the_patient_by_another_name() -> None:
    subject = Subject.of("p1", [patient(id="p1", _fullUrl="urn:uuid:0c31"), patient(_fullUrl="urn:uuid:9999")])
    assert subject.problem_with({"subject": {"reference": "urn:uuid:0c31"}}) is None
    assert subject.problem_with({"subject": {"reference": "urn:uuid:9999"}}) == "unresolved-subject"


def test_the_patient_may_come_along_twice() -> None:
    assert Subject.of("p1", [patient(id="p1"), patient(id="p1")]).id == "p1"


def test_another_patient_is_refused() -> None:
    with pytest.raises(PatientMismatch) as mismatch:
        Subject.of("p1", [patient(id="p1"), patient(id="p2")])
    assert mismatch.value.reference == "prefetch.patient.id"
