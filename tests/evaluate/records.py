"""Resources of one invented patient, as an export has them: short to write, so that a test shows only what matters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cds_service.evaluate.judge import Judge
from cds_service.evaluate.patient import Evaluation
from cds_service.evaluate.rows import Row

Resource = dict[str, Any]

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
KINDS = frozenset({"Patient", "Observation", "MedicationRequest", "MedicationAdministration", "Condition", "Encounter"})
ALL_KINDS = KINDS | {"MedicationStatement", "Procedure", "ServiceRequest", "Medication", "Specimen"}
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
MAGNESIUM, POTASSIUM, CREATININE = "19123-9", "2823-3", "2160-0"
FUROSEMIDE = "Furosemide 40 MG Oral Tablet"
MAGNESIUM_OXIDE = "Magnesium Oxide 400 MG Oral Tablet"


def after(hours: float) -> str:
    """The time some hours after the beginning."""
    return (START + timedelta(hours=hours)).isoformat()


def patient(name: str = "p1") -> Resource:
    return {"resourceType": "Patient", "id": name, "gender": "female", "birthDate": "1960-05-01"}


def result(
    name: str, hours: float, value: float, code: str = MAGNESIUM, *, unit: str = "mg/dL", whose: str = "p1", **more: Any
) -> Resource:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": f"Patient/{whose}"},
        "effectiveDateTime": after(hours - 1),
        "issued": after(hours),
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        **more,
    }


def order(
    name: str,
    hours: float,
    drug: str = FUROSEMIDE,
    *,
    until: float | None = None,
    status: str = "active",
    whose: str = "p1",
    **more: Any,
) -> Resource:
    written = {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {"text": drug},
        "subject": {"reference": f"Patient/{whose}"},
        "authoredOn": after(hours),
    }
    if until is not None:
        written["dispenseRequest"] = {"validityPeriod": {"start": after(hours), "end": after(until)}}
    return {**written, **more}


def stay(name: str, hours: float, until: float | None = None, *, whose: str = "p1", **more: Any) -> Resource:
    return {
        "resourceType": "Encounter",
        "id": name,
        "status": "finished" if until is not None else "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": f"Patient/{whose}"},
        "period": _period(hours, until),
        **more,
    }


def problem(name: str, hours: float | None, code: str, *, whose: str = "p1", **more: Any) -> Resource:
    return {
        "resourceType": "Condition",
        "id": name,
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": code}]},
        "subject": {"reference": f"Patient/{whose}"},
        **({"recordedDate": after(hours)} if hours is not None else {}),
        **more,
    }


def dose(name: str, hours: float, drug: str = MAGNESIUM_OXIDE, **more: Any) -> Resource:
    return {
        "resourceType": "MedicationAdministration",
        "id": name,
        "status": "completed",
        "medicationCodeableConcept": {"text": drug},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": after(hours),
        **more,
    }


def infusion(name: str, hours: float, drug: str = MAGNESIUM_OXIDE, until: float | None = None) -> Resource:
    given = dose(name, hours, drug, effectivePeriod=_period(hours, until))
    del given["effectiveDateTime"]
    return {**given, "status": "completed" if until is not None else "in-progress"}


def dialysis(name: str, hours: float, until: float | None = None) -> Resource:
    return {
        "resourceType": "Procedure",
        "id": name,
        "status": "completed" if until is not None else "in-progress",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "302497006", "display": "Hemodialysis"}]},
        "subject": {"reference": "Patient/p1"},
        "performedPeriod": _period(hours, until),
    }


def laboratory_order(name: str, hours: float, code: str = MAGNESIUM, *, status: str = "active") -> Resource:
    return {
        "resourceType": "ServiceRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "authoredOn": after(hours),
    }


def _period(hours: float, until: float | None) -> dict[str, str]:
    return {"start": after(hours), **({"end": after(until)} if until is not None else {})}


def judge(name: str = "bundled", policy: Path | None = None, kinds: frozenset[str] = KINDS) -> Judge:
    return Judge(name, policy, None, kinds)


def rows(resources: Iterable[Resource], *judges: Judge) -> list[Row]:
    """The rows of the patient ``p1``."""
    return Evaluation(judges or (judge(),)).of_patient("p1", [json.dumps(resource) for resource in resources])


def write_export(folder: Path, resources: Iterable[Resource]) -> Path:
    """Write an export, one file for each resource type."""
    folder.mkdir(parents=True, exist_ok=True)
    by_kind: dict[str, list[Resource]] = {}
    for resource in resources:
        by_kind.setdefault(resource["resourceType"], []).append(resource)
    for kind, found in by_kind.items():
        text = "".join(json.dumps(resource) + "\n" for resource in found)
        (folder / f"{kind}.ndjson").write_text(text, encoding="utf-8")
    return folder


def few_patients(count: int = 12) -> list[Resource]:
    """Patients of which each has something else to say; every third refers to a drug in a resource of its own."""
    found: list[Resource] = [
        {"resourceType": "Medication", "id": "drug-1", "code": {"text": "Omeprazole 20 MG Delayed Release Capsule"}}
    ]
    for number in range(count):
        name = f"p{number}"
        own = {"whose": name}
        found += [
            patient(name),
            stay(f"stay-{name}", 0, 100, **own),
            result(f"mg1-{name}", 2, round(0.9 + number / 10, 1), **own),
            result(f"mg2-{name}", 30, round(1.0 + number / 10, 1), **own),
            result(f"k1-{name}", 2, round(2.9 + number / 10, 1), POTASSIUM, unit="mmol/L", **own),
            result(f"cr-{name}", 2, 0.9, CREATININE, **own),
            order(f"o1-{name}", 3, "Furosemide 40 MG Oral Tablet", until=90, status="completed", **own),
        ]
        if number % 3 == 0:
            through = order(f"o2-{name}", 4, "", until=90, status="completed", **own)
            del through["medicationCodeableConcept"]
            found.append({**through, "medicationReference": {"reference": "Medication/drug-1"}})
    return found
