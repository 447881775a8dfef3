from __future__ import annotations

import csv
import gzip
import json
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings.chart import Gathered, read_facts
from fhir_mappings.codes import RXNORM, Terminology
from fhir_mappings.draft_orders import DraftOrders
from fhir_mappings.site_codes import SiteCodes
from fhir_mappings.subject import PatientMismatch
from magnesium.facts import Analyte, Need, Patient, PatientFacts, Setting, Sex

AS_OF = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
P1 = {"reference": "Patient/p1"}

PATIENT = {"resourceType": "Patient", "id": "p1", "gender": "female"}
STAY = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "in-progress",
    "class": {"code": "IMP"},
    "subject": P1,
}
MEDICATION = {
    "resourceType": "Medication",
    "id": "med",
    "code": {"coding": [{"system": RXNORM, "code": "4603"}]},
}
CONDITION = {
    "resourceType": "Condition",
    "id": "c1",
    "subject": P1,
    "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I45.81"}]},
}


def magnesium(own_id: str, value: str = "1.4", hour: int = 8, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": own_id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "19123-9"}]},
        "subject": P1,
        "effectiveDateTime": f"2026-03-14T{hour:02}:00:00Z",
        "valueQuantity": {"value": Decimal(value), "unit": "mg/dL"},
    } | elements


def furosemide(own_id: str, kind: str = "MedicationRequest", **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": kind,
        "id": own_id,
        "status": "active",
        "subject": P1,
        "medicationReference": {"reference": "Medication/med"},
    } | elements


@pytest.fixture
def facts(terminology: Terminology) -> Any:
    def read(
        resources: Any,
        *,
        drafts: DraftOrders | None = None,
        encounter_id: str | None = None,
        site: SiteCodes | None = None,
        patient_id: str = "p1",
        as_of: datetime = AS_OF,
        **more: Any,
    ) -> PatientFacts:
        groups = resources if isinstance(resources, dict) else {Need.LABS: resources}
        return read_facts(
            Gathered(groups, **more),
            patient_id=patient_id,
            encounter_id=encounter_id,
            drafts=drafts,
            terminology=terminology,
            site=site or SiteCodes(),
            zone=UTC,
            as_of=as_of,
        )

    return read


def test_nothing_came(facts: Any) -> None:
    assert facts({}) == PatientFacts(Patient("p1"))


def test_everything_is_read_by_its_type_whichever_group_it_came_in(facts: Any) -> None:
    sent = [
        magnesium("o1"),
        furosemide("r1"),
        furosemide("s1", "MedicationStatement"),
        furosemide("a1", "MedicationAdministration", status="completed", effectiveDateTime="2026-03-14"),
        MEDICATION,
        CONDITION,
        STAY,
        PATIENT,
        {"resourceType": "Practitioner", "id": "x"},
        {"resourceType": "OperationOutcome"},
    ]
    for need in Need:
        found = facts({need: sent})
        assert found.patient == Patient("p1", sex=Sex.FEMALE)
        assert found.setting is Setting.INPATIENT
        assert [lab.analyte for lab in found.labs] == [Analyte.MAGNESIUM]
        assert [one.kind for one in found.exposures] == ["order", "statement", "administration"]
        assert [one.condition for one in found.conditions] == ["long_qt"]
        assert (found.unusable, found.ordering) == ((), None)


def test_what_was_asked_for_and_did_not_come_is_passed_on(facts: Any) -> None:
    missing, partial = frozenset({Need.CONDITIONS}), frozenset({Need.LABS})
    found = facts({}, unavailable=missing, partial=partial)
    assert (found.unavailable, found.partial) == (missing, partial)


def test_a_resource_in_two_groups_counts_once(facts: Any) -> None:
    found = facts({Need.LABS: [magnesium("o1")], Need.CONDITIONS: [magnesium("o1")]})
    assert len(found.labs) == 1


def test_one_bad_resource_costs_only_itself(facts: Any) -> None:
    sent = [magnesium("o1"), magnesium("o2", valueQuantity={"value": "low"}), None, "x", {"id": "1"}]
    found = facts(sent)
    assert [lab.source.reference for lab in found.labs] == ["Observation/o1"]
    assert [(one.reason, one.source.reference) for one in found.unusable] == [
        ("no-number", "Observation/o2"),
        *[("not-a-resource", "(no resource)")] * 3,
    ]


