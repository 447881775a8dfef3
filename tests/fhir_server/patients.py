"""The patients of the contract suite, one for each hook, and one whose data must never turn up.

They are the bundled examples with what makes FHIR servers differ: more results than fit on a page, drugs by
reference (to a Medication that is included, contained, or only to be read), orders in every status, an encounter,
and the same kinds of data about somebody else. No value ends in a zero: servers written in JavaScript drop it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from cds_service import examples

Resource = dict[str, Any]

NOW = examples.WRITTEN
HOOKS = examples.NAMES
STRANGER = "stranger"

# What the queries of the discovery document ask for; the suite has its own idea of it, to compare with.
KEYS = {
    "labs": ("Observation", None),
    "medications": ("MedicationRequest", {"active", "completed", "stopped"}),
    "statements": ("MedicationStatement", {"active", "completed", "stopped"}),
    "administrations": ("MedicationAdministration", {"in-progress", "completed", "stopped"}),
    "conditions": ("Condition", None),
    "encounters": ("Encounter", {"in-progress"}),
    "tests": ("ServiceRequest", {"active"}),
    "procedures": ("Procedure", {"in-progress", "completed", "stopped"}),
}
HEART_RATE = "8867-4"


def time(**ago: float) -> str:
    return (NOW - timedelta(**ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def patient_id(hook: str) -> str:
    return f"contract-{hook}"


def request(hook: str, *, self_contained: bool = False) -> dict[str, Any]:
    """The request of a hook without prefetch.

    On order-sign the drafted drug is only referred to; a self-contained request brings the Medication along.
    """
    body: dict[str, Any] = _renamed(hook, examples.as_of(hook, NOW))
    del body["prefetch"]
    if hook == "order-sign":
        entries = body["context"]["draftOrders"]["entry"]
        drug = {"resourceType": "Medication", "id": f"{patient_id(hook)}-drafted"}
        drug["code"] = entries[0]["resource"].pop("medicationCodeableConcept")
        entries[0]["resource"]["medicationReference"] = {"reference": f"Medication/{drug['id']}"}
        if self_contained:
            entries.append({"resource": drug})
    return body


def resources(hook: str) -> list[Resource]:
    """What the server knows about the patient of a hook."""
    return [*_chart(hook)]


def stranger() -> list[Resource]:
    """Another patient: magnesium at 0.4 mg/dL, and every kind of data. One word of it on a card is a failure."""
    found = copy.deepcopy(resources("patient-view"))
    for resource in found:
        resource["id"] = resource["id"].replace(patient_id("patient-view"), STRANGER)
        if resource["resourceType"] == "Patient":
            resource["birthDate"] = "1999-12-31"
        _point(resource, STRANGER)
        if resource["resourceType"] == "Observation":
            resource["valueQuantity"]["value"] = 0.4 if "mg" in resource["id"] else 6.6
    return found


def everything() -> list[Resource]:
    return [*(resource for hook in HOOKS for resource in resources(hook)), *stranger()]


def prefetch(hook: str) -> dict[str, Any]:
    """What an EHR sends that runs every query of the discovery document on these resources."""
    found = resources(hook)
    (patient,) = (resource for resource in found if resource["resourceType"] == "Patient")
    sent: dict[str, Any] = {"patient": patient}
    drugs = [resource for resource in found if resource["resourceType"] == "Medication"]
    for key, (kind, statuses) in KEYS.items():
        matches = [
            resource
            for resource in found
            if resource["resourceType"] == kind and (statuses is None or resource["status"] in statuses)
        ]
        if kind == "Observation":
            matches = [match for match in matches if match["code"]["coding"][0]["code"] != HEART_RATE]
        wanted = {match.get("medicationReference", {}).get("reference") for match in matches}
        sent[key] = _searchset(matches, [drug for drug in drugs if f"Medication/{drug['id']}" in wanted])
    rates = [one for one in found if one["resourceType"] == "Observation" and "rate" in one["id"]]
    sent["vitals"] = _searchset(rates, [])
    return sent


def _searchset(matches: list[Resource], included: list[Resource]) -> Resource:
    entries = [{"resource": resource, "search": {"mode": "match"}} for resource in matches]
    entries += [{"resource": resource, "search": {"mode": "include"}} for resource in included]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(matches), "entry": entries}


def _chart(hook: str) -> Iterator[Resource]:
    own = patient_id(hook)
    example = _renamed(hook, examples.as_of(hook, NOW))
    for value in example["prefetch"].values():
        for entry in value.get("entry", ()) if value and value["resourceType"] == "Bundle" else [{"resource": value}]:
            if entry["resource"] is not None and entry["resource"]["resourceType"] != "ServiceRequest":
                yield from _by_reference(entry["resource"])
    if hook == "order-sign":
        draft = example["context"]["draftOrders"]["entry"][0]["resource"]
        yield {"resourceType": "Medication", "id": f"{own}-drafted", "code": draft["medicationCodeableConcept"]}
    subject = {"reference": f"Patient/{own}"}
    for day in range(1, 46):
        # More than two pages of twenty, none of them news.
        yield _result(f"{own}-k-{day}", "2823-3", "Potassium", 3.6, "mmol/L", subject, time(days=30 + day))
    yield _result(f"{own}-rate", HEART_RATE, "Heart rate", 81, "/min", subject, time(hours=1))
    yield {
        "resourceType": "Encounter",
        "id": f"{own}-stay",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": subject,
        "period": {"start": time(days=2)},
    }
    yield {
        "resourceType": "Encounter",
        "id": f"{own}-old-stay",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": subject,
        "period": {"start": time(days=200), "end": time(days=190)},
    }
    cisplatin = {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "2555"}],
        "text": "cisplatin",
    }
    yield {"resourceType": "Medication", "id": f"{own}-cisplatin", "code": cisplatin}
    drug = {"reference": f"Medication/{own}-cisplatin"}
    yield {
        "resourceType": "MedicationAdministration",
        "id": f"{own}-given",
        "status": "completed",
        "medicationReference": drug,
        "subject": subject,
        "effectiveDateTime": time(days=3),
    }
    for status in ("on-hold", "cancelled", "entered-in-error"):
        yield {
            "resourceType": "MedicationRequest",
            "id": f"{own}-{status}",
            "status": status,
            "intent": "order",
            "medicationReference": drug,
            "subject": subject,
            "authoredOn": time(days=1),
        }
    torsemide = {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "38413"}],
        "text": "torsemide",
    }
    yield {
        "resourceType": "MedicationStatement",
        "id": f"{own}-taken",
        "status": "active",
        "contained": [{"resourceType": "Medication", "id": "torsemide", "code": torsemide}],
        "medicationReference": {"reference": "#torsemide"},
        "subject": subject,
        "effectivePeriod": {"start": time(days=100)},
    }


def _by_reference(resource: Resource) -> Iterator[Resource]:
    """Yield a resource, its drug moved into a Medication of its own: the reference has to be followed."""
    if resource["resourceType"] == "MedicationRequest":
        concept = resource.pop("medicationCodeableConcept")
        drug = {"resourceType": "Medication", "id": f"{resource['id']}-drug", "code": concept}
        resource["medicationReference"] = {"reference": f"Medication/{drug['id']}"}
        yield drug
    yield resource


def _result(own_id: str, code: str, name: str, value: float, unit: str, subject: Resource, when: str) -> Resource:  # noqa: PLR0917
    return {
        "resourceType": "Observation",
        "id": own_id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name}]},
        "subject": subject,
        "effectiveDateTime": when,
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
    }


def _renamed(hook: str, body: Any) -> Any:
    """Give everything ids of this suite's, so that no two charts share any, and values without a last zero."""
    own, old = patient_id(hook), f"{examples.as_of(hook, NOW)['context']['patientId']}"

    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: walk(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [walk(inner, key) for inner in value]
        if isinstance(value, str) and key == "patientId":
            return own
        if isinstance(value, str) and key == "reference" and value.startswith("Patient/"):
            return f"Patient/{own}"
        if isinstance(value, str) and key == "id":
            return own if value == old else f"{own}-{value}"
        if isinstance(value, float) and value == int(value):
            return value + 0.1
        return value

    body = walk(body, "")
    body["context"]["selections"] = [f"MedicationRequest/{own}-cetuximab-draft"]
    if hook != "order-select":
        del body["context"]["selections"]
    return body


def _point(resource: Resource, own: str) -> None:
    if "subject" in resource:
        resource["subject"] = {"reference": f"Patient/{own}"}
    pointer = resource.get("medicationReference", {})
    if "reference" in pointer:
        pointer["reference"] = pointer["reference"].replace(patient_id("patient-view"), own)
