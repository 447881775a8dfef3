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


@pytest.mark.parametrize(
    "address",
    [
        "Patient/p2",
        "https://fhir.example.org/r4/Patient/p2",
        "https://fhir.example.org/r4/Patient/p2/_history/1",
    ],
)
def test_a_patient_whose_address_names_another_patient_is_refused(address: str) -> None:
    # Whether a Bundle says so or the client has written the private key into the Patient itself.
    for found in (patient(id="p1", _fullUrl=address), patient(_fullUrl=address)):
        with pytest.raises(PatientMismatch) as mismatch:
            Subject.of("p1", [found])
        assert mismatch.value.reference == "prefetch.patient.fullUrl"


@pytest.mark.parametrize("address", ["patient/p2", "Patient/p2/", "p2", "https://fhir.example.org/people/p2"])
def test_an_address_that_is_no_urn_is_no_other_name_of_the_patient(address: str) -> None:
    subject = Subject.of("p1", [patient(id="p1", _fullUrl=address)])
    assert subject.problem_with({"subject": {"reference": address}}) == "unresolved-subject"


@pytest.mark.parametrize("address", ["Patient/p1", "https://fhir.example.org/r4/Patient/p1"])
def test_an_address_with_the_patients_own_id_is_in_order(address: str) -> None:
    subject = Subject.of("p1", [patient(id="p1", _fullUrl=address)])
    assert subject.problem_with({"subject": {"reference": address}}) is None


@pytest.mark.parametrize("base", ["https://fhir.example.org/r4", "https://internal.example.org:8443/interconnect/r4"])
def test_of_an_absolute_reference_the_id_decides_whatever_the_base(base: str) -> None:
    subject = Subject.of("p1", [])
    assert subject.problem_with({"subject": {"reference": f"{base}/Patient/p1"}}) is None
    with pytest.raises(PatientMismatch):
        subject.problem_with({"resourceType": "Observation", "subject": {"reference": f"{base}/Patient/p2"}})
