"""§3.8: orders as real clients draft them. Each is read or named as unreadable, and no dose is ever guessed (M-10)."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.conformance.checker import of_response
from tests.http.conftest import SERVICE_ID, Site

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
POTASSIUM = {"system": RXNORM, "code": "8591", "display": "potassium chloride"}
TWICE_A_DAY = {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}
LONG_ID = "e" * 194
FORTY = "40 mmol/d"
"""20 mEq twice a day."""
NOT_READABLE = ""


def dose(value: float, unit: str, kind: str = "") -> dict[str, Any]:
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {"doseQuantity": quantity, **({"type": {"coding": [{"code": kind}]}} if kind else {})}


TWENTY = dose(20, "meq")


def order(dosage: Any = None, **members: Any) -> dict[str, Any]:
    """Return a drafted order of potassium chloride, 20 mEq twice a day, but for what is given; None leaves one out."""
    usual = {
        "resourceType": "MedicationRequest",
        "id": "d1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "medicationCodeableConcept": {"coding": [POTASSIUM]},
        "dosageInstruction": [{"timing": TWICE_A_DAY, **(dosage or {"doseAndRate": [TWENTY]})}],
    }
    return {name: value for name, value in {**usual, **members}.items() if value is not None}


def by_reference(reference: dict[str, Any], **members: Any) -> dict[str, Any]:
    return order(medicationCodeableConcept=None, medicationReference=reference, **members)


DRUG = {"resourceType": "Medication", "id": "m1", "code": {"coding": [POTASSIUM]}}


class Form(NamedTuple):
    """What is drafted, and what is read of it: a dose for each order, and how many cannot be told."""

    drafted: tuple[dict[str, Any], ...]
    doses: tuple[str, ...] = (FORTY,)
    unusable: int = 0
    bundle: tuple[str, ...] = ("resourceType", "type", "entry")


FORMS: dict[str, Form] = {
    "form-bundle-without-type": Form((order(),), bundle=("resourceType", "entry")),
    "form-empty-order": Form((order(medicationCodeableConcept=None, dosageInstruction=None, intent=None),), (), 1),
    "form-medication-elsewhere": Form(
        (by_reference({"reference": "Medication/not-here", "display": "potassium chloride 20 mEq tablet"}),)
    ),
    "form-medication-among-orders": Form((by_reference({"reference": "Medication/m1"}), DRUG)),
    "form-contained-medication": Form((by_reference({"reference": "#m1"}, contained=[DRUG]),)),
    "form-several-codings": Form(
        (
            order(
                medicationCodeableConcept={
                    "coding": [
                        {"system": RXNORM, "code": "8591", "display": "potassium chloride"},
                        {"system": RXNORM, "code": "628953", "display": "potassium chloride 10 MEQ Extended Release"},
                        {"system": RXNORM, "code": "372524", "display": "potassium chloride Oral Tablet"},
                    ]
                }
            ),
        )
    ),
    "form-three-doses": Form(
        (
            order(
                {
                    "doseAndRate": [
                        dose(1500, "mg", "calculated"),
                        dose(1, "{tbl}", "admin-amount"),
                        dose(20, "meq", "ordered"),
                    ]
                }
            ),
            order({"doseAndRate": [dose(20, "meq"), dose(40, "meq")]}, id="d2"),
        ),
        (FORTY, NOT_READABLE),
    ),
    "form-dose-in-extension": Form(
        (
            order(
                {
                    "extension": [
                        {"url": "https://ehr.example.org/ordered-dose", "valueQuantity": {"value": 20, "unit": "meq"}}
                    ]
                }
            ),
        ),
        (NOT_READABLE,),
    ),
    "form-oid-codings": Form(
        (
            order(medicationCodeableConcept={"coding": [{"system": "urn:oid:2.16.840.1.113883.6.88", "code": "8591"}]}),
            order(
                medicationCodeableConcept={
                    "coding": [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.698288", "code": "4711"}, POTASSIUM]
                },
                id="d2",
            ),
            order(
                medicationCodeableConcept={
                    "coding": [{"system": "urn:oid:1.2.840.114350.1.13.0.1.7.2.698288", "code": "4711"}],
                    "text": "potassium chloride",
                },
                id="d3",
            ),
        ),
        (FORTY, FORTY, FORTY),
    ),
    "form-dose-of-stu3": Form((order({"doseQuantity": {"value": 20, "unit": "meq"}}),)),
    "form-dose-as-object": Form((order({"doseAndRate": TWENTY}),)),
    "form-category-as-object": Form((order(category={"coding": [{"code": "inpatient"}]}),)),
    "form-dose-in-pills": Form(
        (order({"doseAndRate": [{"doseQuantity": {"value": 1, "code": "{pill}"}}]}),), (NOT_READABLE,)
    ),
    "form-requester-absent": Form(
        (
            order(
                requester={
                    "extension": [
                        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
                    ]
                }
            ),
        )
    ),
    "form-long-ids": Form((order(id=LONG_ID),)),
    "form-absolute-references": Form((order(subject={"reference": "https://ehr.example.org/fhir/Patient/p1"}),)),
    "form-other-orders": Form(
        (
            order(),
            {"resourceType": "ServiceRequest", "id": "s1", "status": "draft", "intent": "plan", "code": {"text": "CT"}},
            {"resourceType": "NutritionOrder", "id": "n1", "status": "draft", "intent": "order"},
            {"resourceType": "DeviceRequest", "id": "v1", "status": "draft", "intent": "order"},
            {"resourceType": "VisionPrescription", "id": "v2", "status": "draft"},
            {
                "resourceType": "MedicationOrder",
                "id": "o1",
                "status": "draft",
                "dosageInstruction": [{"text": "daily"}],
            },
            {"resourceType": "ProcedureRequest", "id": "r1", "status": "draft"},
            {"resourceType": "Unheard", "id": "u1"},
        )
    ),
}


def result(code: str, value: float, unit: str) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"lab-{code}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2026-01-15T07:00:00Z",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def request(site: Site, hook: str, form: Form) -> dict[str, Any]:
    """Return a request about a patient with low potassium and magnesium, so that the drafted orders matter."""
    services = site.client.get("/cds-services").get_json()["services"]
    labs = [result("2823-3", 3.1, "mmol/L"), result("19123-9", 1.4, "mg/dL")]
    entries = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in form.drafted]}
    return {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "userId": "Practitioner/1",
            "patientId": "p1",
            "draftOrders": {name: entries[name] for name in form.bundle},
            **(
                {"selections": [f"{one['resourceType']}/{one['id']}" for one in form.drafted]}
                if hook == "order-select"
                else {}
            ),
        },
        "prefetch": {
            **dict.fromkeys(services[0]["prefetch"]),
            "patient": {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01"},
            "labs": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": lab} for lab in labs]},
        },
    }


@pytest.mark.requirement(*FORMS)
@pytest.mark.requirement("M-10")
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize("name", FORMS)
def test_an_order_is_read_with_the_right_dose_or_none(site: Site, name: str, hook: str) -> None:
    form = FORMS[name]
    answer = site.call(request(site, hook, form), SERVICE_ID[hook])
    assert answer.status_code == 200
    assert list(of_response(answer.get_json())) == []
    facts = site.evaluations[-1].facts
    assert facts.ordering is not None
    drafts = facts.ordering.drafts
    assert [draft.ingredients for draft in drafts] == [("potassium chloride",)] * len(form.doses)
    assert [draft.daily_amount.text if draft.daily_amount else NOT_READABLE for draft in drafts] == list(form.doses)
    assert all(draft.selected for draft in drafts)
    assert len(facts.unusable) == form.unusable
