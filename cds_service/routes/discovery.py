"""``GET /cds-services``: which services there are, when to call them, and what to prefetch."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response

from cds_service.wire import json_response
from fhir_mappings.queries import Query
from hooks.service import HookService


def blueprint(services: Iterable[HookService], queries: Iterable[Query]) -> Blueprint:
    """Return the route; the document is made once, here."""
    prefetch = {query.key: query.template for query in queries}
    document = {"services": [service.to_discovery(prefetch) for service in services]}
    routes = Blueprint("discovery", __name__)

    @routes.get("/cds-services")
    def discovery() -> Response:
        return json_response(document)

    return routes
