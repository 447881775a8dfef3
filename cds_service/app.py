"""The only wiring: settings in, a WSGI application out."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata

from flask import Flask, Request, Response

from cds_service import clock as real_clock
from cds_service import cors, errors, request_log
from cds_service.account import Account, account
from cds_service.auth import Identify, make_identify, refuse_strangers
from cds_service.budget import Stopwatch
from cds_service.clients import OPEN_CLIENT, Client, load_clients
from cds_service.clock import Clock
from cds_service.envelope import HookRequest
from cds_service.evaluation import Evaluation, Evaluator, Knowledge, Terms
from cds_service.failures import Failures
from cds_service.logging import Log, make_log
from cds_service.metrics import Metrics
from cds_service.openapi import document
from cds_service.retrieval import Access, Retriever
from cds_service.routes import discovery, feedback, health, insight, landing, openapi, service_call
from cds_service.routes import metrics as metrics_route
from cds_service.sandbox import routes as sandbox_routes
from cds_service.sandbox import sandbox_urls
from cds_service.sandbox.store import Store
from cds_service.settings import Profile, Settings, SettingsError, unknown_variables
from cds_service.storage import Records, open_records
from cds_service.tracing import open_trace
from cds_service.workbench import routes as workbench
from hooks import SERVICES
from hooks.memory import nothing_remembered
from hooks.service import HookService

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
    clients: Sequence[Client] | None = None,
    records: Records | None = None,
    clock: Clock = real_clock.now,
    stopwatch: Stopwatch = real_clock.stopwatch,
    log: Log | None = None,
    services: Sequence[HookService] = SERVICES,
    observe: Callable[[Evaluation], None] | None = None,
) -> Flask:
    """Return the service as a WSGI application.

    Args:
        settings: The deployment's settings; read from the environment if not given.
        clients: Who may call; as the settings say if not given. ``OPEN_CLIENT`` stands for everybody.
        records: Where decisions and feedback are kept; the database that the settings name if not given.
        clock: Says what time it is when a request arrives.
        stopwatch: Measures how long requests take, and when their time for fetching is over.
        log: Where events go; to standard error, as the settings say, if not given.
        services: The CDS services to offer.
        observe: Gets every evaluation, before it is answered.

    Raises:
        SettingsError: the profile lacks something, or a setting names something that cannot be used.
    """
    if settings is None:
        settings = Settings.from_environment(os.environ)
    log = log or _open_log(settings)
    if clients is None:
        clients = _clients(settings)
    knowledge = Knowledge.load(settings)
    version = metadata.version(DISTRIBUTION)
    policy_version = knowledge.policy.version
    loaded = {"policy": policy_version, "terminology": knowledge.terminology.version}
    metrics = Metrics(version=version, policy_version=policy_version)
    failures = Failures(log, lambda: str(uuid.uuid4()), metrics.failed)
    records = records or open_records(
        settings, log=log, stopwatch=stopwatch, report=failures.report, dropped=metrics.not_kept
    )
    evaluator = Evaluator(
        knowledge,
        new_uuid=lambda: str(uuid.uuid4()),
        on_failure=lambda topic, error: failures.report(error, topic.value),
    )
    terms = {
        client.name: Terms(
            client.keys(settings.prefetch_keys),
            client.presentation(knowledge.policy),
            Retriever(Access.of(settings, client), knowledge.site_codes, log, stopwatch, count=metrics.asked),
        )
        for client in clients
    }

    def evaluate(request: HookRequest, service: HookService, client: Client, told: Account) -> Evaluation:
        as_of = clock()
        recall = nothing_remembered
        if client.override_memory:
            recall = partial(records.overrides, client.name, request.patient_id, as_of)
        evaluation = evaluator.evaluate(request, service, terms[client.name], as_of=as_of, account=told, recall=recall)
        records.note(client.name, request, service, evaluation, measured=client.override_memory)
        if observe is not None:
            observe(evaluation)
        return evaluation

    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    # No redirects: a client that follows one may drop the body or turn it into a GET.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.extensions["magnesium_cds"] = {
        "failures": failures,
        "knowledge": knowledge,
        "log": log,
        "metrics": metrics,
    }
    request_log.register(
        app,
        log=log,
        metrics=metrics,
        stopwatch=stopwatch,
        hooks={service.id: service.hook.value for service in services},
        policy_version=policy_version,
        trace=open_trace(os.environ, clock, log, version=version),
    )
    errors.register(app, lambda error: _told(failures.report(error)))
    app.before_request(refuse_strangers(settings))
    identify = _noting(
        make_identify(
            settings,
            clients,
            clock=clock,
            stopwatch=stopwatch,
            log=log,
            report=failures.report,
            shared=records.seen_tokens,
            count=metrics.turned_away,
        )
    )
    cors.register(app, clients, settings.profile)
    app.register_blueprint(discovery.blueprint(services, knowledge.queries, identify))
    app.register_blueprint(
        service_call.blueprint(
            {service.id: service for service in services},
            evaluate,
            identify,
            max_depth=settings.max_json_depth,
        )
    )
    app.register_blueprint(
        feedback.blueprint(
            [service.id for service in services],
            records.keep,
            identify,
            clock,
            count=metrics.fed_back,
            max_depth=settings.max_json_depth,
        )
    )
    app.register_blueprint(
        health.blueprint({"database": lambda: records.check() is None}, log, version=version, loaded=loaded)
    )
    app.register_blueprint(
        openapi.blueprint(
            document(version, services, metrics=settings.metrics, insight=settings.insight_token_file is not None)
        )
    )
    if settings.metrics:
        app.register_blueprint(metrics_route.blueprint(metrics))
    insight.register(app, settings, records, clock)
    app.register_blueprint(landing.blueprint(services, clock, version=version, policy_version=policy_version))
    if settings.profile is Profile.DEV:
        app.register_blueprint(sandbox_routes.blueprint(Store.bundled(clock(), settings.sandbox_data)))
        if OPEN_CLIENT.name in terms:
            # Its page calls the services without a token.
            app.register_blueprint(
                workbench.blueprint(
                    services,
                    lambda request, service: evaluator.evaluate(
                        request, service, terms[OPEN_CLIENT.name], as_of=clock(), account=account()
                    ),
                    clock,
                    zone=knowledge.policy.time_zone,
                    fhir_servers=(*sandbox_urls(settings.port)[:1], *settings.fhir_servers),
                )
            )
    app.after_request(_secure)
    return app


def _open_log(settings: Settings) -> Log:
    """Return the log that the settings ask for; its first lines name variables that mean nothing."""
    log = make_log(settings.log_level, settings.log_format, sys.stderr)
    for name in unknown_variables(os.environ):
        log.warning("unknown-variable", variable=name)
    return log


def _clients(settings: Settings) -> tuple[Client, ...]:
    """Return who may call: in the dev profile everybody, beside the clients that are listed.

    Raises:
        SettingsError: Names everything that the profile lacks, and everything that is wrong in the clients file.
    """
    dev = settings.profile is Profile.DEV
    listed: tuple[Client, ...] = ()
    wrong: list[str] = []
    try:
        settings.check()
    except SettingsError as error:
        wrong.append(str(error))
    try:
        if settings.clients is not None:
            listed = load_clients(settings.clients, https_only=not dev)
    except SettingsError as error:
        wrong.append(str(error))
    if wrong:
        raise SettingsError("\n".join(wrong))
    return (OPEN_CLIENT, *listed) if dev else listed


def _noting(identify: Identify) -> Identify:
    """Return ``identify``, with whoever it finds put into the account of the request."""

    def identified(request: Request, called: str) -> Client:
        client = identify(request, called)
        account().client = client.name
        return client

    return identified


def _told(error_id: str) -> str:
    """Put the id of a failure into the account of the request, and return it."""
    account().error_id = error_id
    return error_id


def _secure(response: Response) -> Response:
    for name, value in _SECURITY_HEADERS.items():
        # A page with a script says so itself.
        response.headers.setdefault(name, value)
    if response.mimetype == "application/json":
        response.headers["Cache-Control"] = "no-store"
    return response
