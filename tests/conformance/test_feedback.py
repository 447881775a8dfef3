"""§2.12: what clinicians made of the cards, as real clients report it (M-11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cds_service.storage import schema
from cds_service.storage.pseudonyms import Pseudonyms
from cds_service.storage.records import DatabaseRecords
from cds_service.storage.upgrade import upgrade
from tests.conformance.checker import of_refusal
from tests.http.conftest import Site
from tests.storage.say import Told, card, rows

Example = Callable[[str], dict[str, Any]]
FEEDBACK = "/cds-services/magnesium-patient-view/feedback"
SUGGESTION = card(99)
WHEN = "2026-01-14T08:30:00.123Z"
REASONS = "https://magnesium-cds.github.io/CodeSystem/override-reason"
CODED = {"code": "will-review", "system": REASONS, "display": "I will look at it"}


def accepted(number: int, **members: Any) -> dict[str, Any]:
    usual = {"outcome": "accepted", "acceptedSuggestions": [{"id": SUGGESTION}], "outcomeTimestamp": WHEN}
    return {"card": card(number), **usual, **members}


def overridden(number: int, **members: Any) -> dict[str, Any]:
    return {"card": card(number), "outcome": "overridden", "outcomeTimestamp": WHEN, **members}


class Deployment:
    """A service that keeps feedback in a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'cds.sqlite'}"
        upgrade(self.url)
        told = Told()
        self.records = DatabaseRecords(
            self.url,
            Pseudonyms(b"k" * 32),
            log=told.log,
            stopwatch=told.stopwatch,
            report=told.report,
            dropped=told.drop,
        )
        self.site = Site(records=self.records)

    def send(self, *entries: Any) -> None:
        """Report, and make sure that it is taken."""
        answer = self.site.client.post(FEEDBACK, json={"feedback": list(entries)})
        assert (answer.status_code, answer.data) == (200, b"")

    @property
    def kept(self) -> list[dict[str, Any]]:
        return rows(self.url, schema.feedback)


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(tmp_path)
    yield made
    made.records.close()


@pytest.mark.requirement("R-67", "R-69", "cds-fb-1")
def test_what_was_accepted_and_what_was_overridden_is_kept(deployment: Deployment) -> None:
    deployment.send(accepted(1), overridden(2, overrideReason={"reason": CODED, "userComment": "Rosa is fine"}))
    one, other = deployment.kept
    assert (one["card"], one["outcome"], one["accepted_suggestions"]) == (card(1), "accepted", [SUGGESTION])
    assert one["happened_at"] == datetime(2026, 1, 14, 8, 30, 0, 123000, tzinfo=UTC)
    assert (other["card"], other["outcome"], other["reason_code"]) == (card(2), "overridden", "will-review")
    assert other["commented"] is True
    assert "Rosa" not in str(deployment.kept)


@pytest.mark.requirement("R-67")
def test_a_card_that_was_shown_is_known_by_the_uuid_that_was_sent(deployment: Deployment, example: Example) -> None:
    shown = deployment.site.call(example("patient-view")).get_json()["cards"][0]["uuid"]
    deployment.send({**overridden(1), "card": shown})
    assert deployment.records.flush(30)
    assert [row["card"] for row in deployment.kept] == [shown]
    assert shown in {row["card"] for row in rows(deployment.url, schema.decisions)}


@pytest.mark.requirement("R-68", "M-11")
def test_a_batch_covers_several_cards_and_what_comes_again_is_kept_once(deployment: Deployment) -> None:
    batch = [overridden(number) for number in range(1, 6)]
    for _ in range(3):
        deployment.send(*batch, batch[0])
    assert [row["card"] for row in deployment.kept] == [card(number) for number in range(1, 6)]


@pytest.mark.requirement("R-68")
def test_another_outcome_of_the_same_card_is_added_and_changes_nothing(deployment: Deployment) -> None:
    deployment.send(overridden(1))
    deployment.send(accepted(1))
    assert [row["outcome"] for row in deployment.kept] == ["overridden", "accepted"]


