"""The service with a database of its own and a clock that can be set: what it says while something is broken."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from cds_service import examples
from cds_service.app import create_app
from cds_service.clients import OPEN_CLIENT, Client
from cds_service.logging import make_log
from cds_service.settings import LogFormat, LogLevel, Settings
from cds_service.storage.records import DatabaseRecords
from hooks import SERVICES
from tests.storage.say import ROOM_SECONDS, Told, open_records

SERVICE_ID = {service.hook.value: service.id for service in SERVICES}
HOOKS = examples.NAMES


class Instance:
    """One instance of the service."""

    def __init__(self, settings: Settings, client: Client = OPEN_CLIENT, **more: Any) -> None:
        self.now: datetime = examples.WRITTEN
        self.seconds = 0.0
        self.told = Told()
        self.records: DatabaseRecords = open_records(settings.database, self.told)
        self.log = io.StringIO()
        self.app = create_app(
            settings,
            clients=(client,),
            records=self.records,
            clock=lambda: self.now,
            stopwatch=lambda: self.seconds,
            log=make_log(LogLevel.DEBUG, LogFormat.JSON, self.log),
            **more,
        )
        self._client = self.app.test_client()

    def call(self, hook: str) -> TestResponse:
        """Send the example of a hook as it was written."""
        request = examples.as_of(hook, examples.WRITTEN)
        return self._client.post(f"/cds-services/{SERVICE_ID[hook]}", json=request)

    def cards(self, hook: str) -> list[Any]:
        """Return the cards of an example without their uuids."""
        answer = self.call(hook)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return [json.loads(_without_uuids(card)) for card in answer.get_json()["cards"]]

    def report(self, card: str, outcome: str = "overridden", at: datetime | None = None) -> TestResponse:
        """Send feedback on a card."""
        entry: dict[str, Any] = {"card": card, "outcome": outcome}
        entry["outcomeTimestamp"] = (at or self.now).isoformat()
        entry["overrideReason"] = {"reason": {"code": "will-review", "system": "https://example.org/reasons"}}
        path = f"/cds-services/{SERVICE_ID['patient-view']}/feedback"
        return self._client.post(path, json={"feedback": [entry]})

    @property
    def ready(self) -> int:
        return self._client.get("/health/ready").status_code

    @property
    def live(self) -> int:
        return self._client.get("/health/live").status_code

    def settle(self) -> None:
        """Wait until what was decided on is written."""
        assert self.records.flush(ROOM_SECONDS)


def _without_uuids(card: dict[str, Any]) -> str:
    """Return a card as text in which no uuid is left: they are fresh in each answer."""
    told = {name: value for name, value in card.items() if name != "uuid"}
    for suggestion in told.get("suggestions", ()):
        suggestion.pop("uuid", None)
    return json.dumps(told, sort_keys=True)


Start = Callable[..., Instance]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(database=f"sqlite:///{tmp_path / 'records' / 'cds.sqlite'}")


@pytest.fixture
def start() -> Iterator[Start]:
    """Start an instance on a database that has its tables."""
    started: list[Instance] = []

    def begin(settings: Settings, **more: Any) -> Instance:
        started.append(Instance(settings, **more))
        return started[-1]

    yield begin
    for instance in started:
        instance.records.close()


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Hold the database's one lock for writing."""
    file = settings.database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")
