"""Logs that cannot hold a patient: only the fields listed here are written, whatever a caller hands over.

No body, no id of a person, no name, no token: an event says which service answered how, how long it took, and
under which error id a failure can be found. What the libraries below us want to say goes the same way.
"""

from __future__ import annotations

import traceback
from collections.abc import MutableMapping
from logging import Handler, LogRecord, getLogger
from typing import Any, Final, TextIO

import structlog

from cds_service import clock
from cds_service.settings import LogFormat, LogLevel

Log = structlog.typing.FilteringBoundLogger

FIELDS: Final = frozenset(
    {
        "event",
        "level",
        "timestamp",
        "request_id",
        "trace_id",
        "method",
        "route",
        "service",
        "hook",
        "hook_instance",
        "client",
        # Of a token that was refused: what an administrator typed in by hand, and has to compare.
        "issuer",
        "tenant",
        "jti",
        "status",
        "duration_ms",
        "stages_ms",
        "sources",
        "unusable",
        "rules",
        "cards",
        "not_shown",
        "error_id",
        "error",
        "check",
        "frames",
        "variable",
        "policy",
        "need",
        "trouble",
        "resources",
        "dropped",
        "pages",
        "library",
        "place",
    }
)


def make_log(level: LogLevel, form: LogFormat, stream: TextIO) -> Log:
    """Return a logger that writes to ``stream``."""
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    log: Log = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _timestamp,
            _only_known_fields,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level.value),
    )
    return log


class LibraryLog(Handler):
    """Writes that a library said something, and where; not what, because it may quote a request or a URL.

    gunicorn quotes the request line that it could not read – the rest of a body, if its length was wrong –
    and urllib3 the URL whose answer was odd.
    """

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: LogRecord) -> None:
        """Write where ``record`` comes from."""
        error = record.exc_info[1] if record.exc_info else None
        self._log.log(
            record.levelno,
            "library",
            library=record.name,
            place=f"{_module(record.pathname)}:{record.lineno} {record.funcName}",
            **(describe(error) if error is not None else {}),
        )


def hear_libraries(log: Log) -> None:
    """Take what libraries log to ``log``; without this, Python prints their warnings as they are."""
    getLogger().addHandler(LibraryLog(log))


def describe(error: BaseException) -> dict[str, Any]:
    """Return an exception's type and where it was raised. Its message stays out: it may quote the patient."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__qualname__,
        "frames": [f"{_module(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _module(filename: str) -> str:
    """Return the last two parts of a path: enough to find the file, nothing about the machine."""
    return "/".join(filename.replace("\\", "/").split("/")[-2:])


def _timestamp(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["timestamp"] = clock.now().isoformat(timespec="milliseconds")
    return event


def _only_known_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: value for name, value in event.items() if name in FIELDS}
