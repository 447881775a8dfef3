"""What the tests of the storage say: calls, decisions and feedback in few words, and who hears of failures."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select

from cds_service.envelope import HookRequest
from cds_service.evaluation import Evaluation
from cds_service.feedback import Batch, read_feedback
from cds_service.logging import make_log
from cds_service.settings import LogFormat, LogLevel
from cds_service.storage.database import COMMAND, LOOKUP, Patience, open_engine
from cds_service.storage.pseudonyms import Pseudonyms
from cds_service.storage.records import DatabaseRecords
from hooks.memory import Level, Measure
from hooks.patient_view import PATIENT_VIEW
from hooks.service import Answer, Decision, Display
from magnesium.verdict import Indicator, Topic
from tests.builders import NOW, picture

MakeRecords = Callable[..., DatabaseRecords]
SERVICE = PATIENT_VIEW
MEASURE = Measure(
    Indicator.WARNING, frozenset({Topic.HYPOMAGNESEMIA}), Level.of(None), None, None, None, frozenset({"furosemide"})
)
UNHURRIED = replace(LOOKUP, wait_ms=30_000)
"""On a busy machine a lookup may take longer than a clinician could wait."""
ROOM_SECONDS = 30
"""For what happens in the background; it takes milliseconds, and never to the end unless it is broken."""


class Told:
    """Hears what goes wrong. Its stopwatch stands still until it is moved."""

    def __init__(self) -> None:
        self.failures: list[tuple[str, BaseException]] = []
        self.dropped = 0
        self.seconds = 0.0
        self._stream = io.StringIO()
        self.log = make_log(LogLevel.DEBUG, LogFormat.JSON, self._stream)

    def report(self, error: BaseException, check: str) -> None:
        self.failures.append((check, error))

    def drop(self, count: int) -> None:
        self.dropped += count

    def stopwatch(self) -> float:
        return self.seconds

    @property
    def checks(self) -> list[str]:
        return [str(check) for check, _ in self.failures]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


def open_records(url: str, told: Told, key: bytes = b"k" * 32, lookups: Patience = UNHURRIED) -> DatabaseRecords:
    return DatabaseRecords(
        url,
        Pseudonyms(key),
        log=told.log,
        stopwatch=told.stopwatch,
        report=told.report,
        dropped=told.drop,
        lookups=lookups,
    )


def card(number: int) -> str:
    return str(UUID(int=number))


def decision(number: int, topic: Topic = Topic.HYPOMAGNESEMIA, **more: Any) -> Decision:
    told: dict[str, Any] = {"indicator": Indicator.WARNING, "display": Display.SHOWN, "measure": MEASURE, **more}
    return Decision(card(number), topic.value, **told)


def note(
    records: DatabaseRecords,
    *decisions: Decision,
    client: str = "epic",
    patient: str = "p1",
    user: str = "Practitioner/u1",
    at: datetime = NOW,
) -> None:
    """Have an answered call recorded, and wait until it is."""
    put(records, *decisions, client=client, patient=patient, user=user, at=at)
    assert records.flush(ROOM_SECONDS)


def put(
    records: DatabaseRecords,
    *decisions: Decision,
    client: str = "epic",
    patient: str = "p1",
    user: str = "Practitioner/u1",
    at: datetime = NOW,
    measured: bool = True,
) -> None:
    request = HookRequest("patient-view", "6f1f6d3a-9c1b-4f6e-8b0e-0d5c6a2b7e11", patient, user, "encounter-secret")
    seen = picture(as_of=at)
    evaluation = Evaluation(at, seen.facts, seen, Answer((), (), (), decisions))
    records.note(client, request, SERVICE, evaluation, measured=measured)


def entry(number: int, outcome: str = "overridden", at: datetime = NOW, reason: str = "will-review") -> dict[str, Any]:
    said: dict[str, Any] = {"card": card(number), "outcome": outcome, "outcomeTimestamp": at.isoformat()}
    if outcome == "overridden" and reason:
        said["overrideReason"] = {"reason": {"code": reason, "system": "https://example.org/reasons"}}
    return said


def batch(*entries: Any) -> Batch:
    return read_feedback({"feedback": list(entries)})


def report(
    records: DatabaseRecords, *entries: Any, client: str = "epic", received: datetime = NOW + timedelta(days=30)
) -> None:
    records.keep(client, SERVICE.id, batch(*entries), received)


def rows(url: str, table: Table) -> list[dict[str, Any]]:
    """Return every row of a table."""
    engine = open_engine(url, COMMAND)
    with engine.begin() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]


def utc(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)
