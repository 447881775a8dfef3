"""One log line, one request id and one count for every request, whatever became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
from flask import Flask, Response, g, request

from cds_service.account import REQUEST_ID, Account, account, request_id_of, traceparent_of
from cds_service.budget import Stopwatch
from cds_service.logging import Log
from cds_service.metrics import Metrics
from cds_service.tracing import Trace

NO_ROUTE: Final = "none"
"""Stands for an address or a method that is not ours: the address itself may say anything."""

# Asked every few seconds by machines: their successes would bury the rest.
_PROBES: Final = ("/health", "/metrics")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REFUSED: Final = 400


def register(  # noqa: PLR0913  each by name
    app: Flask,
    *,
    log: Log,
    metrics: Metrics,
    stopwatch: Stopwatch,
    hooks: Mapping[str, str],
    policy_version: str,
    trace: Trace | None = None,
) -> None:
    """Have ``app`` write down and count every request.

    To be called before anything else hooks into requests: it then sees them first and their answers last.

    Args:
        app: The application.
        log: Where the lines go.
        metrics: Where they are counted.
        stopwatch: Measures how long they take.
        hooks: The hook of each service.
        policy_version: Stands in every line, so that it can be told which numbers were in force.
        trace: Makes spans of them.
    """

    def begin() -> None:
        headers = request.headers
        request_id = request_id_of(headers.get(REQUEST_ID))
        # Other lines that are written on the way carry it too.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        g.account = Account(stopwatch, request_id=request_id, traceparent=traceparent_of(headers.get("traceparent")))

    def finish(answer: Response) -> Response:
        told = account()
        answer.headers[REQUEST_ID] = told.request_id
        route = request.url_rule.rule if request.url_rule is not None else NO_ROUTE
        named = (request.view_args or {}).get("service_id", "")
        service = named if named in hooks else ""
        seconds = told.seconds
        metrics.answered(told, route=route, service=service, status=answer.status_code, seconds=seconds)
        write = log.debug if route.startswith(_PROBES) and answer.status_code < _REFUSED else log.info
        fields = {
            "method": request.method if request.method in _METHODS else "other",
            "route": route,
            **({"service": service, "hook": hooks[service]} if service else {}),
            "status": answer.status_code,
            "duration_ms": round(seconds * 1000, 2),
            "policy": policy_version,
            **told.to_log(),
        }
        write("request", **fields)
        if trace is not None:
            trace(told, route, {**fields, "request_id": told.request_id})
        return answer

    def forget(_: BaseException | None) -> None:
        structlog.contextvars.clear_contextvars()

    app.before_request(begin)
    app.after_request(finish)
    app.teardown_request(forget)
