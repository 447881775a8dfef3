from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from fhir_mappings.codes import ATC, RXNORM
from fhir_mappings.context import Context
from fhir_mappings.medication import read_administration, read_draft, read_request, read_statement
from fhir_mappings.subject import PatientMismatch
from magnesium.facts import Exposure, ExposureKind, ExposureStatus, Match, Route, Unusable

Reader = Callable[[dict[str, Any], Context], Iterator[Exposure | Unusable]]

CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"


def resource(kind: str, **changes: Any) -> dict[str, Any]:
    elements = {
        "resourceType": kind,
        "id": "m1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"coding": [{"system": RXNORM, "code": "4603"}], "text": "Furosemide"},
        "subject": {"reference": "Patient/p1"},
    } | changes
    return {name: value for name, value in elements.items() if value is not None}


def order(**changes: Any) -> dict[str, Any]:
    return resource("MedicationRequest", **changes)


def statement(**changes: Any) -> dict[str, Any]:
    return resource("MedicationStatement", **changes)


def administration(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"status": "completed", "effectiveDateTime": "2026-03-14T08:00:00Z"}
    return resource("MedicationAdministration", **given | changes)


def draft(resource: dict[str, Any], context: Context) -> Iterator[Exposure | Unusable]:
    return read_draft(resource, context, selected=True)


def exposure(facts: Iterator[Exposure | Unusable]) -> Exposure:
    [fact] = facts
    assert isinstance(fact, Exposure), fact
    return fact


def days(found: Exposure) -> tuple[int | None, int | None]:
    """First day of the start and last day of the end, as days of March 2026 (April is 32 and later)."""
    origin = date(2026, 2, 28).toordinal()
    return (
        found.start.earliest.toordinal() - origin if found.start else None,
        found.end.latest.toordinal() - origin if found.end else None,
    )


class TestRequest:
    def test_a_plain_order(self, context: Context) -> None:
        found = exposure(
            read_request(order(authoredOn="2026-03-01", dosageInstruction=[{"text": "40 mg PO"}]), context)
        )
        assert (found.kind, found.status) == (ExposureKind.ORDER, ExposureStatus.ACTIVE)
        assert (found.ingredients, found.label, found.route) == (("furosemide",), "Furosemide", Route.ORAL)
        assert (found.as_needed, found.single_dose, found.inpatient, found.selected) == (False,) * 4
        assert (found.source.reference, found.source.code, found.source.as_sent, found.source.match) == (
            "MedicationRequest/m1",
            "4603",
            "40 mg PO",
            Match.STANDARD_CODE,
        )
        assert days(found) == (1, None)
        assert found.authored == found.start

    @pytest.mark.parametrize(
        ("status", "expected"),
        [
            ("active", ExposureStatus.ACTIVE),
            ("completed", ExposureStatus.ENDED),
            ("stopped", ExposureStatus.ENDED),
        ],
    )
    def test_what_is_or_was_in_force(self, status: str, expected: ExposureStatus, context: Context) -> None:
        assert exposure(read_request(order(status=status), context)).status is expected

    @pytest.mark.parametrize(
        "intent", ["order", "original-order", "reflex-order", "filler-order", "instance-order", None]
    )
    def test_orders(self, intent: str | None, context: Context) -> None:
        assert exposure(read_request(order(intent=intent), context)).kind is ExposureKind.ORDER

    @pytest.mark.parametrize(
        "changes",
        [
            *(
                {"status": status}
                for status in ("on-hold", "cancelled", "entered-in-error", "draft", "unknown", None, 7)
            ),
            *({"intent": intent} for intent in ("proposal", "plan", "option")),
            {"doNotPerform": True},
            {"medicationCodeableConcept": {"text": "Acetaminophen"}},
        ],
        ids=str,
    )
    def test_what_never_triggers_is_no_fact(self, changes: dict[str, Any], context: Context) -> None:
        assert list(read_request(order(**changes), context)) == []

    def test_an_unknown_drug_is_listed_with_its_dose(self, context: Context) -> None:
        sent = order(medicationCodeableConcept=None, dosageInstruction=[{"text": "IV Continuous"}, {}, {"text": "x"}])
        [fact] = read_request(sent, context)
        assert isinstance(fact, Unusable)
        assert (fact.reason, fact.source.as_sent) == ("unknown-drug", "IV Continuous; x")


