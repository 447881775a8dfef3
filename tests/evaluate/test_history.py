"""When something could be seen, and how it looked then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cds_service.evaluate.history import READ, TIMELESS, History
from fhir_mappings.codes import Terminology
from fhir_mappings.queries import queries
from tests.evaluate.records import START, Resource, after, dose, order, patient, problem, result, stay


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def seen(resources: list[Resource], hours: float) -> dict[str, Resource]:
    return {found["id"]: found for found in History.of(resources, UTC).seen(at(hours))}


def without(resource: Resource, *names: str, **more: Any) -> Resource:
    return {**{name: value for name, value in resource.items() if name not in names}, **more}


SEEN_FROM = [
    ("a result when it is released", result("x", 2, 1.5), 2),
    ("a result without release when it was drawn", without(result("x", 2, 1.5), "issued"), 1),
    ("a result released before it was drawn when it was drawn", result("x", 2, 1.5, issued=after(0)), 1),
    (
        "a collection when it ends",
        without(
            result("x", 2, 1.5), "issued", "effectiveDateTime", effectivePeriod={"start": after(0), "end": after(9)}
        ),
        9,
    ),
    ("an order when it is written", order("x", 3), 3),
    (
        "an order that nobody dated when it begins to hold",
        without(order("x", 3, until=9), "authoredOn"),
        3,
    ),
    (
        "an order that nobody dated when its dosage begins",
        without(
            order("x", 3),
            "authoredOn",
            dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": {"start": after(4)}}}}],
        ),
        4,
    ),
    ("a dose when it is given", dose("x", 5), 5),
    (
        "an infusion when it begins",
        without(dose("x", 5), "effectiveDateTime", effectivePeriod={"start": after(5), "end": after(7)}),
        5,
    ),
    ("a problem when it is recorded", problem("x", 6, "E83.42", onsetDateTime=after(1)), 6),
    ("a problem that nobody dated when it began", problem("x", None, "E83.42", onsetDateTime=after(1)), 1),
    (
        "dialysis when it begins",
        {"resourceType": "Procedure", "id": "x", "performedPeriod": {"start": after(3), "end": after(7)}},
        3,
    ),
    ("a stay when it begins", stay("x", 7, 20), 7),
    (
        "what is only dated by the server when it was loaded",
        without(order("x", 3), "authoredOn", meta={"lastUpdated": after(8)}),
        8,
    ),
    (
        "a statement when somebody made it",
        {
            "resourceType": "MedicationStatement",
            "id": "x",
            "status": "active",
            "dateAsserted": after(4),
            "effectivePeriod": {"start": after(1)},
        },
        4,
    ),
    (
        "a laboratory order when it is written",
        {"resourceType": "ServiceRequest", "id": "x", "status": "active", "authoredOn": after(2)},
        2,
    ),
]


@pytest.mark.parametrize(("resource", "hours"), [case[1:] for case in SEEN_FROM], ids=[case[0] for case in SEEN_FROM])
def test_seen_from(resource: Resource, hours: float) -> None:
    assert "x" not in seen([resource], hours - 0.01)
    assert "x" in seen([resource], hours)


def test_a_day_is_over_before_what_is_dated_by_it_is_seen() -> None:
    dated = order("x", 0, authoredOn="2026-03-02")
    assert "x" not in seen([dated], 15.9)
    assert "x" in seen([dated], 16)


def test_a_diagnosis_without_a_date_is_seen_when_its_stay_ends() -> None:
    coded = problem("x", None, "E83.42", encounter={"reference": "Encounter/e"})
    assert "x" not in seen([stay("e", 0, 20), coded], 19.9)
    assert "x" in seen([stay("e", 0, 20), coded], 20)


def test_every_type_that_the_service_asks_for_is_read() -> None:
    asked = {query.resource_type for query in queries(Terminology.load())}
    assert asked | TIMELESS == READ


def test_what_has_no_time_at_all_is_never_seen_and_is_counted() -> None:
    history = History.of([without(order("x", 3), "authoredOn")], UTC)
    assert history.seen(at(10_000)) == []
    assert history.undated == {"MedicationRequest": 1}


def test_patients_and_drugs_are_always_there_and_their_death_is_not_known() -> None:
    drug = {"resourceType": "Medication", "id": "m"}
    found = seen([{**patient(), "deceasedDateTime": after(50)}, drug], -1000)
    assert found == {"p1": patient(), "m": drug}


class TestHowItLooked:
    @pytest.mark.parametrize("status", ["completed", "stopped"])
    def test_an_order_that_ended_later_was_running_and_its_end_not_known(self, status: str) -> None:
        ended = order("x", 0, until=10, status=status)
        before = seen([ended], 9.9)["x"]
        assert before["status"] == "active"
        assert before["dispenseRequest"]["validityPeriod"] == {"start": after(0)}
        assert seen([ended], 10)["x"] == ended

    def test_the_end_of_a_dosage_is_believed_before_that_of_the_validity(self) -> None:
        bounds = {"timing": {"repeat": {"boundsPeriod": {"start": after(0), "end": after(5)}}}}
        ended = order("x", 0, until=10, status="completed", dosageInstruction=[bounds])
        running, over = seen([ended], 4)["x"], seen([ended], 6)["x"]
        assert running["status"] == "active"
        assert running["dosageInstruction"][0]["timing"]["repeat"]["boundsPeriod"] == {"start": after(0)}
        assert over["status"] == "completed"
        assert over["dosageInstruction"] == [bounds]
        assert "end" not in over["dispenseRequest"]["validityPeriod"]

    def test_a_completed_order_ran_as_long_as_its_supply(self) -> None:
        supply = {"expectedSupplyDuration": {"value": 2, "unit": "d"}, "numberOfRepeatsAllowed": 1}
        filled = order("x", 0, status="completed", dispenseRequest=supply)
        assert seen([filled], 95)["x"]["status"] == "active"
        assert seen([filled], 97)["x"]["status"] == "completed"

    @pytest.mark.parametrize("until", [20, None])
    def test_an_order_of_a_stay_ran_as_long_as_the_stay(self, until: float | None) -> None:
        of_stay = order("x", 1, status="stopped", encounter={"reference": "Encounter/e"})
        found = [stay("e", 0, until), of_stay]
        assert seen(found, 19)["x"]["status"] == "active"
        assert seen(found, 21)["x"]["status"] == ("stopped" if until else "active")

    def test_an_order_that_is_over_since_nobody_knows_when_is_over(self) -> None:
        history = History.of([order("x", 0, status="stopped")], UTC)
        assert history.seen(at(1))[0]["status"] == "stopped"
        assert history.endless == 1

    def test_an_infusion_was_running(self) -> None:
        period = {"start": after(0), "end": after(4)}
        infusion = without(dose("x", 0), "effectiveDateTime", effectivePeriod=period)
        running = seen([infusion], 3)["x"]
        assert (running["status"], running["effectivePeriod"]) == ("in-progress", {"start": after(0)})

    def test_a_problem_that_went_away_later_was_there(self) -> None:
        over: dict[str, Any] = {"clinicalStatus": {"coding": [{"code": "resolved"}]}, "abatementDateTime": after(50)}
        gone = problem("x", 0, "E83.42", **over)
        before = seen([gone], 49)["x"]
        assert before["clinicalStatus"]["coding"][0]["code"] == "active"
        assert "abatementDateTime" not in before
        assert seen([gone], 50)["x"] == gone

    def test_a_stay_that_ended_later_was_in_progress(self) -> None:
        before = seen([stay("x", 0, 20)], 19)["x"]
        assert (before["status"], before["period"]) == ("in-progress", {"start": after(0)})
        assert seen([stay("x", 0, 20)], 20)["x"]["status"] == "finished"

    def test_a_stay_that_was_called_off_never_was_in_progress(self) -> None:
        assert seen([stay("x", 0, 20, status="cancelled")], 10)["x"]["status"] == "cancelled"

    def test_a_laboratory_order_was_open_until_its_result(self) -> None:
        test = {"resourceType": "ServiceRequest", "id": "x", "status": "completed", "authoredOn": after(0)}
        found = [test, result("r", 5, 1.5, basedOn=[{"reference": "ServiceRequest/x"}])]
        assert seen(found, 4)["x"]["status"] == "active"
        assert seen(found, 5)["x"]["status"] == "completed"

    def test_an_amended_result_had_answered_its_laboratory_order_when_it_first_came(self) -> None:
        test = {"resourceType": "ServiceRequest", "id": "x", "status": "completed", "authoredOn": after(0)}
        first = result("r", 5, 1.5, basedOn=[{"reference": "ServiceRequest/x"}])
        amended = {**first, "status": "amended", "issued": after(20), "meta": {"lastUpdated": after(20)}}
        assert seen([test, first, amended], 10)["x"]["status"] == "completed"

    @pytest.mark.parametrize(
        "spelled", ["2026-03-02T20:00:00+10:00", "2026-03-02T10:00:00Z", "2026-03-02T10:00:00.000Z"]
    )
    def test_versions_are_ordered_by_time_and_not_by_spelling(self, spelled: str) -> None:
        first = result("x", 2, 1.9, meta={"lastUpdated": spelled})
        corrected = result("x", 2, 1.1, meta={"lastUpdated": "2026-03-02T10:00:00.500Z"}, status="corrected")
        assert seen([corrected, first], 9)["x"]["valueQuantity"]["value"] == 1.1

    def test_a_drug_a_specimen_a_patient_has_one_version_at_a_time(self) -> None:
        drug: Resource = {"resourceType": "Medication", "id": "m", "status": "active"}
        found = [drug, {**drug, "status": "inactive", "meta": {"lastUpdated": after(9)}}]
        for hours, status in ((8, "active"), (9, "inactive")):
            assert [one["status"] for one in History.of(found, UTC).seen(at(hours))] == [status]

    def test_of_several_versions_the_one_of_that_time_is_seen(self) -> None:
        first = result("x", 2, 1.9, meta={"lastUpdated": after(2)})
        corrected = result("x", 2, 1.1, meta={"lastUpdated": after(9)}, status="corrected")
        for found in ([first, corrected], [corrected, first]):
            assert seen(found, 8)["x"]["valueQuantity"]["value"] == 1.9
            assert seen(found, 9)["x"]["valueQuantity"]["value"] == 1.1

    def test_a_single_version_is_seen_although_it_was_loaded_later(self) -> None:
        assert "x" in seen([result("x", 2, 1.9, meta={"lastUpdated": after(5000)})], 2)


def test_an_order_of_a_day_is_written_no_earlier_than_its_stay_begins() -> None:
    ordered = order("x", 0, authoredOn="2026-03-02", encounter={"reference": "Encounter/e"})
    written = History.of([stay("e", 1, 20), ordered], UTC).written(ordered)
    assert written is not None
    assert written.earliest == at(1)