@pytest.mark.requirement("R-67", "R-69", "M-11")
@pytest.mark.parametrize("unknown", [card(77), "card-of-an-old-version", "7"])
def test_a_card_that_nobody_knows_fails_nothing(deployment: Deployment, unknown: str) -> None:
    deployment.send({**overridden(1), "card": unknown}, overridden(2))
    assert len(deployment.kept) == 2


NO_ENTRIES: tuple[Any, ...] = (None, 5, "x", [], {}, {"card": card(3)}, {"outcome": "accepted"})
NO_CARDS: tuple[Any, ...] = (None, "", 5, {})
NO_OUTCOMES: tuple[Any, ...] = (None, "", "ignored", 5, ["accepted"])
ODD = [
    *NO_ENTRIES,
    *({**overridden(3), "card": value} for value in NO_CARDS),
    *({**overridden(3), "outcome": value} for value in NO_OUTCOMES),
]


@pytest.mark.requirement("R-69", "cds-fb-1", "M-11")
@pytest.mark.parametrize("odd", ODD, ids=str)
def test_an_odd_entry_costs_only_itself(deployment: Deployment, odd: Any) -> None:
    deployment.send(overridden(1), odd, overridden(2))
    assert [row["card"] for row in deployment.kept] == [card(1), card(2)]


BARE: tuple[dict[str, Any], ...] = (
    {**overridden(1), "outcome": "accepted"},
    accepted(1, acceptedSuggestions=None),
    accepted(1, acceptedSuggestions=[]),
    accepted(1, acceptedSuggestions=[{"id": "not-ours"}]),
    overridden(1, overrideReason={}),
    overridden(1, overrideReason=None),
    overridden(1, overrideReason={"reason": {}}),
    overridden(1, outcomeTimestamp="yesterday"),
    overridden(1, outcomeTimestamp=None),
)


@pytest.mark.requirement("cds-fb-2", "cds-fb-3", "R-69")
@pytest.mark.parametrize("bare", BARE, ids=str)
def test_an_entry_that_lacks_what_it_should_say_is_kept_for_what_it_says(deployment: Deployment, bare: Any) -> None:
    deployment.send(bare)
    (row,) = deployment.kept
    assert (row["card"], row["outcome"]) == (card(1), bare["outcome"])
    assert (row["accepted_suggestions"], row["reason_code"]) == ([], None)


@pytest.mark.requirement("R-71", "M-11")
@pytest.mark.parametrize(
    "said",
    [
        {"overrideReason": {"reason": CODED}},
        {"overrideReasons": {"reason": CODED}},
        {"overrideReasons": [{"reason": CODED}]},
        {"overrideReason": {"extension": {"com.epic.reason": {"coding": [CODED]}}}},
        {"overrideReasons": [{"extension": [{"url": "https://example.org/reason", "valueCoding": CODED}]}]},
    ],
    ids=["as specified", "plural", "a list", "Epic's extension", "a FHIR extension"],
)
def test_the_reason_is_found_where_clients_put_it(deployment: Deployment, said: dict[str, Any]) -> None:
    deployment.send(overridden(1, **said))
    assert [(row["reason_code"], row["reason_system"]) for row in deployment.kept] == [(CODED["code"], CODED["system"])]


@pytest.mark.requirement("R-71", "M-11")
@pytest.mark.parametrize("when", ["2025-11-01T00:00:00Z", "2025-11-01T02:00:00+02:00", "2025-11-01T00:00:00.000000Z"])
def test_what_arrives_weeks_late_keeps_its_time(deployment: Deployment, when: str) -> None:
    deployment.send(overridden(1, outcomeTimestamp=when))
    assert [row["happened_at"] for row in deployment.kept] == [datetime(2025, 11, 1, tzinfo=UTC)]


@pytest.mark.requirement("R-69")
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"{}", b'{"feedback": null}', b'{"feedback": {}}', b'{"feedback": "x"}']
)
def test_only_an_envelope_that_cannot_be_read_is_refused(deployment: Deployment, body: bytes) -> None:
    answer = deployment.site.client.post(FEEDBACK, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert list(of_refusal(answer.get_json())) == []
    assert deployment.kept == []