VALID = {"validityPeriod": {"start": "2026-03-02", "end": "2026-03-12"}}
SUPPLY = {"expectedSupplyDuration": {"value": 5, "code": "d"}, "numberOfRepeatsAllowed": 1}
STAY = {
    "resourceType": "Encounter",
    "id": "e1",
    "status": "finished",
    "class": {"code": "IMP"},
    "period": {"start": "2026-03-01", "end": "2026-03-07"},
}


class TestCourse:
    @staticmethod
    def bounds(start: str | None = None, end: str | None = None, **more: Any) -> dict[str, Any]:
        return {"timing": {"repeat": {"boundsPeriod": {"start": start, "end": end}} | more}}

    @pytest.mark.parametrize(
        ("elements", "expected"),
        [
            ({}, (None, None)),
            ({"authoredOn": "2026-03-01"}, (1, None)),
            ({"dateWritten": "2026-03-01"}, (1, None)),
            ({"authoredOn": "2026-03-01", "dispenseRequest": VALID}, (2, 12)),
            (
                {
                    "authoredOn": "2026-03-01",
                    "dispenseRequest": VALID,
                    "dosageInstruction": [bounds("2026-03-03", "2026-03-10")],
                },
                (3, 10),
            ),
            # a course in two steps lasts from the first to the last day of both
            ({"dosageInstruction": [bounds("2026-03-05", "2026-03-08"), bounds("2026-03-01", "2026-03-04")]}, (1, 8)),
            ({"dosageInstruction": [bounds("2026-03-05"), bounds("2026-03-01", "2026-03-04")]}, (1, None)),
            # a duration counts from the start that is known
            (
                {"authoredOn": "2026-03-01", "dosageInstruction": [{"timing": {"repeat": {"boundsDuration": {"value": 1, "unit": "wk"}}}}]},
                (1, 8),
            ),
            ({"dosageInstruction": [{"timing": {"repeat": {"boundsDuration": {"value": 1, "unit": "wk"}}}}]}, (None, None)),
            # a period that ends before it starts has no end
            ({"dispenseRequest": {"validityPeriod": {"start": "2026-03-12", "end": "2026-03-02"}}}, (12, None)),
            ({"dispenseRequest": VALID, "dosageInstruction": [bounds("2026-03-13")]}, (13, None)),
            # supply
            ({"authoredOn": "2026-03-01", "dispenseRequest": SUPPLY}, (1, 11)),
            ({"dispenseRequest": SUPPLY, "dosageInstruction": [bounds("2026-03-02")]}, (2, 12)),
            ({"dispenseRequest": SUPPLY}, (None, None)),
            ({"status": "completed", "authoredOn": "2026-03-01", "dispenseRequest": SUPPLY}, (1, 11)),
            # stopped: when, nobody says
            ({"status": "stopped", "authoredOn": "2026-03-01", "dispenseRequest": SUPPLY}, (1, None)),
            ({"status": "stopped", "dispenseRequest": VALID}, (2, 12)),
            ({"status": "stopped", "dispenseRequest": {"validityPeriod": {"end": "2026-06-01"}}}, (None, None)),
            ({"status": "active", "dispenseRequest": {"validityPeriod": {"end": "2026-04-01"}}}, (None, 32)),
        ],
        ids=str,
    )  # fmt: skip
    def test_start_and_end(
        self, elements: dict[str, Any], expected: tuple[int | None, int | None], context: Context
    ) -> None:
        assert days(exposure(read_request(order(**elements), context))) == expected

    @pytest.mark.parametrize(
        ("dispense", "expected"),
        [
            ({"expectedSupplyDuration": {"value": 30, "unit": "days"}}, 30),
            ({"expectedSupplyDuration": {"value": 30, "code": "d"}, "numberOfRepeatsAllowed": 2}, 90),
            ({"expectedSupplyDuration": {"value": Decimal("90.0"), "unit": "d"}, "numberOfRepeatsAllowed": 1}, 180),
            ({"expectedSupplyDuration": {"value": 4, "code": "wk"}}, 28),
            ({"expectedSupplyDuration": {"value": 3, "code": "mo"}}, 90),
            ({"expectedSupplyDuration": {"value": 30, "unit": "Day"}}, 30),
            ({"expectedSupplyDuration": {"value": 30}}, None),
            ({"expectedSupplyDuration": {"value": 30, "code": "tablets"}}, None),
            ({"expectedSupplyDuration": {"value": -1, "code": "d"}}, None),
            ({"expectedSupplyDuration": {"value": 10**9, "code": "d"}}, None),
            ({"expectedSupplyDuration": {"value": 1, "code": "h"}}, None),
            ({"expectedSupplyDuration": {"value": 30, "code": "d"}, "numberOfRepeatsAllowed": 10**6}, None),
            ({"expectedSupplyDuration": {"value": 30_000, "code": "d"}, "numberOfRepeatsAllowed": 10}, None),
            ({}, None),
        ],
        ids=str,
    )
    def test_days_of_supply(self, dispense: dict[str, Any], expected: int | None, context: Context) -> None:
        assert exposure(read_request(order(dispenseRequest=dispense), context)).supply_days == expected


