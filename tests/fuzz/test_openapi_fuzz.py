"""Requests made up from the OpenAPI document, good and bad: no failure of ours, nothing that was not promised."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cds_service import examples
from cds_service.app import create_app
from cds_service.clients import OPEN_CLIENT
from cds_service.logging import make_log
from cds_service.settings import LogFormat, LogLevel, Settings
from cds_service.storage import NO_RECORDS

# Not `negative_data_rejection`: what the service forgives on purpose – null for an optional member, a type before
# an id – the document does not offer, so a request that breaks it need not be refused.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 25
METHOD_NOT_ALLOWED = 405


def application() -> Flask:
    return create_app(
        Settings(),
        clients=(OPEN_CLIENT,),
        records=NO_RECORDS,
        clock=lambda: examples.WRITTEN,
        log=make_log(LogLevel.ERROR, LogFormat.JSON, io.StringIO()),
    )


document = schemathesis.openapi.from_wsgi("/openapi.json", application())


@document.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_the_answer_is_one_that_was_promised(case: Any) -> None:
    answer = case.call()
    assert answer.headers["x-request-id"][0]
    if answer.status_code >= 400:
        assert_is_the_one_error(answer.json())
    if answer.status_code == METHOD_NOT_ALLOWED:
        # Promised for every address at once, in words.
        assert answer.headers["allow"]
        return
    case.validate_response(answer, checks=CHECKS)


def assert_is_the_one_error(body: Any) -> None:
    assert set(body) == {"resourceType", "issue"}
    assert body["resourceType"] == "OperationOutcome"
    assert body["issue"]
    assert list(empties(body)) == []


def empties(value: Any) -> Iterator[Any]:
    """Yield null, "", [] and {} at any depth (M-07)."""
    if value in (None, "", [], {}):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from empties(one)
