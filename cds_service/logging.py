"""Logs that cannot hold a patient: only the fields listed here are written, whatever a caller hands over.

No body, no id of a person, no name, no token: an event says which service answered how, how long it took, and
under which error id a failure can be found.
"""

from __future__ import annotations

import traceback
from collections.abc import MutableMapping
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
        "hook",
        "service",
        "client",
        "status",
        "cards",
        "unusable",
        "failed",
        "duration_ms",
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
        processors=[structlog.processors.add_log_level, _timestamp, _only_known_fields, render],
        wrapper_class=structlog.make_filtering_bound_logger(level.value),
    )
    return log


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
