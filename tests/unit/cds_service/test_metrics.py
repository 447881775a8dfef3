"""What is counted, and that no word of a request becomes a label."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cds_service.account import Account, DataSource, Ran
from cds_service.metrics import OTHER, PREFIX, Metrics
from fhir_mappings.unreadable import Unreadable
from hooks.service import Answer, Decision, Display
from magnesium.facts import Need, Source, Unusable
from magnesium.verdict import Indicator, Quiet, Topic, Unknown


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(version="1.2.3", policy_version="2026.1")


def counts(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a count by their labels' values, in the order of the labels' names."""
    return {labels: value for sample, labels, value in samples(metrics) if sample == f"{PREFIX}_{name}"}


def samples(metrics: Metrics) -> Iterator[tuple[str, tuple[str, ...], float]]:
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            yield sample.name, tuple(value for _, value in sorted(sample.labels.items())), sample.value


def answered(metrics: Metrics, **told: Any) -> None:
    account = Account(lambda: 0.0)
    for name, value in told.items():
        setattr(account, name, value)
    metrics.answered(account, route="/cds-services/<service_id>", service="s", status=200, seconds=0.02)


def test_a_request_is_counted_by_route_service_and_status(metrics: Metrics) -> None:
    for _ in range(3):
        answered(metrics)
    assert counts(metrics, "requests_total") == {("/cds-services/<service_id>", "s", "200"): 3}
    assert counts(metrics, "request_seconds_count") == {("/cds-services/<service_id>", "s"): 3}


def test_its_time_falls_into_a_bucket(metrics: Metrics) -> None:
    answered(metrics)
    buckets = {labels[0]: value for labels, value in counts(metrics, "request_seconds_bucket").items()}
    assert (buckets["0.01"], buckets["0.025"], buckets["0.5"]) == (0, 1, 1)


def test_cards_are_counted_whether_they_were_shown_or_not(metrics: Metrics) -> None:
    decisions = (
        Decision("1", "hypokalemia", Indicator.WARNING, Display.SHOWN),
        Decision("2", "hypokalemia", Indicator.WARNING, Display.HELD_BACK),
        Decision("3", "hypocalcemia", Indicator.INFO, Display.SILENT),
    )
    answered(metrics, answer=Answer((), (), (), decisions))
    assert counts(metrics, "cards_total") == {
        ("shown", "warning", "hypokalemia"): 1,
        ("held-back", "warning", "hypokalemia"): 1,
        ("silent", "info", "hypocalcemia"): 1,
    }


def test_rules_are_counted_by_what_they_came_to(metrics: Metrics) -> None:
    verdicts = (Quiet(Topic.SAFETY, "fine"), Unknown(Topic.HYPOKALEMIA, "potassium"))
    answered(metrics, answer=Answer((), verdicts, ((Topic.CAUSE, "id"),)))
    assert counts(metrics, "rules_total") == {
        (Topic.SAFETY.value, Ran.QUIET.value): 1,
        (Topic.HYPOKALEMIA.value, Ran.UNKNOWN.value): 1,
        (Topic.CAUSE.value, Ran.FAILED.value): 1,
    }


def test_data_sources_are_counted_by_need(metrics: Metrics) -> None:
    answered(metrics, sources={Need.LABS: DataSource.FETCHED, Need.VITALS: DataSource.UNAVAILABLE})
    assert counts(metrics, "data_sources_total") == {("labs", "fetched"): 1, ("vitals", "unavailable"): 1}


def test_what_could_not_be_used_is_counted_by_reason_and_only_by_ours(metrics: Metrics) -> None:
    reasons = (Unreadable.NO_UNIT, Unreadable.NO_UNIT, "Rosalind")
    answered(metrics, unusable=tuple(Unusable(Source("Observation/1"), reason) for reason in reasons))
    assert counts(metrics, "unusable_facts_total") == {("no-unit",): 2, (OTHER,): 1}


def test_questions_to_fhir_servers_are_counted_by_need_and_outcome(metrics: Metrics) -> None:
    metrics.asked("labs", "none", dropped=2, seconds=0.3)
    metrics.asked("labs", "late", dropped=0, seconds=2.0)
    assert counts(metrics, "fhir_queries_total") == {("labs", "answered"): 1, ("labs", "late"): 1}
    assert counts(metrics, "fhir_query_seconds_sum") == {("labs",): pytest.approx(2.3)}
    assert counts(metrics, "fhir_resources_dropped_total") == {("labs",): 2}


def test_a_failure_is_counted_by_check(metrics: Metrics) -> None:
    metrics.failed("hypokalemia")
    assert counts(metrics, "failures_total") == {("hypokalemia",): 1}


def test_decisions_that_could_not_be_kept_are_counted(metrics: Metrics) -> None:
    assert counts(metrics, "records_dropped_total") == {(): 0}
    metrics.not_kept(3)
    assert counts(metrics, "records_dropped_total") == {(): 3}


def test_what_is_running_is_told(metrics: Metrics) -> None:
    assert {labels[-1] for labels in counts(metrics, "build_info")} == {"1.2.3"}
    assert counts(metrics, "policy_info") == {("2026.1",): 1}


def test_two_applications_in_one_process_do_not_share_their_counts(metrics: Metrics) -> None:
    metrics.failed("request")
    assert counts(Metrics(version="1", policy_version="1"), "failures_total") == {}
