"""``/workbench``: the page, and what its script asks for.

| address | takes | gives |
|---|---|---|
| ``GET /workbench?story=`` | | the page |
| ``POST /workbench/request`` | what was picked | the CDS Hooks request for it |
| ``POST /workbench/cards`` | the answer of the service, and its status | the side bar and the evidence, as HTML |
| ``POST /workbench/reading`` | the request, a unit, a time span | the timeline and all checks, as HTML |

The cards themselves come from ``/cds-services/{id}``, which the script calls as an EHR would.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, render_template, request

from cds_service.clock import Clock
from cds_service.envelope import HookRequest, parse_body, read_request
from cds_service.errors import Issue, IssueCode, RequestError, bad_request, unsupported_media_type
from cds_service.evaluation import Evaluation
from cds_service.workbench import drawing
from cds_service.workbench.cards_view import read_cards, read_refusal
from cds_service.workbench.compose import Composer
from cds_service.workbench.drafts import DRAFTS
from cds_service.workbench.exact_json import indented
from cds_service.workbench.reading_view import read_checks
from cds_service.workbench.stories import STORIES
from cds_service.workbench.timeline import Span, read_timeline, unit_reported
from cds_service.workbench.tracks import MAGNESIUM_UNITS
from fhir_mappings.reading import first, text
from fhir_mappings.unreadable import sentence_of
from hooks.service import HookService
from magnesium.words import time

Look = Callable[[HookRequest, HookService], Evaluation]
"""Reads and judges a request like a call of the service, but writes nothing down."""

_MAX_DEPTH = 64
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


def blueprint(
    services: Sequence[HookService], look: Look, clock: Clock, *, zone: tzinfo, fhir_servers: Sequence[str]
) -> Blueprint:
    """Return the routes.

    Args:
        services: The services that the page can call.
        look: Reads and judges a request without writing anything down.
        clock: Says what time it is.
        zone: Of times that come without one.
        fhir_servers: The FHIR servers that the service may ask.
    """
    routes = Blueprint(
        "workbench", __name__, url_prefix="/workbench", template_folder="templates", static_folder="static"
    )
    by_hook = {service.hook.value: service for service in services}
    composer = Composer(tuple(by_hook), clock, zone, lambda: str(uuid.uuid4()))

    @routes.after_request
    def guard(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = _POLICY
        if request.endpoint != "workbench.static":
            answer.headers["Cache-Control"] = "no-store"
        return answer

    @routes.get("")
    def page() -> str:
        chosen = request.args.get("story", next(iter(STORIES)))
        if chosen not in STORIES:
            text = f"There is no such story. The stories here are {', '.join(STORIES)}."
            raise RequestError(HTTPStatus.NOT_FOUND, (Issue(IssueCode.NOT_FOUND, text),))
        return render_template(
            "workbench/page.html",
            stories=STORIES,
            chosen=chosen,
            story=STORIES[chosen],
            services=services,
            drafts=DRAFTS,
            fhir_servers=fhir_servers,
            units=MAGNESIUM_UNITS,
            spans=Span,
        )

    @routes.post("/request")
    def compose() -> Response:
        # Indented: it is shown as it is sent.
        return Response(indented(composer.compose(_body())), content_type="application/json")

    @routes.post("/cards")
    def cards() -> str:
        body = _body()
        answer = body.get("answer")
        if body.get("status") != HTTPStatus.OK:
            return render_template("workbench/refused.html", status=body.get("status"), issues=read_refusal(answer))
        return render_template("workbench/cards.html", cards=read_cards(answer))

    @routes.post("/reading")
    def reading() -> str:
        body = _body()
        sent = first(body.get("request"))
        service = by_hook.get(text(sent.get("hook")))
        if service is None:
            raise bad_request(Issue(IssueCode.VALUE, f"This must be one of {', '.join(by_hook)}.", "request.hook"))
        seen = look(read_request(sent, hook=service.hook.value), service)
        unit, span = _view(body, seen)
        timeline = read_timeline(seen.picture, unit, span)
        return render_template(
            "workbench/reading.html",
            timeline=timeline,
            drawings=[drawing.draw(timeline, paper) for paper in drawing.PAPERS],
            facts=seen.facts,
            checks=read_checks(seen.answer),
            policy=seen.picture.policy,
            sentence_of=sentence_of,
            time=time,
        )

    return routes


def _body() -> dict[str, Any]:
    # A page of another origin cannot send this type without asking first, and nobody answers it.
    if request.mimetype != "application/json":
        raise unsupported_media_type("Send this as Content-Type: application/json.")
    return parse_body(request.get_data(cache=False), max_depth=_MAX_DEPTH)


def _view(body: Mapping[str, Any], seen: Evaluation) -> tuple[str, Span | None]:
    unit, span = text(body.get("unit")), text(body.get("span"))
    return unit if unit in MAGNESIUM_UNITS else unit_reported(seen.picture), Span(span) if span in set(Span) else None
