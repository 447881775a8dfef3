"""GET /health/live and /health/ready: for whoever keeps the service running."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from flask import Flask

from cds_service.errors import register
from cds_service.logging import make_log
from cds_service.routes import health
from cds_service.settings import LogFormat, LogLevel


def fails() -> bool:
    raise RuntimeError("password of the database")


def test_a_process_that_answers_is_live(site: Any) -> None:
    answer = site.client.get("/health/live")
    assert answer.status_code == 200
    assert answer.get_json()["status"] == "live"
    assert set(answer.get_json()) == {"status", "version"}


def test_ready_names_what_was_loaded(site: Any) -> None:
    answer = site.client.get("/health/ready")
    assert answer.status_code == 200
    body = answer.get_json()
    knowledge = site.app.extensions["magnesium_cds"]["knowledge"]
    assert body["status"] == "ready"
    assert (body["policy"], body["terminology"]) == (knowledge.policy.version, knowledge.terminology.version)


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Any:
    """Ask a service with these parts whether it is ready."""

    def asked(**parts: Any) -> Any:
        app = Flask(__name__)
        register(app, lambda _: "id")
        log = make_log(LogLevel.INFO, LogFormat.JSON, sys.stderr)
        app.register_blueprint(health.blueprint(parts, log, version="1", loaded={"policy": "p", "terminology": "t"}))
        return app.test_client().get("/health/ready")

    return asked


def test_a_part_that_works_is_named(ask: Any) -> None:
    answer = ask(database=lambda: True, migrations=lambda: True)
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ready",
        "policy": "p",
        "terminology": "t",
        "database": "ok",
        "migrations": "ok",
    }


@pytest.mark.parametrize("broken", [fails, lambda: False], ids=["it raises", "it says no"])
def test_a_part_that_does_not_work_is_a_503_that_names_it(
    ask: Any, capsys: pytest.CaptureFixture[str], broken: Any
) -> None:
    answer = ask(database=broken, migrations=lambda: True)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    (issue,) = answer.get_json()["issue"]
    assert (issue["code"], issue["expression"]) == ("transient", ["database"])
    written = capsys.readouterr().err
    assert '"check": "database"' in written
    assert "password" not in written + answer.get_data(as_text=True)


def test_a_part_that_is_lost_later_is_named_and_the_service_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    states = iter([False, True, False, True])
    app = Flask(__name__)
    register(app, lambda _: "id")
    log = make_log(LogLevel.INFO, LogFormat.JSON, sys.stderr)
    app.register_blueprint(health.blueprint({"database": lambda: next(states)}, log, version="1", loaded={}))
    answers = [app.test_client().get("/health/ready") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 200, 200, 200]
    assert [answer.get_json() for answer in answers[1:]] == [
        {"status": "ready", "database": "ok"},
        {"status": "degraded", "database": "unavailable"},
        {"status": "ready", "database": "ok"},
    ]
    assert capsys.readouterr().err.count('"check": "database"') == 2


def test_every_part_that_does_not_work_is_named(ask: Any) -> None:
    answer = ask(database=fails, migrations=fails)
    assert [issue["expression"] for issue in answer.get_json()["issue"]] == [["database"], ["migrations"]]