def test_an_unclear_stay_and_a_patient_without_an_id_are_listed(facts: Any) -> None:
    found = facts([{"resourceType": "Patient", "gender": "male"}, {**STAY, "subject": None}])
    assert (found.patient.sex, found.setting) == (Sex.UNKNOWN, Setting.OUTPATIENT)
    assert [one.reason for one in found.unusable] == ["no-id", "no-subject"]


def test_the_encounter_that_the_ehr_has_open(facts: Any) -> None:
    arrived = {**STAY, "status": "arrived"}
    assert facts([arrived], encounter_id="e1").setting is Setting.INPATIENT
    assert facts([arrived]).setting is Setting.OUTPATIENT


INPATIENT_ORDER = furosemide("r1", category=[{"coding": [{"code": "inpatient"}]}])


@pytest.mark.parametrize(
    ("groups", "told", "status"),
    [
        ({Need.ENCOUNTERS: []}, {}, "ended"),  # fetched and empty, or null: looked, and nothing there
        ({}, {}, "ended"),
        ({}, {"unavailable": frozenset({Need.ENCOUNTERS})}, "active"),  # absent: could not look
        ({Need.ENCOUNTERS: []}, {"partial": frozenset({Need.ENCOUNTERS})}, "active"),
        ({Need.ENCOUNTERS: [STAY]}, {}, "active"),
        ({Need.ENCOUNTERS: [{**STAY, "class": {"code": "EMER"}}]}, {}, "active"),
        ({Need.ENCOUNTERS: [{**STAY, "class": {"code": "SS"}}]}, {}, "active"),
        ({Need.ENCOUNTERS: [{**STAY, "class": {"code": "LOCAL"}}]}, {}, "active"),
        ({Need.ENCOUNTERS: [{**STAY, "subject": None}]}, {}, "active"),
        ({Need.ENCOUNTERS: [{**STAY, "class": {"code": "AMB"}}]}, {}, "ended"),
        ({Need.ENCOUNTERS: [{**STAY, "status": "finished"}]}, {}, "ended"),
        ({Need.ENCOUNTERS: [{**STAY, "class": {"code": "AMB"}}]}, {"encounter_id": "Encounter/e1"}, "ended"),
        # The EHR has an encounter open that did not come: nobody knows of what class it is.
        ({Need.ENCOUNTERS: []}, {"encounter_id": "e1"}, "active"),
        ({Need.ENCOUNTERS: [{**STAY, "class": {"code": "AMB"}}]}, {"encounter_id": "e2"}, "active"),
    ],
    ids=str,
)
def test_an_inpatient_order_without_an_end_ends_with_the_last_stay(
    groups: dict[Need, list[Any]], told: dict[str, Any], status: str, facts: Any
) -> None:
    found = facts({Need.MEDICATIONS: [INPATIENT_ORDER, MEDICATION], **groups}, **told)
    assert [(one.inpatient, one.status.value) for one in found.exposures] == [(True, status)]


@pytest.mark.parametrize(
    "order",
    [
        furosemide("r1", category=[{"coding": [{"code": "outpatient"}]}]),
        furosemide("r1"),
        {**INPATIENT_ORDER, "dispenseRequest": {"validityPeriod": {"end": "2026-04-01"}}},
    ],
    ids=["outpatient", "not said", "with an end"],
)
def test_any_other_order_does_not(order: dict[str, Any], facts: Any) -> None:
    assert [one.status.value for one in facts({Need.MEDICATIONS: [order, MEDICATION]}).exposures] == ["active"]


