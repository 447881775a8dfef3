"""The body that is measured is what it says it is, and gives the service something to say."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from benchmarks.bodies import chart, request_body
from benchmarks.load import percentile
from cds_service.app import create_app
from cds_service.settings import Profile, Settings
from cds_service.storage import NO_RECORDS

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert request_body("order-sign", NOW) == request_body("order-sign", NOW)


def test_by_default_it_has_the_size_of_the_reference_body() -> None:
    _, body = request_body("patient-view", NOW)
    assert 85_000 < len(body) < 95_000


@pytest.mark.parametrize("count", [1, 50, 500])
def test_it_has_as_many_results_as_were_asked_for(count: int) -> None:
    _, body = request_body("patient-view", NOW, observations=count)
    assert len(json.loads(body)["prefetch"]["labs"]["entry"]) == count


def test_a_chart_to_fetch_is_not_in_the_request_and_is_the_same() -> None:
    _, body = request_body("patient-view", NOW, prefetched=False, fhirServer="http://127.0.0.1/fhir")
    assert json.loads(body)["prefetch"] == {}
    assert [one["resourceType"] for one in chart(NOW, 2)][:3] == ["Patient", "Observation", "Observation"]


@pytest.mark.parametrize("hook", ["patient-view", "order-sign"])
def test_the_service_answers_it_with_cards(hook: str) -> None:
    app = create_app(Settings(profile=Profile.DEV), records=NO_RECORDS, clock=lambda: NOW)
    path, body = request_body(hook, NOW)
    answer = app.test_client().post(path, data=body, content_type="application/json")
    assert answer.status_code == 200
    assert answer.get_json()["cards"]


def test_a_percentile_is_one_of_the_figures() -> None:
    assert [percentile([1.0, 2.0, 3.0, 4.0], share) for share in (0, 0.5, 0.99)] == [1.0, 3.0, 4.0]