class TestStay:
    @pytest.mark.parametrize(
        ("elements", "expected"),
        [
            ({}, False),
            ({"category": [{"coding": [{"system": CATEGORY, "code": "inpatient"}]}]}, True),
            ({"category": {"coding": [{"code": "inpatient"}]}}, True),
            ({"category": [{"text": "Inpatient"}]}, True),
            ({"encounter": {"reference": "Encounter/e1"}}, True),
            ({"context": {"reference": "Encounter/e1"}}, True),  # STU3
            ({"encounter": {"reference": "Encounter/e2"}}, False),
            ({"encounter": {"reference": "Encounter/e1"}, "category": [{"coding": [{"code": "outpatient"}]}]}, False),
        ],
        ids=str,
    )
    def test_an_inpatient_order(self, elements: dict[str, Any], expected: bool, context_of: Any) -> None:
        assert exposure(read_request(order(**elements), context_of(STAY))).inpatient is expected

    def test_it_ends_with_the_stay(self, context_of: Any) -> None:
        sent = order(encounter={"reference": "Encounter/e1"})
        assert days(exposure(read_request(sent, context_of(STAY)))) == (None, 7)
        assert days(exposure(read_request(sent, context_of(STAY | {"status": "in-progress"})))) == (None, None)

    def test_an_end_of_its_own_comes_first(self, context_of: Any) -> None:
        sent = order(encounter={"reference": "Encounter/e1"}, dispenseRequest={"validityPeriod": {"end": "2026-03-05"}})
        assert days(exposure(read_request(sent, context_of(STAY)))) == (None, 5)

    def test_r5_calls_the_period_otherwise(self, context_of: Any) -> None:
        stay = {**STAY, "status": "completed", "actualPeriod": STAY["period"], "period": None}
        sent = order(encounter={"reference": "Encounter/e1"})
        assert days(exposure(read_request(sent, context_of(stay)))) == (None, 7)


