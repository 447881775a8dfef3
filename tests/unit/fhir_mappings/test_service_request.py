from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fhir_mappings.chart import DraftOrders, Gathered, PatientMismatch, read_facts
from fhir_mappings.codes import Terminology
from fhir_mappings.context import Context
from fhir_mappings.service_request import read_ordered_test
from fhir_mappings.site_codes import SiteCodes
from magnesium.facts import Analyte, Match, Need

MAGNESIUM = {"coding": [{"system": "http://loinc.org", "code": "19123-9"}]}


def order(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": "sr1",
        "status": "active",
        "intent": "order",
        "code": MAGNESIUM,
        "subject": {"reference": "Patient/p1"},
        **members,
    }


@pytest.fixture
def read(context_of: Callable[..., Context]) -> Callable[..., list[Any]]:
    def read_order(**members: Any) -> list[Any]:
        resource = order(**members)
        return list(read_ordered_test(resource, context_of(resource)))

    return read_order


def test_an_ordered_serum_magnesium(read: Callable[..., list[Any]]) -> None:
    (test,) = read(authoredOn="2026-03-14T08:00:00Z")
    assert (test.analyte, test.source.reference, test.source.match) == (
        Analyte.MAGNESIUM,
        "ServiceRequest/sr1",
        Match.STANDARD_CODE,
    )
    assert test.when is not None
    assert test.when.earliest.isoformat() == "2026-03-14T08:00:00+00:00"


@pytest.mark.parametrize(
    ("members", "due"),
    [
        ({"occurrenceDateTime": "2026-03-20", "authoredOn": "2026-03-14"}, "2026-03-20"),
        ({"occurrencePeriod": {"start": "2026-03-21"}, "authoredOn": "2026-03-14"}, "2026-03-21"),
        ({"authoredOn": "2026-03-14"}, "2026-03-14"),
        ({}, None),
    ],
)
def test_when_it_is_due(read: Callable[..., list[Any]], members: dict[str, Any], due: str | None) -> None:
    (test,) = read(**members)
    assert (test.when.earliest.date().isoformat() if test.when else None) == due


@pytest.mark.parametrize(
    "members",
    [
        {"status": "completed"},
        {"status": "revoked"},
        {"intent": "proposal"},
        {"intent": "plan"},
        {"doNotPerform": True},
        {"subject": None},
        {"code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]}},
        {"code": {"coding": [*MAGNESIUM["coding"], {"system": "http://loinc.org", "code": "2823-3"}]}},
    ],
    ids=["done", "revoked", "proposed", "planned", "not to be done", "of nobody", "of no interest", "contradictory"],
)
def test_what_is_no_open_order_of_this_patient_silences_nothing(
    read: Callable[..., list[Any]], members: dict[str, Any]
) -> None:
    assert read(**members) == []


def test_another_patient_s_order_is_refused(read: Callable[..., list[Any]]) -> None:
    with pytest.raises(PatientMismatch):
        read(subject={"reference": "Patient/p2"})


def test_orders_of_the_chart_and_of_the_session_come_together(context_of: Callable[..., Context]) -> None:
    context = context_of()
    drafts = {"resourceType": "Bundle", "entry": [{"resource": order(id="draft", status="draft", subject=None)}]}
    facts = read_facts(
        Gathered({Need.TESTS: [order(id="chart")]}),
        patient_id="p1",
        encounter_id=None,
        drafts=DraftOrders(drafts, None, signing=True),
        terminology=Terminology.load(),
        site=SiteCodes(),
        zone=context.zone,
        as_of=context.as_of,
    )
    assert [test.source.reference for test in facts.ordered_tests] == ["ServiceRequest/chart", "ServiceRequest/draft"]
