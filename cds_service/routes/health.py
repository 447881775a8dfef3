"""``GET /health/live``: the process answers. ``GET /health/ready``: it can serve, or which part cannot.

A part that is lost after it worked once leaves the process ready, and is named: cards need no database, and an
outage of it must not take every instance, and with them every alert, out of the load balancer (docs/decisions/0030).

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
        checks: The parts that can fail, and that must have worked once before anything is sent here, by name.
        log: Where it is written down that one cannot be used.
        version: Of the program.
        loaded: What was loaded at start, with its version.
    """
    routes = Blueprint("health", __name__, url_prefix="/health")

    @routes.get("/live")
    def live() -> Response:
        return json_response({"status": "live", "version": version})

    worked: set[str] = set()

    @routes.get("/ready")
    def ready() -> Response:
        works = {name: _works(name, check, log) for name, check in checks.items()}
        worked.update(name for name, working in works.items() if working)
        never = [name for name in checks if name not in worked]
        if never:
            raise RequestError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                [Issue(IssueCode.TRANSIENT, f"This part cannot be used: {name}.", name) for name in never],
                {"Retry-After": str(_ASK_AGAIN_SECONDS)},
            )
        parts = {name: "ok" if working else "unavailable" for name, working in works.items()}
        return json_response({"status": "ready" if all(works.values()) else "degraded", **loaded, **parts})

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
