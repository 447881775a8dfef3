"""FHIR servers to test against, and the service that asks them.

Where a server cannot be had – no Java, no Node, nothing downloaded – its tests are skipped and say what to do;
with ``MAGNESIUM_CDS_REQUIRE_FHIR_SERVERS=1``, as in CI, they fail instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from cds_service.app import create_app
from cds_service.clients import OPEN_CLIENT
from cds_service.logging import make_log
from cds_service.sandbox import SANDBOX_PATH
from cds_service.sandbox import routes as sandbox_routes
from cds_service.sandbox.store import Store
from cds_service.settings import LogFormat, LogLevel, Profile, Settings
from cds_service.storage import NO_RECORDS
from hooks import SERVICES
from tests.fhir_server import patients

SERVICE_ID = {service.hook.value: service.id for service in SERVICES}
TOKEN = "token-that-nobody-may-see"  # noqa: S105  a token of no server
AUTHORIZATION = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.read",
    "subject": "magnesium-cds",
}
_READY_WITHIN = 600


class Asking:
    """The service, set up to ask one FHIR server."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.url = url
        self.log = io.StringIO()
        defaults: dict[str, Any] = {"profile": Profile.DEV, "fhir_servers": (url,), "fhir_budget_ms": 60_000}
        self.app = create_app(
            Settings(**{**defaults, **settings}),
            clients=(OPEN_CLIENT,),
            records=NO_RECORDS,
            clock=lambda: patients.NOW,
            log=make_log(LogLevel.DEBUG, LogFormat.JSON, self.log),
        )

    def call_with_all(self, hook: str) -> TestResponse:
        """Call a hook with everything in the request, and no server to ask."""
        body = {**patients.request(hook, self_contained=True), "prefetch": patients.prefetch(hook)}
        return self.app.test_client().post(f"/cds-services/{SERVICE_ID[hook]}", json=body)

    def call(self, hook: str, prefetch: dict[str, Any], **members: Any) -> TestResponse:
        """Call a hook with this prefetch; what is not in it has to be fetched."""
        body = {**patients.request(hook), "prefetch": prefetch, "fhirServer": self.url}
        body = {**body, "fhirAuthorization": AUTHORIZATION, **members}
        body = {name: value for name, value in body.items() if value is not None}
        return self.app.test_client().post(f"/cds-services/{SERVICE_ID[hook]}", json=body)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    @property
    def asked(self) -> list[str]:
        """What was fetched, by need, in alphabetical order."""
        return sorted(event["need"] for event in self.events if event["event"] == "fhir-query")

    @property
    def milliseconds(self) -> float:
        """How long the last call took."""
        return float(next(event for event in reversed(self.events) if event["event"] == "request")["duration_ms"])


def cards(answer: TestResponse) -> list[Any]:
    """The cards without their uuids: all else has to be equal."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: list[Any] = _without_uuids(answer.get_json()["cards"])
    return found


def _without_uuids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_uuids(inner) for name, inner in value.items() if name != "uuid"}
    return [_without_uuids(inner) for inner in value] if isinstance(value, list) else value


def note(row: dict[str, Any]) -> None:
    """Write down a line of the tables in docs/fhir-servers.md, if somebody asked for them."""
    if path := os.environ.get("MAGNESIUM_CDS_FHIR_REPORT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Serve an application on a free port of this machine, with a thread for each request."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def sandbox_app() -> Flask:
    """The sandbox, with the patients of this suite."""
    app = Flask("sandbox")
    app.register_blueprint(sandbox_routes.blueprint(Store(patients.everything())))
    return app


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    with serving(sandbox_app()) as url:
        yield url + SANDBOX_PATH


@pytest.fixture(scope="session")
def hapi_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _external("HAPI FHIR", "MAGNESIUM_CDS_HAPI_URL", tmp_path_factory)


@pytest.fixture(scope="session")
def medplum_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _external("Medplum", "MAGNESIUM_CDS_MEDPLUM_URL", tmp_path_factory)


@pytest.fixture(params=["sandbox", "hapi", "medplum"])
def server(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Name and base URL of a server that holds the patients of this suite."""
    return request.param, request.getfixturevalue(f"{request.param}_url")


MakeAsking = Callable[..., Asking]


@pytest.fixture
def ask() -> MakeAsking:
    return Asking


def _external(name: str, variable: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    url = os.environ.get(variable, "")
    if not url:
        reason = f"{name} is not running: .ci/fhir-servers starts it and says what to set ({variable})"
        if os.environ.get("MAGNESIUM_CDS_REQUIRE_FHIR_SERVERS") == "1":
            pytest.fail(f"{reason}, and MAGNESIUM_CDS_REQUIRE_FHIR_SERVERS=1 asks for it", pytrace=False)
        pytest.skip(reason)
    # Several test processes share the server: the first one loads it, and leaves a note there.
    with (tmp_path_factory.getbasetemp().parent / f"{variable}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _wait_for(url, name)
        digest = hashlib.sha256(json.dumps(patients.everything()).encode()).hexdigest()[:16]
        note_left = {"resourceType": "Basic", "id": f"loaded-{digest}", "code": {"text": "contract suite"}}
        if requests.get(f"{url}/Basic/{note_left['id']}", timeout=60).status_code != 200:
            _load(url, [*patients.everything(), note_left])
    return url


def _wait_for(url: str, name: str) -> None:
    pause = threading.Event()
    for _ in range(_READY_WITHIN):
        try:
            if requests.get(f"{url}/metadata", timeout=60).status_code == 200:
                return
        except requests.ConnectionError:
            pass
        pause.wait(1)
    pytest.fail(f"{name} did not come up at {url}", pytrace=False)


def _load(url: str, resources: list[patients.Resource]) -> None:
    # Referred to first: servers check references as they write. The note of having done so comes last.
    order = ["Patient", "Medication", "Encounter"]
    found = sorted(resources, key=lambda one: [*order, one["resourceType"]].index(one["resourceType"]))
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}} for one in found
    ]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    answer = requests.post(url, json=bundle, headers={"Content-Type": "application/fhir+json"}, timeout=120)
    assert answer.status_code == 200, answer.text[:500]
    failed = [one for one in answer.json()["entry"] if not one["response"]["status"].startswith("2")]
    assert not failed, failed[:3]
