"""Every failure has one shape: an OperationOutcome that says what is wrong and where, and nothing else."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from cds_service.settings import Settings

CALL = "/cds-services/magnesium-patient-view"
ISSUE_TYPES = {
    "invalid",
    "structure",
    "required",
    "value",
    "conflict",
    "not-found",
    "not-supported",
    "too-long",
    "incomplete",
    "exception",
    "transient",
}


class Failure(NamedTuple):
    """A request that cannot succeed, and how it fails."""

    method: str
    address: str
    body: bytes | None
    content_type: str | None
    status: int
    code: str


# Every way to fail that a client can bring about.
FAILURES = {
    "unknown address": Failure("GET", "/nowhere", None, None, 404, "not-found"),
    "address with a doubled slash": Failure("GET", "/cds-services//", None, None, 404, "not-found"),
    "unknown service": Failure("POST", "/cds-services/nothing", b"{}", "application/json", 404, "not-found"),
    "unknown example": Failure("GET", "/examples/nothing", None, None, 404, "not-found"),
    "unknown static file": Failure("GET", "/static/nothing.css", None, None, 404, "not-found"),
    "static file outside": Failure("GET", "/static/../settings.py", None, None, 404, "not-found"),
    "GET on a service": Failure("GET", CALL, None, None, 405, "not-supported"),
    "PUT on a service": Failure("PUT", CALL, b"{}", "application/json", 405, "not-supported"),
    "GET on feedback": Failure("GET", f"{CALL}/feedback", None, None, 405, "not-supported"),
    "feedback as form data": Failure("POST", f"{CALL}/feedback", b"a=b", "text/plain", 415, "not-supported"),
    "feedback on an unknown service": Failure(
        "POST", "/cds-services/nothing/feedback", b"{}", "application/json", 404, "not-found"
    ),
    "feedback that is an array": Failure("POST", f"{CALL}/feedback", b"[]", "application/json", 400, "structure"),
    "POST on discovery": Failure("POST", "/cds-services", b"{}", "application/json", 405, "not-supported"),
    "DELETE on the landing page": Failure("DELETE", "/", None, None, 405, "not-supported"),
    "form data": Failure("POST", CALL, b"a=b", "application/x-www-form-urlencoded", 415, "not-supported"),
    "XML": Failure("POST", CALL, b"<a/>", "application/fhir+xml", 415, "not-supported"),
    "Latin-1": Failure("POST", CALL, b"{}", "application/json; charset=iso-8859-1", 415, "not-supported"),
    "empty body": Failure("POST", CALL, b"", "application/json", 400, "invalid"),
    "broken JSON": Failure("POST", CALL, b'{"hook": ', "application/json", 400, "invalid"),
    "bytes that are no text": Failure("POST", CALL, b"\xff\xfe{", "application/json", 400, "invalid"),
    "duplicate key": Failure("POST", CALL, b'{"hook": 1, "hook": 2}', "application/json", 400, "invalid"),
    "NaN": Failure("POST", CALL, b'{"hook": NaN}', "application/json", 400, "invalid"),
    "nested too deep": Failure("POST", CALL, b"[" * 100_000, "application/json", 400, "too-long"),
    "an array": Failure("POST", CALL, b"[]", "application/json", 400, "structure"),
    "an empty object": Failure("POST", CALL, b"{}", "application/json", 400, "required"),
    "too large": Failure("POST", CALL, b" " * (8 * 1024 * 1024 + 1), "application/json", 413, "too-long"),
    "nothing prefetched": Failure(
        "POST",
        CALL,
        json.dumps(
            {
                "hook": "patient-view",
                "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
                "context": {"userId": "Practitioner/1", "patientId": "p1"},
            }
        ).encode(),
        "application/json",
        412,
        "incomplete",
    ),
}


def assert_is_an_error(answer: TestResponse, status: int, code: str, severity: str = "error") -> None:
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    body = answer.get_json()
    assert set(body) == {"resourceType", "issue"}
    assert body["resourceType"] == "OperationOutcome"
    assert body["issue"]
    for issue in body["issue"]:
        assert set(issue) - {"expression"} == {"severity", "code", "diagnostics"}
        assert issue["severity"] == severity
        assert issue["code"] in ISSUE_TYPES
        assert issue["diagnostics"].endswith(".")
        assert "Traceback" not in issue["diagnostics"]
        assert all(issue.get("expression", ["x"]))
    assert body["issue"][0]["code"] == code


@pytest.mark.requirement("R-38", "M-07")
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_every_failure_has_one_shape(site: Any, failure: Failure) -> None:
    answer = site.client.open(
        failure.address, method=failure.method, data=failure.body, content_type=failure.content_type
    )
    assert_is_an_error(answer, failure.status, failure.code)


def test_every_status_the_service_answers_with_is_driven_here() -> None:
    assert {failure.status for failure in FAILURES.values()} == {400, 404, 405, 412, 413, 415}


def test_every_address_is_driven_here_with_a_wrong_method_or_input(site: Any) -> None:
    app: Flask = site.app
    adapter = app.url_map.bind("localhost")
    driven = set()
    for failure in FAILURES.values():
        if methods := sorted(adapter.allowed_methods(failure.address)):
            driven.add(adapter.match(failure.address, method=methods[0])[0])
    without_failures = {"health.live", "health.ready", "metrics.metrics", "openapi.openapi"}
    assert driven | without_failures == {rule.endpoint for rule in app.url_map.iter_rules()}


@pytest.mark.parametrize(
    ("address", "allowed"),
    [(CALL, {"POST", "OPTIONS"}), ("/cds-services", {"GET", "HEAD", "OPTIONS"}), ("/", {"GET", "HEAD", "OPTIONS"})],
)
def test_a_wrong_method_is_told_the_right_ones(site: Any, address: str, allowed: set[str]) -> None:
    answer = site.client.open(address, method="PATCH")
    assert set(answer.headers["Allow"].split(", ")) == allowed


def test_a_web_page_has_to_say_that_it_sends_json(site: Any) -> None:
    for address in (CALL, f"{CALL}/feedback"):
        unsaid = site.client.post(address, data=b"{}", headers={"Origin": "https://evil.example"})
        assert_is_an_error(unsaid, 415, "not-supported")
        assert site.client.post(address, data=b"{}").status_code == 400, "whoever is no browser need not"


def test_compressed_bodies_are_refused_rather_than_misread(site: Any) -> None:
    answer = site.client.post(
        CALL, data=b"\x1f\x8b", content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert_is_an_error(answer, 415, "not-supported")


def test_a_body_sent_in_chunks_is_measured_too(make_site: Any) -> None:
    site = make_site(Settings(max_body_bytes=100))
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = site.client.post(
        CALL,
        input_stream=io.BytesIO(b"{" + b" " * 200 + b"}"),
        content_type="application/json",
        environ_overrides=environ,
    )
    assert_is_an_error(answer, 413, "too-long")


def test_a_field_is_named_by_its_path(site: Any, example: Callable[[str], dict[str, Any]]) -> None:
    body = example("patient-view")
    body["context"]["patientId"] = 7
    (issue,) = site.call(body).get_json()["issue"]
    assert issue["expression"] == ["context.patientId"]


def test_our_own_bug_is_a_500_with_an_id_that_the_log_explains(make_site: Any) -> None:
    def broken() -> None:
        raise RuntimeError("Rosa Example, born 1958")

    site = make_site()
    site.app.view_functions["health.live"] = broken
    answer = site.client.get("/health/live")
    assert_is_an_error(answer, 500, "exception", severity="fatal")
    text = answer.get_data(as_text=True)
    (event,) = [event for event in site.events if event["event"] == "failure"]
    assert event["error_id"] in text
    assert event["error"] == "RuntimeError"
    assert "Rosa" not in text + site.log.getvalue()
