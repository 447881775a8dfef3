"""What is kept: cards that were decided on, and what clinicians made of them. No patient can be read out of it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Protocol

from cds_service.envelope import HookRequest
from cds_service.evaluation import Evaluation
from cds_service.logging import Log
from cds_service.settings import Settings
from hooks.memory import Overrides
from hooks.service import HookService


class Records(Protocol):
    """Decisions and feedback of one deployment."""

    def note(self, client: str, request: HookRequest, service: HookService, evaluation: Evaluation) -> None:
        """Keep what was decided on. Never delays or fails the answer."""

    def overrides(self, client: str, patient_id: str, as_of: datetime) -> Overrides:
        """Return the newest override of each topic; none where the database cannot be asked."""
        ...


class _NoRecords:
    def note(self, client: str, request: HookRequest, service: HookService, evaluation: Evaluation) -> None:
        """Keep nothing."""

    def overrides(self, client: str, patient_id: str, as_of: datetime) -> Overrides:  # noqa: ARG002
        """Return none."""
        return {}


NO_RECORDS: Final[Records] = _NoRecords()
"""Keeps nothing: a replay is no decision."""


def open_records(settings: Settings, log: Log) -> Records:  # noqa: ARG001
    """Return the records of the deployment."""
    return NO_RECORDS
