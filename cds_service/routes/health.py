"""``GET /health/live``: the process answers. ``GET /health/ready``: it can serve, or which part cannot.

Policy and terminology are loaded before anything is answered, so they are named and not checked. Neither address
says anything about clients' FHIR servers: those fail by themselves, and the cards say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from flask import Blueprint, Response

from cds_service.errors import Issue, IssueCode, RequestError
from cds_service.logging import Log, describe
from cds_service.wire import json_response

ReadyCheck = Callable[[], bool]
"""Says whether a part can be used. Raising means no."""

_ASK_AGAIN_SECONDS = 5


def blueprint(checks: Mapping[str, ReadyCheck], log: Log, *, version: str, loaded: Mapping[str, str]) -> Blueprint:
    """Return the routes.

    Args:
        checks: The parts that can fail and without which nothing should be sent here, by name.
        log: Where it is written down that one cannot be used.
        version: Of the program.
        loaded: What was loaded at start, with its version.
    """
    routes = Blueprint("health", __name__, url_prefix="/health")

    @routes.get("/live")
    def live() -> Response:
        return json_response({"status": "live", "version": version})

    @routes.get("/ready")
    def ready() -> Response:
        failing = [name for name, check in checks.items() if not _works(name, check, log)]
        if failing:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                [Issue(IssueCode.TRANSIENT, f"This part cannot be used: {name}.", name) for name in failing],
                {"Retry-After": str(_ASK_AGAIN_SECONDS)},
            )
        return json_response({"status": "ready", **loaded, **dict.fromkeys(checks, "ok")})

    return routes


def _works(name: str, check: ReadyCheck, log: Log) -> bool:
    try:
        works = check()
    except Exception as error:  # noqa: BLE001
        # Whatever goes wrong in a part is what this address is there to say; it is logged, not swallowed.
        log.warning("not-ready", check=name, **describe(error))
        return False
    if not works:
        log.warning("not-ready", check=name)
    return works
