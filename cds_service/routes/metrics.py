"""``GET /metrics``: the counts, as Prometheus reads them. Not for the public: ``docs/operations/observability.md``."""

from __future__ import annotations

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from cds_service.metrics import Metrics


def blueprint(counted: Metrics) -> Blueprint:
    """Return the route."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(counted.text(), content_type=CONTENT_TYPE_LATEST)

    return routes
