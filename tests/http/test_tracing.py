"""OpenTelemetry, where it is installed: spans that hold what the log line holds, and no patient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cds_service import tracing
from cds_service.account import Stage
from cds_service.clock import now

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
MARKER = "Rosalind"
Example = Callable[[str], dict[str, Any]]


@pytest.fixture
def traced(make_site: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A site, and the spans that it makes."""
    exporter = InMemorySpanExporter()
    trace = tracing.make_trace(SimpleSpanProcessor(exporter), now, version="1")
    monkeypatch.setattr("cds_service.app.open_trace", lambda *_, **__: trace)
    return make_site(), exporter.get_finished_spans


def test_a_call_is_a_span_with_one_for_each_stage(traced: Any, example: Example) -> None:
    site, spans = traced
    site.client.post(
        "/cds-services/magnesium-patient-view",
        json=example("patient-view"),
        headers={"traceparent": f"00-{TRACE}-{PARENT}-01"},
    )
    *stages, call = spans()
    assert [span.name for span in stages] == [stage.value for stage in Stage]
    assert call.name == "/cds-services/<service_id>"
    assert {span.parent.span_id for span in stages} == {call.context.span_id}
    assert f"{call.context.trace_id:032x}" == TRACE
    assert f"{call.parent.span_id:016x}" == PARENT
    assert call.attributes["service"] == "magnesium-patient-view"
    assert call.attributes["status"] == 200
    assert call.attributes["sources.labs"] == "prefetch"
    assert "refractory-hypokalemia" in call.attributes["rules.fired"]
    assert call.start_time <= stages[0].start_time <= stages[-1].end_time <= call.end_time


def test_a_failure_of_ours_is_marked(traced: Any) -> None:
    def broken() -> None:
        raise RuntimeError(MARKER)

    site, spans = traced
    site.app.view_functions["discovery.discovery"] = broken
    site.client.get("/cds-services")
    (span,) = spans()
    assert span.status.status_code.name == "ERROR"
    assert MARKER not in span.to_json()


def test_no_span_holds_anything_of_the_request(traced: Any, example: Example) -> None:
    site, spans = traced
    body = example("patient-view")
    body["context"]["patientId"] = body["prefetch"]["patient"]["id"] = MARKER
    for address in ("/cds-services/magnesium-patient-view", f"/cds-services/{MARKER}", f"/{MARKER}"):
        site.client.post(f"{address}?{MARKER}", json=body, headers={"User-Agent": MARKER, "tracestate": MARKER})
    assert len(spans()) >= 3
    assert not [span for span in spans() if MARKER in span.to_json()]


def test_it_is_off_unless_a_collector_is_named(site: Any) -> None:
    log = site.app.extensions["magnesium_cds"]["log"]
    assert tracing.open_trace({}, now, log, version="1") is None


def test_where_it_is_not_installed_the_log_says_so(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(tracing, "import_module", missing)
    log = site.app.extensions["magnesium_cds"]["log"]
    assert tracing.open_trace({tracing.ENDPOINT: "http://127.0.0.1:4318"}, now, log, version="1") is None
    assert site.events[-1]["event"] == "tracing-not-installed"
