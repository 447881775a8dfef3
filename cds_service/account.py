"""What is told about one request: its log line and its counts come from here. It holds no word of the request.

Everything in it is ours – ids of services, clients, topics and reasons, counts, seconds – or was checked to be
a plain token. A stage is timed by one look at the stopwatch when it ends.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from uuid import uuid4

from flask import g

from cds_service.budget import Stopwatch
from hooks.service import Answer, Decision, Display
from magnesium.facts import Need, Unusable
from magnesium.verdict import Finding, Quiet, Verdict

REQUEST_ID: Final = "X-Request-Id"

# What proxies make: letters, digits and a few marks. Anything else might be a sentence about a patient.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2})(-.*)?")
_NO_TRACE: Final = "0" * 32


class Stage(StrEnum):
    """What the time of a service call goes into, in this order."""

    AUTHENTICATE = "authenticate"
    PARSE = "parse"
    """The body is read and decoded, the envelope checked, the prefetched data told apart."""
    FETCH = "fetch"
    READ = "read"
    """FHIR becomes facts."""
    JUDGE = "judge"
    """The rules run, and their findings become cards."""
    RENDER = "render"
    """The cards become JSON."""


class DataSource(StrEnum):
    """Where the data of one need came from."""

    PREFETCH = "prefetch"
    FETCHED = "fetched"
    EMPTY = "known-empty"
    UNAVAILABLE = "unavailable"


class Ran(StrEnum):
    """What a rule came to."""

    FIRED = "fired"
    QUIET = "quiet"
    UNKNOWN = "unknown"
    FAILED = "failed"


class Account:
    """One request, as far as it may be told about."""

    __slots__ = (
        "_last",
        "_stopwatch",
        "answer",
        "arrived",
        "client",
        "error_id",
        "hook_instance",
        "request_id",
        "sources",
        "stages",
        "traceparent",
        "unusable",
    )

    def __init__(self, stopwatch: Stopwatch, *, request_id: str = "", traceparent: str = "") -> None:
        self._stopwatch = stopwatch
        self.arrived = self._last = stopwatch()
        """What the stopwatch showed when the request came in."""
        self.request_id = request_id
        self.traceparent = traceparent
        """The caller's trace, in W3C form; empty if there is none."""
        self.client = ""
        self.hook_instance = ""
        self.error_id = ""
        self.stages: dict[Stage, float] = {}
        """Seconds."""
        self.sources: Mapping[Need, DataSource] = {}
        self.answer: Answer | None = None
        self.unusable: tuple[Unusable, ...] = ()

    def ended(self, stage: Stage) -> None:
        """Book the time since the last stage ended."""
        moment = self._stopwatch()
        self.stages[stage] = moment - self._last
        self._last = moment

    @property
    def seconds(self) -> float:
        """Time since the request came in."""
        return self._stopwatch() - self.arrived

    @property
    def ran(self) -> list[tuple[str, Ran]]:
        """What each rule came to, by topic."""
        if self.answer is None:
            return []
        ran = [(verdict.topic.value, _came_to(verdict)) for verdict in self.answer.verdicts]
        return ran + [(topic.value, Ran.FAILED) for topic, _ in self.answer.failed]

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """The cards that were decided on."""
        return () if self.answer is None else self.answer.decisions

    def to_log(self) -> dict[str, Any]:
        """Return the fields of the log line; what does not apply is left out."""
        fields: dict[str, Any] = {
            "trace_id": self.traceparent[3:35],
            "client": self.client,
            "hook_instance": self.hook_instance,
            "error_id": self.error_id,
            "sources": {need.value: source.value for need, source in self.sources.items()},
            "unusable": dict(Counter(str(unusable.reason) for unusable in self.unusable)),
            "stages_ms": {stage.value: round(seconds * 1000, 2) for stage, seconds in self.stages.items()},
        }
        if self.answer is not None:
            rules: dict[str, list[str]] = {}
            for topic, what in self.ran:
                rules.setdefault(what.value, []).append(topic)
            shown = Counter(decision.indicator.code for decision in self.decisions if _is_shown(decision))
            hidden = [decision for decision in self.decisions if not _is_shown(decision)]
            fields |= {
                "rules": rules,
                "cards": dict(shown),
                "not_shown": {decision.topic: decision.display.value for decision in hidden},
            }
        return {name: value for name, value in fields.items() if value}


def account() -> Account:
    """Return the account of the request that is being answered."""
    found: Account = g.account
    return found


def request_id_of(header: str | None) -> str:
    """Return the id that the caller gave the request if it is a plain token, else a fresh one."""
    return header if header is not None and _TOKEN.fullmatch(header) else str(uuid4())


def traceparent_of(header: str | None) -> str:
    """Return the part of a W3C ``traceparent`` that every version has; empty if it is none."""
    match = _TRACEPARENT.fullmatch(header or "")
    return match[1] if match is not None and match[2] != _NO_TRACE else ""


def _came_to(verdict: Verdict) -> Ran:
    if isinstance(verdict, Finding):
        return Ran.FIRED
    return Ran.QUIET if isinstance(verdict, Quiet) else Ran.UNKNOWN


def _is_shown(decision: Decision) -> bool:
    return decision.display is Display.SHOWN
