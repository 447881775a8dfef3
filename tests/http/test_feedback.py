"""Feedback over HTTP, and what follows from it: a dismissed card stays away, a watched one is never seen (M-11)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cds_service import examples
from cds_service.app import create_app
from cds_service.clients import Client
from cds_service.feedback import Batch
from cds_service.settings import Settings
from cds_service.storage import NO_RECORDS, NoRecords
from cds_service.storage.records import RecordsUnavailableError
from cds_service.storage.schema import decisions, feedback
from cds_service.storage.upgrade import upgrade
from hooks.memory import Override
from magnesium.verdict import Topic
from tests.storage.say import ROOM_SECONDS, Told, open_records, rows

NOW: datetime = examples.WRITTEN
PATIENT_VIEW = "/cds-services/magnesium-patient-view"
EPIC, ORACLE = "a" * 64, "b" * 64
EVIDENCE = "io.github.magnesium-cds.evidence"
Example = Callable[[str], dict[str, Any]]


class Hospital:
    """The service with a database, and two EHRs that call it, each with its certificate."""

    def __init__(self, folder: Path, **epic: Any) -> None:
        self.url = f"sqlite:///{folder / 'cds.sqlite'}"
        upgrade(self.url)
        self.told = Told()
        self.records = open_records(self.url, self.told)
        app = create_app(
            Settings(proxy_networks=(ip_network("127.0.0.0/8"),)),
            clients=(
                Client(**{"name": "epic", "certificates": (EPIC,), **epic}),
                Client(name="oracle", certificates=(ORACLE,), override_memory=True),
            ),
            records=self.records,
            clock=lambda: NOW,
            log=self.told.log,
        )
        self._http = app.test_client()

    def post(self, path: str, body: Any, certificate: str = EPIC) -> TestResponse:
        return self._http.post(path, json=body, headers={"X-Client-Cert-Sha256": certificate})

    def view(self, request: dict[str, Any], certificate: str = EPIC) -> dict[str, dict[str, Any]]:
        """Open the chart and return the cards by topic, once they are on record."""
        answer = self.post(PATIENT_VIEW, request, certificate)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        assert self.records.flush(ROOM_SECONDS)
        return {card["source"]["topic"]["code"]: card for card in answer.get_json()["cards"]}

    def dismiss(self, card: dict[str, Any], at: datetime = NOW, certificate: str = EPIC, **more: Any) -> None:
        told = {
            "card": card["uuid"],
            "outcome": "overridden",
            "overrideReason": {"reason": card["overrideReasons"][0]},
            "outcomeTimestamp": at.isoformat(),
            **more,
        }
        self.report(told, certificate)

    def accept(self, card: dict[str, Any], at: datetime = NOW) -> None:
        taken = [{"id": suggestion["uuid"]} for suggestion in card.get("suggestions", [])[:1]]
        self.report(
            {
                "card": card["uuid"],
                "outcome": "accepted",
                "acceptedSuggestions": taken,
                "outcomeTimestamp": at.isoformat(),
            }
        )

    def report(self, entry: dict[str, Any], certificate: str = EPIC) -> None:
        answer = self.post(f"{PATIENT_VIEW}/feedback", {"feedback": [entry]}, certificate)
        assert answer.status_code == 200, answer.get_data(as_text=True)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Hospital]]:
    opened: list[Hospital] = []

    def make(**epic: Any) -> Hospital:
        opened.append(Hospital(tmp_path, **epic))
        return opened[-1]

    yield make
    for hospital in opened:
        hospital.records.close()


@pytest.fixture
def hospital(start: Callable[..., Hospital]) -> Hospital:
    """Its EHR has the memory on."""
    return start(override_memory=True)


@pytest.fixture
def chart(example: Example) -> dict[str, Any]:
    """A woman with potassium 3.0 mmol/L despite replacement and magnesium 1.3 mg/dL, on furosemide and omeprazole."""
    return example("patient-view")


def with_result(chart: dict[str, Any], observation: str, value: float) -> dict[str, Any]:
    changed = copy.deepcopy(chart)
    entries = changed["prefetch"]["labs"]["entry"]
    [resource] = [entry["resource"] for entry in entries if entry["resource"]["id"] == observation]
    resource["valueQuantity"]["value"] = value
    return changed


def with_order(chart: dict[str, Any], code: str, name: str) -> dict[str, Any]:
    changed = copy.deepcopy(chart)
    entries = changed["prefetch"]["medications"]["entry"]
    order = copy.deepcopy(next(e for e in entries if e["resource"]["resourceType"] == "MedicationRequest"))
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    order["resource"] |= {
        "id": "new-drug",
        "medicationCodeableConcept": {"coding": [{"system": rxnorm, "code": code}], "text": name},
    }
    order["resource"].pop("medicationReference", None)
    entries.append(order)
    return changed


REFRACTORY = "refractory-hypokalemia"
WASTING = "magnesium-wasting-drug"


class TestAnswer:
    def test_what_is_kept_is_answered_with_an_empty_200(self, hospital: Hospital) -> None:
        answer = hospital.post(f"{PATIENT_VIEW}/feedback", {"feedback": []})
        assert (answer.status_code, answer.data) == (200, b"")
        assert "Content-Type" not in answer.headers

    def test_a_batch_with_oddities_duplicates_and_unknown_cards_is_taken(self, hospital: Hospital) -> None:
        known = {"card": "6f1f6d3a-9c1b-4f6e-8b0e-0d5c6a2b7e11", "outcome": "accepted"}
        epic = {
            "card": "cc7b6946-678b-4e55-8da2-a2304ff0534d",
            "outcome": "overridden",
            "overrideReasons": {"extension": {"com.example.reason": {"code": "will-review"}}},
            "outcomeTimestamp": (NOW - timedelta(hours=9)).isoformat(),
        }
        answer = hospital.post(f"{PATIENT_VIEW}/feedback", {"feedback": [known, known, None, epic, {"card": "?"}]})
        assert answer.status_code == 200
        assert [(row["outcome"], row["reason_code"]) for row in rows(hospital.url, feedback)] == [
            ("accepted", None),
            ("overridden", "will-review"),
        ]

    @pytest.mark.parametrize("body", [{}, {"feedback": {}}, [], "x"])
    def test_an_envelope_that_cannot_be_read_is_refused(self, hospital: Hospital, body: Any) -> None:
        answer = hospital.post(f"{PATIENT_VIEW}/feedback", body)
        assert answer.status_code == 400
        assert answer.get_json()["resourceType"] == "OperationOutcome"

    def test_an_unknown_service_takes_none(self, hospital: Hospital) -> None:
        assert hospital.post("/cds-services/none/feedback", {"feedback": []}).status_code == 404

    def test_a_stranger_may_report_nothing(self, hospital: Hospital) -> None:
        answer = hospital.post(f"{PATIENT_VIEW}/feedback", {"feedback": []}, certificate="c" * 64)
        assert answer.status_code == 401

    def test_another_media_type_is_refused(self, hospital: Hospital) -> None:
        answer = hospital._http.post(
            f"{PATIENT_VIEW}/feedback",
            data="feedback=",
            content_type="text/plain",
            headers={"X-Client-Cert-Sha256": EPIC},
        )
        assert answer.status_code == 415

    def test_what_cannot_be_kept_is_to_be_sent_again(self, make_site: Any) -> None:
        class Down(NoRecords):
            def keep(self, client: str, service_id: str, batch: Batch, received: datetime) -> None:
                raise RecordsUnavailableError

        answer = make_site(records=Down()).client.post(f"{PATIENT_VIEW}/feedback", json={"feedback": []})
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.get_json()["issue"][0]["code"] == "transient"

    def test_a_replay_keeps_nothing(self) -> None:
        NO_RECORDS.keep("open", "s", Batch((), ()), NOW)
        assert NO_RECORDS.overrides("open", "p", NOW) == {}
        assert NO_RECORDS.tallies(NOW.date(), NOW.date()).cards == ()
        assert NO_RECORDS.check() is None
        assert NO_RECORDS.seen_tokens is None


class TestDismissed:
    def test_a_dismissed_card_stays_away_and_the_others_say_so(self, hospital: Hospital, chart: dict[str, Any]) -> None:
        first = hospital.view(chart)
        assert set(first) == {REFRACTORY, WASTING}
        hospital.dismiss(first[REFRACTORY])
        again = hospital.view(chart)
        assert set(again) == {WASTING}
        [line] = again[WASTING]["extension"][EVIDENCE]["heldBack"]
        assert line == f"{REFRACTORY}: dismissed {NOW:%Y-%m-%dT%H:%M+00:00} (already-ordered), not worse since"
        kept = [(row["topic"], row["display"]) for row in rows(hospital.url, decisions)]
        assert sorted(kept) == [
            (WASTING, "shown"),
            (WASTING, "shown"),
            (REFRACTORY, "held-back"),
            (REFRACTORY, "shown"),
        ]

    @pytest.mark.parametrize(
        "worse",
        [
            lambda chart: with_result(chart, "mg-today", 1.29),
            lambda chart: with_result(chart, "k-today", 2.9),
            lambda chart: with_result(chart, "k-today", 2.4),
            lambda chart: with_order(chart, "2555", "cisplatin"),
        ],
        ids=["magnesium falls", "potassium falls", "the indicator rises", "a new wasting drug"],
    )
    def test_it_is_back_once_the_patient_is_worse(
        self, hospital: Hospital, chart: dict[str, Any], worse: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> None:
        hospital.dismiss(hospital.view(chart)[REFRACTORY])
        assert REFRACTORY not in hospital.view(chart)
        assert REFRACTORY in hospital.view(worse(chart))

    def test_it_stays_away_where_the_patient_is_better(self, hospital: Hospital, chart: dict[str, Any]) -> None:
        hospital.dismiss(hospital.view(chart)[REFRACTORY])
        assert REFRACTORY not in hospital.view(with_result(chart, "k-today", 3.1))

    def test_a_critical_card_is_never_held_back(self, hospital: Hospital, chart: dict[str, Any]) -> None:
        critical = with_result(chart, "k-today", 2.4)
        [topic] = [topic for topic, card in hospital.view(critical).items() if card["indicator"] == "critical"]
        hospital.dismiss(hospital.view(critical)[topic])
        assert topic in hospital.view(critical)

    @pytest.mark.parametrize(
        ("ago", "away"),
        [
            (timedelta(hours=24) - timedelta(seconds=1), True),
            (timedelta(hours=24), True),
            (timedelta(hours=24, seconds=1), False),
        ],
        ids=["just before the end", "at the end", "just after"],
    )
    def test_it_is_back_when_the_policy_s_time_is_over(
        self, hospital: Hospital, chart: dict[str, Any], ago: timedelta, *, away: bool
    ) -> None:
        hospital.dismiss(hospital.view(chart)[REFRACTORY], at=NOW - ago)
        assert (REFRACTORY not in hospital.view(chart)) is away

    def test_no_time_in_the_future_makes_it_last_longer(self, hospital: Hospital, chart: dict[str, Any]) -> None:
        hospital.dismiss(hospital.view(chart)[REFRACTORY], at=NOW + timedelta(days=300))
        [override] = hospital.records.overrides("epic", "example-hypokalemia", NOW).values()
        assert isinstance(override, Override)
        assert override.at == NOW

    def test_another_patient_is_not_affected(self, hospital: Hospital, chart: dict[str, Any]) -> None:
        hospital.dismiss(hospital.view(chart)[REFRACTORY])
        other = examples.as_of("patient-view", NOW)
        text = json.dumps(other).replace("example-hypokalemia", "somebody-else")
        assert REFRACTORY in hospital.view(json.loads(text))

    def test_another_client_is_not_affected_and_can_dismiss_nothing_here(
        self, hospital: Hospital, chart: dict[str, Any]
    ) -> None:
        card = hospital.view(chart)[REFRACTORY]
        hospital.dismiss(card, certificate=ORACLE)
        assert REFRACTORY in hospital.view(chart)
        hospital.dismiss(card)
        assert REFRACTORY in hospital.view(chart, ORACLE)

    def test_without_a_reason_it_is_shown_again(self, hospital: Hospital, chart: dict[str, Any]) -> None:
        hospital.dismiss(hospital.view(chart)[REFRACTORY], overrideReason=None)
        assert REFRACTORY in hospital.view(chart)

    def test_who_dismissed_it_is_no_reason_and_is_not_kept(self, hospital: Hospital, chart: dict[str, Any]) -> None:
        who = {"internal.epic.cdshooks.feedback.user": {"type": {"code": "EMP"}, "id": {"code": "17425"}}}
        hospital.dismiss(hospital.view(chart)[REFRACTORY], overrideReason={"extension": who})
        assert REFRACTORY in hospital.view(chart)
        assert "17425" not in str(rows(hospital.url, feedback))

    def test_a_drug_that_is_ordered_again_in_its_wash_out_brings_its_card_back(
        self, hospital: Hospital, chart: dict[str, Any]
    ) -> None:
        chart = with_order(chart, "2555", "cisplatin")
        order = chart["prefetch"]["medications"]["entry"][-1]["resource"]
        period = {"start": (NOW - timedelta(days=30)).isoformat(), "end": (NOW - timedelta(days=14)).isoformat()}
        stopped = {"status": "stopped", "authoredOn": period["start"], "dispenseRequest": {"validityPeriod": period}}
        chart["prefetch"]["medications"]["entry"] = [{"resource": order | stopped}]
        hospital.dismiss(hospital.view(chart)[WASTING])
        assert WASTING not in hospital.view(chart)
        entry = {"resource": order | {"id": "again", "status": "draft"}}
        drafts = {"resourceType": "Bundle", "type": "collection", "entry": [entry]}
        context = chart["context"] | {"selections": ["MedicationRequest/again"], "draftOrders": drafts}
        answer = hospital.post(
            "/cds-services/magnesium-order-select", chart | {"hook": "order-select", "context": context}
        )
        assert WASTING in {card["source"]["topic"]["code"] for card in answer.get_json()["cards"]}

    def test_once_accepted_it_is_shown_again(self, hospital: Hospital, chart: dict[str, Any]) -> None:
        card = hospital.view(chart)[REFRACTORY]
        hospital.dismiss(card, at=NOW - timedelta(hours=1))
        assert REFRACTORY not in hospital.view(chart)
        hospital.accept(card)
        assert REFRACTORY in hospital.view(chart)

    def test_the_memory_is_off_unless_the_client_asks_for_it(
        self, start: Callable[..., Hospital], chart: dict[str, Any]
    ) -> None:
        hospital = start()
        hospital.dismiss(hospital.view(chart)[REFRACTORY])
        assert set(hospital.view(chart)) == {REFRACTORY, WASTING}
        assert {row["measure"] for row in rows(hospital.url, decisions)} == {None}, (
            "results and drugs, kept for nothing"
        )


class TestWatched:
    def test_a_watched_topic_is_judged_and_on_record_and_takes_no_other_off_the_screen(
        self, start: Callable[..., Hospital], chart: dict[str, Any]
    ) -> None:
        hospital = start(silent=(Topic.REFRACTORY_HYPOKALEMIA,))
        assert set(hospital.view(chart)) == {"hypomagnesemia", WASTING}
        kept = {row["topic"]: row["display"] for row in rows(hospital.url, decisions)}
        assert kept == {"hypomagnesemia": "shown", WASTING: "shown", REFRACTORY: "silent"}

    def test_where_all_is_watched_every_answer_is_empty_and_counted_as_such(
        self, start: Callable[..., Hospital], chart: dict[str, Any]
    ) -> None:
        hospital = start(silent="all")
        assert hospital.view(with_result(chart, "k-today", 2.4)) == {}
        assert {row["display"] for row in rows(hospital.url, decisions)} == {"silent"}
        [tally] = hospital.records.tallies(NOW.date(), NOW.date()).calls
        assert (tally.total, tally.without_cards) == (1, 1)