class TestDosage:
    def test_as_needed_single_and_amount(self, context: Context) -> None:
        sent = order(dosageInstruction=[{"text": "20 mg IV once PRN"}])
        found = exposure(read_request(sent, context))
        assert (found.as_needed, found.single_dose, found.route) == (True, True, Route.INTRAVENOUS)

    @pytest.mark.parametrize(
        ("label", "dosage", "route", "assumed"),
        [
            ("Furosemide 40 mg PO tablet", "40 mg daily", Route.ORAL, False),
            ("Furosemide IV", "", Route.INTRAVENOUS, False),
            # What the order says comes before the name of the drug.
            ("Furosemide IV", "40 mg PO daily", Route.ORAL, False),
            ("Furosemide", "40 mg daily", Route.SYSTEMIC, False),
        ],
    )
    def test_the_route_may_stand_in_the_name_of_the_drug(
        self, label: str, dosage: str, route: Route, assumed: bool, context: Context
    ) -> None:
        drug = {"coding": [{"system": ATC, "code": "C03CA01"}], "text": label}
        sent = order(medicationCodeableConcept=drug, dosageInstruction=[{"text": dosage}])
        found = exposure(read_request(sent, context))
        assert (found.ingredients, found.route, found.route_assumed) == (("furosemide",), route, assumed)

    def test_daily_amount(self, context: Context) -> None:
        sent = order(
            medicationCodeableConcept={"coding": [{"system": RXNORM, "code": "8591"}]},
            dosageInstruction=[
                {
                    "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                    "doseAndRate": [{"doseQuantity": {"value": 20, "unit": "mEq"}}],
                }
            ],
        )
        found = exposure(read_request(sent, context))
        assert found.daily_amount is not None
        assert found.daily_amount.text == "40 mmol/d"
        assert (found.route, found.route_assumed) == (Route.SYSTEMIC, True)


class TestDraft:
    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "draft"},
            {"status": "active"},  # signed again
            {"status": None, "intent": None},
            {"intent": "proposal"},
            {"intent": "plan"},
            {"subject": None},
        ],
        ids=str,
    )
    def test_whatever_is_being_written_is_a_draft(self, changes: dict[str, Any], context: Context) -> None:
        found = exposure(draft(order(**changes), context))
        assert (found.kind, found.status, found.selected) == (ExposureKind.DRAFT, ExposureStatus.ACTIVE, True)

    @pytest.mark.parametrize(
        "changes",
        [{"status": "cancelled"}, {"status": "entered-in-error"}, {"status": "stopped"}, {"doNotPerform": True}],
        ids=str,
    )
    def test_an_order_that_is_withdrawn_is_none(self, changes: dict[str, Any], context: Context) -> None:
        assert list(draft(order(**changes), context)) == []

    def test_the_empty_form_of_a_client_is_listed(self, context: Context) -> None:
        [fact] = draft(order(medicationCodeableConcept=None, intent=None, status="draft"), context)
        assert isinstance(fact, Unusable)
        assert fact.reason == "unknown-drug"


class TestStatement:
    @pytest.mark.parametrize(
        ("changes", "status", "expected"),
        [
            ({}, ExposureStatus.ACTIVE, (None, None)),
            ({"effectivePeriod": {"start": "2026-01-01"}}, ExposureStatus.ACTIVE, (-58, None)),
            ({"effectiveDateTime": "2026-03-01"}, ExposureStatus.ACTIVE, (1, None)),
            (
                {"status": "completed", "effectivePeriod": {"start": "2026-03-01", "end": "2026-03-05"}},
                ExposureStatus.ENDED,
                (1, 5),
            ),
            ({"status": "stopped", "effectivePeriod": {"end": "2026-03-05"}}, ExposureStatus.ENDED, (None, 5)),
            ({"status": "stopped", "effectivePeriod": {"end": "2026-05-05"}}, ExposureStatus.ENDED, (None, None)),
        ],
        ids=str,
    )
    def test_what_the_patient_takes_or_took(
        self,
        changes: dict[str, Any],
        status: ExposureStatus,
        expected: tuple[int | None, int | None],
        context: Context,
    ) -> None:
        found = exposure(read_statement(statement(**changes), context))
        assert (found.kind, found.status, days(found)) == (ExposureKind.STATEMENT, status, expected)

    @pytest.mark.parametrize(
        "changes",
        [
            *({"status": status} for status in ("intended", "on-hold", "not-taken", "entered-in-error", "unknown")),
            {"taken": "n"},
        ],
        ids=str,
    )
    def test_intent_and_denial_are_no_facts(self, changes: dict[str, Any], context: Context) -> None:
        assert list(read_statement(statement(**changes), context)) == []

    def test_its_dosage_has_another_name(self, context: Context) -> None:
        found = exposure(read_statement(statement(dosage=[{"text": "as needed"}], dateAsserted="2026-03-01"), context))
        assert found.as_needed
        assert found.authored is not None
        assert not found.inpatient


