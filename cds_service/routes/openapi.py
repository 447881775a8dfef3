"""``GET /openapi.json``: what can be called here, as OpenAPI 3.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response

from cds_service.wire import json_response


def blueprint(document: Mapping[str, Any]) -> Blueprint:
    """Return the route."""
    routes = Blueprint("openapi", __name__)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return json_response(document)

    return routes
