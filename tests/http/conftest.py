"""The service as clients meet it, at a fixed time."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cds_service import examples
from cds_service.app import create_app
from cds_service.clients import OPEN_CLIENT
from cds_service.evaluation import Evaluation
from cds_service.logging import make_log
from cds_service.settings import LogFormat, LogLevel, Settings
from cds_service.storage import NO_RECORDS
from hooks import SERVICES

NOW: datetime = examples.WRITTEN
SERVICE_ID = {service.hook.value: service.id for service in SERVICES}


class Site:
    """A running service, its log, and what it evaluated."""

    def __init__(self, settings: Settings | None = None, **wiring: Any) -> None:
        self.log = io.StringIO()
        self.evaluations: list[Evaluation] = []
        self.app = create_app(
            settings or Settings(),
            clients=wiring.pop("clients", (OPEN_CLIENT,)),
            records=wiring.pop("records", NO_RECORDS),
            clock=lambda: NOW,
            log=make_log(LogLevel.DEBUG, LogFormat.JSON, self.log),
            observe=self.evaluations.append,
            **wiring,
        )
        self.client: FlaskClient = self.app.test_client()

    def call(self, body: dict[str, Any], service_id: str | None = None) -> TestResponse:
        """Post a request to the service of its hook."""
        return self.client.post(f"/cds-services/{service_id or SERVICE_ID[body['hook']]}", json=body)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


MakeSite = Callable[..., Site]


@pytest.fixture(scope="session")
def shared_site() -> Site:
    return Site()


@pytest.fixture
def site(shared_site: Site) -> Site:
    """The service with its defaults; its log and evaluations start empty."""
    shared_site.log.seek(0)
    shared_site.log.truncate()
    shared_site.evaluations.clear()
    return shared_site


@pytest.fixture
def make_site() -> MakeSite:
    """Start a service with other settings or other wiring."""
    return Site


@pytest.fixture
def example() -> Callable[[str], dict[str, Any]]:
    """Return a bundled request, as of now."""
    return lambda hook: examples.as_of(hook, NOW)
