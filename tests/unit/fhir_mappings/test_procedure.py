"""clinical.md §1.6: kidney replacement therapy that was carried out, as the record of procedures tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_mappings.chart import Gathered, PatientMismatch, read_facts
from fhir_mappings.codes import ICD10CM, SNOMED, Terminology
from fhir_mappings.context import Context
from fhir_mappings.procedure import read_procedure
from fhir_mappings.site_codes import SiteCodes
from magnesium.facts import ConditionFact, Need, Unusable
from tests.unit.fhir_mappings.conftest import AS_OF

HEMODIALYSIS = {"coding": [{"system": SNOMED, "code": "302497006", "display": "Hemodialysis"}]}
TRANSPLANT = {"coding": [{"system": SNOMED, "code": "70536003"}], "text": "Kidney transplant"}


def procedure(**changes: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "Procedure",
        "id": "d1",
        "status": "completed",
        "code": HEMODIALYSIS,
        "subject": {"reference": "Patient/p1"},
        "performedDateTime": "2026-03-12T08:00:00Z",
    } | changes
    return {name: value for name, value in resource.items() if value is not None}


def fact(resource: dict[str, Any], context: Context) -> ConditionFact:
    [found] = read_procedure(resource, context)
    assert isinstance(found, ConditionFact)
    return found


def days(found: ConditionFact) -> tuple[int | None, int | None]:
    return tuple(when.earliest.day if when else None for when in (found.onset, found.until))  # type: ignore[return-value]  # two of them


def test_a_dialysis_that_was_carried_out(context: Context) -> None:
    found = fact(procedure(), context)
    assert (found.condition, found.label) == ("kidney_replacement", "Hemodialysis")
    assert (found.source.reference, found.source.code) == ("Procedure/d1", "302497006")
    assert days(found) == (12, 12)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"performedDateTime": None, "performedPeriod": {"start": "2026-03-08", "end": "2026-03-10"}}, (8, 10)),
        ({"performedDateTime": None, "performedPeriod": {"end": "2026-03-10"}}, (10, 10)),
        ({"performedDateTime": None, "performedPeriod": {"start": "2026-03-08"}}, (8, 8)),
        ({"performedDateTime": None, "occurrenceDateTime": "2026-03-09"}, (9, 9)),
        ({"performedDateTime": None, "occurrencePeriod": {"start": "2026-03-08", "end": "2026-03-09"}}, (8, 9)),
        ({"status": "stopped"}, (12, 12)),
        ({"status": "in-progress"}, (12, None)),
    ],
    ids=str,
)
def test_when_it_was_and_whether_it_is_running(
    changes: dict[str, Any], expected: tuple[int, int | None], context: Context
) -> None:
    assert days(fact(procedure(**changes), context)) == expected


@pytest.mark.parametrize(
    "changes",
    [
        *({"status": status} for status in ("preparation", "not-done", "on-hold", "entered-in-error", "unknown", None)),
        {"code": {"coding": [{"system": SNOMED, "code": "77386006"}]}},  # pregnant: a condition, not a procedure
        {"code": {"coding": [{"system": SNOMED, "code": "80146002"}]}},
        {"code": {"text": "Hemodialysis"}},  # never matched by name
        {"code": None},
    ],
    ids=str,
)
def test_what_was_not_carried_out_or_means_nothing_here_is_left_out(changes: dict[str, Any], context: Context) -> None:
    assert list(read_procedure(procedure(**changes), context)) == []


def test_a_transplant_has_no_end(context: Context) -> None:
    found = fact(procedure(code=TRANSPLANT), context)
    assert (found.condition, found.label, found.until) == ("kidney_transplant", "Kidney transplant", None)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"performedDateTime": None}, "no-time"),
        ({"performedDateTime": "soon"}, "no-time"),
        ({"subject": None}, "no-subject"),
    ],
)
def test_without_a_time_or_a_patient_it_is_listed(changes: dict[str, Any], reason: str, context: Context) -> None:
    [found] = read_procedure(procedure(**changes), context)
    assert isinstance(found, Unusable)
    assert (found.reason, found.source.reference) == (reason, "Procedure/d1")


def test_another_patient_s_is_refused(context: Context) -> None:
    with pytest.raises(PatientMismatch):
        list(read_procedure(procedure(subject={"reference": "Patient/p2"}), context))


@pytest.mark.parametrize("meaning", ["dialysis", "kidney_replacement"])
def test_a_site_s_own_code_of_it(meaning: str, context_of: Callable[..., Context]) -> None:
    code = {"coding": [{"system": "urn:ours", "code": "CRRT"}]}
    site = SiteCodes(conditions={("urn:ours", "CRRT"): meaning})
    assert fact(procedure(code=code), context_of(site=site)).condition == "kidney_replacement"


def test_is_read_with_the_chart(terminology: Terminology) -> None:
    diagnosis = {"coding": [{"system": ICD10CM, "code": "N18.6"}]}
    condition = {"resourceType": "Condition", "id": "c1", "code": diagnosis, "subject": {"reference": "Patient/p1"}}
    found = read_facts(
        Gathered({Need.CONDITIONS: [condition], Need.PROCEDURES: [procedure()]}),
        patient_id="p1",
        encounter_id=None,
        drafts=None,
        terminology=terminology,
        site=SiteCodes(),
        zone=AS_OF.tzinfo or pytest.fail("no zone"),
        as_of=AS_OF,
    )
    assert [c.condition for c in found.conditions] == ["esrd", "kidney_replacement"]
