"""The only wiring: settings in, a WSGI application out."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Sequence
from importlib import metadata

from flask import Flask, Response

from cds_service import clock as real_clock
from cds_service import errors
from cds_service.budget import Stopwatch
from cds_service.clock import Clock
from cds_service.envelope import HookRequest
from cds_service.evaluation import Evaluation, Evaluator, Knowledge
from cds_service.failures import Failures
from cds_service.logging import Log, make_log
from cds_service.retrieval import Access, Retriever
from cds_service.routes import discovery, health, landing, service_call
from cds_service.sandbox import routes as sandbox_routes
from cds_service.sandbox.store import Store
from cds_service.settings import Profile, Settings, unknown_variables
from hooks import SERVICES
from hooks.render import Presentation
from hooks.service import HookService
from magnesium.verdict import Indicator

DISTRIBUTION = "magnesium-cds"

_SECURITY_HEADERS = {
    # The pages use one style sheet and one picture of ours, and no script.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create_app(  # noqa: PLR0913  each by name, each with a default
    settings: Settings | None = None,
    *,
    clock: Clock = real_clock.now,
    stopwatch: Stopwatch = real_clock.stopwatch,
    log: Log | None = None,
    services: Sequence[HookService] = SERVICES,
    observe: Callable[[Evaluation], None] | None = None,
) -> Flask:
    """Return the service as a WSGI application.

    Args:
        settings: The deployment's settings; read from the environment if not given.
        clock: Says what time it is when a request arrives.
        stopwatch: Measures how long requests take, and when their time for fetching is over.
        log: Where events go; to standard error, as the settings say, if not given.
        services: The CDS services to offer.
        observe: Gets every evaluation, before it is answered.
    """
    if settings is None:
        settings = Settings.from_environment(os.environ)
    if log is None:
        log = make_log(settings.log_level, settings.log_format, sys.stderr)
        for name in unknown_variables(os.environ):
            log.warning("unknown-variable", variable=name)
    knowledge = Knowledge.load(settings)
    failures = Failures(log, lambda: str(uuid.uuid4()))
    evaluator = Evaluator(
        knowledge,
        settings.prefetch_keys,
        Presentation(order_sign_minimum=Indicator[knowledge.policy.order_sign_minimum.upper()]),
        new_uuid=lambda: str(uuid.uuid4()),
        on_failure=lambda topic, error: failures.report(error, topic.value),
        retriever=Retriever(Access.of(settings), knowledge.site_codes, log, stopwatch),
    )
    version = metadata.version(DISTRIBUTION)

    def evaluate(request: HookRequest, service: HookService, arrived: float) -> Evaluation:
        evaluation = evaluator.evaluate(request, service, clock(), arrived)
        if observe is not None:
            observe(evaluation)
        return evaluation

    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # No redirects: a client that follows one may drop the body or turn it into a GET.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions["magnesium_cds"] = {"failures": failures, "knowledge": knowledge}
    errors.register(app, failures.report)
    policy_version = knowledge.policy.version
    app.register_blueprint(discovery.blueprint(services, knowledge.queries))
    app.register_blueprint(
        service_call.blueprint(
            {service.id: service for service in services},
            evaluate,
            log,
            stopwatch=stopwatch,
            max_depth=settings.max_json_depth,
        )
    )
    app.register_blueprint(health.blueprint(version=version, policy_version=policy_version))
    app.register_blueprint(landing.blueprint(services, clock, version=version, policy_version=policy_version))
    if settings.profile is Profile.DEV:
        app.register_blueprint(sandbox_routes.blueprint(Store.bundled(clock(), settings.sandbox_data)))
    app.after_request(_secure)
    return app


def _secure(response: Response) -> Response:
    response.headers.update(_SECURITY_HEADERS)
    if response.mimetype == "application/json":
        response.headers["Cache-Control"] = "no-store"
    return response
