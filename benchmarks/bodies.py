"""The request that every contender answers: an invented patient whose newest magnesium and potassium are low.

Shaped as a hospital sends it: by default 50 laboratory results and 20 medication orders with identifiers, categories,
references and reference ranges, some 90 kB of compact JSON. The same arguments give the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import cycle, islice
from typing import Any, NamedTuple

PATIENT = "bench-1"
MEDICATIONS = 20
# Which need each kind of resource belongs to; the others are known to be empty.
KEYS = {"Patient": "patient", "Observation": "labs", "MedicationRequest": "medications"}
EMPTY = ("statements", "administrations", "conditions", "encounters", "vitals", "tests", "procedures")

LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
UCUM = "http://unitsofmeasure.org"
HL7 = "http://terminology.hl7.org/CodeSystem"
SERVER = "https://fhir.example.org/r4"

Resource = dict[str, Any]


class Lab(NamedTuple):
    """A test: what it is, about what it comes to, and its range where it has one."""

    code: str
    name: str
    unit: str
    usual: float
    spread: float
    limits: tuple[float, float] | None = None


_LABS = (
    Lab("2601-3", "Magnesium [Moles/volume] in Serum or Plasma", "mmol/L", 0.52, 0.04, (0.70, 1.00)),
    Lab("19123-9", "Magnesium [Mass/volume] in Serum or Plasma", "mg/dL", 1.26, 0.10, (1.70, 2.40)),
    Lab("2823-3", "Potassium [Moles/volume] in Serum or Plasma", "mmol/L", 2.90, 0.15, (3.5, 5.1)),
    Lab("2160-0", "Creatinine [Mass/volume] in Serum or Plasma", "mg/dL", 1.10, 0.10, (0.6, 1.3)),
    Lab("19124-7", "Magnesium [Mass/volume] in Urine", "mg/dL", 8.4, 0.6),
    Lab("2161-8", "Creatinine [Mass/volume] in Urine", "mg/dL", 64.0, 6.0),
    Lab("17861-6", "Calcium [Mass/volume] in Serum or Plasma", "mg/dL", 8.1, 0.2, (8.5, 10.5)),
    Lab("2777-1", "Phosphate [Mass/volume] in Serum or Plasma", "mg/dL", 3.1, 0.3, (2.5, 4.5)),
    Lab("2951-2", "Sodium [Moles/volume] in Serum or Plasma", "mmol/L", 139.0, 2.0, (135.0, 145.0)),
    Lab("1963-8", "Bicarbonate [Moles/volume] in Serum or Plasma", "mmol/L", 29.0, 1.5, (22.0, 29.0)),
    Lab("2345-7", "Glucose [Mass/volume] in Serum or Plasma", "mg/dL", 112.0, 14.0, (70.0, 99.0)),
    Lab("3094-0", "Urea nitrogen [Mass/volume] in Serum or Plasma", "mg/dL", 17.0, 3.0, (7.0, 20.0)),
)
# Code, name, how it is to be taken. The first three are products, the others ingredients.
_DRUGS = (
    ("198051", "omeprazole 20 MG Delayed Release Oral Capsule", "1 capsule every morning"),
    ("313988", "furosemide 40 MG Oral Tablet", "1 tablet twice a day"),
    ("310798", "hydrochlorothiazide 25 MG Oral Tablet", "1 tablet every morning"),
    ("8591", "potassium chloride", "40 mEq twice a day"),
    ("3407", "digoxin", "125 mcg daily"),
    ("6809", "metformin", "500 mg twice a day"),
    ("83367", "atorvastatin", "20 mg at night"),
    ("29046", "lisinopril", "10 mg daily"),
    ("6918", "metoprolol", "50 mg daily"),
    ("1191", "aspirin", "81 mg daily"),
    ("17767", "amlodipine", "5 mg daily"),
    ("36437", "sertraline", "50 mg daily"),
    ("42316", "tacrolimus", "2 mg twice a day"),
    ("10582", "levothyroxine", "75 mcg daily"),
    ("11289", "warfarin", "3 mg daily"),
    ("161", "acetaminophen", "650 mg as needed"),
    ("25480", "gabapentin", "300 mg at night"),
    ("435", "albuterol", "2 puffs as needed"),
    ("8640", "prednisone", "5 mg daily"),
    ("9997", "spironolactone", "25 mg daily"),
)


def request_body(
    hook: str, now: datetime, *, observations: int = 50, prefetched: bool = True, **members: Any
) -> tuple[str, bytes]:
    """Return the path and the body of a service call.

    Args:
        hook: ``patient-view`` or ``order-sign``, which signs the first medication order anew.
        now: The newest results are two hours older.
        observations: How many laboratory results there are.
        prefetched: Whether the chart is in the request.
        members: What else stands in the request, such as where to fetch the chart.
    """
    context: Resource = {"userId": "Practitioner/prac-1", "patientId": PATIENT, "encounterId": "enc-1"}
    if hook == "order-sign":
        draft = {**next(_orders(now)), "id": "draft-1", "status": "draft"}
        context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": draft}]}
    prefetch = _prefetch(chart(now, observations)) if prefetched else {}
    body = {
        "hook": hook,
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": context,
        "prefetch": prefetch,
        **members,
    }
    path = f"/cds-services/magnesium-{hook}"
    return path, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def chart(now: datetime, observations: int = 50) -> list[Resource]:
    """Return the patient, the results, newest first, and the orders."""
    return [_patient(now), *_observations(now, observations), *_orders(now)]


def _prefetch(resources: Iterable[Resource]) -> dict[str, Resource]:
    groups: dict[str, list[Resource]] = {key: [] for key in (*KEYS.values(), *EMPTY)}
    for resource in resources:
        groups[KEYS[resource["resourceType"]]].append(resource)
    (patient,) = groups.pop("patient")
    return {"patient": patient, **{key: _searchset(found) for key, found in groups.items()}}


def _searchset(resources: list[Resource]) -> Resource:
    entries = [
        {"fullUrl": f"{SERVER}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}


def _patient(now: datetime) -> Resource:
    return {
        "resourceType": "Patient",
        "id": PATIENT,
        "meta": {"versionId": "4", "lastUpdated": _instant(now - timedelta(days=9))},
        "identifier": [{"use": "usual", "system": "urn:oid:1.2.36.146.595.217.0.1", "value": "BENCH-000001"}],
        "active": True,
        "name": [{"use": "official", "family": "Invented", "given": ["Bench", "Q"]}],
        "gender": "female",
        "birthDate": "1957-08-02",
    }


def _observations(now: datetime, count: int) -> Iterator[Resource]:
    chance = random.Random(1)  # noqa: S311  invented values
    for number, lab in enumerate(islice(cycle(_LABS), count)):
        when = now - timedelta(hours=2 + 6 * (number // len(_LABS)))
        value = round(chance.gauss(lab.usual, lab.spread), 2)
        yield {
            "resourceType": "Observation",
            "id": f"obs-{number}",
            "meta": {"versionId": "1", "lastUpdated": _instant(when + timedelta(minutes=41))},
            "identifier": [{"system": "urn:oid:1.2.36.146.595.217.0.9", "value": f"LAB{number:07d}"}],
            "basedOn": [{"reference": f"ServiceRequest/sr-{number // 10}"}],
            "status": "final",
            "category": [_concept(f"{HL7}/observation-category", "laboratory", "Laboratory")],
            "code": _concept(LOINC, lab.code, lab.name),
            "subject": {"reference": f"Patient/{PATIENT}", "display": "Invented, Bench Q"},
            "encounter": {"reference": "Encounter/enc-1"},
            "effectiveDateTime": _instant(when),
            "issued": _instant(when + timedelta(minutes=40)),
            "performer": [{"reference": "Organization/lab-1", "display": "Invented laboratory"}],
            "valueQuantity": _quantity(value, lab.unit),
            **_range(value, lab),
        }


def _range(value: float, lab: Lab) -> Resource:
    if lab.limits is None:
        return {}
    low, high = lab.limits
    flag = "L" if value < low else "H" if value > high else "N"
    return {
        "interpretation": [{"coding": [{"system": f"{HL7}/v3-ObservationInterpretation", "code": flag}]}],
        "referenceRange": [{"low": _quantity(low, lab.unit), "high": _quantity(high, lab.unit)}],
    }


def _orders(now: datetime) -> Iterator[Resource]:
    for number, (code, name, instruction) in enumerate(islice(cycle(_DRUGS), MEDICATIONS)):
        authored = _instant(now - timedelta(days=10 + 11 * number))
        yield {
            "resourceType": "MedicationRequest",
            "id": f"med-{number}",
            "meta": {"versionId": "2", "lastUpdated": authored},
            "identifier": [{"system": "urn:oid:1.2.36.146.595.217.0.12", "value": f"RX{number:06d}"}],
            "status": "active",
            "intent": "order",
            "reportedBoolean": False,
            "medicationCodeableConcept": _concept(RXNORM, code, name),
            "subject": {"reference": f"Patient/{PATIENT}", "display": "Invented, Bench Q"},
            "encounter": {"reference": "Encounter/enc-1"},
            "authoredOn": authored,
            "requester": {"reference": "Practitioner/prac-1", "display": "Example, Doctor"},
            "dosageInstruction": [
                {
                    "sequence": 1,
                    "text": instruction,
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "route": {
                        "coding": [{"system": "http://snomed.info/sct", "code": "26643006", "display": "Oral route"}]
                    },
                }
            ],
            "dispenseRequest": {
                "numberOfRepeatsAllowed": 3,
                "quantity": {"value": 90},
                "expectedSupplyDuration": {"value": 90, "unit": "days", "system": UCUM, "code": "d"},
            },
        }


def _concept(system: str, code: str, name: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": name}], "text": name}


def _quantity(value: float, unit: str) -> Resource:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def _instant(moment: datetime) -> str:
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")
