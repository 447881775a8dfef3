"""Our own failures: each gets an id that the client sees and the log explains, and each is counted."""

from __future__ import annotations

from collections.abc import Callable

from cds_service.logging import Log, describe

UNHANDLED = "request"
"""The check under which a failure outside every rule is counted."""


class Failures:
    """Reports failures to the log and has them counted, per check."""

    def __init__(self, log: Log, new_id: Callable[[], str], count: Callable[[str], None]) -> None:
        self._log = log
        self._new_id = new_id
        self._count = count

    def report(self, error: BaseException, check: str = UNHANDLED) -> str:
        """Log a failure without its message, count it, and return the id under which it can be found."""
        error_id = self._new_id()
        self._count(check)
        self._log.error("failure", error_id=error_id, check=check, **describe(error))
        return error_id
