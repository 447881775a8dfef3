"""``GET /healthz``: the process is up, and with which policy. It says nothing about clients' FHIR servers."""

from __future__ import annotations

from flask import Blueprint, Response

from cds_service.wire import json_response


def blueprint(*, version: str, policy_version: str) -> Blueprint:
    """Return the route."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> Response:
        return json_response({"status": "ok", "version": version, "policy": policy_version})

    return routes
