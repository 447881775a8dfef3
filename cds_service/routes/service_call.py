"""``POST /cds-services/{id}``: a hook fires, cards come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, request

from cds_service.account import Account, Stage, account
from cds_service.auth import Identify
from cds_service.clients import Client
from cds_service.envelope import HookRequest, read_request
from cds_service.errors import unknown_service
from cds_service.evaluation import Evaluation
from cds_service.routes.body import read_body
from cds_service.wire import json_response
from hooks.service import HookService

Evaluate = Callable[[HookRequest, HookService, Client, Account], Evaluation]


def blueprint(
    services: Mapping[str, HookService], evaluate: Evaluate, identify: Identify, *, max_depth: int
) -> Blueprint:
    """Return the route.

    Args:
        services: The services, by id.
        evaluate: Turns a checked request into facts and cards.
        identify: Says which client calls, or refuses.
        max_depth: Deepest nesting of the body.
    """
    routes = Blueprint("service_call", __name__)

    @routes.post("/cds-services/<service_id>")
    def service_call(service_id: str) -> Response:
        service = services.get(service_id)
        if service is None:
            raise unknown_service(tuple(services))
        told = account()
        client = identify(request, service.id)
        told.ended(Stage.AUTHENTICATE)
        asked = read_request(read_body(max_depth), hook=service.hook.value)
        told.hook_instance = asked.hook_instance.lower()
        evaluation = evaluate(asked, service, client, told)
        answer = json_response(evaluation.answer.to_json())
        told.ended(Stage.RENDER)
        return answer

    return routes
