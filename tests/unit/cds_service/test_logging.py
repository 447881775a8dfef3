"""A log line cannot hold a patient, whatever a caller hands over."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from cds_service.failures import Failures
from cds_service.logging import LibraryLog, make_log
from cds_service.settings import LogFormat, LogLevel


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_level_and_time() -> None:
    stream = io.StringIO()
    make_log(LogLevel.INFO, LogFormat.JSON, stream).info("request", status=200, cards={"info": 2}, duration_ms=3.1)
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {"event": "request", "level": "info", "status": 200, "cards": {"info": 2}, "duration_ms": 3.1}


@pytest.mark.parametrize("form", LogFormat)
def test_fields_that_are_not_listed_are_not_written(form: LogFormat) -> None:
    stream = io.StringIO()
    log = make_log(LogLevel.INFO, form, stream)
    log.info("service-call", status=200, patient="p1", body={"x": 1}, token="t", exc_info=ValueError("p1"))  # noqa: S106
    written = stream.getvalue()
    assert "200" in written
    assert "p1" not in written
    assert "token" not in written


def test_events_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    log = make_log(LogLevel.WARNING, LogFormat.JSON, stream)
    log.info("service-call")
    log.warning("unknown-variable")
    assert [line["event"] for line in lines(stream)] == ["unknown-variable"]


def test_a_failure_is_logged_with_its_id_and_place_but_without_its_message_and_is_counted() -> None:
    stream = io.StringIO()
    counted: list[str] = []
    failures = Failures(make_log(LogLevel.INFO, LogFormat.JSON, stream), lambda: "id-1", counted.append)
    with pytest.raises(KeyError) as caught:
        _ = dict[str, int]()["Rosa Example, born 1958"]
    assert failures.report(caught.value, "hypokalemia") == "id-1"
    failures.report(caught.value)
    first, _ = lines(stream)
    assert (first["error_id"], first["check"], first["error"]) == ("id-1", "hypokalemia", "KeyError")
    assert first["frames"][-1].startswith("cds_service/test_logging.py:")
    assert "Rosa" not in stream.getvalue()
    assert counted == ["hypokalemia", "request"]


def test_of_what_a_library_says_only_the_place_is_written() -> None:
    stream = io.StringIO()
    library = logging.Logger("gunicorn.error")  # noqa: LOG001  one that nothing else knows
    library.addHandler(LibraryLog(make_log(LogLevel.INFO, LogFormat.JSON, stream)))
    library.warning("Invalid request from ip=10.0.0.1: %s", "GET /?name=Rosa")
    error = ValueError("Rosa Example, born 1958")
    library.error("Error handling request /?name=Rosa", exc_info=error)
    library.debug("below the level")
    said, failed = lines(stream)
    assert (said["level"], said["library"]) == ("warning", "gunicorn.error")
    assert said["place"].startswith("cds_service/test_logging.py:")
    assert (failed["level"], failed["error"]) == ("error", "ValueError")
    assert "Rosa" not in stream.getvalue()
