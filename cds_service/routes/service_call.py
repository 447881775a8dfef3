"""``POST /cds-services/{id}``: a hook fires, cards come back.

A request without a Content-Type is taken as JSON, because its body is checked as JSON anyway; one that says
it is something else is refused with 415, which beats a puzzling parse error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header

from cds_service.auth import Identify
from cds_service.budget import Stopwatch
from cds_service.clients import Client
from cds_service.envelope import HookRequest, parse_body, read_request
from cds_service.errors import unknown_service, unsupported_media_type
from cds_service.evaluation import Evaluation
from cds_service.logging import Log
from cds_service.wire import json_response
from hooks.service import HookService

Evaluate = Callable[[HookRequest, HookService, Client, float], Evaluation]


def blueprint(  # noqa: PLR0913  each by name
    services: Mapping[str, HookService],
    evaluate: Evaluate,
    identify: Identify,
    log: Log,
    *,
    stopwatch: Stopwatch,
    max_depth: int,
) -> Blueprint:
    """Return the route.

    Args:
        services: The services, by id.
        evaluate: Turns a checked request, and when it arrived, into facts and cards.
        identify: Says which client calls, or refuses.
        log: Where each call is written down.
        stopwatch: Measures how long it took.
        max_depth: Deepest nesting of the body.
    """
    routes = Blueprint("service_call", __name__)

    @routes.before_request
    def start() -> None:
        g.started = stopwatch()
        g.seen = {}

    @routes.after_request
    def write_down(answer: Response) -> Response:
        duration = round((stopwatch() - g.started) * 1000, 1)
        log.info("service-call", status=answer.status_code, duration_ms=duration, **g.seen)
        return answer

    @routes.post("/cds-services/<service_id>")
    def service_call(service_id: str) -> Response:
        service = services.get(service_id)
        if service is None:
            raise unknown_service(tuple(services))
        client = identify(request, service.id)
        g.seen = {"service": service.id, "hook": service.hook.value, "client": client.name}
        _check_media_type()
        body = parse_body(_body(), max_depth=max_depth)
        evaluation = evaluate(read_request(body, hook=service.hook.value), service, client, g.started)
        answer = evaluation.answer
        g.seen |= {
            "cards": len(answer.cards),
            "unusable": len(evaluation.facts.unusable),
            "failed": len(answer.failed),
        }
        return json_response(answer.to_json())

    return routes


def _body() -> bytes:
    body = request.get_data(cache=False)
    limit = request.max_content_length
    if request.content_length is None and limit is not None and len(body) >= limit:
        # Sent in chunks, without a length: what is over the limit was cut off silently.
        raise RequestEntityTooLarge
    return body


def _check_media_type() -> None:
    media_type, options = parse_options_header(request.headers.get("Content-Type", "application/json"))
    charset = options.get("charset", "utf-8").casefold()
    if media_type.casefold() != "application/json" or charset not in {"utf-8", "utf8"}:
        raise unsupported_media_type("Send the request as Content-Type: application/json, in UTF-8.")
    if request.headers.get("Content-Encoding", "identity").casefold() != "identity":
        raise unsupported_media_type("Send the request without Content-Encoding.")
