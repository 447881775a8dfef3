from __future__ import annotations

from typing import Any

import pytest

from fhir_mappings.codes import RXNORM
from fhir_mappings.context import Context
from fhir_mappings.draft_orders import DraftOrders, read_drafts, referred
from fhir_mappings.subject import PatientMismatch
from magnesium.facts import Exposure, ExposureKind

LONG_ID = "e" * 194


def draft(own_id: str | None = "d1", **elements: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "MedicationRequest",
        "id": own_id,
        "status": "draft",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "4603"}]},
    } | elements
    return {name: value for name, value in resource.items() if value is not None}


def bundle(*resources: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}


def drafted(drafts: DraftOrders, context: Context) -> dict[str, bool]:
    """The drafted drugs by reference, and whether they are selected."""
    facts = list(read_drafts(drafts, context))
    assert all(isinstance(fact, Exposure) and fact.kind is ExposureKind.DRAFT for fact in facts)
    return {fact.source.reference: fact.selected for fact in facts if isinstance(fact, Exposure)}


@pytest.mark.parametrize(
    ("selections", "signing", "selected"),
    [
        (("MedicationRequest/d1",), False, {"d1"}),
        (("d1",), False, {"d1"}),
        (("https://fhir.example.org/MedicationRequest/d1/_history/1",), False, {"d1"}),
        (("MedicationRequest/d1", "MedicationRequest/d2"), False, {"d1", "d2"}),
        (("ServiceRequest/d1",), False, set()),
        (("MedicationRequest/d3",), False, set()),
        ((), False, set()),
        (None, False, {"d1", "d2"}),
        (None, True, {"d1", "d2"}),
        (("MedicationRequest/d1",), True, {"d1", "d2"}),
    ],
)
def test_selections(selections: tuple[str, ...] | None, signing: bool, selected: set[str], context: Context) -> None:
    found = drafted(DraftOrders(bundle(draft("d1"), draft("d2")), selections, signing), context)
    assert found == {f"MedicationRequest/{own_id}": own_id in selected for own_id in ("d1", "d2")}


def test_a_long_id_is_an_id(context: Context) -> None:
    drafts = DraftOrders(bundle(draft(LONG_ID)), (f"MedicationRequest/{LONG_ID}",), signing=False)
    assert drafted(drafts, context) == {f"MedicationRequest/{LONG_ID}": True}


def test_a_draft_without_an_id_is_selected_by_its_full_url_only(context: Context) -> None:
    entry = {"fullUrl": "urn:uuid:1", "resource": draft(None)}
    for selections, selected in ((("urn:uuid:1",), True), (("urn:uuid:2",), False)):
        drafts = DraftOrders({"entry": [entry]}, selections, signing=False)
        assert drafted(drafts, context) == {"MedicationRequest/(no id)": selected}


def test_drafts_of_anything_else_are_left_alone(context: Context) -> None:
    others = ("ServiceRequest", "NutritionOrder", "DeviceRequest", "VisionPrescription", "MedicationOrder", "X", None)
    sent = bundle(draft(), *(draft(resourceType=kind) for kind in others))
    assert drafted(DraftOrders(sent, None, signing=True), context) == {"MedicationRequest/d1": True}


def test_the_wrapper_of_an_entry_may_be_missing(context: Context) -> None:
    assert drafted(DraftOrders({"entry": [draft()]}, None, signing=True), context) == {"MedicationRequest/d1": True}


@pytest.mark.parametrize("entries", [None, [], {}, "x", [None, 1, {}, {"resource": None}, {"resource": [1]}]], ids=str)
def test_an_empty_or_broken_bundle_has_no_drafts(entries: Any, context: Context) -> None:
    assert drafted(DraftOrders({"entry": entries}, None, signing=True), context) == {}


def test_the_full_url_of_an_entry_is_kept_for_references() -> None:
    medication = {"resourceType": "Medication", "id": "m"}
    drafts = DraftOrders(
        {"entry": [{"fullUrl": "urn:uuid:1", "resource": medication}, {"resource": medication}]}, None, signing=True
    )
    assert list(referred(drafts)) == [{**medication, "_fullUrl": "urn:uuid:1"}, medication]


def test_a_draft_for_another_patient_is_refused(context: Context) -> None:
    sent = bundle(draft(subject={"reference": "Patient/p2"}))
    with pytest.raises(PatientMismatch):
        drafted(DraftOrders(sent, None, signing=True), context)
