"""What is kept: cards that were decided on, and what clinicians made of them. No patient can be read out of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Final, Protocol

from sqlalchemy.exc import SQLAlchemyError

from cds_service.auth.replay import SeenTokens
from cds_service.budget import Stopwatch
from cds_service.envelope import HookRequest
from cds_service.evaluation import Evaluation
from cds_service.feedback import Batch
from cds_service.logging import Log
from cds_service.settings import Profile, Settings, SettingsError, variable
from cds_service.storage.database import START, open_engine
from cds_service.storage.pseudonyms import pseudonyms
from cds_service.storage.records import DatabaseRecords
from cds_service.storage.tallies import Tallies
from cds_service.storage.upgrade import trouble, upgrade
from hooks.memory import Overrides
from hooks.service import HookService


class Records(Protocol):
    """Decisions and feedback of one deployment."""

    def note(
        self, client: str, request: HookRequest, service: HookService, evaluation: Evaluation, *, measured: bool
    ) -> None:
        """Keep what was decided on; if ``measured``, with how bad it was. Never delays or fails the answer."""

    def keep(self, client: str, service_id: str, batch: Batch, received: datetime) -> None:
        """Keep feedback, for good; what is kept already stays as it is.

        Raises:
            RecordsUnavailableError: it is not kept.
        """

    def overrides(self, client: str, patient_id: str, as_of: datetime) -> Overrides:
        """Return the newest override of each topic; none where the database cannot be asked."""
        ...

    def tallies(self, since: date, until: date, client: str | None = None) -> Tallies:
        """Count what happened from the day ``since`` to the day ``until``, both included, in UTC.

        Raises:
            RecordsUnavailableError: the database cannot be asked.
        """
        ...

    def check(self) -> str | None:
        """Return what keeps the records from working, in words; None if nothing does."""
        ...

    @property
    def seen_tokens(self) -> SeenTokens | None:
        """The tokens that were used, shared by all processes; None where nothing is kept."""
        ...


class NoRecords:
    """Keeps nothing and knows nothing."""

    def note(
        self, client: str, request: HookRequest, service: HookService, evaluation: Evaluation, *, measured: bool
    ) -> None:
        """Keep nothing."""

    def keep(self, client: str, service_id: str, batch: Batch, received: datetime) -> None:
        """Keep nothing."""

    def overrides(self, client: str, patient_id: str, as_of: datetime) -> Overrides:  # noqa: ARG002
        """Return none."""
        return {}

    def tallies(self, since: date, until: date, client: str | None = None) -> Tallies:  # noqa: ARG002
        """Return none."""
        return Tallies()

    def check(self) -> str | None:
        """Nothing can be wrong."""
        return None

    @property
    def seen_tokens(self) -> SeenTokens | None:
        """Nothing is kept."""
        return None


NO_RECORDS: Final[Records] = NoRecords()
"""Keeps nothing: a replay is no decision."""


def open_records(
    settings: Settings,
    *,
    log: Log,
    stopwatch: Stopwatch,
    report: Callable[[BaseException, str], object],
    dropped: Callable[[int], object],
) -> DatabaseRecords:
    """Return the records of the deployment.

    In the dev profile the database is brought up to date. In production that is the operator's to do: tables are not
    to change because somebody started a process. What is missing is logged, and the service does not become ready.

    Args:
        settings: The deployment's settings.
        log: Where odd feedback is written down, and what the database lacks.
        stopwatch: Measures how long the override memory is left alone after it could not be asked.
        report: Counts and logs what the database failed at, under the name of a check.
        dropped: Counts decisions and calls that are lost.

    Raises:
        SettingsError: in the dev profile, the database cannot be used; in production, there is no secret.
    """
    if settings.profile is not Profile.DEV and settings.secret_file is None:
        raise SettingsError(f"{variable('secret_file')}: patients cannot be stored as codes without a secret")
    # Keeps no connection: what is open now would be shared by the workers that gunicorn forks.
    engine = open_engine(settings.database, START)
    try:
        if settings.profile is Profile.DEV:
            if trouble(engine):
                upgrade(settings.database)
        elif found := trouble(engine):
            log.error("database-not-ready", trouble=found)
        made = pseudonyms(settings, engine)
    except (OSError, SQLAlchemyError) as error:
        text = f"{variable('database')}: cannot be used ({type(error).__name__}); name a file or server that can"
        raise SettingsError(text) from error
    return DatabaseRecords(settings.database, made, log=log, stopwatch=stopwatch, report=report, dropped=dropped)
