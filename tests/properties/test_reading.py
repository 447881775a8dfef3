"""Whatever comes in, reading it does not raise, and the order it comes in does not matter."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings.chart import Gathered, read_facts
from fhir_mappings.codes import RXNORM, Terminology
from fhir_mappings.draft_orders import DraftOrders
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.subject import PatientMismatch
from fhir_mappings.unreadable import Unreadable
from magnesium.facts import Analyte, Need, PatientFacts

TERMINOLOGY = Terminology.load()
SITE = SiteCodes(labs={("urn:ours", "MG"): Analyte.MAGNESIUM}, drug_name_systems=frozenset({"urn:ours"}))
P1 = {"reference": "Patient/p1"}

TYPES = (
    "Observation", "MedicationRequest", "MedicationStatement", "MedicationAdministration", "Medication", "Condition",
    "Patient", "Encounter", "Specimen", "Practitioner",
)  # fmt: skip
# Names of elements and values that lead deep into the readers.
NAMES = (
    "resourceType", "id", "status", "subject", "patient", "code", "coding", "system", "display", "text", "unit",
    "value", "comparator", "valueQuantity", "valueString", "valueInteger", "effectiveDateTime", "effectivePeriod",
    "issued", "start", "end", "component", "referenceRange", "low", "interpretation", "note", "specimen", "condition",
    "intent", "medicationCodeableConcept", "medicationReference", "medication", "concept", "reference", "contained",
    "ingredient", "itemCodeableConcept", "itemReference", "item", "identifier", "form", "dosageInstruction", "dosage",
    "dose", "timing", "repeat", "boundsPeriod", "boundsDuration", "frequency", "period", "periodUnit", "count",
    "event", "doseAndRate", "doseQuantity", "type", "route", "asNeededBoolean", "dispenseRequest", "validityPeriod",
    "expectedSupplyDuration", "numberOfRepeatsAllowed", "authoredOn", "encounter", "context", "category", "class",
    "clinicalStatus", "verificationStatus", "onsetDateTime", "abatementDateTime", "recordedDate", "birthDate",
    "gender", "meta", "lastUpdated", "_fullUrl",
)  # fmt: skip
WORDS = (
    "", "final", "active", "completed", "in-progress", "order", "Patient/p1", "Medication/m1", "#m1", "m1", "p1",
    "urn:ours", "MG", "http://loinc.org", "19123-9", "2823-3", "19124-7", RXNORM, "4603", "Furosemide", "IMP",
    "http://hl7.org/fhir/sid/icd-10-cm", "I45.81", "mg/dL", "mEq/L", "mmol/L", "<", "1.4 mg/dL", "LESS THAN 0.5 mg/dL",
    "2026", "2026-03", "2026-03-14", "2026-03-14T08:00:00Z", "2026-03-14T08:00:00", "d", "ONCE", "PRN", "IV",
    "hemolyzed", "HEM", *TYPES,
)  # fmt: skip

numbers = st.one_of(
    st.integers(),
    st.floats(),
    st.decimals(),
    st.sampled_from([Decimal("1.4"), 0, 1, 10**400, Decimal("1E+999999"), Decimal("-0")]),
)
leaves = st.one_of(st.none(), st.booleans(), numbers, st.sampled_from(WORDS), st.text(max_size=12))
keys = st.one_of(st.sampled_from(NAMES), st.text(max_size=6))
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=25
)


def concept(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in pairs]}


SOUND: tuple[dict[str, Any], ...] = (
    {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1961"},
    {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": concept(("http://loinc.org", "19123-9")),
        "subject": P1,
        "effectiveDateTime": "2026-03-14T08:00:00Z",
        "valueQuantity": {"value": Decimal("1.4"), "unit": "mg/dL", "code": "mg/dL"},
        "referenceRange": [{"low": {"value": Decimal("1.7"), "unit": "mg/dL"}}],
        "interpretation": [concept(("urn:x", "L"))],
        "specimen": {"reference": "Specimen/s1"},
    },
    {
        "resourceType": "Observation",
        "id": "o2",
        "status": "preliminary",
        "code": {"coding": [{"system": "urn:ours", "code": "MG"}], "text": "Magnesium"},
        "subject": P1,
        "effectivePeriod": {"start": "2026-03-13", "end": "2026-03-14"},
        "valueString": "<0.5 mmol/L",
        "note": [{"text": "not hemolyzed"}],
        "component": [{"code": concept(("http://loinc.org", "19124-7")), "valueQuantity": {"value": 2, "unit": "mg/dL"}}],
    },
    {"resourceType": "Specimen", "id": "s1", "condition": [concept(("urn:x", "HEM"))]},
    {"resourceType": "Medication", "id": "m1", "code": concept((RXNORM, "4603")), "form": {"text": "tablet"}},
    {
        "resourceType": "MedicationRequest",
        "id": "r1",
        "status": "active",
        "intent": "order",
        "subject": P1,
        "medicationReference": {"reference": "Medication/m1", "display": "Furosemide"},
        "authoredOn": "2026-03-01",
        "encounter": {"reference": "Encounter/e1"},
        "category": [concept(("urn:x", "inpatient"))],
        "dosageInstruction": [
            {
                "text": "40 mg PO daily",
                "route": concept(("urn:x", "PO")),
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "boundsPeriod": {"start": "2026-03-02"}}},
                "doseAndRate": [{"doseQuantity": {"value": 40, "unit": "mg"}}],
            }
        ],
        "dispenseRequest": {
            "validityPeriod": {"start": "2026-03-01", "end": "2026-06-01"},
            "expectedSupplyDuration": {"value": 30, "code": "d"},
            "numberOfRepeatsAllowed": 2,
        },
    },
    {
        "resourceType": "MedicationAdministration",
        "id": "a1",
        "status": "completed",
        "subject": P1,
        "effectiveDateTime": "2026-03-14T07:00:00Z",
        "medicationCodeableConcept": {"text": "Magnesium Sulfate 2 g IV"},
        "dosage": {"dose": {"value": 2, "unit": "g"}},
    },
    {
        "resourceType": "MedicationStatement",
        "id": "t1",
        "status": "active",
        "subject": P1,
        "contained": [{"resourceType": "Medication", "id": "c", "ingredient": [{"itemCodeableConcept": concept((RXNORM, "4603"))}]}],
        "medicationReference": {"reference": "#c"},
        "effectivePeriod": {"start": "2026-01"},
    },
    {
        "resourceType": "Condition",
        "id": "k1",
        "subject": P1,
        "clinicalStatus": concept(("urn:x", "active")),
        "code": concept(("http://hl7.org/fhir/sid/icd-10-cm", "I45.81")),
        "onsetDateTime": "2020",
    },
    {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": P1,
        "period": {"start": "2026-03-13"},
    },
)  # fmt: skip


def read(resources: list[Any], drafts: Any = None) -> PatientFacts | None:
    """Read the resources; None if the one exception of the contract came: another patient's resource."""
    try:
        return read_facts(
            Gathered({Need.LABS: resources}),
            patient_id="p1",
            encounter_id="e1",
            drafts=DraftOrders(drafts, ("MedicationRequest/r1",), signing=False) if isinstance(drafts, dict) else None,
            terminology=TERMINOLOGY,
            site=SITE,
            zone=UTC,
            as_of=datetime(2026, 3, 14, 12, 0, tzinfo=UTC),
        )
    except PatientMismatch:
        return None


