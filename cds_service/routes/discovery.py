"""``GET /cds-services``: which services there are, when to call them, and what to prefetch.

Open to everybody: it holds no patient, and who integrates looks at it first. A token that comes along is verified
all the same, so that a client finds out here whether its tokens are good.
"""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response, request

from cds_service.auth import Identify
from cds_service.wire import json_response
from fhir_mappings.queries import Query
from hooks.service import HookService


def blueprint(services: Iterable[HookService], queries: Iterable[Query], identify: Identify) -> Blueprint:
    """Return the route; the document is made once, here."""
    prefetch = {query.key: query.template for query in queries}
    document = {"services": [service.to_discovery(prefetch) for service in services]}
    routes = Blueprint("discovery", __name__)

    @routes.get("/cds-services")
    def discovery() -> Response:
        if "Authorization" in request.headers:
            identify(request, "")
        return json_response(document)

    return routes
