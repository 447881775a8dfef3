"""GET /metrics: what Prometheus sees after real requests, from one process and from two workers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from cds_service.account import DataSource, Ran
from cds_service.auth.tokens import Reason
from cds_service.clients import Client
from cds_service.feedback import Odd, Outcome
from cds_service.fhir_client import Trouble
from cds_service.settings import Profile, Settings
from fhir_mappings.unreadable import Unreadable
from hooks import SERVICES
from hooks.service import Display
from hooks.wording import NOT_RUN_CODE
from magnesium.facts import Need
from magnesium.verdict import Indicator, Topic

Example = Callable[[str], dict[str, Any]]
CALL = "/cds-services/<service_id>"

# Every value that a label may ever have, where it is not ours by its kind (status, version, le).
ALLOWED = {
    "service": {"", *(service.id for service in SERVICES)},
    "topic": {NOT_RUN_CODE, *Topic},
    "indicator": {indicator.code for indicator in Indicator},
    "display": set(Display),
    "verdict": set(Ran),
    "need": {"medication", *Need},
    "source": set(DataSource),
    "outcome": {"answered", *Trouble, *Outcome, *Odd},
    "reason": {"other", *map(str, Unreadable), *Reason},
    "check": {"request", *Topic},
}


def total(text: str, name: str, **labels: str) -> float:
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"magnesium_cds_{name}" and labels.items() <= sample.labels.items()
    )


def page(site: Any) -> str:
    answer = site.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return str(answer.get_data(as_text=True))


def test_a_call_is_counted_with_everything_it_came_to(make_site: Any, example: Example) -> None:
    site = make_site()
    body = example("patient-view")
    body["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"] = {"value": 1, "unit": "furlong"}
    del body["prefetch"]["vitals"]
    cards = site.call(body).get_json()["cards"]
    text = page(site)
    assert total(text, "requests_total", route=CALL, service="magnesium-patient-view", status="200") == 1
    assert total(text, "request_seconds_count", route=CALL) == 1
    assert total(text, "cards_total", display="shown") == len(cards)
    assert total(text, "rules_total") == len(SERVICES[0].rules)
    assert total(text, "unusable_facts_total", reason="unknown-unit") == 1
    assert total(text, "data_sources_total", need="vitals", source="unavailable") == 1
    assert total(text, "failures_total") == 0


def test_refusals_and_failures_are_counted_by_status(make_site: Any) -> None:
    def broken() -> None:
        raise RuntimeError

    site = make_site()
    site.app.view_functions["discovery.discovery"] = broken
    site.client.get("/cds-services")
    site.client.get("/Rosalind")
    site.client.post("/cds-services/magnesium-patient-view", json={})
    text = page(site)
    assert total(text, "requests_total", route="/cds-services", status="500") == 1
    assert total(text, "requests_total", route="none", status="404") == 1
    assert total(text, "requests_total", route=CALL, status="400") == 1
    assert total(text, "failures_total", check="request") == 1


def test_no_label_holds_anything_but_words_of_ours(make_site: Any, example: Example) -> None:
    site = make_site()
    for service in SERVICES:
        body = example(service.hook.value)
        body["prefetch"]["labs"]["entry"][0]["resource"]["valueQuantity"] = {"value": 1, "unit": "Rosalind"}
        body["prefetch"]["Rosalind"] = {"resourceType": "Rosalind"}
        site.call(body)
        site.call(body, "Rosalind")
        site.client.get(f"/examples/Rosalind?{service.id}", headers={"X-Request-Id": "Rosalind"})
    text = page(site)
    assert "Rosalind" not in text
    routes = {"none", *(rule.rule for rule in site.app.url_map.iter_rules())}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label in {"status", "version", "python", "le"}:
                    assert re.fullmatch(r"\+Inf|[0-9][0-9a-z.+-]*", value)
                else:
                    assert value in (routes if label == "route" else ALLOWED[label])


def test_callers_who_are_turned_away_are_counted_by_the_reason_that_they_are_not_told(make_site: Any) -> None:
    site = make_site(clients=(Client(name="ehr", certificates=("a" * 64,)),))
    for headers in ({}, {"Authorization": "Bearer Rosalind"}, {"Authorization": "Rosalind"}):
        site.client.post("/cds-services/magnesium-patient-view", json={}, headers=headers)
    text = page(site)
    assert total(text, "auth_failures_total", reason=Reason.NO_TOKEN.value) == 2
    assert total(text, "auth_failures_total", reason=Reason.NO_JWT.value) == 1


def test_feedback_is_counted_by_what_it_reports(make_site: Any) -> None:
    site = make_site()
    entry = {"card": "3ad5e3d0-1d1c-4b2c-9a55-0e6f7b1a2c01", "outcomeTimestamp": "2026-01-15T09:05:00Z"}
    entries = [{**entry, "outcome": outcome} for outcome in ("overridden", "overridden", "Rosalind")]
    site.client.post("/cds-services/magnesium-patient-view/feedback", json={"feedback": entries})
    text = page(site)
    assert total(text, "feedback_total", outcome="overridden") == 2
    assert total(text, "feedback_total", outcome="unreadable") == 1


def test_questions_to_a_fhir_server_are_counted(make_site: Any, example: Example) -> None:
    nobody = "http://127.0.0.1:9/fhir"
    site = make_site(Settings(profile=Profile.DEV, fhir_servers=(nobody,)))
    body = example("patient-view")
    del body["prefetch"]["vitals"]
    site.call({**body, "fhirServer": nobody})
    text = page(site)
    assert total(text, "fhir_queries_total", need="vitals", outcome=Trouble.FAILED.value) == 1
    assert total(text, "fhir_query_seconds_count", need="vitals") == 1
    assert total(text, "data_sources_total", need="vitals", source="unavailable") == 1


def test_a_deployment_may_do_without(make_site: Any) -> None:
    site = make_site(Settings(metrics=False))
    assert site.client.get("/metrics").status_code == 404
    assert "/metrics" not in site.client.get("/openapi.json").get_json()["paths"]
