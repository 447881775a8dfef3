"""What was picked becomes the request that an EHR would send; what cannot be sent is refused by field."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.envelope import read_request
from cds_service.errors import RequestError
from cds_service.workbench.compose import Composer
from hooks.service import Hook
from magnesium.facts import Need

NOW = datetime(2031, 7, 4, 15, 30, tzinfo=UTC)
UUID = "00000000-0000-4000-8000-000000000001"
COMPOSER = Composer(tuple(hook.value for hook in Hook), lambda: NOW, UTC, lambda: UUID)
PATIENT = {"resourceType": "Patient", "id": "p1"}


def observation(**members: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}, **members}


def bundle(*found: dict[str, Any], patient: dict[str, Any] | None = PATIENT) -> dict[str, Any]:
    held = [patient, *found] if patient else found
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in held]}


def composed(**picked: Any) -> dict[str, Any]:
    return COMPOSER.compose({"hook": "patient-view", **picked})


def refused(**picked: Any) -> list[str]:
    with pytest.raises(RequestError) as caught:
        composed(**picked)
    return [issue.at for issue in caught.value.issues]


@pytest.mark.parametrize("hook", list(Hook))
def test_a_story_makes_a_request_of_every_hook(hook: Hook) -> None:
    request = composed(story="gitelman", hook=hook.value, drafts=["furosemide"])
    read = read_request(request, hook=hook.value)
    assert read.patient_id == "story-gitelman"
    assert (read.drafts is not None) == (hook is not Hook.PATIENT_VIEW)


def test_a_story_is_the_whole_chart() -> None:
    prefetch = composed(story="gitelman")["prefetch"]
    assert set(prefetch) == {need.value for need in Need}
    assert prefetch["administrations"]["total"] == 0


def test_a_chart_without_problems_does_not_say_that_there_are_none() -> None:
    prefetch = composed(bundle=bundle(observation()))["prefetch"]
    assert "conditions" not in prefetch
    assert prefetch["medications"]["entry"] == []


def test_on_order_select_all_drafts_have_just_been_picked() -> None:
    context = composed(story="gitelman", hook="order-select", drafts=["digoxin", "serum-magnesium"])["context"]
    assert context["selections"] == ["MedicationRequest/draft-digoxin", "ServiceRequest/draft-serum-magnesium"]


def test_drafts_that_the_chart_holds_are_drafts_and_not_chart() -> None:
    order = {"resourceType": "MedicationRequest", "id": "m1", "status": "draft"}
    request = composed(bundle=bundle(order), hook="order-select", drafts=["digoxin"])
    drafted = [entry["resource"]["id"] for entry in request["context"]["draftOrders"]["entry"]]
    assert drafted == ["m1", "draft-digoxin"]
    assert request["context"]["selections"] == ["MedicationRequest/m1", "MedicationRequest/draft-digoxin"]
    assert request["prefetch"]["medications"]["entry"] == []


def test_on_patient_view_nothing_is_drafted() -> None:
    assert "draftOrders" not in composed(story="gitelman", drafts=["digoxin"])["context"]


@pytest.mark.parametrize(
    ("stays", "named"),
    [((), None), (("e1",), "e1"), (("e1", "e2"), None)],
)
def test_the_encounter_is_named_if_only_one_is_in_progress(stays: tuple[str, ...], named: str | None) -> None:
    found = [{"resourceType": "Encounter", "id": stay, "status": "in-progress"} for stay in stays]
    over = {"resourceType": "Encounter", "id": "e0", "status": "finished"}
    assert composed(bundle=bundle(*found, over))["context"].get("encounterId") == named


class TestMovingToNow:
    OLD = observation(effectiveDateTime="2020-02-29T10:00:00.5+01:00", issued="2020-02-28", note="2020-13-45")

    def test_the_newest_time_is_now_and_the_rest_keeps_its_distance(self) -> None:
        request = composed(bundle=bundle(self.OLD), shift=True)
        moved = request["prefetch"]["labs"]["entry"][0]["resource"]
        assert datetime.fromisoformat(moved["effectiveDateTime"]) == NOW
        assert moved["issued"] == "2031-07-03"

    def test_what_is_no_date_stays(self) -> None:
        moved = composed(bundle=bundle(self.OLD), shift=True)["prefetch"]["labs"]["entry"][0]["resource"]
        assert moved["note"] == "2020-13-45"

    def test_without_being_asked_nothing_moves(self) -> None:
        sent = composed(bundle=bundle(self.OLD))["prefetch"]["labs"]["entry"][0]["resource"]
        assert sent == self.OLD

    def test_a_chart_without_a_time_cannot_be_moved(self) -> None:
        assert refused(bundle=bundle(observation()), shift=True) == ["bundle"]


def test_a_patient_on_a_server_is_only_named() -> None:
    request = composed(server="https://ehr.example.org/fhir", patientId="123")
    assert request["fhirServer"] == "https://ehr.example.org/fhir"
    assert request["context"] == {"userId": "Practitioner/workbench", "patientId": "123"}
    assert "prefetch" not in request


@pytest.mark.parametrize(
    ("picked", "at"),
    [
        ({"story": "gitelman", "hook": "patient-open"}, ["hook"]),
        ({"story": "gitelman", "hook": None}, ["hook"]),
        ({"story": "nobody"}, ["story"]),
        ({"story": 7}, ["story"]),
        ({"story": "gitelman", "hook": "order-sign", "drafts": ["gold"]}, ["drafts"]),
        ({"story": "gitelman", "hook": "order-sign", "drafts": "digoxin"}, ["drafts"]),
        ({"bundle": []}, ["bundle"]),
        ({"bundle": {"resourceType": "Patient"}}, ["bundle"]),
        ({"bundle": {"resourceType": "Bundle"}}, ["bundle.entry"]),
        ({"bundle": bundle(patient=None)}, ["bundle"]),
        ({"bundle": bundle({**PATIENT, "id": "p2"})}, ["bundle"]),
        ({}, ["server", "patientId"]),
        ({"server": "https://ehr.example.org/fhir"}, ["patientId"]),
    ],
)
def test_what_is_missing_or_wrong_is_named(picked: dict[str, Any], at: list[str]) -> None:
    assert refused(**picked) == at


def test_entries_that_are_no_resources_do_no_harm() -> None:
    odd: Any = {"resourceType": "Bundle", "entry": [None, "text", {"resource": 5}, {"resource": PATIENT}]}
    assert composed(bundle=odd)["context"]["patientId"] == "p1"
