"""Decisions and feedback in the database, each written and read with the patience that its caller has.

- A decision is written in the background: the answer has left by then (``writer``).
- Feedback is on the disk when it is answered.
- The override memory is asked while a clinician waits: for a quarter of a second at most, and after it failed not
  again for some seconds.

Nothing connects before it is first used: the application is made before gunicorn forks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from cds_service.budget import Stopwatch
from cds_service.envelope import HookRequest
from cds_service.evaluation import Evaluation
from cds_service.feedback import Batch, Feedback
from cds_service.logging import Log
from cds_service.storage import database
from cds_service.storage.database import LOOKUP, Patience
from cds_service.storage.outcomes import overrides_in_force, read_outcomes
from cds_service.storage.pseudonyms import Pseudonyms
from cds_service.storage.schema import CODE_LENGTH, calls, decisions, feedback
from cds_service.storage.tallies import Tallies, read_tallies
from cds_service.storage.tokens import DatabaseSeenTokens
from cds_service.storage.upgrade import UNREACHABLE, missing_tables
from cds_service.storage.upserts import insert
from cds_service.storage.writer import Writer
from hooks.memory import Overrides
from hooks.service import Decision, Display, HookService

_REST_SECONDS: Final = 5.0
"""How long the override memory is left alone after it could not be asked."""

_Result = TypeVar("_Result")


class RecordsUnavailableError(Exception):
    """The database could not be written to or read from."""


class Check(StrEnum):
    """Under which name a failure is counted and logged."""

    DECISIONS = "decisions"
    FEEDBACK = "feedback"
    MEMORY = "override-memory"
    INSIGHT = "insight"


@dataclass(frozen=True, slots=True)
class _Noted:
    """One answered call, as it is written."""

    day: date
    client: str
    service: str
    shown: bool
    rows: tuple[Mapping[str, Any], ...]


class DatabaseRecords:
    """The records of one deployment, in its database."""

    def __init__(  # noqa: PLR0913  each by name
        self,
        url: str,
        pseudonyms: Pseudonyms,
        *,
        log: Log,
        stopwatch: Stopwatch,
        report: Callable[[BaseException, str], object],
        dropped: Callable[[int], object],
        lookups: Patience = LOOKUP,
    ) -> None:
        """Take the database, who hears of what goes wrong (see ``open_records``), and how long a lookup may take."""
        self._pseudonyms = pseudonyms
        self._log = log
        self._stopwatch = stopwatch
        self._report = report
        self._dropped = dropped
        self._lookups = database.open_engine(url, lookups)
        self._patience_seconds = lookups.wait_ms / 1000
        self._commits = database.open_engine(url, database.FEEDBACK)
        self._background = database.open_engine(url, database.BACKGROUND)
        self._reports = database.open_engine(url, database.REPORT)
        self._tokens = database.open_engine(url, database.TOKENS)
        self._writer: Writer[_Noted] = Writer(self._write, lambda error: report(error, Check.DECISIONS), self._lost)
        # Beside the driver's own timeouts: connecting alone may take longer than a clinician can wait.
        self._askers = ThreadPoolExecutor(lookups.connections, "records-lookup")
        self._resting_until = 0.0

    # ----- decisions -----

    def note(
        self, client: str, request: HookRequest, service: HookService, evaluation: Evaluation, *, measured: bool
    ) -> None:
        """Keep what was decided on, in the background. Never delays or fails the answer.

        Results and drugs of the patient – the measure – are kept for the override memory alone: if ``measured``.
        """
        try:
            self._writer.put(self._noted(client, request, service, evaluation, measured=measured))
        except Exception as error:  # noqa: BLE001
            # A mistake in here must not take the cards away from the clinician.
            self._report(error, Check.DECISIONS)
            self._lost(1)

    def _noted(
        self, client: str, request: HookRequest, service: HookService, evaluation: Evaluation, *, measured: bool
    ) -> _Noted:
        found = evaluation.answer.decisions
        day = evaluation.as_of.astimezone(UTC).date()
        shown = any(decision.display is Display.SHOWN for decision in found)
        if not found:
            return _Noted(day, client, service.id, shown, ())
        versions = {rule.topic.value: rule.version for rule in service.rules}
        shared = {
            "client": client,
            "service": service.id,
            "hook": service.hook.value,
            "decided_at": evaluation.as_of,
            "day": day,
            "policy_version": evaluation.picture.policy.version[:CODE_LENGTH],
            "patient_code": self._patient(client, request.patient_id),
            "user_code": self._pseudonyms.of("user", client, request.user_id),
        }
        rows = tuple({**shared, **_row(decision, versions, measured=measured)} for decision in found)
        return _Noted(day, client, service.id, shown, rows)

    def _lost(self, calls_lost: int) -> None:
        self._dropped(calls_lost)
        self._log.error("records-dropped", dropped=calls_lost)

    def _patient(self, client: str, patient_id: str) -> str:
        return self._pseudonyms.of("patient", client, patient_id)

    def _write(self, batch: Sequence[_Noted]) -> None:
        """Write a batch. Written twice – its commit may be lost on the way – the cards stay single, the counts not."""
        rows = [row for noted in batch for row in noted.rows]
        called: Counter[tuple[date, str, str]] = Counter()
        silent: Counter[tuple[date, str, str]] = Counter()
        for noted in batch:
            key = (noted.day, noted.client, noted.service)
            called[key] += 1
            silent[key] += not noted.shown
        counts = [
            {"day": day, "client": client, "service": service, "total": total, "without_cards": silent[key]}
            for key, total in called.items()
            for day, client, service in (key,)
        ]
        with self._background.begin() as connection:
            if rows:
                connection.execute(insert(connection, decisions).on_conflict_do_nothing(), rows)
            more = insert(connection, calls)
            added = {name: calls.c[name] + more.excluded[name] for name in ("total", "without_cards")}
            connection.execute(more.on_conflict_do_update(index_elements=list(calls.primary_key), set_=added), counts)

    # ----- feedback -----

    def keep(self, client: str, service_id: str, batch: Batch, received: datetime) -> None:
        """Keep feedback; what is kept already stays as it is.

        Raises:
            RecordsUnavailableError: it is not kept.
        """
        if batch.odd:
            first, count = batch.odd[0], len(batch.odd)
            self._log.warning("feedback-odd", client=client, service=service_id, trouble=first, dropped=count)
        rows = [self._feedback_row(client, service_id, entry, received) for entry in batch.entries]
        if not rows:
            return
        try:
            with self._commits.begin() as connection:
                connection.execute(insert(connection, feedback).on_conflict_do_nothing(index_elements=["digest"]), rows)
        except SQLAlchemyError as error:
            self._report(error, Check.FEEDBACK)
            raise RecordsUnavailableError from error

    def _feedback_row(self, client: str, service_id: str, entry: Feedback, received: datetime) -> dict[str, Any]:
        return {
            "digest": self._pseudonyms.of("feedback", client, entry.sent),
            "client": client,
            "service": service_id,
            "card": entry.card or None,
            "outcome": entry.outcome.value,
            "happened_at": received if entry.when is None else min(entry.when, received),
            "received_at": received,
            "reason_code": entry.reason.code if entry.reason else None,
            "reason_system": entry.reason.system or None if entry.reason else None,
            "commented": entry.commented,
            "accepted_suggestions": list(entry.suggestions),
        }

    # ----- what is asked -----

    def overrides(self, client: str, patient_id: str, as_of: datetime) -> Overrides:
        """Return the newest override of each topic; none where the database cannot be asked, which shows the card."""
        if self._stopwatch() < self._resting_until:
            return {}
        patient = self._patient(client, patient_id)

        def asked() -> list[Row[Any]]:
            with self._lookups.begin() as connection:
                return read_outcomes(connection, patient, client, as_of)

        try:
            return overrides_in_force(self._within_patience(asked))
        except Exception as error:  # noqa: BLE001
            # Whatever it is: the memory only ever takes cards away, so without it the answer is complete.
            self._resting_until = self._stopwatch() + _REST_SECONDS
            self._report(error, Check.MEMORY)
            return {}

    def check(self) -> str | None:
        """Return what keeps the records from working, in words; None if nothing does."""

        def asked() -> str | None:
            with self._lookups.begin() as connection:
                return missing_tables(connection)

        try:
            trouble = self._within_patience(asked)
        except (SQLAlchemyError, TimeoutError):
            trouble = UNREACHABLE
        if trouble:
            self._log.error("database-not-ready", trouble=trouble)
        return trouble

    def _within_patience(self, ask: Callable[[], _Result]) -> _Result:
        return self._askers.submit(ask).result(self._patience_seconds)

    def tallies(self, since: date, until: date, client: str | None = None) -> Tallies:
        """Count what happened from the day ``since`` to the day ``until``, both included, in UTC.

        Raises:
            RecordsUnavailableError: the database cannot be asked.
        """
        try:
            with self._reports.begin() as connection:
                return read_tallies(connection, since, until, client)
        except SQLAlchemyError as error:
            self._report(error, Check.INSIGHT)
            raise RecordsUnavailableError from error

    @property
    def seen_tokens(self) -> DatabaseSeenTokens:
        """The tokens that were used, shared by all processes."""
        return DatabaseSeenTokens(self._tokens)

    # ----- the end -----

    def flush(self, seconds: float) -> bool:
        """Wait until what was noted is written or dropped, and say whether it is."""
        return self._writer.flush(seconds)

    def close(self) -> None:
        """Write what is left and let go of the database."""
        self._writer.close()
        self._askers.shutdown(wait=False, cancel_futures=True)
        for engine in (self._lookups, self._commits, self._background, self._reports, self._tokens):
            engine.dispose()


def _row(decision: Decision, versions: Mapping[str, str], *, measured: bool) -> dict[str, Any]:
    version = versions.get(decision.topic)
    return {
        "card": decision.uuid,
        "topic": decision.topic,
        "indicator": decision.indicator.code,
        "display": decision.display.value,
        "rule_version": version[:CODE_LENGTH] if version else None,
        "measure": decision.measure.to_json() if measured and decision.measure else None,
        "suggestions": list(decision.suggestions),
    }