def test_the_sound_chart_reads_completely() -> None:
    found = read(list(SOUND))
    assert found is not None
    assert (len(found.labs), len(found.exposures), len(found.conditions), found.unusable) == (3, 3, 1, ())


@given(anything, st.sampled_from(TYPES))
def test_anything_in_place_of_a_resource(resource: Any, kind: str) -> None:
    if isinstance(resource, dict):
        resource = {"subject": P1, **resource, "resourceType": kind}
    found = read([resource, *SOUND[4:5]])
    if found is not None:
        assert {fact.reason for fact in found.unusable} <= set(Unreadable)


@st.composite
def damaged(draw: st.DrawFn) -> list[Any]:
    """The sound chart with something else somewhere deep in one of its resources."""
    resources: list[Any] = [*SOUND]
    at = draw(st.integers(0, len(resources) - 1))
    resources[at] = draw(_damage(resources[at], depth=draw(st.integers(1, 6))))
    return resources


@st.composite
def _damage(draw: st.DrawFn, value: Any, depth: int) -> Any:
    if depth == 0 or not isinstance(value, dict | list) or not value:
        return draw(anything)
    places = list(value) if isinstance(value, dict) else list(range(len(value)))
    place = draw(st.sampled_from(places))
    copied: Any = value.copy()
    copied[place] = draw(_damage(value[place], depth - 1))
    return copied


@given(damaged())
@settings(max_examples=300)
def test_damage_to_one_resource_costs_only_that_resource(resources: list[Any]) -> None:
    found = read(resources)
    if found is None:
        return
    sound = read(list(SOUND))
    assert sound is not None
    # Each resource yields at most two results, and a lost Medication or Specimen costs what refers to it.
    assert len(found.labs) >= len(sound.labs) - 2
    assert len(found.exposures) >= len(sound.exposures) - 1


@given(anything)
def test_anything_in_place_of_the_drafts(drafts: Any) -> None:
    assert read(list(SOUND), drafts) is not None or "Patient" in repr(drafts)


@given(st.lists(anything, max_size=3))
def test_anything_in_place_of_the_entries_of_the_drafts(entries: list[Any]) -> None:
    wrapped = [{"resource": {"resourceType": "MedicationRequest", "content": entry}} for entry in entries]
    found = read(list(SOUND), {"entry": [*entries, *wrapped]})
    assert found is None or found.ordering is not None


@given(damaged(), st.randoms(use_true_random=False))
def test_the_order_of_the_resources_changes_nothing(resources: list[Any], chance: random.Random) -> None:
    shuffled = [*resources, *SOUND[:3]]
    forwards = read(shuffled)
    chance.shuffle(shuffled)
    backwards = read(shuffled)
    assert repr(forwards) == repr(backwards)


@pytest.mark.parametrize("at", range(len(SOUND)))
def test_what_came_twice_counts_once(at: int) -> None:
    assert read([*SOUND, SOUND[at]]) == read(list(SOUND))