def test_drafts(facts: Any) -> None:
    medication = {"resourceType": "Medication", "id": "new", "code": MEDICATION["code"]}
    first = furosemide("d1", medicationReference={"reference": "Medication/new"}, status="draft")
    second = furosemide("d2", medicationReference={"reference": "urn:uuid:1"}, status="draft")
    unknown = furosemide("d3", medicationReference=None)
    bundle = {
        "entry": [
            {"resource": second},
            {"resource": first},
            {"fullUrl": "urn:uuid:1", "resource": medication},
            {"resource": unknown},
        ]
    }
    found = facts([], drafts=DraftOrders(bundle, ("MedicationRequest/d2",), signing=False))
    assert found.ordering is not None
    assert found.ordering.signing is False
    assert [(one.source.reference, one.selected) for one in found.ordering.drafts] == [
        ("MedicationRequest/d1", False),
        ("MedicationRequest/d2", True),
    ]
    assert found.exposures == ()
    assert [(one.reason, one.source.reference) for one in found.unusable] == [("unknown-drug", "MedicationRequest/d3")]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "id": "p2"},
        magnesium("o1", subject={"reference": "Patient/p2"}),
        furosemide("m1", subject={"reference": "Patient/p2"}),
        furosemide("m1", "MedicationStatement", subject={"reference": "Patient/p2"}),
        furosemide("m1", "MedicationAdministration", subject={"reference": "Patient/p2"}),
        {**CONDITION, "subject": {"reference": "Patient/p2"}},
        {**STAY, "subject": {"reference": "https://fhir.example.org/Patient/p2"}},
    ],
    ids=lambda resource: resource["resourceType"],
)
def test_another_patient_s_resource_is_never_data(resource: dict[str, Any], facts: Any) -> None:
    with pytest.raises(PatientMismatch):
        facts([PATIENT, resource])


def test_the_patient_may_be_called_by_the_full_url_of_the_bundle(facts: Any) -> None:
    found = facts([{**PATIENT, "_fullUrl": "urn:uuid:77"}, magnesium("o1", subject={"reference": "urn:uuid:77"})])
    assert len(found.labs) == 1


def test_twins_without_an_id_come_out_alike_in_any_order(facts: Any) -> None:
    twins: list[dict[str, Any]] = [magnesium("", value) for value in ("1.4", "1.5", "1.4")]
    forwards, backwards = facts(twins), facts(twins[::-1])
    assert forwards == backwards
    assert [lab.source.as_sent for lab in forwards.labs] == ["1.4 mg/dL", "1.4 mg/dL", "1.5 mg/dL"]


# ── Real charts ──────────────────────────────────────────────────────────────────────────────────────────────────────

COLUMNS = {
    "mg": Analyte.MAGNESIUM,
    "k": Analyte.POTASSIUM,
    "creat": Analyte.CREATININE,
    "ca": Analyte.CALCIUM_TOTAL,
    "ica": Analyte.CALCIUM_IONIZED,
    "alb": Analyte.ALBUMIN,
    "urine_mg": Analyte.MAGNESIUM_URINE,
    "urine_creat": Analyte.CREATININE_URINE,
    "urine_k": Analyte.POTASSIUM_URINE,
}


def snapshots(folder: Path) -> Iterator[tuple[dict[str, str], list[Any]]]:
    """Each chart with the line that its makers wrote about it."""
    lines = csv.DictReader((folder / "facts.csv").read_text(encoding="utf-8").splitlines())
    by_name = {line["snapshot"]: line for line in lines}
    with gzip.open(folder / "snapshots.ndjson.gz", "rt", encoding="utf-8") as bundles:
        for written in bundles:
            bundle = json.loads(written, parse_float=Decimal)
            yield by_name[bundle["id"]], [entry["resource"] for entry in bundle["entry"]]


@pytest.mark.shared
@pytest.mark.parametrize("name", ["mimic-iii", "mimic-iv", "eicu"])
def test_the_last_values_of_every_hospital_chart(name: str, shared: Path, facts: Any) -> None:
    example = files("fhir_mappings").joinpath(f"examples/local-codes-{name}.toml").read_text(encoding="utf-8")
    site = SiteCodes.from_table(tomllib.loads(example)["local_codes"])
    compared = 0
    for line, resources in snapshots(shared / "data" / f"{name}-demo"):
        as_of = datetime.fromisoformat(line["as_of"])
        found = facts(resources, site=site, patient_id=line["patient"], as_of=as_of)
        for column, analyte in COLUMNS.items():
            results = [lab for lab in found.labs if lab.analyte is analyte]
            newest = {
                lab.source.as_sent.casefold() for lab in results if lab.when.earliest == results[-1].when.earliest
            }
            expected = {f"{line[column]} {line[column + '_unit']}".casefold()} if line[column] else set()
            assert expected <= newest if expected else not newest, (line["snapshot"], column)
            compared += bool(expected)
    assert compared > 300
