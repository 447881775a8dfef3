"""``GET /``: what this is and how to try it, and ``GET /examples/{hook}``: a request to try it with."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, Response, current_app, render_template, request

from cds_service import errors, examples
from cds_service.clock import Clock
from cds_service.wire import json_response
from hooks.service import HookService


def blueprint(services: Iterable[HookService], clock: Clock, *, version: str, policy_version: str) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("landing", __name__)
    listed = tuple(services)

    @routes.get("/")
    def landing() -> str:
        return render_template(
            "landing.html",
            services=listed,
            examples=examples.NAMES,
            base_url=request.url_root.rstrip("/"),
            version=version,
            policy_version=policy_version,
            workbench="workbench" in current_app.blueprints,
            insight="insight" in current_app.blueprints,
        )

    @routes.get("/examples/<name>")
    def example(name: str) -> Response:
        name = name.removesuffix(".json")
        if name not in examples.NAMES:
            raise errors.unknown_example(examples.NAMES)
        return json_response(examples.as_of(name, clock()))

    return routes