class TestAdministration:
    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({}, (14, 14)),
            ({"status": "stopped"}, (14, 14)),  # a part of the dose was given
            ({"status": "in-progress"}, (14, None)),
            ({"effectiveDateTime": None, "effectivePeriod": {"start": "2026-03-13", "end": "2026-03-14"}}, (13, 14)),
            (
                {"status": "in-progress", "effectiveDateTime": None, "effectivePeriod": {"start": "2026-03-13"}},
                (13, None),
            ),
            ({"effectiveDateTime": None, "effectivePeriod": {"end": "2026-03-13"}}, (13, 13)),
            ({"effectiveDateTime": None, "occurenceDateTime": "2026-03-12"}, (12, 12)),  # R5
            ({"effectiveDateTime": None, "occurencePeriod": {"start": "2026-03-12"}}, (12, None)),
        ],
        ids=str,
    )
    def test_a_dose_that_was_given(
        self, changes: dict[str, Any], expected: tuple[int | None, int | None], context: Context
    ) -> None:
        found = exposure(read_administration(administration(**changes), context))
        assert (found.kind, found.status) == (ExposureKind.ADMINISTRATION, ExposureStatus.ACTIVE)
        assert days(found) == expected

    @pytest.mark.parametrize(
        "changes",
        [
            *({"status": status} for status in ("not-done", "on-hold", "entered-in-error", "unknown", None)),
            {"notGiven": True},  # STU3
            {"status": "stopped", "dosage": {"dose": {"value": 0, "unit": "mg"}}},
        ],
        ids=str,
    )
    def test_a_dose_that_was_not(self, changes: dict[str, Any], context: Context) -> None:
        assert list(read_administration(administration(**changes), context)) == []

    def test_a_dose_at_an_unknown_time_is_listed(self, context: Context) -> None:
        [fact] = read_administration(administration(effectiveDateTime="yesterday"), context)
        assert isinstance(fact, Unusable)
        assert (fact.reason, fact.detail, fact.source.code) == ("no-time", "Furosemide", "4603")

    def test_a_given_dose_was_given_whatever_its_order_said(self, context: Context) -> None:
        sent = administration(dosage={"text": "IV once PRN"}, category={"coding": [{"code": "inpatient"}]})
        found = exposure(read_administration(sent, context))
        assert (found.as_needed, found.single_dose, found.inpatient) == (False, False, False)
        assert found.route is Route.INTRAVENOUS


@pytest.mark.parametrize(
    ("read", "sent"),
    [
        (read_request, order()),
        (read_statement, statement()),
        (read_administration, administration()),
        (draft, order()),
    ],
    ids=["request", "statement", "administration", "draft"],
)
class TestSubject:
    def test_another_patient_s_drug_is_refused(self, read: Reader, sent: dict[str, Any], context: Context) -> None:
        for status in (sent["status"], "cancelled"):
            other = sent | {"subject": {"reference": "Patient/p2"}, "status": status}
            with pytest.raises(PatientMismatch):
                list(read(other, context))

    def test_an_unclear_patient_is_listed(self, read: Reader, sent: dict[str, Any], context: Context) -> None:
        [fact] = read(sent | {"subject": {"reference": "Group/p1"}}, context)
        assert isinstance(fact, Unusable)
        assert (fact.reason, fact.detail) == ("unresolved-subject", "Furosemide")

    def test_no_patient_is_enough_for_a_draft_only(self, read: Reader, sent: dict[str, Any], context: Context) -> None:
        [fact] = read({name: value for name, value in sent.items() if name != "subject"}, context)
        assert isinstance(fact, Exposure if read is draft else Unusable)
