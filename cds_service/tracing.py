"""Spans for OpenTelemetry: one for a request, one for each of its stages, made from what the log line holds.

Nothing is instrumented automatically: that records URLs, and those of FHIR servers hold patients
(docs/decisions/0028). Where a span begins and ends is computed from the stopwatch when the request is over.

On if ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set; needs ``magnesium-cds[otel]``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from cds_service.account import Account
from cds_service.clock import Clock
from cds_service.logging import Log

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
# Told by the span itself, or too detailed for one.
_NOT_ATTRIBUTES: Final = frozenset({"duration_ms", "stages_ms", "trace_id"})
_FAILED: Final = 500
_BILLION: Final = 1_000_000_000

Trace = Callable[[Account, str, Mapping[str, Any]], None]
"""Takes a request that was answered: its account, its route, and the fields of its log line."""


def open_trace(environ: Mapping[str, str], clock: Clock, log: Log, *, version: str) -> Trace | None:
    """Return what sends spans to the collector that the environment names; None if it names none."""
    if not environ.get(ENDPOINT):
        return None
    try:
        exporters = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        processors = import_module("opentelemetry.sdk.trace.export")
    except ImportError as error:
        log.warning("tracing-not-installed", variable=ENDPOINT, error=type(error).__qualname__)
        return None
    return make_trace(processors.BatchSpanProcessor(exporters.OTLPSpanExporter()), clock, version=version)


def make_trace(processor: Any, clock: Clock, *, version: str) -> Trace:
    """Return what makes spans and gives them to ``processor``."""
    api = import_module("opentelemetry.trace")
    sdk = import_module("opentelemetry.sdk.trace")
    resource = import_module("opentelemetry.sdk.resources").Resource.create({"service.name": "magnesium-cds"})
    propagation = import_module("opentelemetry.trace.propagation.tracecontext").TraceContextTextMapPropagator()
    provider = sdk.TracerProvider(resource=resource, shutdown_on_exit=True)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("magnesium-cds", version)

    def trace(told: Account, route: str, fields: Mapping[str, Any]) -> None:
        ended = int(clock().timestamp() * _BILLION)
        began = ended - _nanoseconds(told.seconds)
        # Part of the caller's trace, if there is one.
        parent = propagation.extract({"traceparent": told.traceparent}) if told.traceparent else None
        span = tracer.start_span(
            route, parent, kind=api.SpanKind.SERVER, start_time=began, attributes=_attributes(fields)
        )
        if fields["status"] >= _FAILED:
            span.set_status(api.StatusCode.ERROR)
        inside = api.set_span_in_context(span)
        moment = began
        for stage, seconds in told.stages.items():
            part = tracer.start_span(stage.value, inside, start_time=moment)
            moment += _nanoseconds(seconds)
            part.end(moment)
        span.end(ended)

    return trace


def _attributes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a log line, flattened: ``rules.fired``, ``sources.labs``."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if name in _NOT_ATTRIBUTES:
            continue
        if isinstance(value, dict):
            flat |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat


def _nanoseconds(seconds: float) -> int:
    return int(seconds * _BILLION)
