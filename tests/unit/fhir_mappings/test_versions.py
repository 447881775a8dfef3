"""R4 is the contract. R4B has the same shapes; STU3's and R5's are read where they can only mean one thing."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.chart import Gathered, read_facts
from fhir_mappings.codes import Terminology
from fhir_mappings.site_codes import SiteCodes
from magnesium.facts import Exposure, ExposureStatus, Need, PatientFacts, Setting
from tests.unit.fhir_mappings.conftest import AS_OF

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
SUBJECT = {"reference": "Patient/p1"}
FUROSEMIDE = {"coding": [{"system": RXNORM, "code": "4603"}], "text": "furosemide"}
CHLORIDE = {"coding": [{"system": RXNORM, "code": "8591"}], "text": "potassium chloride"}
DRUG = {"resourceType": "Medication", "id": "d1", "code": FUROSEMIDE}
TWICE = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
DOSE = {"value": 20, "unit": "mEq"}


@pytest.fixture
def read(terminology: Terminology) -> Any:
    def facts(*resources: Any) -> PatientFacts:
        return read_facts(
            Gathered({Need.MEDICATIONS: list(resources)}),
            patient_id="p1",
            encounter_id=None,
            drafts=None,
            terminology=terminology,
            site=SiteCodes(),
            zone=AS_OF.tzinfo or pytest.fail("no zone"),
            as_of=AS_OF,
        )

    return facts


def of(kind: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "x", "subject": SUBJECT, **members}


ORDER: dict[str, Any] = {"status": "active", "intent": "order", "authoredOn": "2026-03-01"}
GIVEN: dict[str, Any] = {"status": "completed"}
SAME: dict[str, list[list[dict[str, Any]]]] = {
    "an order by code": [
        [of("MedicationRequest", **ORDER, medicationCodeableConcept=FUROSEMIDE)],
        [of("MedicationRequest", **ORDER, medication={"concept": FUROSEMIDE})],
    ],
    "an order by reference": [
        [of("MedicationRequest", **ORDER, medicationReference={"reference": "Medication/d1"}), DRUG],
        [of("MedicationRequest", **ORDER, medication={"reference": {"reference": "Medication/d1"}}), DRUG],
    ],
    "an order with a dose": [
        [of("MedicationRequest", **ORDER, medicationCodeableConcept=CHLORIDE, dosageInstruction=[dosage])]
        for dosage in (
            {"timing": TWICE, "doseAndRate": [{"doseQuantity": DOSE}]},
            {"timing": TWICE, "doseQuantity": DOSE},
        )
    ],
    "an order as needed": [
        [of("MedicationRequest", **ORDER, medicationCodeableConcept=FUROSEMIDE, dosageInstruction=[dosage])]
        for dosage in ({"asNeededBoolean": True}, {"asNeeded": True})
    ],
    "an order in the hospital": [
        [
            of("MedicationRequest", **ORDER, medicationCodeableConcept=FUROSEMIDE, **{name: {"reference": "Encounter/e1"}}),
            {**of("Encounter", status="in-progress", **{"class": inpatient}), "id": "e1"},
        ]
        for name, inpatient in (
            ("encounter", {"system": ACT_CODE, "code": "IMP"}),
            ("context", {"system": ACT_CODE, "code": "IMP"}),
            ("encounter", [{"coding": [{"system": ACT_CODE, "code": "IMP"}]}]),
        )
    ],
    "a dose given": [
        [of("MedicationAdministration", **GIVEN, medicationCodeableConcept=FUROSEMIDE, effectiveDateTime="2026-03-13T08:00:00Z")],
        [of("MedicationAdministration", **GIVEN, medication={"concept": FUROSEMIDE}, occurenceDateTime="2026-03-13T08:00:00Z")],
    ],
    "an infusion": [
        [of("MedicationAdministration", **GIVEN, medicationCodeableConcept=FUROSEMIDE, effectivePeriod={"start": "2026-03-13", "end": "2026-03-14"})],
        [of("MedicationAdministration", **GIVEN, medication={"concept": FUROSEMIDE}, occurencePeriod={"start": "2026-03-13", "end": "2026-03-14"})],
    ],
    "a drug that is taken": [
        [of("MedicationStatement", status="active", medicationCodeableConcept=FUROSEMIDE)],
        [of("MedicationStatement", status="active", taken="y", medicationCodeableConcept=FUROSEMIDE)],
        [of("MedicationStatement", status="recorded", medication={"concept": FUROSEMIDE}, adherence={"code": {"coding": [{"code": "taking"}]}})],
    ],
    "a drug that is not taken": [
        [of("MedicationStatement", status="not-taken", medicationCodeableConcept=FUROSEMIDE)],
        [of("MedicationStatement", status="active", taken="n", medicationCodeableConcept=FUROSEMIDE)],
        [of("MedicationStatement", status="recorded", medication={"concept": FUROSEMIDE}, adherence={"code": {"coding": [{"code": "not-taking"}]}})],
    ],
    "a stay in the hospital": [
        [of("Encounter", status="in-progress", **{"class": {"code": "IMP"}}, period={"start": "2026-03-10"})],
        [of("Encounter", status="in-progress", **{"class": [{"coding": [{"code": "IMP"}]}]}, actualPeriod={"start": "2026-03-10"})],
    ],
    "a stay that is over": [
        [of("Encounter", status="finished", **{"class": {"code": "IMP"}}, period={"start": "2026-03-01", "end": "2026-03-02"})],
        [of("Encounter", status="completed", **{"class": [{"coding": [{"code": "IMP"}]}]}, actualPeriod={"start": "2026-03-01", "end": "2026-03-02"})],
    ],
    "a problem": [
        [of("Condition", clinicalStatus={"coding": [{"code": "active"}]}, code={"coding": [HEART_FAILURE]}, recordedDate="2020-01-01")]
        if kind == "R4" else
        [of("Condition", clinicalStatus="active", verificationStatus="confirmed", code={"coding": [HEART_FAILURE]}, assertedDate="2020-01-01")]
        for HEART_FAILURE in [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "K50.00"}]
        for kind in ("R4", "STU3")
    ],
}  # fmt: skip


@pytest.mark.parametrize("shapes", SAME.values(), ids=SAME.keys())
def test_the_same_in_other_shapes_is_the_same(read: Any, shapes: list[list[dict[str, Any]]]) -> None:
    first, *others = (_said(read(*resources)) for resources in shapes)
    for other in others:
        assert other == first


def test_the_comparison_compares_something(read: Any) -> None:
    silent = {"a drug that is not taken", "a stay that is over"}
    for name, shapes in SAME.items():
        facts = read(*shapes[0])
        said = facts.exposures or facts.conditions or facts.setting is Setting.INPATIENT
        assert bool(said) != (name in silent), name
        assert not facts.unusable


def _said(facts: PatientFacts) -> Any:
    return facts.exposures, facts.conditions, facts.setting, facts.labs, facts.unusable


@pytest.mark.parametrize(
    ("adherence", "status"),
    [
        ("taking", ExposureStatus.ACTIVE),
        ("taking-not-as-directed", ExposureStatus.ACTIVE),
        ("stopped", ExposureStatus.ENDED),
        ("stopped-as-directed", ExposureStatus.ENDED),
    ],
)
def test_r5_says_in_adherence_what_was_the_status(read: Any, adherence: str, status: ExposureStatus) -> None:
    resource = of("MedicationStatement", status="recorded", medication={"concept": FUROSEMIDE})
    resource["adherence"] = {"code": {"coding": [{"code": adherence}]}}
    (exposure,) = read(resource).exposures
    assert isinstance(exposure, Exposure)
    assert exposure.status is status


@pytest.mark.parametrize(
    "adherence", [None, {}, {"code": {"coding": [{"code": "unknown"}]}}, {"code": {"text": "?"}}, 5]
)
def test_where_r5_does_not_say_whether_it_is_taken_the_statement_is_reported(read: Any, adherence: Any) -> None:
    facts = read(of("MedicationStatement", status="recorded", medication={"concept": FUROSEMIDE}, adherence=adherence))
    assert facts.exposures == ()
    assert [unusable.reason for unusable in facts.unusable] == ["not-said-if-taken"]


@pytest.mark.parametrize(
    "medication",
    [
        {"concept": {}},
        {"reference": {"reference": "Medication/elsewhere"}},
        {},
    ],
)
def test_a_drug_that_cannot_be_told_is_reported(read: Any, medication: Any) -> None:
    facts = read(of("MedicationRequest", **ORDER, medication=medication))
    assert facts.exposures == ()
    assert len(facts.unusable) == 1


def test_three_doses_are_not_one(read: Any) -> None:
    """R4 may list calculated, administered and ordered amounts; without saying which, none is read."""
    dosage = {"timing": TWICE, "doseAndRate": [{"doseQuantity": DOSE}, {"doseQuantity": {"value": 40, "unit": "mEq"}}]}
    (exposure,) = read(
        of("MedicationRequest", **ORDER, medicationCodeableConcept=CHLORIDE, dosageInstruction=[dosage])
    ).exposures
    assert exposure.daily_amount is None
